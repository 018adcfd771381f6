//! What is wrong with the settings, and where.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::trusted_path::TrustError;
use mfa_core::policy::Place;

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file is not there.
    #[error("{}: no such file; copy the default agent.toml there, or name another file with \
             --config", file.display())]
    Missing {
        /// The file.
        file: PathBuf,
    },
    /// A file can't be read.
    #[error("{}: can't be read: {error}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Other users could change who can log in.
    #[error("{0}")]
    Untrusted(TrustError),
    /// A file is not UTF-8.
    #[error("{}: contains bytes that are not text; expected UTF-8", file.display())]
    NotText {
        /// The file.
        file: PathBuf,
    },
    /// Something in the files is wrong.
    #[error("{}", lines(.0))]
    Bad(Vec<Problem>),
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What, and what was expected; one line.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

fn lines(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

/// A file, and how to find a line in it.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) file: Arc<Path>,
    /// Where lines end, so that a place is found without a walk over the text.
    line_ends: Vec<usize>,
}

impl Source {
    pub(super) fn new(file: &Path, text: &str) -> Self {
        Self {
            file: file.into(),
            line_ends: text.match_indices('\n').map(|(at, _)| at).collect(),
        }
    }

    /// The place of a stretch of the text.
    pub(super) fn place(&self, span: Range<usize>) -> Place {
        Place {
            file: Arc::clone(&self.file),
            line: 1 + self.line_ends.partition_point(|end| *end < span.start),
        }
    }

    /// What the parser says, in one line.
    pub(super) fn syntax_problem(&self, error: &toml::de::Error) -> Problem {
        let message = error.message().trim();
        Problem {
            place: self.place(error.span().unwrap_or(0..0)),
            message: message
                .replace('\n', "; ")
                .replace(", expected", "; expected"),
        }
    }
}
