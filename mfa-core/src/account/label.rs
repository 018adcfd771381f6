//! Names of devices: short, and safe to show on a terminal.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::names::is_invisible;

/// The longest label, in bytes.
const MAX_LABEL: usize = 64;

/// A device's name, or a maker's ID: 1 to 64 bytes without control characters, and without
/// surrounding blanks.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(String);

/// Why a label is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// It is empty.
    #[error("a label can't be empty")]
    Empty,
    /// Too long.
    #[error("a label has at most {MAX_LABEL} bytes, but this label has {0}")]
    Long(usize),
    /// It could control a terminal, or look like another.
    #[error("a label can't contain control characters or invisible characters")]
    Invisible,
}

impl Label {
    /// The label of a device that was enrolled without one.
    #[must_use]
    pub fn numbered(number: usize) -> Self {
        Self(format!("device-{number}"))
    }

    /// The label of a security key that was enrolled without one.
    #[must_use]
    pub fn of_key(number: usize) -> Self {
        Self(format!("key-{number}"))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(LabelError::Empty);
        }
        if text.len() > MAX_LABEL {
            return Err(LabelError::Long(text.len()));
        }
        if text.chars().any(is_invisible) {
            return Err(LabelError::Invisible);
        }
        Ok(Self(text.to_owned()))
    }
}

/// As it is stored: a label that was accepted once stays readable.
impl TryFrom<String> for Label {
    type Error = LabelError;

    fn try_from(text: String) -> Result<Self, LabelError> {
        if text.len() > MAX_LABEL {
            return Err(LabelError::Long(text.len()));
        }
        Ok(Self(text))
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_could_control_a_terminal_are_refused() {
        assert_eq!("".parse::<Label>(), Err(LabelError::Empty));
        assert_eq!("\x1b[2Jphone".parse::<Label>(), Err(LabelError::Invisible));
        assert_eq!(
            "a\u{202e}enohp".parse::<Label>(),
            Err(LabelError::Invisible)
        );
        assert_eq!("x".repeat(65).parse::<Label>(), Err(LabelError::Long(65)));
        assert_eq!(
            " Ana's phone ".parse::<Label>().unwrap().as_str(),
            "Ana's phone"
        );
    }
}
