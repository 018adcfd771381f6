//! What a worker writes, and where to.

use std::fmt;

use jiff::Timestamp;

use super::{Event, text};
use crate::log::{self, Level};

/// One event, as it waits in a queue.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) event: Event,
    pub(super) time: Timestamp,
}

/// A place that lines go to. May block and may fail; it has a thread of its own.
pub(super) trait Sink: Send + 'static {
    /// The name of the place, for the log.
    fn name(&self) -> String;

    /// Writes one line. After an error the same entry comes again.
    fn write(&mut self, entry: &Entry) -> Result<(), WriteError>;

    /// The next line begins with a new file or connection.
    fn reopen(&mut self);
}

/// A line can't be written now.
#[derive(Debug)]
pub(super) struct WriteError(pub(super) String);

impl<E: fmt::Display> From<E> for WriteError {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

/// The agent's own log.
pub(super) struct LogSink;

impl Sink for LogSink {
    fn name(&self) -> String {
        "the log".to_owned()
    }

    fn write(&mut self, entry: &Entry) -> Result<(), WriteError> {
        log::write(level(&entry.event), &text::words(&entry.event));
        Ok(())
    }

    fn reopen(&mut self) {}
}

/// How much attention an event deserves.
pub(super) fn level(event: &Event) -> Level {
    match event.result {
        "unavailable" => Level::Error,
        "wrong" | "locked" | "denied" | "refused" | "lost" => Level::Warn,
        _ => Level::Info,
    }
}
