//! One open instance of sled and its journal, good until its first error.
//!
//! A change is applied in memory first, by sled's compare-and-swap, and queued for the journal under
//! the same lock, so that the journal tells the changes of a key in the order in which they happened.
//! sled panics in places where it could return an error; here both mean the same, that the instance
//! is broken.
//!
//! To open one is to replay the journal and make a checkpoint. That holds after a failed fdatasync too,
//! which may have dropped what it could not write: every byte of the new epoch is written anew, and of
//! the old one nothing is needed any more.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use ::sled::Db;

use super::checkpoint::{Disk, Sync, broken};
use super::commit::{FlushError, GroupCommit};
use super::journal::{self, Batch, Journal};
use super::replay::{self, Damage, History};
use super::{Change, StoreError, Swap, recovery};

/// The page cache, in bytes. Idle with 10,000 users the whole agent has 15 MiB, and what the kernel
/// caches of the file serves as well.
const CACHE_BYTES: u64 = 2 << 20;

/// A working instance, or one that broke and waits to be replaced.
pub(super) struct Open {
    pub(super) db: Db,
    pub(super) commits: GroupCommit<Disk>,
}

impl Open {
    pub(super) fn new(path: &Path, sync: &Sync) -> Result<Self, StoreError> {
        let history = history(path)?;
        let db = recovery::open(path, CACHE_BYTES)?;
        let (epoch, floor) = guarded(|| Ok(replayed(&db, &history)))
            .map_err(|e| recovery::lost(path, &e.reason))?
            .map_err(|damage| recovery::lost(path, &damage.to_string()))?;
        let failed = |e: &dyn std::fmt::Display| {
            StoreError::new(format!("{} can't be opened: {e}", path.display()))
        };
        let file = File::options()
            .read(true)
            .write(true)
            .open(path.join("db"))
            .map_err(|e| failed(&e))?;
        let journal = Journal::open(path, epoch).map_err(|e| failed(&e))?;
        let disk = Disk::start(db.clone(), file, journal, floor, Arc::clone(sync))
            .map_err(|e| failed(&e.reason))?;
        Ok(Self {
            db,
            commits: GroupCommit::new(disk, floor),
        })
    }

    pub(super) fn swap_all(&self, changes: &[Change<'_>]) -> Result<Vec<Swap>, FlushError> {
        let removals = changes.iter().filter(|c| c.new.is_none()).count();
        if removals > 0 {
            self.commits
                .commit(|batch| Ok((batch.may_be_removed(removals), true)))?;
        }
        self.commits.commit(|batch| {
            let apply = |change| self.apply(change, batch);
            let outcomes: Vec<Swap> = guarded(|| changes.iter().map(apply).collect())?;
            let any = outcomes.contains(&Swap::Done);
            Ok((outcomes, any))
        })
    }

    fn apply(&self, change: &Change<'_>, batch: &mut Batch) -> ::sled::Result<Swap> {
        let expected = change.expected.map(|revision| revision.0.as_slice());
        let swapped = self.db.compare_and_swap(change.key, expected, change.new)?;
        if swapped.is_err() {
            return Ok(Swap::Conflict);
        }
        batch.changed(change.key, change.new, expected.is_none());
        Ok(Swap::Done)
    }
}

/// Reads the journal, or makes that of a new store, before sled touches its file.
fn history(path: &Path) -> Result<History, StoreError> {
    let failed = |e| StoreError::new(format!("{}/journal can't be used: {e}", path.display()));
    let bytes = match journal::read(path).map_err(failed)? {
        Some(bytes) => bytes,
        None if recovery::is_complete(path) => {
            return Err(recovery::lost(path, "its file `journal` is gone"));
        }
        None => journal::create(path).map_err(failed)?,
    };
    let history = replay::read(&bytes).and_then(|history| {
        let length = std::fs::metadata(path.join("db")).map_or(0, |meta| meta.len());
        if history.epoch > 0 && length == 0 {
            return Err(Damage::NoDatabase);
        }
        Ok(history)
    });
    history.map_err(|damage| recovery::lost(path, &damage.to_string()))
}

/// The last epoch that was used, and how many records there are now.
fn replayed(db: &Db, history: &History) -> Result<(u64, u64), Damage> {
    let stamp = replay::stamp(db)?;
    let floor = replay::replay(db, history, stamp)?;
    Ok((history.epoch.max(stamp), floor))
}

/// Calls sled, which asserts where it could return an error.
pub(super) fn guarded<T>(call: impl FnOnce() -> ::sled::Result<T>) -> Result<T, FlushError> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|e| broken(&e)),
        Err(_) => Err(FlushError {
            full: false,
            reason: "sled panicked".to_owned(),
        }),
    }
}
