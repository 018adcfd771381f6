//! Texts that users see, names, and banned PINs.

use mfa_core::factors::pin::{BannedPin, MAX_PIN, MIN_PIN};
use mfa_core::factors::security_key::KEY_TYPES;
use mfa_core::names::is_invisible;
use mfa_core::policy::Pattern;

/// The longest issuer, in bytes.
const MAX_ISSUER: usize = 128;

/// A line that people are shown: up to `max` bytes, nothing invisible.
pub(in crate::config) fn line(text: &str, max: usize) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err(format!(
            "{text:?} shows nothing; expected a text of 1 to {max} bytes"
        ));
    }
    if text.len() > max {
        return Err(format!(
            "the text has {} bytes; expected at most {max}",
            text.len()
        ));
    }
    match text.chars().find(|c| is_invisible(*c)) {
        None => Ok(text.to_owned()),
        Some(c) => Err(format!(
            "the text contains U+{:04X}; expected no invisible characters",
            u32::from(c)
        )),
    }
}

/// An issuer: a colon would end it in an otpauth URI.
pub(super) fn issuer(text: &str) -> Result<String, String> {
    if text.contains(':') {
        return Err(format!(
            "{text:?} contains a colon, which would end the issuer in a QR code; expected an \
             issuer without a colon"
        ));
    }
    line(text, MAX_ISSUER)
}

/// The name of a group.
pub(super) fn group(text: &str) -> Result<String, String> {
    if text.is_empty()
        || text.trim() != text
        || text.starts_with(['@', '!', '*'])
        || text.chars().any(is_invisible)
    {
        return Err(format!(
            "{text:?} is not a group; expected a name only, such as \"wheel\""
        ));
    }
    Ok(text.to_owned())
}

/// The name of one service, in lower case, as libpam hands it to modules.
pub(super) fn service(text: &str) -> Result<String, String> {
    let is_pattern = text == "*" || text.starts_with('!');
    if is_pattern || Pattern::service(text).is_err() {
        return Err(format!(
            "{text:?} is not a service; expected a name only, such as \"sudo\""
        ));
    }
    Ok(text.to_ascii_lowercase())
}

/// A banned PIN.
pub(super) fn easy_pin(text: &str) -> Result<BannedPin, String> {
    BannedPin::new(text)
        .map_err(|_| format!("{text:?} is not a PIN; expected {MIN_PIN} to {MAX_PIN} digits"))
}

/// The types of keys that are meant: one, or all with this beginning.
pub(super) fn key_types(text: &str) -> Result<Vec<&'static str>, String> {
    let is_meant = |name: &&str| match text.strip_suffix('*') {
        Some(begins) => name.starts_with(begins),
        None => **name == *text,
    };
    let meant: Vec<_> = KEY_TYPES.into_iter().filter(is_meant).collect();
    match meant.is_empty() {
        false => Ok(meant),
        true => Err(format!(
            "{text:?} is no type of keys that can be verified here; expected one of {}, or the beginning of some with \
             \"*\", such as \"sk-*\"",
            KEY_TYPES.map(|name| format!("{name:?}")).join(", ")
        )),
    }
}
