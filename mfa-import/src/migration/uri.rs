//! Writes a device as the URI that every other app writes
//! (<https://github.com/google/google-authenticator/wiki/Key-Uri-Format>).

use std::fmt::Write;

use mfa_protocol::Secret;

use crate::account::{Device, Kind};

/// The `otpauth://` URI of a device. Its counter is the next one; an offset can't be written.
#[must_use]
pub fn otpauth(device: &Device) -> Secret {
    let label = device.label.as_deref().unwrap_or("device");
    let label = escape(label);
    let host = match device.kind {
        Kind::Time { .. } => "totp",
        Kind::Counter => "hotp",
    };
    let key = device.secret.expose();
    // The capacity is never exceeded, so no unwiped copy of the key is left behind.
    let mut uri = String::with_capacity(key.len() + 2 * label.len() + 160);
    // Writing to a string can't fail.
    let _ = write!(
        uri,
        "otpauth://{host}/{label}?secret={key}&issuer={label}&algorithm={}&digits={}",
        device.algorithm, device.digits
    );
    let _ = match device.kind {
        Kind::Time { period, .. } => write!(uri, "&period={period}"),
        Kind::Counter => {
            let next = device.used.map_or(0, |used| used.saturating_add(1));
            write!(uri, "&counter={next}")
        }
    };
    Secret::new(uri)
}

/// Escapes all but unreserved characters (RFC 3986 §2.3): a colon would separate issuer and name.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.replace(':', "_").bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            other => {
                let _ = write!(escaped, "%{other:02X}");
            }
        }
    }
    escaped
}
