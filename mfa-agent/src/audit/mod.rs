//! The record of what was decided.
//!
//! Each login's outcome and each change of an account is one [`Event`]: one JSON line in the audit
//! file and one line to syslog (authpriv). The writing happens on a thread of its own behind a bounded
//! queue, so that neither a full disk nor a stalled syslog can hold up a login. No secret comes in:
//! an event has no field that could hold one.
//!
//! There are up to three places, each with its own queue and thread ([`worker`]): the file, syslog, and
//! the agent's log ([`crate::log`]), unless that would tell the journal everything twice. A full queue
//! drops, counts, and says so with an event `audit-lost` in its next line; what ordinary users cause
//! takes up at most half of it ([`Origin`]).

pub mod cloud;
mod file;
mod queue;
pub(crate) mod sink;
mod syslog;
pub(crate) mod text;
pub(crate) mod worker;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

use crate::log;
pub use queue::Origin;
use sink::Entry;
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
    workers: Vec<Worker<Arc<Entry>>>,
    to_log: bool,
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
        Ok(Self { workers, to_log })
    }

    /// Takes down `event`, which happened at `now`, out of the share of `origin`.
    pub fn record(&self, event: Event, now: Timestamp, origin: Origin) {
        if self.to_log {
            log::record(sink::level(&event), &text::words(&event), origin);
        }
        let entry = Arc::new(Entry { event, time: now });
        for worker in &self.workers {
            worker.push(Arc::clone(&entry), origin);
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
        let logged = !self.to_log || log::flush(deadline.saturating_duration_since(Instant::now()));
        unfinished == 0 && logged
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
    /// The name of the same event in IBM Cloud's activity tracking, if it is one of these ([`cloud`]).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<&'static str>,
    /// Its message there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'static str>,
    /// Its data there.
    #[serde(rename = "requestData", skip_serializing_if = "Option::is_none")]
    pub request_data: Option<cloud::RequestData>,
    /// What is guarded, where it is no login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// How many, where an event stands for several: lines lost, records imported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

#[cfg(test)]
mod tests;
