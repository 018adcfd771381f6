//! Sends lines to the local syslog daemon, facility authpriv.
//!
//! The `syslog` crate connects once, and blocks when the receiver does not read. So each error
//! drops the connection, each write has a limit, and the sink has its own thread and queue: a
//! daemon that hangs costs lines, but no logins.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::syslog::{Facility, Formatter3164, Logger, LoggerBackend};

use super::sink::{self, AuditEntry, level};
use super::text;
use crate::lines::{Sink, WriteError};
use crate::log::Level;

/// A write that takes longer counts as failed.
const LIMIT: Duration = Duration::from_secs(1);

pub(super) struct SyslogSink {
    socket: Option<PathBuf>,
    logger: Option<Logger<LoggerBackend, Formatter3164>>,
}

impl SyslogSink {
    /// To the daemon at `socket`, or at a default path.
    pub(super) fn new(socket: Option<PathBuf>) -> Self {
        Self {
            socket,
            logger: None,
        }
    }

    fn connect(&self) -> Result<Logger<LoggerBackend, Formatter3164>, WriteError> {
        // Local daemons expect RFC 3164 without a host name.
        let formatter = Formatter3164 {
            facility: Facility::LOG_AUTHPRIV,
            hostname: None,
            process: "mfa-agent".to_owned(),
            pid: std::process::id(),
        };
        let logger = match &self.socket {
            Some(path) => ::syslog::unix_custom(formatter, path)?,
            None => ::syslog::unix(formatter)?,
        };
        match &logger.backend {
            LoggerBackend::Unix(socket) => socket.set_write_timeout(Some(LIMIT))?,
            LoggerBackend::UnixStream(stream) => stream.get_ref().set_write_timeout(Some(LIMIT))?,
            LoggerBackend::Udp(..) | LoggerBackend::Tcp(..) => {}
        }
        Ok(logger)
    }
}

impl Sink for SyslogSink {
    type Line = Arc<AuditEntry>;

    fn write(&mut self, entry: &Arc<AuditEntry>) -> Result<(), WriteError> {
        let line = text::words(entry.event());
        let level = level(entry.event());
        // A daemon that restarted since the last line is not a failure.
        if let Some(mut logger) = self.logger.take()
            && send(&mut logger, level, &line).is_ok()
        {
            self.logger = Some(logger);
            return Ok(());
        }
        let mut logger = self.connect()?;
        send(&mut logger, level, &line)?;
        self.logger = Some(logger);
        Ok(())
    }

    fn reopen(&mut self) {
        self.logger = None;
    }

    fn lost(&self, count: u64) -> Arc<AuditEntry> {
        Arc::new(AuditEntry::lost(count))
    }

    fn report_failure(&self, error: &WriteError) {
        sink::report_failure("syslog", error);
    }

    fn report_recovery(&self) {
        sink::report_recovery("syslog");
    }
}

fn send(
    logger: &mut Logger<LoggerBackend, Formatter3164>,
    level: Level,
    line: &str,
) -> ::syslog::Result<()> {
    match level {
        Level::Error => logger.err(line),
        Level::Warn => logger.warning(line),
        Level::Info => logger.info(line),
        Level::Debug => logger.debug(line),
    }
}
