//! Scratch codes: eight digits on a line of their own.

use mfa_protocol::Secret;

/// The scratch codes of a file, and a note if a line ends them early.
pub(super) struct Scratch {
    pub(super) codes: Vec<Secret>,
    pub(super) note: Option<String>,
}

/// Reads as far as pam_google_authenticator does: up to the first line that is not a scratch code.
/// A repeated code is kept once.
pub(super) fn read(text: &str) -> Scratch {
    let mut codes: Vec<Secret> = Vec::new();
    for (number, line) in (1..).zip(text.split('\n')).skip(1) {
        let line = line.trim_end_matches('\r');
        if line.is_empty() || line.starts_with('"') {
            continue;
        }
        let Some(code) = code(line) else {
            let rest = text.split('\n').skip(number).any(|l| code_of(l).is_some());
            return Scratch {
                codes,
                note: note(number, line, rest),
            };
        };
        let code = Secret::new(code.to_string());
        if !codes.iter().any(|c| c.expose() == code.expose()) {
            codes.push(code);
        }
    }
    Scratch { codes, note: None }
}

fn code_of(line: &str) -> Option<u32> {
    code(line.trim_end_matches('\r'))
}

/// Skips leading blanks and zeros, as strtoul(3) does; the first digit is never 0.
fn code(line: &str) -> Option<u32> {
    let digits = line.trim_start_matches([' ', '\t', '\u{b}', '\u{c}']);
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| is_number)?;
    (10_000_000..100_000_000)
        .contains(&number)
        .then_some(number)
}

fn note(number: usize, line: &str, more: bool) -> Option<String> {
    if line.trim().is_empty() && !more {
        return None;
    }
    Some(format!(
        "line {number} is not a scratch code of eight digits; google-authenticator reads no codes \
         after it, so none are imported"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(text: &str) -> Vec<String> {
        let codes = read(text).codes;
        codes.iter().map(|c| c.expose().to_owned()).collect()
    }

    #[test]
    fn codes_between_options_and_blank_lines_are_read_once_each() {
        let text = "KEY\n11111111\n\n\" TOTP_AUTH\n22222222\r\n 33333333\n11111111";
        assert_eq!(codes(text), ["11111111", "22222222", "33333333"]);
        assert!(read(text).note.is_none());
    }

    #[test]
    fn the_first_line_that_is_not_a_code_ends_them() {
        for junk in ["1234567", "01234567", "123456789", "12345678 x", "x"] {
            let text = format!("KEY\n11111111\n{junk}\n22222222\n");
            assert_eq!(codes(&text), ["11111111"], "{junk}");
            let note = read(&text).note.unwrap();
            assert!(note.contains("line 3") && !note.contains(junk), "{note}");
        }
    }

    #[test]
    fn trailing_blank_lines_cause_no_note() {
        assert!(read("KEY\n11111111\n  \n").note.is_none());
    }
}
