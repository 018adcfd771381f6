//! What a worker writes, and where.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::{Event, text};
use crate::log::Level;

/// One event, and its line for the audit file.
#[derive(Debug)]
pub struct Entry {
    event: Event,
    line: Arc<[u8]>,
}

impl Entry {
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

/// A destination for lines. It may block and may fail; it has its own thread.
pub(crate) trait Sink: Send + 'static {
    /// The type of its lines.
    type Line: Send + 'static;

    /// Its name, for the log.
    fn name(&self) -> String;

    /// Writes one line. After an error the same line is written again.
    fn write(&mut self, line: &Self::Line) -> Result<(), WriteError>;

    /// Makes written lines durable. Returns whether nothing written before can be lost.
    fn sync(&mut self) -> Result<bool, WriteError> {
        Ok(true)
    }

    /// The next line begins with a new file or connection.
    fn reopen(&mut self);

    /// The line that reports this number of lost lines.
    fn lost(&self, count: u64) -> Self::Line;
}

/// Why a line can't be written now.
#[derive(Debug)]
pub(crate) struct WriteError(pub(super) String);

impl<E: fmt::Display> From<E> for WriteError {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// The log level of an event.
pub(super) fn level(event: &Event) -> Level {
    match event.result {
        "unavailable" => Level::Error,
        "wrong" | "locked" | "denied" | "refused" | "lost" => Level::Warn,
        _ => Level::Info,
    }
}
