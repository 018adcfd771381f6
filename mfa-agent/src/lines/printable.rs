//! Makes untrusted text safe for a log line.

/// `text` with invisible characters escaped.
pub(crate) fn printable(text: &str) -> String {
    escaped(text, |c| !is_plain(c))
}

/// `text`, with each character that `escape` selects replaced by an escape.
pub(crate) fn escaped(text: &str, escape: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if !escape(c) {
            out.push(c);
        } else if matches!(c, '"' | '\\' | '\n' | '\r' | '\t') {
            out.extend(c.escape_default());
        } else {
            out.extend(c.escape_unicode());
        }
    }
    out
}

/// Not a control character, a line or paragraph separator, an invisible character, or a character that changes the
/// direction of writing.
pub(crate) fn is_plain(c: char) -> bool {
    !(c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{061c}'))
}
