//! Where a worker writes to.

use std::fmt;

/// A place that lines go to. May block and may fail; it has a thread of its own.
pub(crate) trait Sink: Send + 'static {
    /// What it writes.
    type Line: Send + 'static;

    /// Writes some of these lines, the first ones; there is at least one. Returns how many were written: the others come
    /// again, and after an error all of them.
    fn write(&mut self, lines: &[Self::Line]) -> Result<usize, WriteError>;

    /// Makes durable what was written. Returns whether it is sure that nothing written before is lost.
    fn sync(&mut self) -> Result<bool, WriteError> {
        Ok(true)
    }

    /// The next line begins with a new file or connection.
    fn reopen(&mut self);

    /// The line that reports how many lines were dropped.
    fn lost(&self, count: u64) -> Self::Line;

    /// Says that lines can't be written. Called once, until they are written again.
    fn report_failure(&self, error: &WriteError);

    /// Says that lines are written again.
    fn report_recovery(&self);
}

/// A line can't be written now.
#[derive(Debug)]
pub(crate) struct WriteError(pub(crate) String);

impl<E: fmt::Display> From<E> for WriteError {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}
