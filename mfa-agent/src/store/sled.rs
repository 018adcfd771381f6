//! The store on this host: sled 0.34.7, made to keep its promises.
//!
//! sled's own flush is slow and does not survive a power cut, so a commit is a write to a journal of
//! our own ([`super::journal`]; [`super::commit`] lets concurrent ones share it), and sled is flushed at
//! checkpoints. A revision is the whole old record, which sled compares; records are sealed with a fresh nonce each time, so no two states
//! of a record have the same bytes. After an error the open instance stays broken even when the cause
//! is gone: it is dropped and opened anew, at most once a second, and calls fail until that works.

use std::fs::File;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::ballast::Ballast;
use super::checkpoint::Sync;
use super::commit::FlushError;
use super::instance::{Open, guarded};
use super::{Change, Revision, Store, StoreError, Stored, Swap, WriteOut, folder, rewrite};
use crate::{log, sys};

/// The largest record, in bytes. A page of seventeen of them still fits one of sled's segments; a
/// larger one would go to a file of its own, which sled does not make durable.
const MAX_RECORD: usize = 20 << 10;

/// Between two attempts to open a broken store anew.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(1);

/// The store in a folder of this host.
pub struct SledStore {
    folder: PathBuf,
    slot: RwLock<Option<Open>>,
    last_attempt: Mutex<Option<Instant>>,
    /// What is read from the file may not be on the disk; see [`rewrite`].
    suspect: AtomicBool,
    ballast: Ballast,
    sync: Sync,
    _lock: folder::Lock,
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
        sys::keep_little_memory();
        folder::prepare(path)?;
        let lock = folder::lock(path)?;
        let open = Open::new(path, &sync)?;
        Ok(Self {
            folder: path.to_owned(),
            slot: RwLock::new(Some(open)),
            last_attempt: Mutex::new(None),
            suspect: AtomicBool::new(false),
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
            Some(Some(error)) => {
                log::error(format_args!(
                    "the store broke: {}; opening it again, logins fail until that works",
                    error.reason
                ));
                // A full disk was refused space before anything was taken for written.
                self.suspect.fetch_or(!error.full, Ordering::Relaxed);
            }
            None => {}
        }
        *slot = None;
        *slot = Some(self.open_anew().inspect_err(|e| log::error(e))?);
        log::warn("the store is open again");
        Ok(())
    }

    fn open_anew(&self) -> Result<Open, StoreError> {
        if self.suspect.load(Ordering::Relaxed) {
            let file = self.folder.join("db");
            rewrite::rewrite(&file).map_err(|e| {
                let file = file.display();
                StoreError::new(format!(
                    "{file} can't be written: {e}; is the disk broken (dmesg)?"
                ))
            })?;
            self.suspect.store(false, Ordering::Relaxed);
        }
        Open::new(&self.folder, &self.sync)
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
            Ok(()) if self.ballast.is_missing() => self.ballast.restore_if_due(),
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
            let made = done.iter().flatten().zip(changes);
            let lines = made.filter(|(swap, _)| **swap == Swap::Done);
            let lines: Vec<u8> = lines
                .filter_map(|(_, c)| c.line)
                .flatten()
                .copied()
                .collect();
            let _ = File::options()
                .create(true)
                .append(true)
                .open(self.folder.join("lines"))
                .and_then(|mut file| std::io::Write::write_all(&mut file, &lines));
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

    fn lines(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let all = std::fs::read(self.folder.join("lines")).unwrap_or_default();
        Ok(all
            .split_inclusive(|b| *b == b'\n')
            .map(<[u8]>::to_vec)
            .collect())
    }

    fn before_forgetting(&self, _: WriteOut) {}
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

#[cfg(test)]
#[path = "crash_tests.rs"]
mod crash_tests;
