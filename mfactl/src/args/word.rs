//! Arguments that are one of a few words, which both ends know.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use mfa_protocol::words::{UnknownWord, Word};

/// Parses the words of `T`, and lists them in help and errors.
pub(super) fn word<T: Word + Send + Sync>() -> impl TypedValueParser<Value = T> {
    let words = T::WORDS.iter().map(|value| value.word());
    PossibleValuesParser::new(words).try_map(|typed| read::<T>(&typed))
}

/// The same, for a command that takes only some of the words.
pub(super) fn one_of<T: Word + Send + Sync>(
    words: &'static [&'static str],
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(words).try_map(|typed| read::<T>(&typed))
}

/// Upper and lower case do not matter.
fn read<T: Word>(typed: &str) -> Result<T, UnknownWord> {
    let mut all = T::WORDS.iter().copied();
    let same = |value: &T| value.word().eq_ignore_ascii_case(typed);
    all.find(same).map_or_else(|| T::from_word(typed), Ok)
}
