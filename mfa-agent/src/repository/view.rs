//! Which records are the current ones, what they are called in the store, and the keys that open them.
//!
//! A restore writes its records beside the current ones, under names that begin with an epoch of their own, and then
//! names that epoch in one record ([`super::state`]). So the whole store changes in one swap, on whichever store, and a
//! cut leaves the old records or the new ones.
//!
//! A store that many hosts share is read by others: by its servers, and by who has their disks. There a keyed hash
//! replaces each user's name, and the name is sealed together with the record.
//!
//! ```text
//!   account/alice                          a store of one host that was never restored
//!   account/2f6b0d1a…                      a shared store
//!   epoch/00c1ffee00c1ffee/account/alice   after a restore
//!   vault/state                            the epoch, the lasting keys
//! ```

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{ACCOUNTS, HIDDEN, Key, PLACEHOLDER};
use crate::store::Revision;
use crate::vault::{Vault, VaultError};

/// Precedes the records of all epochs but the first.
pub(super) const EPOCHS: &[u8] = b"epoch/";

/// The record of what is true of all records.
pub(super) const STATE: &[u8] = b"vault/state";

/// The bytes before a hidden name: its length.
const LENGTH: usize = 2;

/// Names the records of one restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Epoch(pub(super) [u8; 8]);

/// A restore of a shared store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Restoring {
    /// Names its records.
    pub(super) epoch: String,
    /// The host that does it.
    pub(super) host: String,
    /// When it was begun, by the clock of that host.
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    pub(super) at: Timestamp,
    /// Whether nothing may change until its end.
    #[serde(default)]
    pub(super) frozen: bool,
}

impl Restoring {
    /// Whether it is the restore of these records.
    pub(super) fn is(&self, epoch: Epoch) -> bool {
        self.epoch == epoch.to_string()
    }
}

/// The current records, and the keys that open them.
pub(super) struct View {
    pub(super) vault: Vault,
    pub(super) epoch: Option<Epoch>,
    /// Whether names are hidden.
    is_hidden: bool,
    /// The state that says all this. In a shared store each change is guarded by it.
    pub(super) state: Option<Revision>,
    /// The records that a restore on some host of a shared store prepares.
    pub(super) staged: Option<Epoch>,
    /// The restore that stops all changes.
    pub(super) frozen: Option<Restoring>,
    /// The newest format of records that all hosts read.
    pub(super) format: Option<u32>,
    prefix: Vec<u8>,
}

impl View {
    pub(super) fn new(vault: Vault, epoch: Option<Epoch>, is_hidden: bool) -> Self {
        Self {
            vault,
            epoch,
            is_hidden,
            state: None,
            staged: None,
            frozen: None,
            format: None,
            prefix: epoch.map(Epoch::prefix).unwrap_or_default(),
        }
    }

    /// The records of a restore, before they are the current ones.
    pub(super) fn restored(&self, vault: Vault, epoch: Epoch) -> Self {
        Self {
            format: self.format,
            ..Self::new(vault, Some(epoch), self.is_hidden)
        }
    }

    /// The same records with more or fewer keys.
    pub(super) fn with_vault(&self, vault: Vault) -> Self {
        Self {
            vault,
            state: self.state.clone(),
            frozen: self.frozen.clone(),
            prefix: self.prefix.clone(),
            ..*self
        }
    }

    /// Whether each name is replaced by a keyed hash.
    pub(super) fn is_hidden(&self) -> bool {
        self.is_hidden
    }

    /// The name of a record in the store.
    pub(super) fn stored<'a>(&self, key: &'a Key) -> Cow<'a, [u8]> {
        if let Some(hidden) = key.0.strip_prefix(HIDDEN)
            && self.is_hidden
        {
            return Cow::Owned([&self.prefix, ACCOUNTS, hidden].concat());
        }
        if self.is_hidden && key.is_account() {
            let hidden = self.vault.hidden_name(&key.0);
            return Cow::Owned([&self.prefix, ACCOUNTS, hidden.as_bytes()].concat());
        }
        self.under(&key.0)
    }

    /// What the names of all accounts in the store begin with.
    pub(super) fn accounts(&self) -> Cow<'static, [u8]> {
        self.under(ACCOUNTS)
    }

    /// What the names of records of a kind begin with.
    pub(super) fn under<'a>(&self, key: &'a [u8]) -> Cow<'a, [u8]> {
        match self.prefix.is_empty() {
            true => Cow::Borrowed(key),
            false => Cow::Owned([&self.prefix, key].concat()),
        }
    }

    /// The record with this name in the store, if it is one of the current ones. Whose a hidden one is can't be told.
    pub(super) fn key(&self, stored: &[u8]) -> Option<Key> {
        let key = stored.strip_prefix(self.prefix.as_slice())?;
        match key.strip_prefix(ACCOUNTS) {
            Some(hidden) if self.is_hidden => Some(Key([HIDDEN, hidden].concat())),
            Some(_) => Some(Key(key.to_vec())),
            None => key.starts_with(PLACEHOLDER).then(|| Key(key.to_vec())),
        }
    }

    /// Opens a current record: whose it is, and what it holds.
    pub(super) fn open(
        &self,
        stored: &[u8],
        sealed: &[u8],
    ) -> Result<(Key, Zeroizing<Vec<u8>>), VaultError> {
        let mut plain = self.vault.open(stored, sealed)?;
        if !self.is_hidden {
            let key = self.key(stored).ok_or(VaultError::Forged)?;
            return Ok((key, plain));
        }
        let (length, rest) = plain.split_first_chunk().ok_or(VaultError::Malformed)?;
        let length = usize::from(u16::from_be_bytes(*length));
        let key = Key(rest.get(..length).ok_or(VaultError::Malformed)?.to_vec());
        if *self.stored(&key) != *stored {
            return Err(VaultError::Forged);
        }
        plain.drain(..LENGTH + length);
        Ok((key, plain))
    }

    /// Seals a record; in a shared store together with its name.
    pub(super) fn seal(
        &self,
        key: &Key,
        nonce: [u8; 24],
        plain: &[u8],
    ) -> Result<Vec<u8>, VaultError> {
        let stored = self.stored(key);
        if !self.is_hidden {
            return self.vault.seal(&stored, nonce, plain);
        }
        let length = u16::try_from(key.0.len()).map_err(|_| VaultError::TooLong)?;
        let size = LENGTH + key.0.len() + plain.len();
        let mut named = Zeroizing::new(Vec::with_capacity(size));
        named.extend_from_slice(&length.to_be_bytes());
        named.extend_from_slice(&key.0);
        named.extend_from_slice(plain);
        self.vault.seal(&stored, nonce, &named)
    }
}

/// What the names of all records begin with that are sealed with the key of the records.
pub(super) const SEALED: [&[u8]; 5] = [ACCOUNTS, PLACEHOLDER, HIDDEN, EPOCHS, STATE];

/// Whether a record with this name in the store is sealed with the key of the records.
pub(super) fn is_sealed(stored: &[u8]) -> bool {
    SEALED.iter().any(|prefix| stored.starts_with(prefix))
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
