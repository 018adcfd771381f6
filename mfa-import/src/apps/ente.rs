//! Ente Auth: a line for each URI, with what the app shows in `codeDisplay`. An encrypted export is
//! JSON with `encryptedData`. FreeOTP+ and others export such lines too.
//!
//! The counter of a URI is that of the next code, but the app writes the one whose code it shows.

use mfa_protocol::Secret;

use super::{Entry, otp_text};
use crate::refusal::Refusal;

pub(super) fn read(bytes: &[u8]) -> Result<Vec<Entry>, Refusal> {
    let text = std::str::from_utf8(bytes).map_err(|_| Refusal::whole("the file is not text"))?;
    if text.trim_start().starts_with('{') {
        return Err(Refusal::whole(
            "this is JSON, so it is an encrypted export of Ente Auth. Export it without: in Ente Auth, Settings > \
             Data > Export codes > Plain text",
        ));
    }
    let entry = |(number, line): (u64, &str)| {
        let line = line.trim();
        if line.is_empty() {
            return None;
        }
        if !line.contains("://") {
            return Some(Entry {
                number,
                account: None,
                issuer: None,
                uri: Err(Refusal::whole("expected otpauth://…")),
            });
        }
        let entry = otp_text::entry(number, None, None, line);
        Some(Entry {
            uri: entry.uri.map(after_shown),
            ..entry
        })
    };
    Ok((1..).zip(text.lines()).filter_map(entry).collect())
}

/// The URI with the counter of the next code.
fn after_shown(uri: Secret) -> Secret {
    let text = uri.expose();
    let starts = ["?counter=", "&counter="];
    let Some(start) = starts.iter().find_map(|it| Some(text.find(it)? + it.len())) else {
        return uri;
    };
    let (before, rest) = text.split_at(start);
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (counter, after) = rest.split_at(digits);
    match counter.parse::<u64>() {
        Ok(shown) => {
            let next = shown.saturating_add(1).to_string();
            let mut uri = String::with_capacity(before.len() + next.len() + after.len());
            uri.extend([before, &next, after]);
            Secret::new(uri)
        }
        Err(_) => uri,
    }
}
