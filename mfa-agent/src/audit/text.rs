//! Writes an event as a line that no outsider can forge.
//!
//! Names and hosts come from strangers. Every character that could end a line, end a quoted value,
//! control a terminal or change the direction of text is escaped.

use std::fmt::Write;
use std::io;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter};

use super::Event;
use super::cloud::RequestData;
use crate::lines::{is_plain, push_escaped};

/// The JSON line with its line break: first the time in UTC with microseconds (RFC 3339), then the
/// fields.
pub(super) fn json(event: &Event, time: Timestamp) -> Vec<u8> {
    #[derive(Serialize)]
    struct Line<'a> {
        time: String,
        #[serde(flatten)]
        event: &'a Event,
    }
    let line = Line {
        time: format!("{time:.6}"),
        event,
    };
    let mut bytes = Vec::with_capacity(256);
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Escaping);
    // Writing to memory can't fail; a fallback line is better than a panic.
    if line.serialize(&mut serializer).is_err() {
        bytes = br#"{"event":"audit-unwritable"}"#.to_vec();
    }
    bytes.push(b'\n');
    bytes
}

/// The line for people: `login passed user="alice" service="sshd" rhost="192.0.2.7"`.
pub(super) fn words(event: &Event) -> String {
    let mut line = String::with_capacity(256);
    line.extend([event.event, " ", event.result]);
    let texts = [
        ("session", &event.session),
        ("user", &event.user),
        ("service", &event.service),
        ("operation", &event.operation),
        ("rhost", &event.rhost),
        ("tty", &event.tty),
        ("factor", &event.factor),
        ("label", &event.label),
        ("credential_id", &event.credential_id),
        ("fingerprint", &event.fingerprint),
        ("rule", &event.rule),
        ("locked_until", &event.locked_until),
        ("reason", &event.reason),
        ("action", &event.action.map(str::to_owned)),
        ("requestData", &event.request_data.as_ref().map(data)),
    ];
    for (name, value) in texts {
        if let Some(value) = value {
            line.extend([" ", name, "=\""]);
            push_escaped(&mut line, value, is_special);
            line.push('"');
        }
    }
    let numbers = [
        ("failures", event.failures.map(i64::from)),
        ("by_uid", event.by_uid.map(i64::from)),
        ("by_pid", event.by_pid.map(i64::from)),
        ("unprivileged", event.unprivileged.map(i64::from)),
        ("count", event.count.map(u64::cast_signed)),
    ];
    for (name, value) in numbers {
        if let Some(value) = value {
            let _ = write!(line, " {name}={value}");
        }
    }
    line
}

/// Data without a text form, as JSON.
fn data(data: &RequestData) -> String {
    // Writing to a string can't fail.
    serde_json::to_string(data).unwrap_or_default()
}

/// Whether a quoted value needs an escape for it.
fn is_special(c: char) -> bool {
    matches!(c, '"' | '\\') || !is_plain(c)
}

/// JSON as serde_json writes it, but with more characters escaped.
struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut units = [0; 2];
        let mut plain = 0;
        for (at, c) in fragment.char_indices().filter(|(_, c)| !is_plain(*c)) {
            writer.write_all(&fragment.as_bytes()[plain..at])?;
            for unit in c.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
            plain = at + c.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[plain..])
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        char_escape: CharEscape,
    ) -> io::Result<()> {
        serde_json::ser::CompactFormatter.write_char_escape(writer, char_escape)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NASTY: &str = "eve\n\"}\r\0\\ user=\"root\" \x1b[31m\u{9b}2J\u{7f}\u{202e}\u{2028}";

    fn event(user: &str) -> Event {
        Event {
            event: "login",
            result: "wrong",
            user: Some(user.to_owned()),
            ..Event::default()
        }
    }

    #[test]
    fn time_comes_first_and_empty_fields_are_left_out() {
        let time = Timestamp::from_microsecond(1_700_000_000_120_000).unwrap();
        assert_eq!(
            String::from_utf8(json(&event("alice"), time)).unwrap(),
            "{\"time\":\"2023-11-14T22:13:20.120000Z\",\"event\":\"login\",\"result\":\"wrong\",\
             \"user\":\"alice\"}\n"
        );
    }

    #[test]
    fn text_is_quoted_and_numbers_are_not() {
        let mut event = event("alice");
        event.service = Some("sshd".to_owned());
        event.failures = Some(3);
        assert_eq!(
            words(&event),
            "login wrong user=\"alice\" service=\"sshd\" failures=3"
        );
    }

    #[test]
    fn a_user_name_forges_neither_line_nor_field() {
        let line = words(&event(NASTY));
        assert_eq!(
            line,
            "login wrong user=\"eve\\n\\\"}\\r\\u{0}\\\\ user=\\\"root\\\" \\u{1b}[31m\\u{9b}2J\
             \\u{7f}\\u{202e}\\u{2028}\""
        );
    }

    proptest! {
        #[test]
        fn any_name_reads_back_from_its_json_line(name in "\\PC*|(?s).*") {
            let line = json(&event(&name), Timestamp::UNIX_EPOCH);
            prop_assert_eq!(line.iter().filter(|b| **b == b'\n').count(), 1);
            let text = std::str::from_utf8(&line).unwrap().trim_end_matches('\n');
            prop_assert!(text.chars().all(is_plain));
            let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
            prop_assert_eq!(value["user"].as_str().unwrap(), name);
        }

        #[test]
        fn any_name_stays_within_its_quotes(name in "(?s).*") {
            let line = words(&event(&name));
            prop_assert!(line.chars().all(is_plain));
            let value = line.strip_prefix("login wrong user=\"").unwrap().strip_suffix('"').unwrap();
            let mut chars = value.chars();
            while let Some(c) = chars.next() {
                prop_assert_ne!(c, '"');
                if c == '\\' {
                    chars.next().unwrap();
                }
            }
        }
    }
}
