//! `~/.google_authenticator`: a key, options, scratch codes.
//!
//! The first line is the key in base32. Lines that begin with `" ` hold options, of which the module
//! takes the first of a name. Then come scratch codes of eight digits; the first line that is none ends
//! them. Codes are always HMAC-SHA-1 with six digits.
//!
//! As in the module, a counter of 1 or more makes a counter device, whatever else is said; otherwise
//! `TOTP_AUTH` makes one by time. Steps are those of the device: the host's plus `TIME_SKEW`. What
//! makes the module refuse every login (a bad option) refuses the file here.

mod key;
mod notes;
mod options;
mod scratch;

use zeroize::Zeroizing;

use crate::account::{Account, Device, HashAlgorithm, Kind, base32};
use crate::refusal::Refusal;
use options::Options;

/// The largest file that the module reads, in bytes.
pub const MAX_FILE: usize = 64 * 1024;

const DIGITS: u32 = 6;

/// Reads a file of one user. `now` is in seconds since 1970: used steps that lie further ahead than
/// any code could be from are left-overs of another step length, which the module drops, too.
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
            "the file is larger than {MAX_FILE} bytes; google-authenticator refuses it, too"
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

/// What the device counts, and what of it was used.
fn generator(options: &Options, text: &str, now: u64) -> Result<(Kind, Option<u64>), Refusal> {
    // The next counter that is expected: what lies before it was used or passed over.
    if let Some(next) = options.counter {
        return Ok((Kind::Counter, Some(next - 1)));
    }
    // Anywhere in the file, as the module looks for it.
    if !text.contains("\" TOTP_AUTH") {
        return Err(Refusal::whole(
            "neither TOTP_AUTH nor a HOTP_COUNTER of 1 or more in it: google-authenticator refuses \
             every code of this key, so it is not taken over",
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
