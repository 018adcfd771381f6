//! Reads the files in which makers of tokens deliver keys: PSKC (RFC 6030) and tables of seeds (CSV).
//!
//! The bytes of one file come in, and a [`Token`] comes out for each key: its serial number and
//! other names, and its device or why it can't be used.

pub mod csv;
pub mod pskc;

use crate::account::Device;
use crate::refusal::Refusal;

/// The largest file that is read, in bytes.
pub const MAX_FILE: usize = 16 << 20;

/// The most tokens in a file.
pub const MAX_TOKENS: usize = 20_000;

/// The longest label and serial number, in bytes.
const MAX_LABEL: usize = 64;

/// The shortest and the longest key, in bytes.
const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 10..=128;

/// A token of a file.
#[derive(Debug)]
pub struct Token {
    /// The line of a table, or the number of the key in PSKC, from 1.
    pub place: u64,
    /// The serial number, as it is written on the token.
    pub serial: Option<String>,
    /// The name that the file gives it, else its serial number.
    pub name: Option<String>,
    /// The user that the file names.
    pub user: Option<String>,
    /// The device, or why it can't be used.
    pub device: Result<Device, Refusal>,
    /// One sentence for each thing that the file asks for and that does not apply here.
    pub notes: Vec<String>,
}

/// Whether a file is small enough.
fn bounded(bytes: &[u8]) -> Result<(), Refusal> {
    if bytes.len() > MAX_FILE {
        return Err(Refusal::whole(format!(
            "the file is larger than {} MiB",
            MAX_FILE >> 20
        )));
    }
    Ok(())
}

/// Whether the list is one that can be used.
fn counted(tokens: Vec<Token>) -> Result<Vec<Token>, Refusal> {
    if tokens.is_empty() {
        return Err(Refusal::whole("the file holds no token"));
    }
    if tokens.len() > MAX_TOKENS {
        return Err(Refusal::whole(format!(
            "the file holds more than {MAX_TOKENS} tokens; split it"
        )));
    }
    Ok(tokens)
}

/// A name that is worth keeping: trimmed, not empty, not too long.
fn name(text: Option<&str>) -> Option<String> {
    let text = text?.trim();
    let mut end = text.len().min(MAX_LABEL);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    (end > 0).then(|| text[..end].to_owned())
}

fn check_length(key: &[u8]) -> Result<(), Refusal> {
    if KEY_LENGTHS.contains(&key.len()) {
        return Ok(());
    }
    Err(Refusal::whole(format!(
        "its key has {} bytes; expected {} to {}",
        key.len(),
        KEY_LENGTHS.start(),
        KEY_LENGTHS.end()
    )))
}

/// The last used counter, from that of the next code.
fn used_before(next: u64) -> Option<u64> {
    next.checked_sub(1)
}

#[cfg(test)]
mod tests;
