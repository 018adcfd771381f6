//! A line of an import: `user<TAB>otpauth://…` or `user<TAB>otpauth-migration://…`, a comment, or
//! nothing.
//!
//! Only the form is checked here; the agent checks the URI. Errors name what was expected and never repeat the URI,
//! which has a key in it.

use mfa_protocol::admin::ImportEntry;
use mfa_protocol::{MAX_NAME, Secret};

use crate::lines::{Line, MAX_LINE};

/// Why a line is no entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// The user, if there is one.
    pub(super) user: Option<String>,
    /// What is wrong, and what was expected.
    pub(super) reason: String,
}

/// The entry on a line; none for a comment or a blank line.
pub(super) fn parse(number: u64, line: &Line<'_>) -> Result<Option<ImportEntry>, Malformed> {
    let Line::Bytes(bytes) = line else {
        return Err(malformed(format!("longer than {MAX_LINE} bytes")));
    };
    let text = std::str::from_utf8(bytes).map_err(|_| malformed("not UTF-8 text"))?;
    // Editors on other systems put a mark before the first line.
    let text = if number == 1 {
        text.trim_start_matches('\u{feff}')
    } else {
        text
    };
    if text.trim().is_empty() || text.starts_with('#') {
        return Ok(None);
    }
    let (user, uri) = text
        .split_once('\t')
        .ok_or_else(|| malformed("no tab; expected user<TAB>otpauth://…"))?;
    let (user, uri) = (user.trim(), uri.trim());
    check_user(user)?;
    check_uri(uri).map_err(|reason| Malformed {
        user: Some(user.to_owned()),
        reason: reason.to_owned(),
    })?;
    Ok(Some(ImportEntry {
        line: number,
        user: user.to_owned(),
        uri: Secret::from(uri),
    }))
}

pub(super) fn check_user(user: &str) -> Result<(), Malformed> {
    if user.is_empty() {
        return Err(malformed(
            "no user before the tab; expected user<TAB>otpauth://…",
        ));
    }
    if user.len() > MAX_NAME {
        return Err(malformed(format!(
            "the user name is longer than {MAX_NAME} bytes"
        )));
    }
    if user.chars().any(char::is_control) {
        return Err(malformed("the user name contains a control character"));
    }
    Ok(())
}

pub(super) fn check_uri(uri: &str) -> Result<(), &'static str> {
    const SCHEMES: [&str; 2] = ["otpauth://", "otpauth-migration://"];
    let begins = |scheme: &&str| {
        uri.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    if !SCHEMES.iter().any(begins) {
        return Err("expected otpauth://… after the tab");
    }
    if uri
        .chars()
        .any(|c| c.is_control() || c.is_ascii_whitespace())
    {
        return Err("the URI contains a blank or a control character; write a blank as %20");
    }
    Ok(())
}

fn malformed(reason: impl Into<String>) -> Malformed {
    Malformed {
        user: None,
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line(text: &str) -> Result<Option<ImportEntry>, Malformed> {
        parse(7, &Line::Bytes(text.as_bytes()))
    }

    fn reason(text: &str) -> String {
        line(text).unwrap_err().reason
    }

    #[test]
    fn an_entry_a_comment_and_nothing() {
        let entry = line("alice\totpauth://totp/a?secret=X").unwrap().unwrap();
        assert_eq!((entry.line, entry.user.as_str()), (7, "alice"));
        assert_eq!(entry.uri.expose(), "otpauth://totp/a?secret=X");
        for nothing in ["", "  \t ", "# alice\totpauth://totp/a"] {
            assert!(line(nothing).unwrap().is_none(), "{nothing:?}");
        }
    }

    #[test]
    fn a_byte_order_mark_counts_on_the_first_line_only() {
        let text = "\u{feff}alice\totpauth://totp/a";
        let first = parse(1, &Line::Bytes(text.as_bytes())).unwrap().unwrap();
        assert_eq!(first.user, "alice");
        assert_ne!(line(text).unwrap().unwrap().user, "alice");
    }

    #[test]
    fn a_malformed_line_is_told_what_was_expected() {
        assert!(reason("alice otpauth://totp/a").contains("no tab"));
        assert!(reason("\totpauth://totp/a").contains("no user"));
        assert!(reason("alice\thttps://totp/a").contains("expected otpauth://"));
        assert!(reason("alice\totpauth://totp/a b").contains("%20"));
        assert!(reason(&format!("{}\totpauth://totp/a", "a".repeat(257))).contains("256"));
        assert!(reason("al\u{1b}ice\totpauth://totp/a").contains("control character"));
        assert!(
            parse(1, &Line::TooLong)
                .unwrap_err()
                .reason
                .contains("8192")
        );
        assert!(
            parse(1, &Line::Bytes(b"\xff\tx"))
                .unwrap_err()
                .reason
                .contains("UTF-8")
        );
    }

    proptest! {
        #[test]
        fn what_is_taken_can_be_sent_and_what_is_not_is_not_repeated(
            user in "[a-z\u{1b} ]{0,4}", between in "[\t ]{0,2}",
            uri in "(otpauth|OTPAUTH|http)://[!-~é]{5,20}( x)?",
        ) {
            let key = uri.split_once("://").unwrap().1;
            match line(&format!("{user}{between}{uri}")) {
                Ok(None) => prop_assert!(false, "a line with a URI is not nothing"),
                Ok(Some(entry)) => {
                    prop_assert!(!entry.user.is_empty());
                    prop_assert!(!entry.user.chars().any(char::is_control));
                    prop_assert_eq!(entry.uri.expose(), uri);
                }
                Err(malformed) => prop_assert!(!malformed.reason.contains(key)),
            }
        }

        #[test]
        fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(1, &Line::Bytes(&bytes));
        }
    }
}
