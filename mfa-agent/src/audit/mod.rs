//! The record of what was decided.
//!
//! Each login's outcome and each change of an account is one [`Event`]: one JSON line in the audit
//! file and one line to syslog (authpriv). The writing happens on a thread of its own behind a bounded
//! queue, so that neither a full disk nor a stalled syslog can hold up a login. No secret comes in:
//! an event has no field that could hold one.
//!
//! There are up to three sinks, each with its own queue and thread ([`worker`]): the file, syslog, and
//! the agent's log, unless that would tell the journal everything twice. A full queue drops, counts,
//! and says so with an event `audit-lost` in its next line.

mod file;
mod sink;
mod syslog;
pub(crate) mod text;
mod worker;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use crate::log;
use worker::Worker;

/// Where events go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The audit file, `[audit] file`; `None`: none is written.
    pub file: Option<PathBuf>,
    /// Whether they also go to syslog, `[audit] syslog`.
    pub syslog: bool,
    /// The socket of syslog, where it is not at one of the usual places.
    pub syslog_socket: Option<PathBuf>,
}

/// Takes events and never blocks. Dropping it ends the threads once their queues are written, without
/// waiting for them; see [`Audit::flush`].
pub struct Audit {
    workers: Vec<Worker>,
}

/// A thread of the audit can't be started.
#[derive(Debug, thiserror::Error)]
#[error(
    "the audit can't start a thread: {0}; raise the limit of tasks (systemctl edit mfa-agent, TasksMax=)"
)]
pub struct AuditError(#[from] std::io::Error);

impl Audit {
    /// Starts the threads. A file that can't be written and a syslog that can't be reached are no
    /// errors here: they are reported to the log and tried again.
    ///
    /// # Errors
    ///
    /// [`AuditError`] when a thread can't be started.
    pub fn start(settings: Settings) -> Result<Self, AuditError> {
        // The journal hears of it through syslog already, or else from the log.
        let to_log = !(settings.syslog && log::to_journal());
        Self::start_sinks(settings, to_log)
    }

    fn start_sinks(settings: Settings, to_log: bool) -> Result<Self, AuditError> {
        let mut workers = Vec::new();
        if let Some(path) = settings.file {
            workers.push(Worker::start("audit", file::FileSink::new(path))?);
        }
        if settings.syslog {
            let sink = syslog::SyslogSink::new(settings.syslog_socket);
            workers.push(Worker::start("audit-syslog", sink)?);
        }
        if to_log {
            workers.push(Worker::start("audit-log", sink::LogSink)?);
        }
        Ok(Self { workers })
    }

    /// Takes down `event`, which happened at `now`.
    pub fn record(&self, event: Event, now: Timestamp) {
        let entry = std::sync::Arc::new(sink::Entry { event, time: now });
        for worker in &self.workers {
            worker.push(&entry);
        }
    }

    /// The file was rotated away: the next line opens it anew. (It would notice by itself.)
    pub fn reopen(&self) {
        for worker in &self.workers {
            worker.reopen();
        }
    }

    /// Waits until everything recorded is written, at most as long as `limit` in all. Returns whether
    /// it is.
    #[must_use]
    pub fn flush(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        // Each is asked: what one sink can't write, the others still may.
        let unfinished = self
            .workers
            .iter()
            .filter(|worker| !worker.flush(deadline))
            .count();
        unfinished == 0
    }
}

/// What happened. Fields that do not apply stay out of the line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Event {
    /// `login`, or what was changed, such as `enroll`, `remove`, `unlock`, `import`, `reload`.
    pub event: &'static str,
    /// `passed`, `wrong`, … for a login; `done` or `refused` for a change.
    pub result: &'static str,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The login that this belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The account, by its canonical name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The PAM service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The remote host, as the program gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rhost: Option<String>,
    /// The terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tty: Option<String>,
    /// The factor or combination, such as `totp+pin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<String>,
    /// The device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The rule that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Failures counted after this event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
    /// Until when the account is locked, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<String>,
    /// Who asked: the user id of the calling process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_uid: Option<u32>,
    /// Who asked: the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_pid: Option<i32>,
    /// Whether that process is neither root nor trusted: the service is its own word then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unprivileged: Option<bool>,
    /// How many, where an event stands for several: lines lost, records imported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

#[cfg(test)]
mod tests;
