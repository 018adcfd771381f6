//! Sends lines to the local syslog daemon, facility authpriv.
//!
//! The `syslog` crate connects once, and blocks when the receiver does not read. So each error
//! drops the connection, each write has a limit, and the sink has its own thread and queue: a
//! daemon that hangs costs lines, but no logins.

use std::fmt::Display;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ::syslog::{Facility, LogFormat, Logger, LoggerBackend, Severity};
use jiff::Zoned;

use super::sink::{self, AuditEntry, level};
use super::text;
use crate::lines::{Sink, WriteError};
use crate::log::Level;

/// A write that takes longer counts as failed.
const LIMIT: Duration = Duration::from_secs(1);

pub(super) struct SyslogSink {
    socket: Option<PathBuf>,
    logger: Option<Logger<LoggerBackend, Rfc3164>>,
}

impl SyslogSink {
    /// To the daemon at `socket`, or at a default path.
    pub(super) fn new(socket: Option<PathBuf>) -> Self {
        Self {
            socket,
            logger: None,
        }
    }

    fn connect(&self) -> Result<Logger<LoggerBackend, Rfc3164>, WriteError> {
        let formatter = Rfc3164 {
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

    fn write(&mut self, entries: &[Arc<AuditEntry>]) -> Result<usize, WriteError> {
        let Some(entry) = entries.first() else {
            return Ok(0);
        };
        let line = text::words(entry.event());
        let level = level(entry.event());
        // A daemon that restarted since the last line is not a failure.
        if let Some(mut logger) = self.logger.take()
            && send(&mut logger, level, &line).is_ok()
        {
            self.logger = Some(logger);
            return Ok(1);
        }
        let mut logger = self.connect()?;
        send(&mut logger, level, &line)?;
        self.logger = Some(logger);
        Ok(1)
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

/// Messages of RFC 3164 under authpriv, without a host name, as local daemons expect them. That of the crate parses the
/// format of the time for each message.
#[derive(Clone)]
struct Rfc3164 {
    pid: u32,
}

impl LogFormat<&str> for Rfc3164 {
    fn format<W: Write>(
        &self,
        into: &mut W,
        severity: Severity,
        message: &str,
    ) -> ::syslog::Result<()> {
        let priority = Facility::LOG_AUTHPRIV as u8 | severity as u8;
        let (now, pid) = (Zoned::now(), self.pid);
        let time = shown(&now);
        write!(into, "<{priority}>{time} mfa-agent[{pid}]: {message}")
            .map_err(::syslog::Error::Write)
    }
}

/// RFC 3164 §4.1.2: the local time, the day padded with a space.
fn shown(time: &Zoned) -> impl Display {
    time.strftime("%b %e %H:%M:%S")
}

fn send(
    logger: &mut Logger<LoggerBackend, Rfc3164>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_is_written_as_rfc_3164_has_it() {
        let time: Zoned = "2026-02-05T07:08:09[Europe/Berlin]".parse().unwrap();
        assert_eq!(shown(&time).to_string(), "Feb  5 07:08:09");
        let time: Zoned = "2026-12-24T23:59:00[UTC]".parse().unwrap();
        assert_eq!(shown(&time).to_string(), "Dec 24 23:59:00");
    }
}
