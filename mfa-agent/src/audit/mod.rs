//! The audit log: every login outcome and every change of an account.
//!
//! Each is one [`Event`]: a JSON line in the audit file, and a line to syslog (authpriv). Its own
//! threads write them from bounded queues, so that neither a full disk nor a stalled syslog blocks
//! a login. No event has a field for a secret.
//!
//! There are up to three sinks, each with its own queue and thread ([`crate::lines`]): the file, syslog,
//! and the agent's log ([`crate::log`]) unless the journal already gets the lines from syslog. A
//! full queue drops lines, counts them, and reports them with an event `audit-lost`; ordinary users
//! can fill at most half of it ([`Origin`]).
//!
//! The store makes the line of a change durable together with the change, so a login needs no extra
//! sync ([`Audit::commit`]). It drops the line once the file has it durably ([`Audit::sync`]);
//! lines that it still holds at the next start are added to the file before the socket opens
//! ([`earlier`]).

pub mod cloud;
mod counts;
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
pub use counts::Counts;
use pending::Pending;
pub use sink::AuditEntry;

/// How long a change waits for its lines in the file.
const LONGEST_SYNC: Duration = Duration::from_secs(1);

/// Where events go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The audit file, `[audit] file`; `None` writes none.
    pub file: Option<PathBuf>,
    /// Whether events also go to syslog, `[audit] syslog`.
    pub syslog: bool,
    /// The socket of syslog, if it is not at a default path.
    pub syslog_socket: Option<PathBuf>,
}

/// Takes events and never blocks. Dropping it ends the threads once their queues are written,
/// without waiting for them; see [`Audit::flush`].
pub struct Audit {
    file: Option<Worker<Arc<[u8]>>>,
    syslog: Option<Worker<Arc<AuditEntry>>>,
    to_log: bool,
    /// Changes whose lines are not queued yet.
    pending: Pending,
    counting: counts::Counting,
    /// The store keeps no lines, so the file has to have them durably before the answer to a change leaves.
    syncs_changes: AtomicBool,
    /// Lines of changes found no room: only the store has them, until the next start.
    has_gaps: AtomicBool,
}

/// What changes leave for the log.
#[derive(Default)]
pub struct Outcomes(Vec<AuditEntry>);

impl Outcomes {
    /// Changes were made.
    pub fn made(&mut self, entries: impl IntoIterator<Item = AuditEntry>) {
        let entries = entries.into_iter();
        if self.0.is_empty() {
            // Most changes leave one, and an entry is large.
            self.0.reserve_exact(entries.size_hint().0);
        }
        self.0.extend(entries);
    }

    /// Nobody knows whether changes were made, and why: the log says so of everything that it would have said.
    pub fn unknown(&mut self, entries: impl IntoIterator<Item = AuditEntry>, why: &str) {
        let now = Timestamp::now();
        let unknown = |entry: AuditEntry| AuditEntry::new(entry.event().unknown(why), now);
        self.0.extend(entries.into_iter().map(unknown));
    }
}

/// A thread of the audit can't be started.
#[derive(Debug, thiserror::Error)]
#[error("the audit log can't start a thread: {0}; raise TasksMax=: systemctl edit mfa-agent")]
pub struct AuditError(#[from] std::io::Error);

impl Audit {
    /// Starts the threads. `earlier` are the lines that the store holds; the ones that the file
    /// lacks are added before anything else. A file that can't be written and an unreachable syslog
    /// are logged and tried again.
    ///
    /// # Errors
    ///
    /// [`AuditError`] when a thread can't be started.
    pub fn start(settings: Settings, earlier: Vec<Vec<u8>>) -> Result<Self, AuditError> {
        // The journal gets the events from syslog, or else from the log.
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
            counting: counts::Counting::default(),
            syncs_changes: AtomicBool::new(false),
            has_gaps: AtomicBool::new(false),
        })
    }

    /// Records `event`, which happened at `now`, within the queue share of `origin`.
    pub fn record(&self, event: Event, now: Timestamp, origin: Origin) {
        self.push(AuditEntry::new(event, now), origin);
    }

    /// Whether there is a file, which could lack lines after a crash.
    #[must_use]
    pub const fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// Runs `change` and records what it leaves for the log. The store carries these lines as well, so a full queue
    /// loses none.
    pub fn commit<T>(&self, origin: Origin, change: impl FnOnce(&mut Outcomes) -> T) -> T {
        let pending = self.pending.enter();
        let mut outcomes = Outcomes::default();
        let said = change(&mut outcomes);
        let is_silent = outcomes.0.is_empty();
        for entry in outcomes.0 {
            if !self.push(entry, origin) {
                self.note_gap();
            }
        }
        drop(pending);
        if !is_silent && self.syncs_changes.load(Ordering::Relaxed) {
            self.sync_change();
        }
        said
    }

    /// From now on the lines of a change are durable in the file when [`Audit::commit`] returns: a store that many hosts
    /// share does not keep them.
    pub fn sync_changes(&self) {
        self.syncs_changes.store(true, Ordering::Relaxed);
    }

    /// A file that can't be written does not stop logins, as it does not where the store keeps the lines.
    fn sync_change(&self) {
        let deadline = Instant::now() + LONGEST_SYNC;
        if self.file.as_ref().is_some_and(|file| !file.sync(deadline)) {
            log::limited(
                "audit sync",
                "the audit file could not be made durable before an answer; a crash now would lose its last lines. Check \
                 [audit] file in agent.toml",
            );
        }
    }

    /// Waits until the file durably has the line of every change that is durable in the store now.
    /// Returns whether it does.
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
    fn push(&self, entry: AuditEntry, origin: Origin) -> bool {
        let event = entry.event();
        self.counting.count(event);
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

    /// Why the audit file can't be written now, or what it lacks for good.
    #[must_use]
    pub fn file_error(&self) -> Option<String> {
        let failure = self.file.as_ref().and_then(Worker::failure);
        let gaps = || {
            let lines = match self.syncs_changes.load(Ordering::Relaxed) {
                true => {
                    "it lacks lines since this start of the agent: they came while it could not be \
                     written"
                }
                false => "it lacks lines, which a restart of the agent adds",
            };
            let has_gaps = self.has_gaps.load(Ordering::Relaxed);
            has_gaps.then(|| lines.to_owned())
        };
        failure.or_else(gaps)
    }

    fn note_gap(&self) {
        let was_told = self.has_gaps.swap(true, Ordering::Relaxed);
        if was_told {
            return;
        }
        if self.syncs_changes.load(Ordering::Relaxed) {
            log::error(
                "the audit log has no room for more lines, and a store that hosts share keeps none of them: they are lost. \
                 Make the audit file writable: [audit] file in agent.toml",
            );
        } else {
            log::error(
                "the audit log has no room for more lines; the store keeps the lines about logins \
                 and changes. When the audit file can be written again, restart the agent, which \
                 adds them: systemctl restart mfa-agent",
            );
        }
    }

    /// How many events there were since the start.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counting.now()
    }

    /// Opens the file again with the next line, because it was rotated. (It would notice by
    /// itself.)
    pub fn reopen(&self) {
        if let Some(file) = &self.file {
            file.reopen();
        }
        if let Some(syslog) = &self.syslog {
            syslog.reopen();
        }
    }

    /// Waits at most `limit` until everything recorded is written. Returns whether it is.
    #[must_use]
    pub fn flush(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        // Every sink is flushed: if one can't write, the others still may.
        let file = self.file.as_ref().map(|file| file.flush(deadline));
        let syslog = self.syslog.as_ref().map(|syslog| syslog.flush(deadline));
        let logged = !self.to_log || log::flush(deadline.saturating_duration_since(Instant::now()));
        file != Some(false) && syslog != Some(false) && logged
    }
}

/// An event. Fields that do not apply are left out of the line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Event {
    /// `login`, or a change such as `enroll`, `remove`, `unlock`, `import`, `reload`.
    pub event: &'static str,
    /// `passed`, `wrong`, … for a login; `done` or `refused` for a change.
    pub result: &'static str,
    /// The reason as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The login that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The account, by its canonical name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The PAM service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The remote host, as the program reported it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rhost: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tty: Option<String>,
    /// The factor or combination, such as `totp+pin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<String>,
    /// The device, the address or the RADIUS server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The maker's ID of the device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<String>,
    /// The fingerprint of the security key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The rule that matched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Failures counted after this event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
    /// End of the lock, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<String>,
    /// The user ID of the calling process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_uid: Option<u32>,
    /// The calling process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_pid: Option<i32>,
    /// True if that process is neither root nor trusted, so that its service name is only a claim.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unprivileged: Option<bool>,
    /// The name of the same event in IBM Cloud's activity tracking ([`cloud`]), if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<&'static str>,
    /// Its message there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'static str>,
    /// Its data there.
    #[serde(rename = "requestData", skip_serializing_if = "Option::is_none")]
    pub request_data: Option<cloud::RequestData>,
    /// What is protected, if it is not a login.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// A count, if the event covers several: lines lost, records imported.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

impl Event {
    /// That nobody knows whether this has happened, and why.
    #[must_use]
    pub fn unknown(&self, why: &str) -> Self {
        Self {
            event: "outcome-unknown",
            result: "unknown",
            reason: Some(format!("{} {}: {why}", self.event, self.result)),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests;
