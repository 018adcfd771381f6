//! Enums whose values travel as one of a few words.
//!
//! Settings, records, commands and messages all use these words, so each is in one place.

use std::fmt;

/// A value that is written as one of a few words.
pub trait Word: Copy + Eq + 'static {
    /// All values, in the order in which they are listed to people.
    const WORDS: &'static [Self];

    /// The word for it.
    fn word(self) -> &'static str;

    /// The value of a word.
    ///
    /// # Errors
    ///
    /// [`UnknownWord`], which lists the words that there are.
    fn from_word(text: &str) -> Result<Self, UnknownWord> {
        let mut all = Self::WORDS.iter().copied();
        all.find(|value| value.word() == text)
            .ok_or_else(|| UnknownWord {
                text: text.to_owned(),
                known: Self::WORDS.iter().map(|value| value.word()).collect(),
            })
    }
}

/// A word that is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWord {
    text: String,
    known: Vec<&'static str>,
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<String> = self.known.iter().map(|word| format!("{word:?}")).collect();
        let known = known.join(", ");
        write!(
            f,
            "{:?} is not known here; expected one of {known}",
            self.text
        )
    }
}

impl std::error::Error for UnknownWord {}

/// Declares an enum with the word for each value: on the wire, in records, settings and messages.
macro_rules! words {
    (
        $(#[$about:meta])*
        pub enum $name:ident {
            $($(#[$about_value:meta])* $value:ident = $word:literal,)+
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[derive(serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$about_value])* #[serde(rename = $word)] $value,)+
        }

        impl $name {
            /// All of them, in the order in which they are listed to people.
            pub const ALL: [Self; [$($word),+].len()] = [$(Self::$value),+];

            /// The word for it in settings, records, commands and messages.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }
        }

        impl $crate::words::Word for $name {
            const WORDS: &'static [Self] = &Self::ALL;

            fn word(self) -> &'static str {
                self.name()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    };
}

/// The same for enums whose unknown words need no explanation of their own.
macro_rules! parsed_words {
    ($($name:ty),+) => {$(
        impl std::str::FromStr for $name {
            type Err = $crate::words::UnknownWord;

            fn from_str(text: &str) -> Result<Self, $crate::words::UnknownWord> {
                $crate::words::Word::from_word(text)
            }
        }
    )+};
}

pub(crate) use {parsed_words, words};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factor::{Authenticator, Channel, DeviceKind, Factor, HashAlgorithm};
    use crate::policy::{
        Action, Enforcement, EnforcementMode, Prompting, RuleField, Source, Unenrolled,
    };

    /// What is written reads back, as JSON too, and the JSON is the word.
    fn check<T>()
    where
        T: Word + std::fmt::Debug + serde::Serialize + serde::de::DeserializeOwned,
    {
        for value in T::WORDS {
            assert_eq!(T::from_word(value.word()), Ok(*value));
            let json = serde_json::to_value(value).unwrap();
            assert_eq!(json, value.word());
            assert_eq!(serde_json::from_value::<T>(json).unwrap(), *value);
        }
        let error = T::from_word("fax").unwrap_err().to_string();
        assert!(error.contains(T::WORDS[0].word()), "{error}");
        assert!(serde_json::from_str::<T>("\"fax\"").is_err());
    }

    #[test]
    fn every_word_reads_back_and_an_unknown_one_names_those_that_there_are() {
        check::<Factor>();
        check::<Authenticator>();
        check::<Channel>();
        check::<DeviceKind>();
        check::<HashAlgorithm>();
        check::<Action>();
        check::<Enforcement>();
        check::<EnforcementMode>();
        check::<Prompting>();
        check::<Source>();
        check::<Unenrolled>();
        check::<RuleField>();
    }
}
