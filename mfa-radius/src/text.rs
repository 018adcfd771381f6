//! What a server says to the person, made fit to be shown on a terminal and to be logged.
//!
//! Bytes of Reply-Message attributes come in. What goes out is UTF-8, bounded, and holds neither escape
//! sequences nor marks that turn the direction of text: it is shown inside somebody else's login screen.

use crate::attribute::MAX_VALUE;

/// The longest message that is handed on, in bytes, the mark of a cut included.
pub const MAX_MESSAGE: usize = 1000;

const CUT: char = '…';

/// The message that Reply-Message attributes are, in their order (RFC 2865 §5.18): each a line, but one
/// that is full goes on in the next.
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

/// The character, or its number in words if a terminal could take it for a command.
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
    fn attributes_are_lines_and_a_full_one_goes_on() {
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
    fn escape_sequences_and_turns_of_direction_are_spelled_out() {
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
    fn what_is_not_utf_8_is_shown_as_far_as_it_is() {
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
