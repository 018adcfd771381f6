//! What a person reads in a message.

/// The digits at the beginning of a message's text: its code. The header of an email is skipped.
///
/// # Panics
///
/// When it has none.
#[must_use]
pub fn code_in(message: &str) -> String {
    let text = message
        .split_once("\n\n")
        .filter(|(head, _)| head.contains("Subject: "))
        .map_or(message, |(_, text)| text);
    let mut runs = text.split(|c: char| !c.is_ascii_digit());
    let code = runs.find(|run| (6..=8).contains(&run.len()));
    code.unwrap_or_else(|| panic!("no code in {message}"))
        .to_owned()
}

/// Another code of the same length as `code`.
#[must_use]
pub fn another_than(code: &str) -> String {
    let turned = |digit: char| if digit == '9' { '0' } else { '9' };
    code.chars().map(turned).collect()
}
