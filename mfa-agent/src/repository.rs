//! Stored accounts: loads sealed records and changes them by compare-and-swap.
//!
//! This is the edge between the pure `account` and the `store`. A change is a function of the
//! record; it runs again on the newer record if another change was faster. When
//! [`AccountRepository::change`] returns, the change is durable (rule 1 of the architecture).
//!
//! Names without a record share a bounded number of placeholder records, so that guesses at unknown
//! names take the same time and lock in the same way as guesses at real accounts, however many
//! names are tried.

mod backup;
mod damage;
mod restore;
mod room;
mod rotate;
mod state;
mod sweep;
mod view;
mod watch;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

pub use backup::{BackupRun, Progress};
use damage::Damage;
pub use damage::{Checked, Dropped};
pub use restore::{RestoreError, RestoreRun, RestoreSummary, Step};
pub use room::NoRoom;
pub use rotate::{KeyState, Resealed, RotateError};
pub use state::LastBackup;
use view::{Epoch, View};
use watch::Watch;

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
const PLACEHOLDER: &[u8] = b"stand-in/";

/// How many records are looked at for one that the key opens.
const CHECKED: usize = 100;

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

    /// Whose own record this is.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        std::str::from_utf8(self.0.strip_prefix(ACCOUNTS)?).ok()
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
    /// The new record, if there is one.
    #[must_use]
    pub fn account(&self) -> Option<&Account> {
        match self {
            Self::Same => None,
            Self::Put(account) | Self::PutWithLines(account, _) => Some(account),
        }
    }

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
    /// The record of what is true of all records is no good.
    #[error(
        "the record vault/state, which says which records are the current ones, is damaged ({0}); restore the store \
         from a backup"
    )]
    State(String),
    /// A change of many records would fill the disk.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    /// Too many concurrent changes.
    #[error("too many callers are changing the record of {0:?} at the same time; try again")]
    Contended(String),
}

pub struct AccountRepository {
    store: Box<dyn Store>,
    /// Held for reading by every swap, so that whoever replaces it waits for those under way.
    view: RwLock<Arc<View>>,
    /// A change of the state failed, so the store may have another view than the one in memory.
    is_stale: AtomicBool,
    damage: Damage,
    /// Keys that change while a restore is prepared.
    watch: Watch,
    /// The records of a restore that is being prepared.
    staged: Mutex<Option<Epoch>>,
    rollback: Option<String>,
}

impl AccountRepository {
    /// Accounts in `store`, sealed by `vault`.
    #[must_use]
    pub fn new(store: Box<dyn Store>, vault: Vault) -> Self {
        Self {
            store,
            view: RwLock::new(Arc::new(View::new(vault, None))),
            is_stale: AtomicBool::new(false),
            damage: Damage::default(),
            watch: Watch::default(),
            staged: Mutex::default(),
            rollback: None,
        }
    }

    /// The accounts in a store that may have been restored, or whose key was changed.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when the store can't be read, or these keys do not open it.
    pub fn open(store: Box<dyn Store>, vault: Vault) -> Result<Self, RepositoryError> {
        let repository = Self::new(store, vault);
        repository.keep_lasting()?;
        repository.read_view()?;
        Ok(repository)
    }

    /// The current records and keys.
    fn view(&self) -> Result<Arc<View>, RepositoryError> {
        if self.is_stale.load(Ordering::Acquire) {
            self.read_view()?;
        }
        Ok(self.known_view())
    }

    /// The same as far as this process knows.
    fn known_view(&self) -> Arc<View> {
        Arc::clone(&self.gate())
    }

    /// The same. It is not replaced while this is held.
    fn gate(&self) -> RwLockReadGuard<'_, Arc<View>> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads from the store which records are the current ones.
    fn read_view(&self) -> Result<(), RepositoryError> {
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        let (state, _) = self.state(&view.vault)?;
        *view = Arc::new(state.view(&view.vault)?);
        self.is_stale.store(false, Ordering::Release);
        Ok(())
    }

    /// Makes changes on records of `view`; none if it was replaced meanwhile.
    fn swap_in(
        &self,
        view: &Arc<View>,
        keys: &[&Key],
        changes: &[Change<'_>],
    ) -> Result<Option<Vec<Swap>>, RepositoryError> {
        let gate = self.gate();
        if !Arc::ptr_eq(&gate, view) {
            return Ok(None);
        }
        self.watch.note(keys);
        Ok(Some(self.store.swap_all(changes)?))
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

    /// Makes sure that this key sealed the records. One record that opens is enough; the first ones may be damaged.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when it did not, or the store can't be read.
    pub fn check_key(&self) -> Result<(), RepositoryError> {
        let view = self.view()?;
        let mut refused = None;
        for (stored_key, stored) in self.store.page(b"", None, CHECKED)? {
            match view.vault.open(&stored_key, &stored.bytes) {
                Ok(_) => return Ok(()),
                // The key is the right one, and the record is damaged.
                Err(VaultError::Forged) if refused.is_none() => refused = Some(None),
                Err(error) if refused.is_none() => {
                    let name = String::from_utf8_lossy(&stored_key).into_owned();
                    refused = Some(Some(RepositoryError::Vault(name, error)));
                }
                Err(_) => {}
            }
        }
        match refused.flatten() {
            Some(error) => Err(error),
            None => Ok(()),
        }
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
    pub fn pepper(&self) -> Pepper {
        self.known_view().vault.pepper().clone()
    }

    /// The key of the placeholder record for a name without a record.
    #[must_use]
    pub fn placeholder(&self, user: &UserName) -> Key {
        Key::placeholder(self.known_view().vault.slot(user.as_str(), PLACEHOLDERS))
    }

    /// Always the same one of `choices` for `user`, and unpredictable for others. Adding or
    /// removing a choice moves few users.
    #[must_use]
    pub fn pick<'a>(&self, user: &UserName, choices: &'a [String]) -> Option<&'a String> {
        // Must differ from the placeholder's number: the question would reveal who shares one.
        let rank = |choice: &&String| {
            self.known_view()
                .vault
                .slot(&format!("pick/{user}/{choice}"), u32::MAX)
        };
        choices.iter().max_by_key(rank)
    }

    /// Always the same index of `choices` for `user`, unpredictable for others, and the first in
    /// three of four cases. Adding or removing a choice moves few users.
    #[must_use]
    pub fn lean<T: std::fmt::Display>(&self, user: &UserName, choices: &[T]) -> usize {
        let is_taken = |choice: &T| {
            self.known_view()
                .vault
                .slot(&format!("lean/{user}/{choice}"), 4)
                > 0
        };
        choices.iter().position(is_taken).unwrap_or(0)
    }

    /// The record under `key`.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when it can't be read.
    pub fn load(&self, key: &Key) -> Result<Option<Account>, RepositoryError> {
        let view = self.view()?;
        Ok(self.load_versioned(&view, key)?.map(|(account, _)| account))
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
            let view = self.view()?;
            let (account, revision) = self.load_versioned(&view, key)?.unzip();
            let (after, said) = change(account)?;
            let Some((account, lines)) = after.into_parts() else {
                return Ok(said);
            };
            let stored_key = view.stored(key);
            let sealed = seal(&view, key, &account)?;
            let change = Change {
                key: &stored_key,
                expected: revision.as_ref(),
                new: Some(&sealed),
                line: lines.as_deref(),
            };
            let swapped = self.swap_in(&view, &[key], &[change])?;
            if swapped.is_some_and(|swaps| swaps == [Swap::Done]) {
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
        let view = self.view()?;
        for key in keys {
            let (account, revision) = self.load_versioned(&view, key)?.unzip();
            let (after, words) = change(key, account);
            said.insert(key.clone(), words);
            if let Some((account, lines)) = after.into_parts() {
                let new = seal(&view, key, &account)?;
                sealed.push((key, view.stored(key), revision, new, lines));
            }
        }
        let changes: Vec<Change<'_>> = sealed
            .iter()
            .map(|(_, stored_key, revision, new, lines)| Change {
                key: stored_key,
                expected: revision.as_ref(),
                new: Some(new),
                line: lines.as_deref(),
            })
            .collect();
        let changed: Vec<&Key> = sealed.iter().map(|(key, ..)| *key).collect();
        let swaps = self.swap_in(&view, &changed, &changes)?;
        let swaps = swaps.unwrap_or_else(|| vec![Swap::Conflict; sealed.len()]);
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

    /// Up to `limit` accounts in the order of their names, after `after`. Damaged records are left out, and noted.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when they can't be read.
    pub fn page(
        &self,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, Account)>, RepositoryError> {
        let view = self.view()?;
        let accounts = view.accounts();
        let mut after = after.map(|name| [&accounts, name.as_bytes()].concat());
        let mut page = Vec::new();
        while page.len() < limit {
            let wanted = limit - page.len();
            let records = self.store.page(&accounts, after.as_deref(), wanted)?;
            let is_last = records.len() < wanted;
            for (stored_key, stored) in records {
                let name = String::from_utf8_lossy(&stored_key[accounts.len()..]).into_owned();
                let key = Key([ACCOUNTS, &stored_key[accounts.len()..]].concat());
                let opened = Self::open_in(&view, &key, &stored);
                page.extend(self.listed(opened, &key).map(|account| (name, account)));
                after = Some(stored_key);
            }
            if is_last {
                break;
            }
        }
        Ok(page)
    }

    fn load_versioned(
        &self,
        view: &View,
        key: &Key,
    ) -> Result<Option<(Account, Revision)>, RepositoryError> {
        let Some(stored) = self.store.load(&view.stored(key))? else {
            return Ok(None);
        };
        let account = self.noted(key, &stored, view)?;
        Ok(Some((account, stored.revision)))
    }

    fn open_in(view: &View, key: &Key, stored: &Stored) -> Result<Account, RepositoryError> {
        let plain = view
            .vault
            .open(&view.stored(key), &stored.bytes)
            .map_err(|e| RepositoryError::Vault(printable(key), e))?;
        Account::decode(&plain).map_err(|e| RepositoryError::Record(printable(key), e))
    }
}

fn seal(view: &View, key: &Key, account: &Account) -> Result<Vec<u8>, RepositoryError> {
    let plain = account
        .encode()
        .map_err(|e| RepositoryError::Record(printable(key), e))?;
    view.vault
        .seal(&view.stored(key), nonce()?, &plain)
        .map_err(|e| RepositoryError::Vault(printable(key), e))
}

fn nonce() -> Result<[u8; 24], RepositoryError> {
    let mut nonce = [0; 24];
    getrandom::fill(&mut nonce).map_err(RepositoryError::Random)?;
    Ok(nonce)
}

fn printable(key: &Key) -> String {
    String::from_utf8_lossy(&key.0).into_owned()
}

#[cfg(test)]
mod tests;
