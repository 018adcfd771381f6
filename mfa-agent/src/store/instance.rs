//! One open instance of sled, good until its first error.
//!
//! A change is applied in memory first, by sled's compare-and-swap, and then committed: sled's flush
//! writes it, fdatasync on a descriptor of our own makes it survive a power cut. sled panics in places
//! where it could return an error; here both mean the same, that the instance is broken.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use ::sled::Db;

use super::commit::{Flush, FlushError, GroupCommit};
use super::{Change, StoreError, Swap, recovery};

/// The page cache, in bytes. Idle with 10,000 users the whole agent has 15 MiB, and what the kernel
/// caches of the file serves as well.
const CACHE_BYTES: u64 = 2 << 20;

/// fdatasync, or what a test puts in its place.
pub(super) type Sync = Arc<dyn Fn(&File) -> io::Result<()> + Send + std::marker::Sync>;

/// A working instance, or one that broke and waits to be replaced.
pub(super) struct Open {
    pub(super) db: Db,
    pub(super) commits: GroupCommit<DbFlush>,
}

pub(super) struct DbFlush {
    db: Db,
    file: File,
    sync: Sync,
}

impl Open {
    pub(super) fn new(path: &Path, sync: &Sync) -> Result<Self, StoreError> {
        let db = recovery::open(path, CACHE_BYTES)?;
        let file = File::options()
            .read(true)
            .write(true)
            .open(path.join("db"))
            .map_err(|e| StoreError::new(format!("{}/db can't be opened: {e}", path.display())))?;
        let flush = DbFlush {
            db: db.clone(),
            file,
            sync: Arc::clone(sync),
        };
        Ok(Self {
            db,
            commits: GroupCommit::new(flush),
        })
    }

    pub(super) fn swap_all(&self, changes: &[Change<'_>]) -> Result<Vec<Swap>, FlushError> {
        let outcomes = guarded(|| changes.iter().map(|change| self.apply(change)).collect())
            .inspect_err(|error| self.commits.fail(error.clone()));
        let outcomes: Vec<Swap> = outcomes?;
        if outcomes.contains(&Swap::Done) {
            self.commits.commit()?;
        }
        Ok(outcomes)
    }

    fn apply(&self, change: &Change<'_>) -> ::sled::Result<Swap> {
        let expected = change.expected.map(|revision| revision.0.as_slice());
        let swapped = self.db.compare_and_swap(change.key, expected, change.new)?;
        Ok(if swapped.is_ok() {
            Swap::Done
        } else {
            Swap::Conflict
        })
    }
}

impl Flush for DbFlush {
    fn flush(&self) -> Result<(), FlushError> {
        self.db.flush().map_err(|e| broken(&e))?;
        (self.sync)(&self.file).map_err(|e| broken(&::sled::Error::Io(e)))
    }
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

fn broken(error: &::sled::Error) -> FlushError {
    let full = matches!(error, ::sled::Error::Io(e)
        if matches!(e.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded));
    FlushError {
        full,
        reason: error.to_string(),
    }
}
