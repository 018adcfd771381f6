//! Why something can't be imported.

/// Why a file, a line or a URI can't be imported. It never repeats the text itself, which may be a
/// key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A line that can't be used.
    #[error("line {line}: {reason}")]
    Line {
        /// Counted from 1.
        line: u64,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// The whole file or URI can't be used.
    #[error("{0}")]
    Whole(String),
}

impl Refusal {
    pub(crate) fn line(line: u64, reason: impl Into<String>) -> Self {
        Self::Line {
            line,
            reason: reason.into(),
        }
    }

    pub(crate) fn whole(reason: impl Into<String>) -> Self {
        Self::Whole(reason.into())
    }
}
