//! Texts that people are shown, names of groups, and PINs that nobody may choose.

use std::str::FromStr;

use mfa_core::factors::pin::{BannedPin, MAX_PIN, MIN_PIN};
use mfa_core::names::is_invisible;

/// A line that people are shown: up to `MAX` bytes, nothing invisible.
#[derive(Debug)]
pub(in crate::config) struct Line<const MAX: usize>(pub String);

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
pub(in crate::config) struct Issuer(pub String);

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
pub(in crate::config) struct GroupName(pub String);

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

/// A PIN that nobody may choose.
#[derive(Debug)]
pub(in crate::config) struct EasyPin(pub BannedPin);

impl FromStr for EasyPin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        BannedPin::new(text)
            .map(Self)
            .map_err(|_| format!("{text:?} is no PIN; expected {MIN_PIN} to {MAX_PIN} digits"))
    }
}
