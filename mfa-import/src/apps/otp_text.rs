//! The one text in which password managers keep a device: an `otpauth://` URI, a bare key, or the
//! form of the plugin KeeOtp.

use mfa_protocol::Secret;

use super::uri::Parts;
use super::{Entry, name};
use crate::refusal::Refusal;

/// The longest URI, in bytes: a line of `mfactl import uris` is as long.
const MAX_URI: usize = 8 * 1024;

/// The entry of such a text. The manager's own names come before those of a URI.
pub(super) fn entry(number: u64, title: Option<&str>, account: Option<&str>, text: &str) -> Entry {
    let text = text.trim();
    if let Some(parts) = kee_otp(text) {
        return Parts {
            issuer: title,
            account,
            ..parts
        }
        .entry(number);
    }
    if !text.contains("://") {
        return Parts {
            kind: "totp",
            issuer: title,
            account,
            key: text,
            ..Parts::default()
        }
        .entry(number);
    }
    let (its_issuer, its_account) = names(text);
    Entry {
        number,
        account: name(account).or(its_account),
        issuer: name(title).or(its_issuer),
        uri: checked(text),
    }
}

fn checked(text: &str) -> Result<Secret, Refusal> {
    if text.len() > MAX_URI {
        return Err(Refusal::whole(format!(
            "its URI is longer than {MAX_URI} bytes"
        )));
    }
    Ok(Secret::from(text))
}

/// `key=…&size=6&step=30&otpHashMode=SHA1`.
fn kee_otp(text: &str) -> Option<Parts<'_>> {
    let value = |name: &str| {
        text.split('&')
            .find_map(|part| part.split_once('=').filter(|(its, _)| *its == name))
            .map(|(_, value)| value)
    };
    Some(Parts {
        kind: "totp",
        key: value("key")?,
        digits: value("size").and_then(|size| size.parse().ok()),
        period: value("step").and_then(|step| step.parse().ok()),
        algorithm: value("otpHashMode"),
        ..Parts::default()
    })
}

/// The issuer and the account that a URI names.
fn names(uri: &str) -> (Option<String>, Option<String>) {
    let rest = uri.split_once("://").map_or("", |(_, rest)| rest);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let label = path.split_once('/').map_or("", |(_, label)| label);
    let label = decoded(label, false);
    let issuer = query
        .split('&')
        .find_map(|part| part.strip_prefix("issuer="))
        .map(|value| decoded(value, true));
    match label.split_once(':') {
        Some((before, account)) => (
            name(issuer.as_deref()).or_else(|| name(Some(before))),
            name(Some(account)),
        ),
        None => (name(issuer.as_deref()), name(Some(&label))),
    }
}

/// Without percent signs; one with no two hexadecimal digits behind it stays.
fn decoded(text: &str, plus_is_blank: bool) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = match byte {
            b'%' => digit(at + 1).zip(digit(at + 2)),
            _ => None,
        };
        let escaped = escaped.and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
        let as_is = if plus_is_blank && byte == b'+' {
            b' '
        } else {
            byte
        };
        plain.push(escaped.unwrap_or(as_is));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&plain).into_owned()
}
