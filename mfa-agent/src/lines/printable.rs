//! Makes untrusted text safe for a log line.

/// `text` with invisible characters escaped.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push_escaped(&mut out, text, |c| !is_plain(c));
    out
}

/// Appends `text`, with each character that `is_special` selects replaced by an escape.
pub(crate) fn push_escaped(into: &mut String, text: &str, is_special: impl Fn(char) -> bool) {
    let mut plain = 0;
    for (at, c) in text.char_indices().filter(|(_, c)| is_special(*c)) {
        into.push_str(&text[plain..at]);
        match c {
            '"' | '\\' | '\n' | '\r' | '\t' => into.extend(c.escape_default()),
            _ => into.extend(c.escape_unicode()),
        }
        plain = at + c.len_utf8();
    }
    into.push_str(&text[plain..]);
}

/// Not a control character, a line or paragraph separator, an invisible character, or a character that changes the
/// direction of writing.
pub(crate) fn is_plain(c: char) -> bool {
    !(c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{061c}'))
}
