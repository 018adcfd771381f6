//! 2FAS: schemas 1 to 4. Schema 1 has neither lengths nor periods, and knows TOTP only; an encrypted
//! backup has `servicesEncrypted`.

use mfa_protocol::Secret;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::uri::Parts;
use super::{Entry, json};
use crate::refusal::Refusal;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Backup<'a> {
    #[serde(borrow)]
    services: Vec<&'a RawValue>,
    #[serde(borrow)]
    services_encrypted: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Item {
    name: Option<String>,
    secret: Secret,
    #[serde(default)]
    otp: Otp,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Otp {
    account: Option<String>,
    issuer: Option<String>,
    digits: Option<u64>,
    period: Option<u64>,
    algorithm: Option<String>,
    counter: Option<u64>,
    token_type: Option<String>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Entry>, Refusal> {
    let backup: Backup<'_> = json::whole(bytes, "JSON with \"services\", as 2FAS writes it")?;
    if backup
        .services_encrypted
        .is_some_and(|it| it.get() != "null")
    {
        return Err(Refusal::whole(
            "this backup of 2FAS is encrypted. Export it without: in 2FAS, Settings > 2FAS Backup > Export, \
             and set no password",
        ));
    }
    Ok(json::entries(&backup.services, |number, item: Item| {
        let issuer = item.name.filter(|name| !name.trim().is_empty());
        let entry = Parts {
            kind: item.otp.token_type.as_deref().unwrap_or("totp"),
            issuer: issuer.as_deref().or(item.otp.issuer.as_deref()),
            account: item.otp.account.as_deref(),
            key: item.secret.expose(),
            algorithm: item.otp.algorithm.as_deref(),
            digits: item.otp.digits,
            period: item.otp.period,
            shown: item.otp.counter,
        };
        Some(entry.entry(number))
    }))
}
