//! andOTP: a list of entries. An encrypted backup is not JSON, and has no mark of its own.

use mfa_protocol::Secret;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::uri::Parts;
use super::{Entry, json};
use crate::refusal::Refusal;

#[derive(Deserialize)]
struct Item {
    secret: Secret,
    label: Option<String>,
    issuer: Option<String>,
    digits: Option<u64>,
    /// Backups of old versions have TOTP only, and do not say so.
    #[serde(rename = "type")]
    kind: Option<String>,
    algorithm: Option<String>,
    period: Option<u64>,
    counter: Option<u64>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Entry>, Refusal> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if !matches!(first, Some(b'[' | b'{')) {
        return Err(Refusal::whole(
            "this is not JSON, so it is not a plain backup of andOTP (an encrypted one ends in .json.aes or .gpg). \
             Export it without: in andOTP, Backups > Plain-text > Backup all entries",
        ));
    }
    let list: Vec<&RawValue> = json::whole(bytes, "a list of entries, as andOTP writes it")?;
    Ok(json::entries(&list, |number, item: Item| {
        let entry = Parts {
            kind: item.kind.as_deref().unwrap_or("totp"),
            issuer: item.issuer.as_deref(),
            account: item.label.as_deref(),
            key: item.secret.expose(),
            algorithm: item.algorithm.as_deref(),
            digits: item.digits,
            period: item.period,
            shown: item.counter,
        };
        Some(entry.entry(number))
    }))
}
