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
    #[error("{}: there is no such file; copy the default agent.toml there, or name another with --config", file.display())]
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
    /// Somebody who may not could say who is let in.
    #[error("{0}")]
    Untrusted(TrustError),
    /// A file is not UTF-8.
    #[error("{}: holds bytes that are no text; expected UTF-8", file.display())]
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

/// A file, its text, and how to find a line in it.
#[derive(Clone, Debug)]
pub(super) struct Source {
    file: Arc<Path>,
    text: Arc<str>,
}

impl Source {
    pub(super) fn new(file: PathBuf, text: String) -> Self {
        Self {
            file: file.into(),
            text: text.into(),
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The place of a stretch of the text.
    pub(super) fn place(&self, span: Range<usize>) -> Place {
        let before = self
            .text
            .as_bytes()
            .get(..span.start)
            .unwrap_or(self.text.as_bytes());
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Place {
            file: Arc::clone(&self.file),
            line,
        }
    }

    pub(super) fn problem(&self, span: Range<usize>, message: impl Into<String>) -> Problem {
        Problem {
            place: self.place(span),
            message: message.into(),
        }
    }

    /// What the parser says, in one line and in words of TOML.
    pub(super) fn parser_problem(&self, error: &toml::de::Error) -> Problem {
        let message = error
            .message()
            .trim()
            .replace('\n', "; ")
            .replace(", expected", "; expected")
            .replace(" as i128", "")
            .replace("type: map", "type: table")
            .replace(
                "expected a sequence",
                "expected a list in [ ], or [[rule]] and [[radius]] for those",
            );
        self.problem(error.span().unwrap_or(0..0), message)
    }
}
