//! Accounts at rest: loading, changing and swapping sealed records.
//!
//! The edge between the pure `account` and the `store`. A change is a function of the record; it is
//! run, sealed and swapped in, and run again on the newer record when somebody else was faster. When
//! [`AccountRepository::change`] returns, what it did is durable (rule 1 of the architecture).
//!
//! Names without a record share a bounded number of stand-in records: guesses at them take the same
//! time and lock in the same way as those at real accounts, whoever asks for however many names.

use std::collections::BTreeMap;

use crate::store::{Change, Revision, Store, StoreError, Stored, Swap, WriteOut};
use crate::vault::{Vault, VaultError};
use mfa_core::account::{Account, RecordError};
use mfa_core::factors::recovery::Pepper;
use mfa_core::names::UserName;

/// How many stand-in records there are.
const STAND_INS: u32 = 65_536;

/// How often a change is run again on a newer record. Each conflict means that another change went
/// through, so this is reached only when thousands fight over one account.
const MAX_CONFLICTS: u32 = 10_000;

const ACCOUNTS: &[u8] = b"account/";

/// Names a record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(Vec<u8>);

impl Key {
    /// The record of a user.
    #[must_use]
    pub fn account(user: &UserName) -> Self {
        Self([ACCOUNTS, user.as_str().as_bytes()].concat())
    }

    fn stand_in(slot: u32) -> Self {
        Self(format!("stand-in/{slot:05}").into_bytes())
    }

    /// Whether this is a user's own record.
    #[must_use]
    pub fn is_account(&self) -> bool {
        self.0.starts_with(ACCOUNTS)
    }
}

/// What a change leaves.
pub enum After {
    /// The record as it was; nothing is written.
    Same,
    /// This record. It is written even if it equals the old one.
    Put(Box<Account>),
    /// The same, and with it these lines of the audit log: both are durable, or neither.
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
    /// The seal.
    #[error("the record of {0:?} does not open: {1}")]
    Vault(String, VaultError),
    #[error("the record of {0:?}: {1}")]
    Record(String, RecordError),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
    /// Too many at once.
    #[error("the record of {0:?} is being changed by too many at once; try again")]
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

    /// The same accounts, with what administrators are told of a store that was set back to an older state.
    #[must_use]
    pub fn rolled_back(self, rollback: String) -> Self {
        Self {
            rollback: Some(rollback),
            ..self
        }
    }

    /// What [`AccountRepository::rolled_back`] was given.
    #[must_use]
    pub fn rollback(&self) -> Option<&str> {
        self.rollback.as_deref()
    }

    /// Makes sure that the key is the one that the records were sealed with. One record tells: all
    /// are sealed with the same.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when it is not, or the store can't be read.
    pub fn check_key(&self) -> Result<(), RepositoryError> {
        let Some((key, stored)) = self.store.page(b"", None, 1)?.pop() else {
            return Ok(());
        };
        self.open(&Key(key), &stored).map(|_| ())
    }

    /// The lines of the audit log that changes carried and that it may lack, oldest first ([`Store::lines`]).
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when they can't be read.
    pub fn lines(&self) -> Result<Vec<Vec<u8>>, RepositoryError> {
        Ok(self.store.lines()?)
    }

    /// Has the store call this before it forgets lines ([`Store::before_forgetting`]).
    pub fn before_forgetting(&self, write_out: WriteOut) {
        self.store.before_forgetting(write_out);
    }

    /// What recovery codes are hashed with.
    #[must_use]
    pub fn pepper(&self) -> &Pepper {
        self.vault.pepper()
    }

    /// The stand-in for a name that has no record.
    #[must_use]
    pub fn stand_in(&self, user: &UserName) -> Key {
        Key::stand_in(self.vault.slot(user.as_str(), STAND_INS))
    }

    /// One of `choices` that is always the same for `user`, and that nobody can foretell. A choice more or
    /// less moves few users to another.
    #[must_use]
    pub fn pick<'a>(&self, user: &UserName, choices: &'a [String]) -> Option<&'a String> {
        // Not the same number as the stand-in's: the question would tell who shares one.
        let rank = |choice: &&String| self.vault.slot(&format!("pick/{user}/{choice}"), u32::MAX);
        choices.iter().max_by_key(rank)
    }

    /// The position of one of `choices`, three times in four the first, that is always the same for `user` and that nobody
    /// can foretell. A choice more or less moves few users to another.
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

    /// The user's account; one without anything if there is none.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when it can't be read.
    pub fn account(&self, user: &UserName) -> Result<Account, RepositoryError> {
        Ok(self.load(&Key::account(user))?.unwrap_or_default())
    }

    /// Runs `change` on the record under `key` until its result could be swapped in, and returns what
    /// it said. What was written is durable then.
    ///
    /// # Errors
    ///
    /// Whatever `change` refuses with; a [`RepositoryError`] when the record can't be read or written.
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

    /// Runs `change` on many records at once, each for itself, with one flush for all. Those that
    /// somebody else changed meanwhile are run again.
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

    /// Up to `limit` accounts in the order of their names, after the one called `after`.
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
