//! The store on this host: sled 0.34.7, made to keep its promises.
//!
//! sled's own flush does not survive a power cut, so every commit ends with fdatasync on a second
//! descriptor of its file ([`super::commit`] lets concurrent ones share it). A revision is the whole
//! old record, which sled compares; records are sealed with a fresh nonce each time, so no two states
//! of a record have the same bytes. After an error the open instance stays broken even when the cause
//! is gone: it is dropped and opened anew, at most once a second, and calls fail until that works.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use ::sled::Db;

use super::ballast::Ballast;
use super::commit::{Flush, FlushError, GroupCommit};
use super::{Change, Revision, Store, StoreError, Stored, Swap, folder, recovery};
use crate::log;

/// The page cache, in bytes; sled goes over it, and the agent has 15 MiB in all.
const CACHE_BYTES: u64 = 2 << 20;

/// The largest record, in bytes. A page of seventeen of them still fits one of sled's segments; a
/// larger one would go to a file of its own, which sled does not make durable.
const MAX_RECORD: usize = 16 << 10;

/// Between two attempts to open a broken store anew, or to lay in the ballast again.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(1);

/// The store in a folder of this host.
pub struct SledStore {
    folder: PathBuf,
    slot: RwLock<Option<Open>>,
    last_attempt: Mutex<Option<Instant>>,
    ballast: Ballast,
    sync: Sync,
    _lock: folder::Lock,
}

/// fdatasync, or what a test puts in its place.
type Sync = Arc<dyn Fn(&File) -> io::Result<()> + Send + std::marker::Sync>;

/// A working instance, or one that broke and waits to be replaced.
struct Open {
    db: Db,
    commits: GroupCommit<DbFlush>,
}

struct DbFlush {
    db: Db,
    file: File,
    sync: Sync,
}

impl SledStore {
    /// Opens the store in `folder`, or makes it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the folder is open to others or used by another process, or when what is
    /// in it can't be read; it names the command that helps.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::open_with(folder, Arc::new(File::sync_data))
    }

    fn open_with(path: &Path, sync: Sync) -> Result<Self, StoreError> {
        folder::prepare(path)?;
        let lock = folder::lock(path)?;
        let open = Open::new(path, &sync)?;
        Ok(Self {
            folder: path.to_owned(),
            slot: RwLock::new(Some(open)),
            last_attempt: Mutex::new(None),
            ballast: Ballast::new(path),
            sync,
            _lock: lock,
        })
    }

    /// Does `work` with a working instance; opens a broken one anew first.
    fn with<T>(&self, work: impl Fn(&Open) -> Result<T, StoreError>) -> Result<T, StoreError> {
        if let Some(open) = self
            .slot
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            && open.commits.failure().is_none()
        {
            return work(open);
        }
        self.reopen()?;
        match self
            .slot
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
        {
            Some(open) => work(open),
            None => Err(self.closed()),
        }
    }

    fn reopen(&self) -> Result<(), StoreError> {
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        match slot.as_ref().map(|open| open.commits.failure()) {
            Some(None) => return Ok(()),
            _ if !self.may_attempt() => return Err(self.closed()),
            Some(Some(error)) => log::error(format_args!(
                "the store broke: {}; opening it again, logins fail until that works",
                error.reason
            )),
            None => {}
        }
        *slot = None;
        let open = Open::new(&self.folder, &self.sync).inspect_err(|e| log::error(e))?;
        log::warn("the store is open again");
        *slot = Some(open);
        Ok(())
    }

    fn may_attempt(&self) -> bool {
        let now = Instant::now();
        let mut last = self
            .last_attempt
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if last.is_some_and(|last| now.duration_since(last) < BETWEEN_ATTEMPTS) {
            return false;
        }
        *last = Some(now);
        true
    }

    fn closed(&self) -> StoreError {
        StoreError::new(format!(
            "{} broke and is not open again yet; the log says why",
            self.folder.display()
        ))
    }

    /// Room on the disk is the one thing that can be made at once.
    fn after_commit(&self, done: &Result<(), FlushError>) {
        match done {
            Err(error) if error.full => self.ballast.drop_overboard(),
            Ok(()) if self.ballast.is_missing() && self.may_attempt() => self.ballast.restore(),
            _ => {}
        }
    }
}

impl Store for SledStore {
    fn load(&self, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        self.with(|open| {
            let found = guarded(|| open.db.get(key)).map_err(|e| StoreError::new(e.reason))?;
            Ok(found.map(|bytes| stored(&bytes)))
        })
    }

    fn swap_all(&self, changes: &[Change<'_>]) -> Result<Vec<Swap>, StoreError> {
        if changes
            .iter()
            .any(|change| change.new.is_some_and(|new| new.len() > MAX_RECORD))
        {
            return Err(StoreError::new(format!(
                "a record is larger than {MAX_RECORD} bytes"
            )));
        }
        self.with(|open| {
            let done = open.swap_all(changes);
            self.after_commit(&done.as_ref().map(|_| ()).map_err(Clone::clone));
            done.map_err(|error| StoreError::new(error.reason))
        })
    }

    fn page(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Stored)>, StoreError> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.with(|open| {
            let page = guarded(|| {
                open.db
                    .range::<&[u8], _>((start, Bound::Unbounded))
                    .take_while(|item| item.as_ref().map_or(true, |(k, _)| k.starts_with(prefix)))
                    .take(limit)
                    .map(|item| item.map(|(key, bytes)| (key.to_vec(), stored(&bytes))))
                    .collect()
            });
            page.map_err(|e| StoreError::new(e.reason))
        })
    }
}

impl Open {
    fn new(path: &Path, sync: &Sync) -> Result<Self, StoreError> {
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

    fn swap_all(&self, changes: &[Change<'_>]) -> Result<Vec<Swap>, FlushError> {
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
fn guarded<T>(call: impl FnOnce() -> ::sled::Result<T>) -> Result<T, FlushError> {
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

fn stored(bytes: &[u8]) -> Stored {
    Stored {
        bytes: bytes.to_vec(),
        revision: Revision(bytes.to_vec()),
    }
}

#[cfg(test)]
#[path = "sled_tests.rs"]
mod tests;
