//! Makes a server's message safe to show on a terminal and to log.
//!
//! The result is UTF-8, bounded, and has neither escape sequences nor characters that change the
//! direction of text, because it is shown inside another program's login screen.

use crate::attribute::MAX_VALUE;

/// The longest message, in bytes, including the mark of a cut.
pub const MAX_MESSAGE: usize = 1000;

const CUT: char = '…';

/// Joins Reply-Message attributes in their order (RFC 2865 §5.18): each is a line, but a full one
/// continues in the next.
pub(crate) fn message<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(part);
        if part.len() < MAX_VALUE {
            bytes.push(b'\n');
        }
    }
    let shown: String = String::from_utf8_lossy(&bytes)
        .chars()
        .filter(|c| !matches!(c, '\r' | '\0'))
        .flat_map(|c| escape(c).into_iter())
        .collect();
    bounded(shown.trim())
}

/// The character, or its number if a terminal could interpret it.
fn escape(c: char) -> Vec<char> {
    let turns_direction = matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}')
        || ('\u{202a}'..='\u{202e}').contains(&c)
        || ('\u{2066}'..='\u{2069}').contains(&c);
    match c {
        '\n' => vec!['\n'],
        '\t' => vec![' '],
        c if c.is_control() || turns_direction => c.escape_unicode().collect(),
        c => vec![c],
    }
}

fn bounded(text: &str) -> String {
    if text.len() <= MAX_MESSAGE {
        return text.to_owned();
    }
    let mut kept = text;
    while kept.len() + CUT.len_utf8() > MAX_MESSAGE {
        let mut chars = kept.chars();
        chars.next_back();
        kept = chars.as_str();
    }
    format!("{kept}{CUT}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_attribute_is_a_line_and_a_full_one_continues() {
        assert_eq!(
            message([&b"Enter the code"[..], b"from the token"]),
            "Enter the code\nfrom the token"
        );
        let full = [b'x'; MAX_VALUE];
        assert_eq!(
            message([&full[..], b"yz"]),
            format!("{}yz", "x".repeat(MAX_VALUE))
        );
        assert_eq!(message([]), "");
    }

    #[test]
    fn a_character_split_between_two_attributes_is_whole() {
        let text = format!("{}ä", "x".repeat(MAX_VALUE - 1));
        assert_eq!(message(text.as_bytes().chunks(MAX_VALUE)), text);
    }

    #[test]
    fn escape_sequences_and_direction_marks_are_spelled_out() {
        assert_eq!(
            message([&b"\x1b[2Jhello\x07\0"[..]]),
            "\\u{1b}[2Jhello\\u{7}"
        );
        assert_eq!(
            message(["a\u{202e}b\r\nc\td".as_bytes()]),
            "a\\u{202e}b\nc d"
        );
    }

    #[test]
    fn invalid_utf_8_is_shown_as_far_as_possible() {
        assert_eq!(message([&b"caf\xe9"[..]]), "caf\u{fffd}");
    }

    #[test]
    fn a_long_message_is_cut_between_characters() {
        let text = "ä".repeat(MAX_MESSAGE);
        let shown = message(text.as_bytes().chunks(MAX_VALUE));
        assert!(
            shown.len() <= MAX_MESSAGE && shown.ends_with("ä…"),
            "{}",
            shown.len()
        );
    }

    proptest! {
        #[test]
        fn any_bytes_become_harmless(parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..=253), 0..8)) {
            let shown = message(parts.iter().map(Vec::as_slice));
            prop_assert!(shown.len() <= MAX_MESSAGE);
            prop_assert!(shown.chars().all(|c| c == '\n' || !c.is_control()));
        }
    }
}
