//! Reads `~/.google_authenticator`: a key, options and scratch codes.
//!
//! The first line is the key in base32. Lines that begin with `" ` are options; the first of a name
//! counts. Scratch codes of eight digits follow, up to the first line that is not one. Codes are
//! always HMAC-SHA-1 with six digits.
//!
//! As in pam_google_authenticator, a counter of 1 or more makes an HOTP device; otherwise
//! `TOTP_AUTH` makes a TOTP device, whose steps are the host's plus `TIME_SKEW`. An option that
//! makes that module refuse every login makes the import refuse the file.

mod key;
mod notes;
mod options;
mod scratch;

use zeroize::Zeroizing;

use crate::account::{Account, Device, HashAlgorithm, Kind, base32};
use crate::refusal::Refusal;
use options::Options;

/// The largest file that pam_google_authenticator reads, in bytes.
pub const MAX_FILE: usize = 64 * 1024;

const DIGITS: u32 = 6;

/// Reads the file of one user.
///
/// `now` is in seconds since 1970. Used steps beyond every code that is valid now come from an
/// earlier step length and are dropped, as pam_google_authenticator does.
///
/// # Errors
///
/// A [`Refusal`] with the line.
pub fn read(file: &[u8], now: u64) -> Result<Account, Refusal> {
    let text = text(file)?;
    let key: Zeroizing<Vec<u8>> = key::decode(text.split('\n').next().unwrap_or_default())?;
    let options = Options::read(text)?;
    let (kind, used) = generator(&options, text, now)?;
    let scratch = scratch::read(text);
    let mut notes = notes::of(&options, kind);
    notes.extend(scratch.note);
    Ok(Account {
        devices: vec![Device {
            label: None,
            credential_id: None,
            secret: base32(&key),
            algorithm: HashAlgorithm::Sha1,
            digits: DIGITS,
            kind,
            used,
        }],
        scratch_codes: Some(scratch.codes),
        pin: None,
        notes,
    })
}

fn text(file: &[u8]) -> Result<&str, Refusal> {
    if file.is_empty() {
        return Err(Refusal::whole("the file is empty; expected a key first"));
    }
    if file.len() > MAX_FILE {
        return Err(Refusal::whole(format!(
            "the file is larger than {MAX_FILE} bytes; google-authenticator refuses it too"
        )));
    }
    let line = |until: &[u8]| 1 + until.iter().filter(|&&b| b == b'\n').count() as u64;
    if let Some(at) = file.iter().position(|&b| b == 0) {
        return Err(Refusal::line(
            line(&file[..at]),
            "a NUL byte; expected text",
        ));
    }
    std::str::from_utf8(file)
        .map_err(|e| Refusal::line(line(&file[..e.valid_up_to()]), "not UTF-8 text"))
}

/// The moving factor, and the last step or counter that was used.
fn generator(options: &Options, text: &str, now: u64) -> Result<(Kind, Option<u64>), Refusal> {
    // The file names the next expected counter; all counters before it are used.
    if let Some(next) = options.counter {
        return Ok((Kind::Counter, Some(next - 1)));
    }
    // pam_google_authenticator looks for this option anywhere in the file.
    if !text.contains("\" TOTP_AUTH") {
        return Err(Refusal::whole(
            "the file has neither TOTP_AUTH nor a HOTP_COUNTER of 1 or more: google-authenticator \
             refuses every code of this key, so it is not imported",
        ));
    }
    let kind = Kind::Time {
        period: options.step,
        offset: options.skew,
    };
    let reach = options.skew.saturating_add_unsigned(options.window);
    let latest = (now / options.step).saturating_add_signed(reach);
    let used = options.used.iter().flatten().copied();
    Ok((kind, used.filter(|step| *step <= latest).max()))
}

#[cfg(test)]
mod tests;
