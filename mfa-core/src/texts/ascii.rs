//! Texts for programs that show ASCII only.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::language::Language;

/// Replaces letters by their ASCII forms in this language; the result may still contain others.
pub(super) fn plain(language: Language, text: &str) -> String {
    let text = match language {
        Language::De => umlauts(text),
        Language::En | Language::Es | Language::Fr | Language::Ja => text.to_owned(),
    };
    without_marks(text.chars()).collect()
}

/// The letters of a word in lower case, without accents and surrounding blanks.
pub(super) fn bare(word: &str) -> impl Iterator<Item = char> {
    without_marks(word.trim().chars().flat_map(char::to_lowercase))
}

fn without_marks(letters: impl Iterator<Item = char>) -> impl Iterator<Item = char> {
    letters.nfd().filter(|c| !is_combining_mark(*c))
}

/// As on typewriters (DIN 5007, 6.1.1.4.2).
fn umlauts(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            'ä' => plain.push_str("ae"),
            'ö' => plain.push_str("oe"),
            'ü' => plain.push_str("ue"),
            'Ä' => plain.push_str("Ae"),
            'Ö' => plain.push_str("Oe"),
            'Ü' => plain.push_str("Ue"),
            'ß' => plain.push_str("ss"),
            c => plain.push(c),
        }
    }
    plain
}
