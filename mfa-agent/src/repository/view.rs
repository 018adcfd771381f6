//! Which records are the current ones, and the keys that open them.
//!
//! A restore writes its records beside the current ones, under names that begin with an epoch of their own, and then
//! names that epoch in one record ([`super::state`]). So the whole store changes in one swap, on whichever store, and a
//! cut leaves the old records or the new ones.
//!
//! ```text
//!   account/alice                          a store that was never restored
//!   epoch/00c1ffee00c1ffee/account/alice   after a restore
//!   vault/state                            the epoch, the lasting keys
//! ```

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;

use super::{ACCOUNTS, Key, PLACEHOLDER};
use crate::vault::Vault;

/// Precedes the records of all epochs but the first.
pub(super) const EPOCHS: &[u8] = b"epoch/";

/// Names the records of one restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch(pub(super) [u8; 8]);

/// The current records, and the keys that open them.
pub(super) struct View {
    pub(super) vault: Vault,
    pub(super) epoch: Option<Epoch>,
    prefix: Vec<u8>,
}

impl View {
    pub(super) fn new(vault: Vault, epoch: Option<Epoch>) -> Self {
        Self {
            vault,
            epoch,
            prefix: epoch.map(Epoch::prefix).unwrap_or_default(),
        }
    }

    /// The name of a record in the store.
    pub(super) fn stored<'a>(&self, key: &'a Key) -> Cow<'a, [u8]> {
        self.under(&key.0)
    }

    /// What the names of all accounts in the store begin with.
    pub(super) fn accounts(&self) -> Cow<'static, [u8]> {
        self.under(ACCOUNTS)
    }

    /// The record with this name in the store, if it is one of the current ones.
    pub(super) fn key(&self, stored: &[u8]) -> Option<Key> {
        let key = stored.strip_prefix(self.prefix.as_slice())?;
        let is_record = key.starts_with(ACCOUNTS) || key.starts_with(PLACEHOLDER);
        is_record.then(|| Key(key.to_vec()))
    }

    fn under<'a>(&self, key: &'a [u8]) -> Cow<'a, [u8]> {
        match self.prefix.is_empty() {
            true => Cow::Borrowed(key),
            false => Cow::Owned([&self.prefix, key].concat()),
        }
    }
}

impl Epoch {
    /// What the names of its records begin with.
    pub(super) fn prefix(self) -> Vec<u8> {
        [EPOCHS, self.to_string().as_bytes(), b"/"].concat()
    }

    /// The prefix of the epoch that a record with this name belongs to, whichever it is.
    pub(super) fn prefix_of(stored: &[u8]) -> Option<Vec<u8>> {
        let rest = stored.strip_prefix(EPOCHS)?;
        let end = rest.iter().position(|byte| *byte == b'/')?;
        Some(stored[..=EPOCHS.len() + end].to_vec())
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for Epoch {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| ())?;
        bytes.try_into().map(Self).map_err(|_| ())
    }
}
