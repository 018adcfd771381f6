//! Bitwarden, and what writes its formats (Vaultwarden): JSON or CSV. Logins without a key are
//! passed over. In an encrypted export `encrypted` is true.

use mfa_protocol::Secret;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Entry, json, otp_text};
use crate::csv::Table;
use crate::refusal::Refusal;

#[derive(Deserialize)]
struct Vault<'a> {
    #[serde(default)]
    encrypted: bool,
    #[serde(borrow, default)]
    items: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Item {
    name: Option<String>,
    login: Option<Login>,
}

#[derive(Deserialize)]
struct Login {
    username: Option<String>,
    totp: Option<Secret>,
}

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Entry>, Refusal> {
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first != Some(&b'{') {
        return from_csv(bytes);
    }
    let vault: Vault<'_> = json::whole(bytes, "JSON with \"items\", as Bitwarden writes it")?;
    if vault.encrypted {
        return Err(Refusal::whole(
            "this export of Bitwarden is encrypted. Export it without: Tools > Export vault, file format .json or .csv, \
             not \".json (Encrypted)\"",
        ));
    }
    Ok(json::entries(&vault.items, |number, item: Item| {
        let login = item.login?;
        let totp = login.totp.filter(|totp| !totp.expose().trim().is_empty())?;
        Some(otp_text::entry(
            number,
            item.name.as_deref(),
            login.username.as_deref(),
            totp.expose(),
        ))
    }))
}

fn from_csv(bytes: &[u8]) -> Result<Vec<Entry>, Refusal> {
    let table = Table::read(bytes)?;
    let totp = table.column(&["login_totp"]).ok_or_else(|| {
        Refusal::whole(
            "there is no column login_totp; expected JSON or CSV, as Bitwarden writes it",
        )
    })?;
    let (name, user) = (table.column(&["name"]), table.column(&["login_username"]));
    let entry = |row: &crate::csv::Row| {
        let text = row
            .cell(Some(totp))
            .filter(|text| !text.trim().is_empty())?;
        Some(otp_text::entry(
            row.number,
            row.cell(name),
            row.cell(user),
            text,
        ))
    };
    Ok(table.rows.iter().filter_map(entry).collect())
}
