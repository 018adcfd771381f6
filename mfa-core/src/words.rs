//! Values that are written as one of a few words.

/// The value of a word.
///
/// # Errors
///
/// The words that there are, where `text` is none of them.
pub fn word<T, const N: usize>(text: &str, words: [(&str, T); N]) -> Result<T, String> {
    let known = words
        .each_ref()
        .map(|(word, _)| format!("{word:?}"))
        .join(", ");
    words
        .into_iter()
        .find_map(|(word, value)| (word == text).then_some(value))
        .ok_or_else(|| format!("{text:?} is not known here; expected one of {known}"))
}
