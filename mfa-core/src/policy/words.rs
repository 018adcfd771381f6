//! The names of policy values in settings.

use std::str::FromStr;

use super::{Mode, Prompting, Source, Unenrolled};
use crate::words::word;

impl FromStr for Mode {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        word(
            text,
            [Self::None, Self::LocalUsers, Self::All].map(|mode| (mode.name(), mode)),
        )
    }
}

impl FromStr for Prompting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        word(
            text,
            [Self::Dialogue, Self::Single].map(|prompting| (prompting.name(), prompting)),
        )
    }
}

impl FromStr for Unenrolled {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        word(
            text,
            [Self::Deny, Self::Allow, Self::Enroll].map(|what| (what.name(), what)),
        )
    }
}

impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        word(
            text,
            [Self::Local, Self::Federated].map(|source| (source.name(), source)),
        )
    }
}
