//! The languages that come with the agent.

use std::fmt;
use std::str::FromStr;

use unic_langid::LanguageIdentifier;

/// A language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English.
    #[default]
    En,
    /// German.
    De,
    /// Spanish.
    Es,
    /// French.
    Fr,
    /// Japanese.
    Ja,
}

/// The code of no known language.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an available language; expected one of {all}", all = codes())]
pub struct LanguageError(String);

impl Language {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::En, Self::De, Self::Es, Self::Fr, Self::Ja];

    /// Its code (ISO 639-1).
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
            Self::Es => "es",
            Self::Fr => "fr",
            Self::Ja => "ja",
        }
    }

    /// The catalogue that comes with it.
    pub(super) fn source(self) -> &'static str {
        match self {
            Self::En => include_str!("../../languages/en.ftl"),
            Self::De => include_str!("../../languages/de.ftl"),
            Self::Es => include_str!("../../languages/es.ftl"),
            Self::Fr => include_str!("../../languages/fr.ftl"),
            Self::Ja => include_str!("../../languages/ja.ftl"),
        }
    }

    /// Selects the plural rules.
    pub(super) fn identifier(self) -> LanguageIdentifier {
        self.code().parse().unwrap_or_default()
    }
}

impl FromStr for Language {
    type Err = LanguageError;

    fn from_str(text: &str) -> Result<Self, LanguageError> {
        let known = Self::ALL.into_iter().find(|known| known.code() == text);
        known.ok_or_else(|| LanguageError(text.to_owned()))
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

fn codes() -> String {
    Language::ALL
        .map(|known| format!("{:?}", known.code()))
        .join(", ")
}
