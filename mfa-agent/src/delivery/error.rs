//! Why a message could not be sent, in a form that is safe to log.
//!
//! Texts of a server or a command pass through [`said`] first, because they may repeat the code,
//! the number or the address, and may contain anything else.

/// Texts of providers are cut to this number of characters.
const LONGEST: usize = 200;

/// Digits in a row that may be a code or a part of a telephone number.
const TELLING_DIGITS: usize = 4;

/// Why a message was not sent. The texts are for administrators, without code, secret or address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// A later attempt may succeed: the provider is busy or can't be reached.
    #[error("{0}")]
    Temporary(String),
    /// No later attempt will succeed.
    #[error("{0}")]
    Permanent(String),
}

impl SendError {
    /// Whether another attempt may succeed.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Temporary(_))
    }

    pub(super) fn temporary(text: impl Into<String>) -> Self {
        Self::Temporary(text.into())
    }

    pub(super) fn permanent(text: impl Into<String>) -> Self {
        Self::Permanent(text.into())
    }
}

/// The `text` of a server or command, safe to log: one bounded line without `hidden`, without
/// numbers of four digits or more, and without words around an `@`.
pub(super) fn said(text: &str, hidden: &[&str]) -> String {
    let mut text = clean(text);
    for word in hidden.iter().filter(|word| !word.is_empty()) {
        text = text.replace(word, "•••");
    }
    let words: Vec<String> = text.split_whitespace().map(mask_word).collect();
    let mut line = words.join(" ");
    if let Some((end, _)) = line.char_indices().nth(LONGEST) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// `text` on one line, without characters that move the cursor or change the direction of text.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if is_harmful(c) { ' ' } else { c })
        .collect()
}

fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn mask_word(word: &str) -> String {
    if word.contains('@') {
        return "•••@•••".to_owned();
    }
    let mut masked = String::with_capacity(word.len());
    let mut rest = word;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (run, after) = rest.split_at(digits);
        masked.push_str(if digits < TELLING_DIGITS {
            run
        } else {
            "•••"
        });
        let other = after
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(after.len());
        let (between, next) = after.split_at(other);
        masked.push_str(between);
        rest = next;
    }
    masked
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_server_text_keeps_its_status_and_loses_address_code_and_secret() {
        let line = said(
            "550 5.7.1 <anna@example.org>: no such user, code 483920, key hunter2\r\nx\x1b[2J",
            &["hunter2", ""],
        );
        assert_eq!(
            line,
            "550 5.7.1 •••@••• no such user, code •••, key ••• x [2J"
        );
    }

    proptest! {
        #[test]
        fn nothing_said_is_long_or_breaks_a_line_or_tells_a_number(text: String, code in 1000u32..10_000_000) {
            let line = said(&format!("{text}{code} {text}"), &[]);
            prop_assert!(line.chars().count() <= LONGEST + 1);
            prop_assert!(!line.chars().any(is_harmful));
            let told = line.contains(&code.to_string());
            prop_assert!(!told, "{line}");
        }
    }
}
