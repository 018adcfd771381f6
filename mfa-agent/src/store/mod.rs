//! Stores records.
//!
//! A store knows keys and bytes, but no accounts. A record can be changed in one way (rule 2 of the
//! architecture): load it with its revision, and swap it if the revision is still current. When a
//! swap returns, it is durable: it survives a crash and a power cut. Records are sealed already
//! (`vault`), so no store ever sees a secret.

mod background;
mod ballast;
mod commit;
#[cfg(test)]
mod contract;
mod cursor;
mod disk;
pub mod etcd;
mod fault;
pub mod fleet;
mod folder;
mod instance;
mod journal;
mod layers;
mod legacy;
mod lines;
pub mod memory;
mod merge;
mod merging;
mod piece;
mod record;
mod settling;
mod shared;
#[cfg(test)]
mod simulated;
pub mod sled;
mod snapshot;
mod sorted;
mod sorting;
mod table;
#[cfg(test)]
mod torture;
mod writer;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use data_encoding::HEXLOWER;
pub use etcd::EtcdStore;
pub use fleet::{Fleet, KnownState, StateFit};
pub use memory::MemoryStore;
pub use sled::SledStore;
pub use snapshot::{Record, Snapshot};
pub(crate) use table::free_what_was_replaced;

/// A store of sealed records.
pub trait Store: Send + Sync {
    /// The record under `key`, with its revision.
    ///
    /// It may show a change whose swap is not durable yet. A swap that builds on it is safe: it
    /// becomes durable together with everything before it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it can't be read.
    fn load(&self, key: &[u8]) -> Result<Option<Stored>, StoreError>;

    /// The same for a change that ends in a swap, which proves that the record is the newest. A
    /// store that is far away may answer from memory, so nothing may be decided by this record
    /// unless its swap is [`Swap::Done`]; after a conflict the newer record is loaded.
    ///
    /// # Errors
    ///
    /// As [`Store::load`].
    fn load_for_swap(&self, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        self.load(key)
    }

    /// This thread forgets what it has found before. How long the first look-up of a login takes must not tell whose
    /// login was before it (rule 8).
    fn forget_found(&self) {}

    /// What is remembered of the records under `keys`, in their order; none unless it is remembered
    /// of all of them, and the store can be used. No server is asked, so it may be old: nothing may
    /// be decided by it unless a swap proves that it was the newest.
    fn remembered(&self, _keys: &[&[u8]]) -> Option<Vec<Option<Stored>>> {
        None
    }

    /// Whether the state of a record that is remembered came from this one by changes of this process
    /// alone: each of them has proved that the one before was the newest.
    fn is_succession(&self, _key: &[u8], _from: &Revision) -> bool {
        false
    }

    /// The latest moment that is known without a word to a server.
    fn known_moment(&self) -> Moment {
        Moment(0)
    }

    /// Whether a record was surely in this state at `moment`, or earlier.
    fn was_by(&self, _revision: &Revision, _moment: Moment) -> bool {
        false
    }

    /// The records under `keys`, in their order. A record is read no earlier than those before it.
    ///
    /// # Errors
    ///
    /// As [`Store::load`].
    fn load_all(&self, keys: &[&[u8]]) -> Result<Vec<Option<Stored>>, StoreError> {
        keys.iter().map(|key| self.load(key)).collect()
    }

    /// Makes each of `changes` on its own, with one flush for all, and returns once they are
    /// durable. All `guards` hold at the moment of each change that is made. If one does not hold,
    /// there is no result, and no change was made, or of many only the first ones.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when they can't be made durable; then the state of each is unknown.
    fn swap_all_if(
        &self,
        guards: &[Guard<'_>],
        changes: &[Change<'_>],
    ) -> Result<Option<Vec<Swap>>, StoreError>;

    /// Up to `limit` keys and records that begin with `prefix` and come after `after`, in the order
    /// of their keys.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when they can't be read.
    fn page(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Stored)>, StoreError>;

    /// All records as they are now, to be read while changes go on.
    ///
    /// # Errors
    ///
    /// As [`Store::page`].
    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError>;

    /// Lines that changes carried before the store was opened, and that the audit log may lack,
    /// oldest first. The line of a failed swap may be among them. Call it once.
    ///
    /// # Errors
    ///
    /// As [`Store::page`].
    fn lines(&self) -> Result<Vec<Vec<u8>>, StoreError>;

    /// Sets a function that the store calls before it forgets lines. If it fails for long, the
    /// store keeps a bounded number and drops the oldest.
    ///
    /// `write_out` makes the line of every finished change durable in the audit log, and returns
    /// whether it did. A thread of the store calls it and may wait for disks and running changes,
    /// so no change may wait for it.
    fn before_forgetting(&self, write_out: WriteOut);

    /// The room on the disk; none if there is no bound.
    ///
    /// # Errors
    ///
    /// As [`Store::page`].
    fn room(&self) -> Result<Option<Room>, StoreError> {
        Ok(None)
    }

    /// The same, before a part of many changes. Merges that take much room wait meanwhile.
    ///
    /// # Errors
    ///
    /// As [`Store::page`].
    fn room_for_bulk(&self) -> Result<Option<Room>, StoreError> {
        self.room()
    }

    /// Now, for [`Store::changed_since`]. Only a shared store knows it.
    ///
    /// # Errors
    ///
    /// As [`Store::load`].
    fn moment(&self) -> Result<Moment, StoreError> {
        Err(StoreError::new("it is not shared, and keeps no history"))
    }

    /// As [`Store::page`], and only what changed after `since`. Only a shared store knows it.
    ///
    /// # Errors
    ///
    /// As [`Store::page`].
    fn changed_since(
        &self,
        _since: Moment,
        _prefix: &[u8],
        _after: Option<&[u8]>,
        _limit: usize,
    ) -> Result<Vec<(Vec<u8>, Stored)>, StoreError> {
        Err(StoreError::new("it is not shared, and keeps no history"))
    }

    /// Makes changes that nothing guards, as [`Store::swap_all_if`].
    ///
    /// # Errors
    ///
    /// As [`Store::swap_all_if`].
    fn swap_all(&self, changes: &[Change<'_>]) -> Result<Vec<Swap>, StoreError> {
        self.swap_all_if(&[], changes)?
            .ok_or_else(|| StoreError::new("the store gave no result for a swap"))
    }

    /// The other hosts and the servers, if this store is shared by many hosts.
    fn fleet(&self) -> Option<&dyn Fleet> {
        None
    }

    /// Whether other hosts change these records too. Then names are hidden, a change is guarded,
    /// and the store keeps no lines of the audit log.
    fn is_shared(&self) -> bool {
        self.fleet().is_some()
    }

    /// Makes one change, as [`Store::swap_all`].
    ///
    /// # Errors
    ///
    /// As [`Store::swap_all`].
    fn swap(&self, change: Change<'_>) -> Result<Swap, StoreError> {
        let mut outcomes = self.swap_all(&[change])?;
        outcomes
            .pop()
            .ok_or_else(|| StoreError::new("the store gave no result for a swap"))
    }
}

/// Makes lines durable in the audit log; see [`Store::before_forgetting`].
pub type WriteOut = Box<dyn Fn() -> bool + Send + Sync>;

/// The room that a store has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Room {
    /// Where its disk is mounted, or a folder below.
    pub folder: PathBuf,
    /// Free bytes, without the reserve for a full disk.
    pub free: u64,
    /// About the bytes of all records.
    pub live: u64,
}

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The sealed record.
    pub bytes: Vec<u8>,
    /// The revision that a swap must expect.
    pub revision: Revision,
}

/// Identifies one state of one record. Its content is private to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revision(pub(crate) Vec<u8>);

/// A moment in the history of a shared store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub(crate) u64);

/// The state that another record must be in when changes take place.
#[derive(Clone, Copy, Debug)]
pub struct Guard<'a> {
    /// The record's key.
    pub key: &'a [u8],
    /// The state that it must be in; `None`: it must not exist.
    pub expected: Option<&'a Revision>,
}

/// A change to a record.
#[derive(Clone, Copy, Debug)]
pub struct Change<'a> {
    /// The record's key.
    pub key: &'a [u8],
    /// The state that it must be in; `None`: it must not exist.
    pub expected: Option<&'a Revision>,
    /// The new bytes; `None` removes it.
    pub new: Option<&'a [u8]>,
    /// A line of the audit log that becomes durable with the change, if it takes place. It may be
    /// several, each with its line break.
    pub line: Option<&'a [u8]>,
}

/// The result of a [`Change`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// It took place, and is durable.
    Done,
    /// The record was in another state; nothing was changed. Load it again.
    Conflict,
}

/// Identifies one store for its whole life, so that another one at its path is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoreId(pub [u8; 16]);

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// The text is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the ID of a store has 32 hexadecimal digits")]
pub struct NoStoreId;

impl FromStr for StoreId {
    type Err = NoStoreId;

    fn from_str(text: &str) -> Result<Self, NoStoreId> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| NoStoreId)?;
        bytes.try_into().map(Self).map_err(|_| NoStoreId)
    }
}

/// The store does not work. Callers fail closed (rule 5).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store does not work: {reason}")]
pub struct StoreError {
    reason: String,
    /// Whether a change may have been made all the same.
    is_unknown: bool,
}

impl StoreError {
    /// An error for the log, with what an administrator can do.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            is_unknown: false,
        }
    }

    /// The same, of a change that may have been made all the same.
    #[must_use]
    pub fn unknown(self) -> Self {
        Self {
            is_unknown: true,
            ..self
        }
    }

    /// Whether a change may have been made all the same.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.is_unknown
    }
}
