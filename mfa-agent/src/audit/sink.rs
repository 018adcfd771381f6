//! What a worker writes, and where to.

use std::fmt;

use jiff::Timestamp;

use super::Event;
use crate::log::Level;

/// One event, as it waits in a queue.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) event: Event,
    pub(super) time: Timestamp,
}

impl Entry {
    /// What stands for lines that found no room.
    pub(super) fn lost(count: u64) -> Self {
        let event = Event {
            event: "audit-lost",
            result: "lost",
            reason: Some("lines came faster than they could be written".to_owned()),
            count: Some(count),
            ..Event::default()
        };
        Self {
            event,
            time: Timestamp::now(),
        }
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
