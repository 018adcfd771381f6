//! Aegis: a vault of version 1 (`docs/vault.md` of the app). In an encrypted one `db` is a text.

use mfa_protocol::Secret;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::uri::Parts;
use super::{Entry, json};
use crate::refusal::Refusal;

#[derive(Deserialize)]
struct Vault<'a> {
    #[serde(borrow)]
    db: &'a RawValue,
}

#[derive(Deserialize)]
struct Database<'a> {
    #[serde(borrow)]
    entries: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: String,
    name: Option<String>,
    issuer: Option<String>,
    info: Info,
}

#[derive(Deserialize)]
struct Info {
    secret: Secret,
    algo: Option<String>,
    digits: Option<u64>,
    period: Option<u64>,
    counter: Option<u64>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Entry>, Refusal> {
    let vault: Vault<'_> = json::whole(bytes, "JSON with \"db\", as Aegis writes it")?;
    if vault.db.get().starts_with('"') {
        return Err(Refusal::whole(
            "this vault of Aegis is encrypted. Export it without: in Aegis, Settings > Import & Export > Export, \
             format Aegis (.JSON), and switch \"Encrypt the vault\" off",
        ));
    }
    let database: Database<'_> = json::whole(
        vault.db.get().as_bytes(),
        "a list of entries, as Aegis writes it",
    )?;
    Ok(json::entries(&database.entries, |number, item: Item| {
        let entry = Parts {
            kind: &item.kind,
            issuer: item.issuer.as_deref(),
            account: item.name.as_deref(),
            key: item.info.secret.expose(),
            algorithm: item.info.algo.as_deref(),
            digits: item.info.digits,
            period: item.info.period,
            // The app counts on when the user asks for the next code, and shows the stored one until then.
            shown: item.info.counter,
        };
        Some(entry.entry(number))
    }))
}
