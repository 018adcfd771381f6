//! Stored accounts: loads sealed records and changes them by compare-and-swap.
//!
//! This is the edge between the pure `account` and the `store`. A change is a function of the
//! record; it runs again on the newer record if another change was faster. When
//! [`AccountRepository::change`] returns, the change is durable (rule 1 of the architecture).
//!
//! Names without a record share a bounded number of placeholder records, so that guesses at unknown
//! names take the same time and lock in the same way as guesses at real accounts, however many
//! names are tried.

use std::collections::BTreeMap;

use crate::store::{Change, Revision, Store, StoreError, Stored, Swap, WriteOut};
use crate::vault::{Vault, VaultError};
use mfa_core::account::{Account, RecordError};
use mfa_core::factors::recovery::Pepper;
use mfa_core::names::UserName;

/// Number of placeholder records.
const PLACEHOLDERS: u32 = 65_536;

/// How often a change is retried. Each conflict means that another change went through, so only
/// thousands of callers on one account reach this.
const MAX_CONFLICTS: u32 = 10_000;

const ACCOUNTS: &[u8] = b"account/";

/// The key of a record in the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Vec<u8>);

impl Key {
    /// The key of a user's record.
    #[must_use]
    pub fn account(user: &UserName) -> Self {
        Self([ACCOUNTS, user.as_str().as_bytes()].concat())
    }

    fn placeholder(slot: u32) -> Self {
        Self(format!("stand-in/{slot:05}").into_bytes())
    }

    /// Whether this is a user's own record.
    #[must_use]
    pub fn is_account(&self) -> bool {
        self.0.starts_with(ACCOUNTS)
    }
}

/// What a change does to the record.
pub enum After {
    /// Leaves it as it was; nothing is written.
    Same,
    /// Replaces it; it is written even if it equals the old one.
    Put(Box<Account>),
    /// Replaces it, together with these lines of the audit log: both are durable, or neither.
    PutWithLines(Box<Account>, Vec<u8>),
}

impl After {
    fn into_parts(self) -> Option<(Box<Account>, Option<Vec<u8>>)> {
        match self {
            Self::Same => None,
            Self::Put(account) => Some((account, None)),
            Self::PutWithLines(account, lines) => Some((account, Some(lines))),
        }
    }
}

/// Why a record could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The record can't be opened or sealed.
    #[error("the record of {0:?} can't be opened: {1}")]
    Vault(String, VaultError),
    #[error("the record of {0:?} can't be decoded: {1}")]
    Record(String, RecordError),
    /// The system gave no random bytes.
    #[error("the system provides no random bytes: {0}")]
    Random(getrandom::Error),
    /// Too many concurrent changes.
    #[error("too many callers are changing the record of {0:?} at the same time; try again")]
    Contended(String),
}

pub struct AccountRepository {
    store: Box<dyn Store>,
    vault: Vault,
    rollback: Option<String>,
}

impl AccountRepository {
    /// Accounts in `store`, sealed by `vault`.
    #[must_use]
    pub fn new(store: Box<dyn Store>, vault: Vault) -> Self {
        Self {
            store,
            vault,
            rollback: None,
        }
    }

    /// The same accounts, with a text for administrators: the store was set back to an older state.
    #[must_use]
    pub fn rolled_back(self, rollback: String) -> Self {
        Self {
            rollback: Some(rollback),
            ..self
        }
    }

    /// The text given to [`AccountRepository::rolled_back`].
    #[must_use]
    pub fn rollback(&self) -> Option<&str> {
        self.rollback.as_deref()
    }

    /// Makes sure that this key sealed the records. One record is enough to check, because all have
    /// the same key.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when it did not, or the store can't be read.
    pub fn check_key(&self) -> Result<(), RepositoryError> {
        let Some((key, stored)) = self.store.page(b"", None, 1)?.pop() else {
            return Ok(());
        };
        self.open(&Key(key), &stored).map(|_| ())
    }

    /// Lines of the audit log that changes carried and that the log may lack, oldest first
    /// ([`Store::lines`]).
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when they can't be read.
    pub fn lines(&self) -> Result<Vec<Vec<u8>>, RepositoryError> {
        Ok(self.store.lines()?)
    }

    /// Makes the store call this before it forgets lines ([`Store::before_forgetting`]).
    pub fn before_forgetting(&self, write_out: WriteOut) {
        self.store.before_forgetting(write_out);
    }

    /// The key for hashing recovery codes.
    #[must_use]
    pub fn pepper(&self) -> &Pepper {
        self.vault.pepper()
    }

    /// The key of the placeholder record for a name without a record.
    #[must_use]
    pub fn placeholder(&self, user: &UserName) -> Key {
        Key::placeholder(self.vault.slot(user.as_str(), PLACEHOLDERS))
    }

    /// Always the same one of `choices` for `user`, and unpredictable for others. Adding or
    /// removing a choice moves few users.
    #[must_use]
    pub fn pick<'a>(&self, user: &UserName, choices: &'a [String]) -> Option<&'a String> {
        // Must differ from the placeholder's number: the question would reveal who shares one.
        let rank = |choice: &&String| self.vault.slot(&format!("pick/{user}/{choice}"), u32::MAX);
        choices.iter().max_by_key(rank)
    }

    /// Always the same index of `choices` for `user`, unpredictable for others, and the first in
    /// three of four cases. Adding or removing a choice moves few users.
    #[must_use]
    pub fn lean<T: std::fmt::Display>(&self, user: &UserName, choices: &[T]) -> usize {
        let is_taken = |choice: &T| self.vault.slot(&format!("lean/{user}/{choice}"), 4) > 0;
        choices.iter().position(is_taken).unwrap_or(0)
    }

    /// The record under `key`.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when it can't be read.
    pub fn load(&self, key: &Key) -> Result<Option<Account>, RepositoryError> {
        Ok(self.load_versioned(key)?.map(|(account, _)| account))
    }

    /// The user's account; an empty one if there is none.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when it can't be read.
    pub fn account(&self, user: &UserName) -> Result<Account, RepositoryError> {
        Ok(self.load(&Key::account(user))?.unwrap_or_default())
    }

    /// Runs `change` on the record under `key` until its result is swapped in, and returns its
    /// value. The change is durable then.
    ///
    /// # Errors
    ///
    /// The error of `change`, or a [`RepositoryError`] when the record can't be read or written.
    pub fn change<T, E: From<RepositoryError>>(
        &self,
        key: &Key,
        mut change: impl FnMut(Option<Account>) -> Result<(After, T), E>,
    ) -> Result<T, E> {
        for _ in 0..MAX_CONFLICTS {
            let (account, revision) = self.load_versioned(key)?.unzip();
            let (after, said) = change(account)?;
            let Some((account, lines)) = after.into_parts() else {
                return Ok(said);
            };
            let sealed = self.seal(key, &account)?;
            let change = Change {
                key: &key.0,
                expected: revision.as_ref(),
                new: Some(&sealed),
                line: lines.as_deref(),
            };
            if self.store.swap(change).map_err(RepositoryError::from)? == Swap::Done {
                return Ok(said);
            }
        }
        Err(RepositoryError::Contended(printable(key)).into())
    }

    /// Runs `change` on many records, each on its own, with one flush for all. Records that changed
    /// meanwhile are retried.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when records can't be read or written.
    pub fn change_all<T>(
        &self,
        keys: &[Key],
        mut change: impl FnMut(&Key, Option<Account>) -> (After, T),
    ) -> Result<BTreeMap<Key, T>, RepositoryError> {
        let mut said = BTreeMap::new();
        let mut sealed = Vec::with_capacity(keys.len());
        for key in keys {
            let (account, revision) = self.load_versioned(key)?.unzip();
            let (after, words) = change(key, account);
            said.insert(key.clone(), words);
            if let Some((account, lines)) = after.into_parts() {
                sealed.push((key, revision, self.seal(key, &account)?, lines));
            }
        }
        let changes: Vec<Change<'_>> = sealed
            .iter()
            .map(|(key, revision, new, lines)| Change {
                key: &key.0,
                expected: revision.as_ref(),
                new: Some(new),
                line: lines.as_deref(),
            })
            .collect();
        let swaps = self.store.swap_all(&changes)?;
        for ((key, ..), _) in sealed
            .iter()
            .zip(swaps)
            .filter(|(_, swap)| *swap == Swap::Conflict)
        {
            let words = self.change(key, |account| {
                Ok::<_, RepositoryError>(change(key, account))
            })?;
            said.insert((*key).clone(), words);
        }
        Ok(said)
    }

    /// Up to `limit` accounts in the order of their names, after `after`.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when they can't be read.
    pub fn page(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Account)>, RepositoryError> {
        let after = after.map(|name| [ACCOUNTS, name.as_bytes()].concat());
        let page = self.store.page(ACCOUNTS, after.as_deref(), limit)?;
        page.into_iter()
            .map(|(key, stored)| {
                let name = String::from_utf8_lossy(&key[ACCOUNTS.len()..]).into_owned();
                Ok((name, self.open(&Key(key), &stored)?))
            })
            .collect()
    }

    fn load_versioned(&self, key: &Key) -> Result<Option<(Account, Revision)>, RepositoryError> {
        let Some(stored) = self.store.load(&key.0)? else {
            return Ok(None);
        };
        let account = self.open(key, &stored)?;
        Ok(Some((account, stored.revision)))
    }

    fn open(&self, key: &Key, stored: &Stored) -> Result<Account, RepositoryError> {
        let plain = self
            .vault
            .open(&key.0, &stored.bytes)
            .map_err(|e| RepositoryError::Vault(printable(key), e))?;
        Account::decode(&plain).map_err(|e| RepositoryError::Record(printable(key), e))
    }

    fn seal(&self, key: &Key, account: &Account) -> Result<Vec<u8>, RepositoryError> {
        let plain = account
            .encode()
            .map_err(|e| RepositoryError::Record(printable(key), e))?;
        let mut nonce = [0; 24];
        getrandom::fill(&mut nonce).map_err(RepositoryError::Random)?;
        self.vault
            .seal(&key.0, nonce, &plain)
            .map_err(|e| RepositoryError::Vault(printable(key), e))
    }
}

fn printable(key: &Key) -> String {
    String::from_utf8_lossy(&key.0).into_owned()
}
