//! A line of the users file.

use data_encoding::HEXLOWER_PERMISSIVE;
use jiff::civil::DateTime;
use mfa_protocol::Secret;
use zeroize::Zeroizing;

use super::RefusedLine;
use super::kind::Type;
use super::pin::Pin;
use crate::account::{Device, HashAlgorithm, Kind, base32};

/// The fields of a line.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) line: u64,
    pub(super) user: String,
    pub(super) kind: Type,
    pub(super) pin: Pin,
    pub(super) key: Zeroizing<Vec<u8>>,
    /// The counter where pam_oath begins to search.
    pub(super) counter: u64,
    /// The last code that was accepted.
    pub(super) last: Option<Last>,
}

/// A code that was accepted.
#[derive(Debug)]
pub(super) struct Last {
    pub(super) code: Secret,
    /// Local time of the host that wrote the file.
    pub(super) time: Option<DateTime>,
}

impl Entry {
    /// The device, with its last used step or counter.
    pub(super) fn device(&self, used: Option<u64>) -> Device {
        Device {
            label: None,
            credential_id: None,
            secret: base32(&self.key),
            algorithm: HashAlgorithm::Sha1,
            digits: self.kind.digits,
            kind: match self.kind.period {
                Some(period) => Kind::Time { period, offset: 0 },
                None => Kind::Counter,
            },
            used,
        }
    }
}

/// Parses a line; `None` for a comment or a blank line.
pub(super) fn parse(number: u64, bytes: &[u8]) -> Result<Option<Entry>, RefusedLine> {
    let refused = |user: Option<&str>, reason: &str| RefusedLine {
        user: user.map(str::to_owned),
        line: number,
        reason: reason.to_owned(),
    };
    let text = std::str::from_utf8(bytes).map_err(|_| refused(None, "not UTF-8 text"))?;
    let mut words = text
        .split([' ', '\t', '\r', '\n'])
        .filter(|w| !w.is_empty());
    let Some(first) = words.next().filter(|word| !word.starts_with('#')) else {
        return Ok(None);
    };
    let kind = Type::parse(first).ok_or_else(|| {
        refused(
            None,
            "an unknown type, which pam_oath skips; expected HOTP, HOTP/E, HOTP/T30 or HOTP/T60, \
             with /6, /7 or /8",
        )
    })?;
    let user = words.next().ok_or_else(|| {
        refused(
            None,
            "the user is missing; expected type, user, PIN and key",
        )
    })?;
    if user.chars().any(char::is_control) {
        return Err(refused(None, "the user name contains a control character"));
    }
    let refused = |reason| refused(Some(user), reason);
    let (pin, key) = words
        .next()
        .zip(words.next())
        .ok_or_else(|| refused("the key is missing; expected type, user, PIN and key"))?;
    Ok(Some(Entry {
        line: number,
        user: user.to_owned(),
        kind,
        pin: Pin::parse(pin),
        key: key_bytes(key).ok_or_else(|| {
            refused("the key is not hexadecimal; expected two digits 0-9, a-f for each byte")
        })?,
        counter: counter(words.next()).ok_or_else(|| {
            refused("the counter after the key is not a number; expected 0 or more")
        })?,
        last: last(words.next(), words.next()).ok_or_else(|| {
            refused("the time of the last code is not a time; expected 2026-01-31T23:59:59L")
        })?,
    }))
}

fn key_bytes(hex: &str) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = Zeroizing::new(HEXLOWER_PERMISSIVE.decode(hex.as_bytes()).ok()?);
    (!bytes.is_empty()).then_some(bytes)
}

fn counter(word: Option<&str>) -> Option<u64> {
    word.map_or(Some(0), |word| word.parse().ok())
}

/// `None` if the time can't be read.
fn last(code: Option<&str>, time: Option<&str>) -> Option<Option<Last>> {
    let Some(code) = code else {
        return Some(None);
    };
    let time = match time {
        Some(time) => Some(DateTime::strptime("%Y-%m-%dT%H:%M:%SL", time).ok()?),
        None => None,
    };
    Some(Some(Last {
        code: code.into(),
        time,
    }))
}
