//! A validated user name.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use mfa_protocol::MAX_NAME;

/// A user name: 1 to 256 bytes, without control or invisible characters, and without blanks at its
/// ends. Cheap to clone.
///
/// Names are compared byte by byte: only the name service knows which spellings are the same user
/// (see [`Names::canonical`](super::Names::canonical)).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserName(Arc<str>);

impl UserName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text can't be a user name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserNameError {
    /// It is empty.
    #[error("a user name can't be empty")]
    Empty,
    /// More than [`MAX_NAME`] bytes.
    #[error("a user name has at most {MAX_NAME} bytes, but this name has {0}")]
    TooLong(usize),
    /// A control character, or a character that changes how the text around it is shown.
    #[error("a user name can't contain the invisible character U+{0:04X}")]
    Invisible(u32),
    /// A blank at the beginning or end.
    #[error("a user name can't begin or end with a blank")]
    Blank,
    /// It looks like a path.
    #[error("a user name can't begin with \"/\"")]
    Slash,
}

impl FromStr for UserName {
    type Err = UserNameError;

    fn from_str(name: &str) -> Result<Self, UserNameError> {
        if name.is_empty() {
            return Err(UserNameError::Empty);
        }
        if name.len() > MAX_NAME {
            return Err(UserNameError::TooLong(name.len()));
        }
        if let Some(c) = name.chars().find(|c| is_invisible(*c)) {
            return Err(UserNameError::Invisible(c.into()));
        }
        if name.trim() != name {
            return Err(UserNameError::Blank);
        }
        if name.starts_with('/') {
            return Err(UserNameError::Slash);
        }
        Ok(Self(name.into()))
    }
}

impl AsRef<str> for UserName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Control characters, zero-width characters, line separators and characters that change the
/// direction of text: with them one name could look like another.
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_people_hosts_and_realms_are_accepted() {
        for name in [
            "root",
            "anna.müller",
            "EXAMPLE\\jo",
            "jo@example.org",
            "host/db1",
            "a b",
            "-x",
        ] {
            assert_eq!(name.parse::<UserName>().unwrap().as_str(), name);
        }
        assert!("x".repeat(256).parse::<UserName>().is_ok());
    }

    #[test]
    fn the_message_says_what_is_wrong_with_a_name() {
        let long = "x".repeat(257);
        for (name, message) in [
            ("", "empty"),
            (long.as_str(), "has 257"),
            ("a\0b", "U+0000"),
            ("a\nb", "U+000A"),
            ("anna\u{202e}toor", "U+202E"),
            ("   ", "blank"),
            ("jo ", "blank"),
            ("/etc/passwd", "begin with \"/\""),
        ] {
            let error = name.parse::<UserName>().unwrap_err().to_string();
            assert!(error.contains(message), "{name:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_name_that_is_taken_stays_as_it_is_and_fits_one_line(text in ".{0,300}") {
            if let Ok(name) = text.parse::<UserName>() {
                prop_assert_eq!(name.as_str(), text.as_str());
                prop_assert!(!text.chars().any(char::is_control));
                prop_assert!(text.len() <= MAX_NAME);
            }
        }
    }
}
