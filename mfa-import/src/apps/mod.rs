//! Reads what authenticator apps and password managers export without encryption: Aegis, andOTP,
//! 2FAS, FreeOTP+, Bitwarden, Ente Auth and KeePassXC.
//!
//! The bytes of one file come in, and an [`Entry`] comes out for each account that has a key: its
//! names, and its `otpauth://` URI or why there is none. The agent judges the URI as it judges
//! every other one. An encrypted export is recognised, and the refusal says how to export without.
//!
//! An app that shows the code of the counter that it stores may have shown it to somebody: such a
//! counter counts as used.

mod aegis;
mod andotp;
mod bitwarden;
mod ente;
mod freeotp_plus;
mod json;
mod keepassxc;
mod otp_text;
mod twofas;
mod uri;

use mfa_protocol::Secret;

use crate::refusal::Refusal;

/// The largest export that is read, in bytes.
pub const MAX_FILE: usize = 16 << 20;

/// The most entries with a key that an export can have.
pub const MAX_ENTRIES: usize = 10_000;

/// The longest name of an account or an issuer, in bytes. Longer ones are cut.
pub const MAX_NAME: usize = 256;

/// The program that wrote the export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum App {
    /// Aegis, JSON.
    Aegis,
    /// andOTP, JSON.
    AndOtp,
    /// Bitwarden and what is compatible with it, JSON or CSV.
    Bitwarden,
    /// Ente Auth, lines of URIs.
    Ente,
    /// FreeOTP+, JSON.
    FreeOtpPlus,
    /// KeePassXC, CSV or XML.
    KeePassXc,
    /// 2FAS, JSON.
    TwoFas,
}

impl App {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Aegis,
        Self::AndOtp,
        Self::Bitwarden,
        Self::Ente,
        Self::FreeOtpPlus,
        Self::KeePassXc,
        Self::TwoFas,
    ];
}

/// An account of the export.
#[derive(Debug)]
pub struct Entry {
    /// Counted from 1, in the order of the file, entries without a key included.
    pub number: u64,
    /// The account's name.
    pub account: Option<String>,
    /// The service that the account belongs to.
    pub issuer: Option<String>,
    /// The device as an `otpauth://` URI, or why it can't be used.
    pub uri: Result<Secret, Refusal>,
}

/// Reads an export.
///
/// # Errors
///
/// A [`Refusal`] if the file is not an export of this program without encryption.
pub fn read(app: App, bytes: &[u8]) -> Result<Vec<Entry>, Refusal> {
    if bytes.len() > MAX_FILE {
        return Err(Refusal::whole(format!(
            "the file is larger than {} MiB",
            MAX_FILE >> 20
        )));
    }
    // Editors on other systems put a mark before the first character.
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let entries = match app {
        App::Aegis => aegis::read(bytes),
        App::AndOtp => andotp::read(bytes),
        App::Bitwarden => bitwarden::read(bytes),
        App::Ente => ente::read(bytes),
        App::FreeOtpPlus => freeotp_plus::read(bytes),
        App::KeePassXc => keepassxc::read(bytes),
        App::TwoFas => twofas::read(bytes),
    }?;
    if entries.is_empty() {
        return Err(Refusal::whole("the export holds no account with a key"));
    }
    if entries.len() > MAX_ENTRIES {
        return Err(Refusal::whole(format!(
            "the export holds more than {MAX_ENTRIES} accounts"
        )));
    }
    Ok(entries)
}

/// A name that is worth keeping: trimmed, not empty, not too long.
fn name(text: Option<&str>) -> Option<String> {
    let text = text?.trim();
    let mut end = text.len().min(MAX_NAME);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (end > 0).then(|| text[..end].to_owned())
}

#[cfg(test)]
mod tests;
