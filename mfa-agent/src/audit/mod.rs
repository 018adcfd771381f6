//! The record of what was decided.
//!
//! Each login's outcome and each change of an account is one [`Event`]: one JSON line in the audit
//! file and one line to syslog (authpriv). The writing happens on a thread of its own behind a bounded
//! queue, so that neither a full disk nor a stalled syslog can hold up a login. No secret comes in:
//! an event has no field that could hold one.
//!
//! There are up to three places, each with its own queue and thread ([`crate::lines`]): the file, syslog, and
//! the agent's log ([`crate::log`]), unless that would tell the journal everything twice. A full queue
//! drops, counts, and says so with an event `audit-lost` in its next line; what ordinary users cause
//! takes up at most half of it ([`Origin`]).
//!
//! The lines of changes become durable with them, in the store, and cost a login no sync of their own
//! ([`Audit::commit`]). The store forgets them once the file has them for sure ([`Audit::sync`]); what it still
//! holds at the next start is added to the file before the socket opens ([`earlier`]).

pub mod cloud;
mod earlier;
mod file;
mod pending;
mod sink;
mod syslog;
mod text;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;

pub use crate::lines::Origin;
use crate::lines::Worker;
use crate::log;
use pending::Pending;
pub use sink::Entry;

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
    file: Option<Worker<Arc<[u8]>>>,
    syslog: Option<Worker<Arc<Entry>>>,
    to_log: bool,
    /// Changes whose lines are not queued yet.
    pending: Pending,
    /// Lines of changes found no room: only the store has them, until the next start.
    has_gaps: AtomicBool,
}

/// A thread of the audit can't be started.
#[derive(Debug, thiserror::Error)]
#[error(
    "the audit can't start a thread: {0}; raise the limit of tasks (systemctl edit mfa-agent, TasksMax=)"
)]
pub struct AuditError(#[from] std::io::Error);

impl Audit {
    /// Starts the threads. `earlier` are the lines that the store holds: what the file lacks of them is added
    /// before anything else. A file that can't be written and a syslog that can't be reached are no
    /// errors here: they are reported to the log and tried again.
    ///
    /// # Errors
    ///
    /// [`AuditError`] when a thread can't be started.
    pub fn start(settings: Settings, earlier: Vec<Vec<u8>>) -> Result<Self, AuditError> {
        // The journal hears of it through syslog already, or else from the log.
        let to_log = !(settings.syslog && log::to_journal());
        Self::start_sinks(settings, earlier, to_log)
    }

    fn start_sinks(
        settings: Settings,
        earlier: Vec<Vec<u8>>,
        to_log: bool,
    ) -> Result<Self, AuditError> {
        let file = settings.file.map(|path| {
            let sink = file::FileSink::new(path, earlier);
            Worker::start("audit", sink)
        });
        let syslog = settings.syslog.then(|| {
            let sink = syslog::SyslogSink::new(settings.syslog_socket);
            Worker::start("audit-syslog", sink)
        });
        Ok(Self {
            file: file.transpose()?,
            syslog: syslog.transpose()?,
            to_log,
            pending: Pending::default(),
            has_gaps: AtomicBool::new(false),
        })
    }

    /// Takes down `event`, which happened at `now`, out of the share of `origin`.
    pub fn record(&self, event: Event, now: Timestamp, origin: Origin) {
        self.push(Entry::new(event, now), origin);
    }

    /// Whether there is a file, which a crash could keep lines from.
    #[must_use]
    pub const fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// Runs `change`, and takes down what it says has happened. The store carries these lines, so none of them
    /// is lost where there is no room for it.
    ///
    /// # Errors
    ///
    /// Those of `change`; then nothing is taken down.
    pub fn commit<T, E>(
        &self,
        origin: Origin,
        change: impl FnOnce() -> Result<(Vec<Entry>, T), E>,
    ) -> Result<T, E> {
        let _pending = self.pending.enter();
        let (entries, said) = change()?;
        for entry in entries {
            if !self.push(entry, origin) {
                self.note_gap();
            }
        }
        Ok(said)
    }

    /// Waits until the file has the line of every change that the store has made durable up to now, and has it
    /// for sure. Returns whether it does.
    #[must_use]
    pub fn sync(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let Some(file) = &self.file else {
            return true;
        };
        self.pending.await_earlier(deadline)
            && file.sync(deadline)
            && !self.has_gaps.load(Ordering::Relaxed)
    }

    /// Returns whether the file will have it.
    fn push(&self, entry: Entry, origin: Origin) -> bool {
        let event = entry.event();
        if self.to_log {
            log::record(sink::level(event), &text::words(event), origin);
        }
        let line = Arc::clone(entry.line());
        if let Some(syslog) = &self.syslog {
            syslog.push(entry.into(), origin);
        }
        self.file
            .as_ref()
            .is_none_or(|file| file.push(line, origin))
    }

    fn note_gap(&self) {
        if !self.has_gaps.swap(true, Ordering::Relaxed) {
            log::error(
                "the audit log has no room for more lines; the store keeps those of logins and changes. Once \
                 the audit file can be written, restart the agent, which adds them: systemctl restart mfa-agent",
            );
        }
    }

    /// The file was rotated away: the next line opens it anew. (It would notice by itself.)
    pub fn reopen(&self) {
        if let Some(file) = &self.file {
            file.reopen();
        }
        if let Some(syslog) = &self.syslog {
            syslog.reopen();
        }
    }

    /// Waits until everything recorded is written, at most as long as `limit` in all. Returns whether
    /// it is.
    #[must_use]
    pub fn flush(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        // Each is asked: what one sink can't write, the others still may.
        let file = self.file.as_ref().map(|file| file.flush(deadline));
        let syslog = self.syslog.as_ref().map(|syslog| syslog.flush(deadline));
        let logged = !self.to_log || log::flush(deadline.saturating_duration_since(Instant::now()));
        file != Some(false) && syslog != Some(false) && logged
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
