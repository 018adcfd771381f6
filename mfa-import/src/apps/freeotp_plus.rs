//! FreeOTP+: tokens with the key as a list of signed bytes. A backup of FreeOTP 2, which is always
//! encrypted, is a serialised object of Java.

use data_encoding::BASE32_NOPAD;
use serde::Deserialize;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::uri::Parts;
use super::{Entry, json};
use crate::refusal::Refusal;

const JAVA_OBJECT: &[u8] = &[0xac, 0xed];

#[derive(Deserialize)]
struct Backup<'a> {
    #[serde(borrow)]
    tokens: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Item {
    #[serde(rename = "type")]
    kind: String,
    algo: Option<String>,
    /// One less than that of the next code, so -1 if there was none.
    counter: Option<i64>,
    digits: Option<u64>,
    issuer_ext: Option<String>,
    issuer_int: Option<String>,
    label: Option<String>,
    period: Option<u64>,
    secret: Zeroizing<Vec<i8>>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Entry>, Refusal> {
    if bytes.starts_with(JAVA_OBJECT) {
        return Err(Refusal::whole(
            "this is a backup of FreeOTP, which is always encrypted. Let Aegis or FreeOTP+ import it, export it there \
             without encryption, and import that",
        ));
    }
    let backup: Backup<'_> = json::whole(bytes, "JSON with \"tokens\", as FreeOTP+ writes it")?;
    Ok(json::entries(&backup.tokens, |number, item: Item| {
        let key: Zeroizing<Vec<u8>> =
            Zeroizing::new(item.secret.iter().map(|b| b.cast_unsigned()).collect());
        let key = Zeroizing::new(BASE32_NOPAD.encode(&key));
        let issuers = [&item.issuer_ext, &item.issuer_int];
        let issuer = issuers
            .into_iter()
            .flatten()
            .find(|issuer| !issuer.trim().is_empty());
        let entry = Parts {
            kind: &item.kind,
            issuer: issuer.map(String::as_str),
            account: item.label.as_deref(),
            key: &key,
            algorithm: item.algo.as_deref(),
            digits: item.digits,
            period: item.period,
            shown: item.counter.and_then(|shown| u64::try_from(shown).ok()),
        };
        Some(entry.entry(number))
    }))
}
