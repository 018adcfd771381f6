//! Standard output and standard error.
//!
//! Texts may come from the agent, and so from user names, labels and settings. A control character in them could rewrite
//! what an administrator sees, so [`clean`] shows it as an escape. Results are printed in one piece at the end; a closed
//! pipe is no error.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};

use serde::Serialize;
use zeroize::Zeroizing;

use crate::failure::Failure;

/// How results are printed.
#[derive(Clone, Copy)]
pub(crate) struct Output {
    json: bool,
}

impl Output {
    /// As JSON, or for people.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether the result is to be JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Whether standard output may have colours.
    pub(crate) fn is_painted(self) -> bool {
        colours_wanted() && io::stdout().is_terminal()
    }

    /// Prints a result: `value` as JSON, or what `screen` makes.
    pub(crate) fn result(
        self,
        value: &impl Serialize,
        screen: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if !self.json {
            return self.text(&screen());
        }
        let json = serde_json::to_string(value)
            .map(Zeroizing::new)
            .map_err(io::Error::other);
        let json = json.map_err(Failure::io("write the result as JSON"))?;
        print(&format_json(&json))
    }

    /// Prints text for people, with a line end where there is none.
    pub(crate) fn text(self, text: &str) -> Result<(), Failure> {
        let end = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        print(&Zeroizing::new(format!("{text}{end}")))
    }

    /// Prints an error to standard error, for people as `text`, and with `--json` to standard output too.
    pub(crate) fn failure(self, failure: &Failure, text: &str) {
        self.complain(&format!("mfactl: {text}"));
        if let Some(hint) = failure.hint() {
            self.complain(hint);
        }
        if self.json {
            self.failure_object(failure);
        }
    }

    /// The JSON form of a failure.
    pub(crate) fn failure_object(self, failure: &Failure) {
        let object = ErrorObject {
            error: failure.word(),
            reason: failure.to_string(),
        };
        // The exit status still tells when even this can't be written.
        let _ = serde_json::to_string(&object).map(|json| print(&format_json(&json)));
    }

    /// Writes a line to standard error.
    pub(crate) fn complain(self, text: &str) {
        // There is nowhere to report that standard error is closed.
        let text = clean_lines(text);
        let shown = match io::stderr().is_terminal() {
            true => folded(&text),
            false => text.into_owned(),
        };
        let _ = io::stderr().write_all(format!("{shown}\n").as_bytes());
    }
}

#[derive(Serialize)]
struct ErrorObject {
    error: &'static str,
    reason: String,
}

/// Whether <https://no-color.org> permits colours.
pub(crate) fn colours_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// What a word on a terminal may be painted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colour {
    Plain,
    Red,
    Yellow,
    Green,
}

/// `text` in a colour (ECMA-48, SGR). Only for terminals: see [`Output::is_painted`].
pub(crate) fn painted(text: &str, colour: Colour) -> String {
    let code = match colour {
        Colour::Plain => return text.to_owned(),
        Colour::Red => "1;31",
        Colour::Yellow => "33",
        Colour::Green => "32",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.map_err(Failure::io("write to standard output")),
    }
}

/// JSON does not escape all control characters; inside its strings they may be escaped.
fn format_json(json: &str) -> Zeroizing<String> {
    let mut safe = Zeroizing::new(String::with_capacity(json.len() + 1));
    for c in json.chars() {
        if is_unsafe(c) {
            // Writing to a string does not fail.
            let _ = write!(safe, "\\u{:04x}", u32::from(c));
        } else {
            safe.push(c);
        }
    }
    safe.push('\n');
    safe
}

/// `text` on one line, without characters that control a terminal.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    escape(text, is_unsafe)
}

/// As [`clean`], but line ends stay: for texts that may have several lines.
pub(crate) fn clean_lines(text: &str) -> Cow<'_, str> {
    escape(text, |c| c != '\n' && is_unsafe(c))
}

/// As wide as a usual terminal.
const WIDTH: usize = 80;

/// `text` with its long lines broken between words. What has no blanks, such as an URI, stays whole.
pub(crate) fn folded(text: &str) -> String {
    let options = textwrap::Options::new(WIDTH).break_words(false);
    let fold = |line: &str| match line.chars().count() > WIDTH {
        true => textwrap::fill(line, &options),
        false => line.to_owned(),
    };
    text.split('\n').map(fold).collect::<Vec<_>>().join("\n")
}

fn escape(text: &str, is_unsafe: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unsafe(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// Control characters, line and paragraph separators, and those that change the direction of writing
/// (Unicode TR 36, 3.1): `<U+202E>` makes "nimda" read "admin". All are in the basic plane.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown_as_an_escape() {
        assert_eq!(clean("al\u{1b}[2Jice"), "al\\u{1b}[2Jice");
        assert_eq!(clean("a\u{9b}b\u{202e}c\r\n"), "a\\u{9b}b\\u{202e}c\\r\\n");
        assert_eq!(clean("Zoë 日本"), "Zoë 日本");
        assert_eq!(clean_lines("one\ntwo\u{7}"), "one\ntwo\\u{7}");
    }

    #[test]
    fn long_lines_are_broken_between_words_and_short_ones_and_addresses_are_not() {
        let uri = format!("otpauth://totp/a?secret={}", "A".repeat(90));
        let text = format!("  two\n{}\n{uri}\n", "word ".repeat(20));
        let folded = folded(&text);
        let lines: Vec<&str> = folded.split('\n').collect();
        assert_eq!(lines[0], "  two");
        assert!(
            lines[1].ends_with("word") && lines[1].len() <= 80,
            "{folded}"
        );
        assert_eq!(lines[3], uri);
        assert_eq!(lines[4], "");
    }

    #[test]
    fn json_keeps_its_value_and_loses_its_control_characters() {
        let text = "a\u{9b}b\u{202e}c\u{7f}\u{1b}é";
        let json = format_json(&serde_json::to_string(text).unwrap());
        assert!(!json.trim_end().chars().any(is_unsafe), "{}", *json);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }
}
