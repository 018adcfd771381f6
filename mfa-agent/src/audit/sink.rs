//! What a worker writes, and where to.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Event, text};
use crate::log::Level;

/// One event, and the line that the audit file has of it.
#[derive(Debug)]
pub struct Entry {
    event: Event,
    line: Arc<[u8]>,
}

impl Entry {
    /// Of `event`, which happens at `now`.
    #[must_use]
    pub fn new(event: Event, now: Timestamp) -> Self {
        let line = text::json(&event, now).into();
        Self { event, line }
    }

    /// What happened.
    #[must_use]
    pub const fn event(&self) -> &Event {
        &self.event
    }

    /// The line, with its break: the same bytes for the store and for the file.
    #[must_use]
    pub const fn line(&self) -> &Arc<[u8]> {
        &self.line
    }

    /// What stands for lines that found no room.
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

/// A place that lines go to. May block and may fail; it has a thread of its own.
pub(crate) trait Sink: Send + 'static {
    /// What it writes.
    type Line: Send + 'static;

    /// The name of the place, for the log.
    fn name(&self) -> String;

    /// Writes one line. After an error the same line comes again.
    fn write(&mut self, line: &Self::Line) -> Result<(), WriteError>;

    /// Makes durable what was written. Returns whether it is sure that nothing written before is lost.
    fn sync(&mut self) -> Result<bool, WriteError> {
        Ok(true)
    }

    /// The next line begins with a new file or connection.
    fn reopen(&mut self);

    /// The line that stands for so many that found no room.
    fn lost(&self, count: u64) -> Self::Line;
}

/// A line can't be written now.
#[derive(Debug)]
pub(crate) struct WriteError(pub(super) String);

impl<E: fmt::Display> From<E> for WriteError {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// How much attention an event deserves.
pub(super) fn level(event: &Event) -> Level {
    match event.result {
        "unavailable" => Level::Error,
        "wrong" | "locked" | "denied" | "refused" | "lost" => Level::Warn,
        _ => Level::Info,
    }
}
