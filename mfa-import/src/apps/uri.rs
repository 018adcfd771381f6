//! Writes what an app keeps as an `otpauth://` URI, without judging it: that is the agent's to do.

use std::fmt::Write;

use mfa_protocol::Secret;

use super::{Entry, name};
use crate::refusal::Refusal;

/// The longest key, in characters of base32: four times what any hash uses.
const MAX_KEY: usize = 1024;

/// The fields of a device, as the app writes them.
#[derive(Default)]
pub(super) struct Parts<'a> {
    /// `totp`, `hotp`, or something else, in any case.
    pub(super) kind: &'a str,
    pub(super) issuer: Option<&'a str>,
    pub(super) account: Option<&'a str>,
    /// In base32.
    pub(super) key: &'a str,
    pub(super) algorithm: Option<&'a str>,
    pub(super) digits: Option<u64>,
    pub(super) period: Option<u64>,
    /// The counter of the code shown last, all codes up to which count as used.
    pub(super) shown: Option<u64>,
}

impl Parts<'_> {
    /// The entry of these fields.
    pub(super) fn entry(&self, number: u64) -> Entry {
        Entry {
            number,
            account: name(self.account),
            issuer: name(self.issuer),
            uri: self.uri(),
        }
    }

    fn uri(&self) -> Result<Secret, Refusal> {
        let kind = match self.kind.to_ascii_lowercase().as_str() {
            "totp" => "totp",
            "hotp" => "hotp",
            "steam" => "steam",
            _ => {
                return Err(Refusal::whole(
                    "its kind of code is not supported; TOTP and HOTP are",
                ));
            }
        };
        let key = self.key.trim().trim_end_matches('=');
        if key.is_empty() {
            return Err(Refusal::whole("it has no key"));
        }
        if key.len() > MAX_KEY {
            return Err(Refusal::whole(format!(
                "its key is longer than {MAX_KEY} characters"
            )));
        }
        // The capacity is never exceeded, so no unwiped copy of the key is left behind.
        let names = 2 * 3 * super::MAX_NAME + 3 * super::MAX_NAME;
        let mut uri = String::with_capacity(3 * MAX_KEY + names + 256);
        // Writing to a string can't fail.
        let _ = write!(uri, "otpauth://{kind}/");
        let (issuer, account) = (name(self.issuer), name(self.account));
        // A colon stands between the two.
        let part = |name: &str| name.replace(':', "_");
        if let Some(issuer) = &issuer {
            escape(&mut uri, &part(issuer));
            uri.push(':');
        }
        escape(&mut uri, &part(account.as_deref().unwrap_or("device")));
        uri.push_str("?secret=");
        escape(&mut uri, key);
        if let Some(issuer) = &issuer {
            uri.push_str("&issuer=");
            escape(&mut uri, issuer);
        }
        if let Some(algorithm) = self.algorithm.map(str::trim).filter(|it| !it.is_empty()) {
            uri.push_str("&algorithm=");
            escape(&mut uri, algorithm.get(..32).unwrap_or(algorithm));
        }
        if let Some(digits) = self.digits {
            let _ = write!(uri, "&digits={digits}");
        }
        if let Some(period) = self.period.filter(|_| kind != "hotp") {
            let _ = write!(uri, "&period={period}");
        }
        if kind == "hotp" {
            let next = self.shown.map_or(0, |shown| shown.saturating_add(1));
            let _ = write!(uri, "&counter={next}");
        }
        Ok(Secret::new(uri))
    }
}

/// Escapes all but unreserved characters (RFC 3986 §2.3).
fn escape(uri: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                uri.push(char::from(byte));
            }
            other => {
                let _ = write!(uri, "%{other:02X}");
            }
        }
    }
}
