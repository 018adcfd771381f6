//! What a worker writes, and where.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Event, text};
use crate::lines::{QUEUE, WriteError};
use crate::log::{self, Level};

/// One event, and its line for the audit file.
#[derive(Debug)]
pub struct AuditEntry {
    event: Event,
    line: Arc<[u8]>,
}

impl AuditEntry {
    /// An entry for `event`, which happens at `now`.
    #[must_use]
    pub fn new(event: Event, now: Timestamp) -> Self {
        let line = text::json(&event, now).into();
        Self { event, line }
    }

    /// The event.
    #[must_use]
    pub const fn event(&self) -> &Event {
        &self.event
    }

    /// The line with its line break: the same bytes for the store and the file.
    #[must_use]
    pub const fn line(&self) -> &Arc<[u8]> {
        &self.line
    }

    /// The entry that reports lost lines.
    pub(super) fn lost(count: u64) -> Self {
        let event = Event {
            event: "audit-lost",
            result: "lost",
            reason: Some("lines came faster than they could be written".to_owned()),
            count: Some(count),
            ..Event::default()
        };
        Self::new(event, Timestamp::now())
    }
}

/// How much attention an event deserves.
pub(super) fn level(event: &Event) -> Level {
    match event.result {
        "unavailable" => Level::Error,
        "wrong" | "locked" | "denied" | "refused" | "lost" | "unknown" => Level::Warn,
        _ => Level::Info,
    }
}

/// Lines can't be written to `place`; they are tried again until [`report_recovery`].
pub(super) fn report_failure(place: &str, WriteError(reason): &WriteError) {
    log::limited_at(
        Level::Error,
        "audit lines that can't be written",
        format_args!(
            "audit lines can't be written to {place}: {reason}; trying again every second, up to \
             {QUEUE} lines wait"
        ),
    );
}

/// They are written again.
pub(super) fn report_recovery(place: &str) {
    log::limited_at(
        Level::Info,
        "audit lines that are written again",
        format_args!("audit lines are written to {place} again"),
    );
}
