//! The values that stand in settings, each parsed into a type that can't hold a wrong one.

use std::fmt;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use jiff::{Span, SpanRelativeTo};
use serde::de::{self, Deserialize, Deserializer, Visitor};

use crate::factors::Way;
use crate::names::{UserName, is_invisible};
use crate::policy::{Network, Pattern, PatternError};

/// A string that is parsed; its errors carry the place of the string.
#[derive(Debug)]
pub(super) struct Parsed<T>(pub T);

/// What is written as a string.
pub(super) trait Text: FromStr<Err: fmt::Display> {
    /// What was expected, when there is something else than a string.
    const EXPECTED: &str;
}

impl<'de, T: Text> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parse<T>(PhantomData<T>);

        impl<T: Text> Visitor<'_> for Parse<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Parse(PhantomData)).map(Self)
    }
}

/// A whole number within limits.
#[derive(Debug)]
pub(super) struct Whole<const MIN: u32, const MAX: u32>(pub u32);

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Within<const MIN: u32, const MAX: u32>;

        impl<const MIN: u32, const MAX: u32> Visitor<'_> for Within<MIN, MAX> {
            type Value = u32;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from {MIN} to {MAX}")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<u32, E> {
                u32::try_from(number)
                    .ok()
                    .filter(|number| (MIN..=MAX).contains(number))
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Signed(number), &self))
            }
        }

        deserializer.deserialize_i64(Within::<MIN, MAX>).map(Self)
    }
}

/// A length of time such as `90s`, `1h30m` or `14d`, within limits in seconds.
#[derive(Debug)]
pub(super) struct Lasting<const MIN: u64, const MAX: u64>(pub Duration);

impl<const MIN: u64, const MAX: u64> FromStr for Lasting<MIN, MAX> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = |_| {
            format!(
                "{text:?} is no length of time; expected one such as \"90s\", \"1h30m\" or \"14d\""
            )
        };
        let span: Span = text.parse().map_err(unknown)?;
        let signed = span
            .to_duration(SpanRelativeTo::days_are_24_hours())
            .map_err(unknown)?;
        Duration::try_from(signed)
            .ok()
            .filter(|time| (Duration::from_secs(MIN)..=Duration::from_secs(MAX)).contains(time))
            .map(Self)
            .ok_or_else(|| {
                format!(
                    "{text:?} is out of range; expected {} to {}",
                    short(MIN),
                    short(MAX)
                )
            })
    }
}

fn short(seconds: u64) -> String {
    let units = [(24 * 60 * 60, "d"), (60 * 60, "h"), (60, "m")];
    let fitting = units
        .into_iter()
        .find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit));
    fitting.map_or_else(
        || format!("{seconds}s"),
        |(unit, sign)| format!("{}{sign}", seconds / unit),
    )
}

/// A path from the root.
#[derive(Debug)]
pub(super) struct FullPath(pub PathBuf);

impl FromStr for FullPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !Path::new(text).is_absolute() || text.contains('\0') {
            return Err(format!(
                "{text:?} is no full path; expected one that begins with \"/\""
            ));
        }
        Ok(Self(text.into()))
    }
}

/// The path of a Unix socket: `sun_path` holds 107 bytes and a NUL (unix(7)).
#[derive(Debug)]
pub(super) struct SocketPath(pub PathBuf);

impl FromStr for SocketPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let FullPath(path) = text.parse()?;
        if text.len() > 107 {
            return Err(format!(
                "the path of a socket has at most 107 bytes, this one has {}; expected a shorter one",
                text.len()
            ));
        }
        Ok(Self(path))
    }
}

/// A path from the root, or nothing for none.
#[derive(Debug)]
pub(super) struct OptionalPath(pub Option<PathBuf>);

impl FromStr for OptionalPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        text.parse().map(|FullPath(path)| Self(Some(path)))
    }
}

/// A line that people are shown: up to `MAX` bytes, nothing invisible.
#[derive(Debug)]
pub(super) struct Line<const MAX: usize>(pub String);

impl<const MAX: usize> FromStr for Line<MAX> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err(format!(
                "{text:?} shows nothing; expected a text of 1 to {MAX} bytes"
            ));
        }
        if text.len() > MAX {
            return Err(format!(
                "the text has {} bytes; expected at most {MAX}",
                text.len()
            ));
        }
        if let Some(c) = text.chars().find(|c| is_invisible(*c)) {
            return Err(format!(
                "the text holds U+{:04X}; expected no invisible characters",
                u32::from(c)
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// An issuer: a colon would end it in an otpauth URI.
#[derive(Debug)]
pub(super) struct Issuer(pub String);

impl FromStr for Issuer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains(':') {
            return Err(format!(
                "{text:?} holds a colon; expected an issuer without one, since it ends the issuer in a QR code"
            ));
        }
        text.parse().map(|Line::<128>(text)| Self(text))
    }
}

/// The name of a group.
#[derive(Debug)]
pub(super) struct GroupName(pub String);

impl FromStr for GroupName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty()
            || text.trim() != text
            || text.starts_with(['@', '!', '*'])
            || text.chars().any(is_invisible)
        {
            return Err(format!(
                "{text:?} is no group; expected just its name, such as \"wheel\""
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

macro_rules! expected {
    ($($text:literal: $name:ty $(, $(const $limit:ident: $kind:ty),+)?;)*) => {$(
        impl$(<$(const $limit: $kind),+>)? Text for $name {
            const EXPECTED: &str = $text;
        }
    )*};
}

expected! {
    "a length of time such as \"90s\", \"1h30m\" or \"14d\"": Lasting<MIN, MAX>, const MIN: u64, const MAX: u64;
    "a full path such as \"/var/lib/mfa\"": FullPath;
    "a full path such as \"/run/mfa/agent.sock\"": SocketPath;
    "a full path, or \"\" for none": OptionalPath;
    "a text such as \"PIN: \"": Line<MAX>, const MAX: usize;
    "a text such as \"Example\"": Issuer;
    "the name of a group such as \"wheel\"": GroupName;
    "the name of a user such as \"freerad\"": UserName;
    "a way such as \"totp\" or \"totp+pin\"": Way;
    "an address such as \"192.0.2.7\" or a network such as \"192.0.2.0/24\"": Network;
    "a user such as \"anna\", \"@staff\", \"!bob\" or \"*\"": UserPattern;
    "a service such as \"sshd\", \"!sudo\" or \"*\"": ServicePattern;
    "a terminal such as \"tty1\", \"!tty2\" or \"*\"": TerminalPattern;
}

macro_rules! pattern {
    ($($(#[$meta:meta])* $name:ident($parse:path);)*) => {$(
        $(#[$meta])*
        #[derive(Debug)]
        pub(super) struct $name(pub Pattern);

        impl FromStr for $name {
            type Err = PatternError;

            fn from_str(text: &str) -> Result<Self, PatternError> {
                $parse(text).map(Self)
            }
        }

        impl From<$name> for Pattern {
            fn from(pattern: $name) -> Self {
                pattern.0
            }
        }
    )*};
}

pattern! {
    /// An entry of `users`.
    UserPattern(Pattern::user);
    /// An entry of `services`.
    ServicePattern(Pattern::service);
    /// An entry of `tty`.
    TerminalPattern(Pattern::terminal);
}
