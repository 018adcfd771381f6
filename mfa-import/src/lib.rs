//! Reads what other second factors keep: google-authenticator's files, pam_oath's users file, and the
//! QR codes that Google Authenticator exports.
//!
//! Bytes come in, and [`Account`]s go out: devices with what was already used of them, scratch codes, a
//! PIN, and notes of what has no counterpart here. Nothing is opened or sent, and the time is a
//! parameter. What the module that wrote a file could not use itself is refused with its line and what
//! was expected; no complaint and no note ever repeats a word of the file, because any word may be a key.
//!
//! The rule for what was used: a code that the old module would refuse as used is refused after the
//! import, too. Where a file leaves room for doubt, a code too many is refused rather than one too few.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod account;
mod code;
pub mod google;
pub mod migration;
pub mod oath;
mod refusal;

pub use account::{Account, Device, HashAlgorithm, Kind};
pub use refusal::Refusal;
