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
mod change;
mod current;
mod damage;
mod found;
mod merge;
mod pace;
mod records;
mod remembered;
mod restore;
mod room;
mod rotate;
mod state;
mod sweep;
mod turns;
mod view;
mod watch;

use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Instant;

pub use backup::{BackupRun, Progress};
pub use change::ManyChanged;
use current::{FirstSeen, Patience};
use damage::Damage;
pub use damage::{Checked, Dropped};
pub use found::{Found, Remembered};
pub use merge::{MergeOutcome, MergeRow, MergeRun, MergedChunk};
use pace::Pace;
use remembered::Lent;
pub use restore::{Abandoned, RestoreError, RestoreRun, RestoreSummary, Step};
pub use room::NoRoom;
pub use rotate::{HostKeys, KeyState, Prepared, Resealed, RotateError};
pub use state::LastBackup;
use turns::Turns;
use view::{Epoch, SEALED, View, is_sealed};
use watch::Watch;

use crate::store::{Fleet, KnownState, Store, StoreError, WriteOut};
use crate::vault::{KeyError, KeySource, Vault, VaultError};
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
/// A user's record in a shared store of which nobody can tell whose it is, since it can't be opened.
const HIDDEN: &[u8] = b"hidden/";

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

    /// The key of the record of the user with this name.
    fn of_name(name: &str) -> Self {
        Self([ACCOUNTS, name.as_bytes()].concat())
    }

    /// The key of the placeholder record for a name without a record.
    fn placeholder(view: &View, user: &UserName) -> Self {
        let slot = view.vault.slot(user.as_str(), PLACEHOLDERS);
        Self(format!("stand-in/{slot:05}").into_bytes())
    }

    /// Whose own record this is.
    fn into_name(self) -> Option<String> {
        self.user().map(str::to_owned)
    }

    /// Whether this is a user's own record.
    #[must_use]
    pub fn is_account(&self) -> bool {
        self.0.starts_with(ACCOUNTS)
    }

    /// Whether this is a user's own record in a shared store, and nobody can tell whose.
    fn is_hidden(&self) -> bool {
        self.0.starts_with(HIDDEN)
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
    Store(StoreError),
    /// A change was sent to a shared store, and no answer says what became of it.
    #[error("{0}. The change may have been made all the same")]
    Unknown(StoreError),
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
    /// A shared store without its state.
    #[error(
        "the record vault/state, which says which records are the current ones, is missing in the shared store: somebody \
         removed it from etcd. Find out who did. To go on, put back a snapshot of etcd that has it. Without one, begin again \
         with a backup, on one host: etcdctl del --prefix PREFIX (the prefix of [store]), mfa-agent --init, systemctl \
         restart mfa-agent, mfactl restore FILE; and on each other host: mfa-agent --init, systemctl restart mfa-agent"
    )]
    NoState,
    /// Somebody put an older state back.
    #[error(
        "the record vault/state, which says which key seals and which records are the current ones, was set back to an \
         older one (its change no. {0}): it was written into etcd, or a snapshot was restored. Find out who did. To accept \
         it, on each host: mfa-agent --init, and restart the agent: systemctl restart mfa-agent"
    )]
    OlderState(u64),
    /// Somebody who has a key that was replaced made a state.
    #[error(
        "the record vault/state, which says which key seals and which records are the current ones, is sealed with the key \
         {0}, which was replaced: who has that key wrote it into etcd. Find out who did, and take that key from all hosts. \
         To accept it, on each host: mfa-agent --init, and restart the agent: systemctl restart mfa-agent"
    )]
    RetiredKey(String),
    /// The key of a shared store is not here.
    #[error(
        "the shared store is sealed with key {sealed}, and this host has {here}, so it serves nobody. Copy the key file \
         of a host that works to {}, owned by the agent's user with mode 0600, and restart the agent", file.display()
    )]
    OtherKey {
        sealed: String,
        here: String,
        /// Where the key belongs.
        file: PathBuf,
    },
    /// A restore on another host stops all changes.
    #[error(
        "a restore on {0} is replacing all records, and nothing may change until it ends, which takes seconds. If {0} is \
         gone: mfactl restore --abandon"
    )]
    Frozen(String),
    /// The other hosts write records that this version does not know.
    #[error(
        "the hosts of this store write records of format {0}, but this version knows only formats up to {1}; upgrade \
         mfa-agent"
    )]
    NewerHosts(u32, u32),
    /// Other hosts could not read the record any more.
    #[error(
        "this needs records of format {0}, and other hosts of this store know only formats up to {1}; upgrade mfa-agent \
         on them first. To list them: mfactl hosts"
    )]
    OlderHosts(u32, u32),
    /// This host's keys can't be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Too many concurrent changes.
    #[error("too many callers are changing the record of {0:?} at the same time; try again")]
    Contended(String),
}

impl From<StoreError> for RepositoryError {
    fn from(error: StoreError) -> Self {
        match error.is_unknown() {
            true => Self::Unknown(error),
            false => Self::Store(error),
        }
    }
}

impl RepositoryError {
    /// Whether a change may have been made all the same.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }
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
    /// Held while the view is read.
    turn: Mutex<()>,
    /// Who changes which record of a shared store.
    turns: Turns,
    /// What is remembered, and lent to logins.
    lent: Lent,
    /// How soon first prompts come.
    pace: Pace,
    /// Where a key is looked for that other hosts seal with.
    keys: Option<KeySource>,
    /// An administrator was told that this host's key file holds an earlier key.
    was_told: AtomicBool,
    /// The name of this host, where others share the store.
    host: String,
    frozen_since: Mutex<FirstSeen>,
    /// When the store was last asked for the key, for the notice of this host.
    looked_at: Mutex<Option<Instant>>,
    patience: Patience,
}

impl AccountRepository {
    /// Accounts in `store`, sealed by `vault`.
    #[must_use]
    pub fn new(store: Box<dyn Store>, vault: Vault) -> Self {
        let view = View::new(vault, None, store.is_shared());
        Self {
            store,
            view: RwLock::new(Arc::new(view)),
            is_stale: AtomicBool::new(true),
            damage: Damage::default(),
            watch: Watch::default(),
            staged: Mutex::default(),
            rollback: None,
            turn: Mutex::default(),
            turns: Turns::default(),
            lent: Lent::default(),
            pace: Pace::default(),
            keys: None,
            was_told: AtomicBool::new(false),
            host: String::new(),
            frozen_since: Mutex::default(),
            looked_at: Mutex::default(),
            patience: Patience::default(),
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
        repository.view()?;
        Ok(repository)
    }

    /// The accounts in a store that other hosts share. This host is called `host`, and has the keys of `keys`. No server
    /// is asked: [`AccountRepository::prepare`] does that, or the first call.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when the key can't be read.
    pub fn open_shared(
        store: Box<dyn Store>,
        keys: KeySource,
        host: String,
    ) -> Result<Self, RepositoryError> {
        let vault = Vault::with(&keys.load_ring()?, None);
        Ok(Self {
            keys: Some(keys),
            host,
            ..Self::new(store, vault)
        })
    }

    /// Reads which records of a shared store are the current ones, and ends a restore that an earlier start of this host
    /// left. If it fails, each call tries again to read them.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`] when the store can't be read, the key is not the one of the store, or it has no state.
    pub fn prepare(&self) -> Result<(), RepositoryError> {
        self.view()?;
        self.end_left_over_restore()
    }

    /// Whether a shared store has neither a state nor records.
    ///
    /// # Errors
    ///
    /// A [`StoreError`] when it can't be read.
    pub fn is_empty_store(store: &dyn Store) -> Result<bool, StoreError> {
        for prefix in SEALED {
            if !store.page(prefix, None, 1)?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Writes the first state of a shared store in which there is nothing, or makes sure that these keys open the one
    /// that is there. Returns whether it was written, and what to remember of it.
    ///
    /// # Errors
    ///
    /// A [`RepositoryError`], also if there are records without a state.
    pub fn init_shared(
        store: Box<dyn Store>,
        keys: KeySource,
    ) -> Result<(bool, KnownState), RepositoryError> {
        let vault = Vault::with(&keys.load_ring()?, None);
        let repository = Self {
            keys: Some(keys),
            ..Self::new(store, vault)
        };
        let is_first = match repository.view() {
            Err(RepositoryError::NoState) if Self::is_empty_store(&*repository.store)? => {
                repository.write_first_state(&repository.known_view().vault)?
            }
            opened => opened.map(|_| false)?,
        };
        let (state, _) = repository.state(&repository.view()?.vault)?;
        Ok((is_first, state.known()))
    }

    /// The same accounts, with a text for administrators: the store was set back to an older state.
    #[must_use]
    pub fn rolled_back(self, rollback: String) -> Self {
        Self {
            rollback: Some(rollback),
            ..self
        }
    }

    /// The other hosts and the servers, if hosts share the store.
    #[must_use]
    pub fn fleet(&self) -> Option<&dyn Fleet> {
        self.store.fleet()
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
        let page = self.store.page(b"", None, CHECKED)?.into_iter();
        for (stored_key, stored) in page.filter(|(key, _)| is_sealed(key)) {
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

    /// Keeps for the next start how far a shared store has come. It asks no server.
    pub fn keep(&self) {
        if let Some(fleet) = self.fleet() {
            fleet.keep();
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
        Key::placeholder(&self.known_view(), user)
    }

    /// Always the same one of `choices` for `user`, and unpredictable for others. Adding or
    /// removing a choice moves few users.
    #[must_use]
    pub fn pick<'a>(&self, user: &UserName, choices: &'a [String]) -> Option<&'a String> {
        let vault = &self.known_view().vault;
        // Must differ from the placeholder's number: the question would reveal who shares one.
        let rank = |choice: &&String| vault.slot(format_args!("pick/{user}/{choice}"), u32::MAX);
        choices.iter().max_by_key(rank)
    }

    /// Always the same index of `choices` for `user`, unpredictable for others, and the first in
    /// three of four cases. Adding or removing a choice moves few users.
    #[must_use]
    pub fn lean<T: std::fmt::Display>(&self, user: &UserName, choices: &[T]) -> usize {
        let vault = &self.known_view().vault;
        let is_taken = |choice: &T| vault.slot(format_args!("lean/{user}/{choice}"), 4) > 0;
        match choices {
            [] | [_] => 0,
            _ => choices.iter().position(is_taken).unwrap_or(0),
        }
    }
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
mod fleet_tests;
#[cfg(test)]
mod tests;
