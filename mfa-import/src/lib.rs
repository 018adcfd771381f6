//! Reads the second factors that other programs keep: google-authenticator's files, pam_oath's
//! users file, the QR codes that Google Authenticator exports, what other apps and password managers
//! export, the files in which makers of tokens deliver keys, and OpenSSH's `authorized_keys`.
//!
//! Bytes come in, and [`Account`]s come out: devices with their last used code, scratch codes, a
//! PIN, and notes on settings that can't be imported. This crate opens and sends nothing, and takes
//! the time as a parameter. Errors name the line and what was expected, but never repeat a word of
//! the file, because any word may be a key.
//!
//! A code that the old module would refuse as used is refused after the import, too. When in doubt,
//! a code counts as used.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod account;
pub mod apps;
pub mod authorized_keys;
mod code;
mod csv;
pub mod google;
pub mod migration;
pub mod oath;
mod refusal;
pub mod tokens;
mod xml;

pub use account::{Account, Device, HashAlgorithm, Kind};
pub use refusal::Refusal;
