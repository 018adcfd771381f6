//! The store on this host: a journal, sorted files, and sled for recent changes.
//!
//! ```text
//!   swap ─▶ table of recent changes (sled) ─▶ journal, synced ─▶ answer
//!                        │ a full journal
//!                        ▼
//!                  sorted files, each written once
//! ```
//!
//! sled compares, swaps and reads recent changes; only the journal and the sorted files are durable, and
//! each opening fills the table from them ([`super::instance`]). A revision is the whole old record: each
//! record is sealed with a fresh nonce, so no two states have the same bytes. After an error the instance
//! is dropped and the folder is read again, at most once a second; calls fail until that works.

use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::ballast::Ballast;
use super::disk::{Disk, Files, HostFolder};
use super::fault::Fault;
use super::instance::{Open, Surroundings};
use super::journal::{Batch, Journal};
use super::lines::AuditLog;
use super::piece::Span;
use super::{
    Change, Guard, Revision, Room, Snapshot, Store, StoreError, StoreId, Stored, Swap, WriteOut,
    folder, layers, legacy, piece,
};
use crate::{log, sys};

/// The largest record, in bytes. A page of seventeen still fits one of sled's segments; a larger
/// one would get its own file.
const MAX_RECORD: usize = 22 << 10;

/// The longest key, in bytes.
const MAX_KEY: usize = 4 << 10;

/// The pause between the first two attempts to open a broken store again. Each attempt reads all of
/// it, so the pause doubles.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(1);

/// How often the pause doubles at most.
const LAST_STEP: u32 = 3;

/// The store in a folder of this host.
pub struct SledStore {
    folder: PathBuf,
    slot: RwLock<Option<Open>>,
    last_attempt: Mutex<Option<Instant>>,
    around: Surroundings,
    id: StoreId,
    generation: u64,
    /// The generation of the last opening in this process.
    reached: AtomicU64,
    /// Failed attempts to open it again.
    attempts: AtomicU32,
    lines: Mutex<Vec<Vec<u8>>>,
    lock: folder::Lock,
}

impl SledStore {
    /// Whether there is a store in `folder`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the folder can't be read.
    pub fn is_there(folder: &Path) -> Result<bool, StoreError> {
        if !folder.is_dir() {
            return Ok(false);
        }
        let names = HostFolder::open(folder)
            .and_then(|folder| folder.names())
            .map_err(|e| StoreError::new(format!("{} can't be listed: {e}", folder.display())))?;
        Ok(!piece::pieces(&names).is_empty() || legacy::is_there(&names))
    }

    /// Whether there is a store in `folder` that this process may use.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the folder belongs to another user, is open to others or can't be read.
    pub fn is_usable(folder: &Path) -> Result<bool, StoreError> {
        Ok(Self::is_there(folder)? && folder::check(folder).map(|()| true)?)
    }

    /// Makes an empty store in `folder`, and the folder if it is missing. It is durable then.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when there is a store already, or the folder can't be used.
    pub fn create(folder: &Path, id: StoreId) -> Result<(), StoreError> {
        folder::make(folder)?;
        folder::check(folder)?;
        let _lock = folder::lock(folder)?;
        if Self::is_there(folder)? {
            return Err(StoreError::new(format!(
                "there is already a store in {}",
                folder.display()
            )));
        }
        host_folder(folder)
            .and_then(|disk| create_in(disk, id))
            .and_then(|()| folder::sync_parent(folder))
            .map_err(|fault| {
                StoreError::new(format!(
                    "no store can be created in {}: {fault}",
                    folder.display()
                ))
            })
    }

    /// Opens the store in `folder`.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when there is none, when the folder is open to others or used by another
    /// process, or when its content can't be read; it names the command that helps.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        folder::check(folder)?;
        let disk = host_folder(folder).map_err(|fault| failed(folder, &fault))?;
        Self::open_on(folder, disk)
    }

    pub(super) fn open_on(path: &Path, disk: Arc<dyn Disk>) -> Result<Self, StoreError> {
        sys::keep_little_memory();
        folder::check(path)?;
        if !Self::is_there(path)? {
            return Err(StoreError::new(format!(
                "there is no store in {}",
                path.display()
            )));
        }
        let lock = folder::lock(path)?;
        let around = Surroundings {
            files: Arc::new(Files::new(disk)),
            audit_log: AuditLog::default(),
            ballast: Arc::new(Ballast::new(path)),
        };
        let mut open = Self::open_with_room(path, &around).map_err(|fault| failed(path, &fault))?;
        Ok(Self {
            folder: path.to_owned(),
            id: open.id,
            generation: open.generation,
            reached: AtomicU64::new(open.generation),
            attempts: AtomicU32::new(0),
            lines: Mutex::new(std::mem::take(&mut open.lines)),
            slot: RwLock::new(Some(open)),
            last_attempt: Mutex::new(None),
            around,
            lock,
        })
    }

    /// Opening takes a little space; on a full disk, the ballast is freed for it.
    fn open_with_room(path: &Path, around: &Surroundings) -> Result<Open, Fault> {
        let open = || {
            legacy::convert(path, &around.files)?;
            Open::new(path, around)
        };
        match open() {
            Err(fault) if fault.full && !around.ballast.is_missing() => {
                around.ballast.free();
                open()
            }
            opened => opened,
        }
    }

    /// The ID of the store.
    #[must_use]
    pub fn id(&self) -> StoreId {
        self.id
    }

    /// Number of the opening: each has a higher number than all before.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Does `work` with a working instance; opens a broken one again first.
    fn with<T>(&self, work: impl Fn(&Open) -> Result<T, Fault>) -> Result<T, StoreError> {
        let shown = |fault: Fault| StoreError::new(fault.reason);
        if let Some(open) = &*self.slot.read().unwrap_or_else(PoisonError::into_inner)
            && open.failure().is_none()
        {
            return work(open).map_err(shown);
        }
        self.reopen()?;
        match &*self.slot.read().unwrap_or_else(PoisonError::into_inner) {
            Some(open) => work(open).map_err(shown),
            None => Err(self.closed()),
        }
    }

    fn reopen(&self) -> Result<(), StoreError> {
        let mut slot = self.slot.write().unwrap_or_else(PoisonError::into_inner);
        match slot.as_ref().map(Open::failure) {
            Some(None) => return Ok(()),
            _ if !self.may_attempt() => return Err(self.closed()),
            Some(Some(fault)) => log::limited(
                "store broke",
                format_args!("the store failed: {fault}; reopening it. Logins fail until then"),
            ),
            None => {}
        }
        *slot = None;
        let opened = self.open_again();
        *slot = Some(opened.inspect_err(|e| log::limited("store closed", e))?);
        self.attempts.store(0, Ordering::Relaxed);
        log::limited_at(log::Level::Warn, "store open", "the store is open again");
        Ok(())
    }

    /// Opens the folder from the start again, and not another one that replaced it.
    fn open_again(&self) -> Result<Open, StoreError> {
        let shown = self.folder.display();
        let replaced = |what: &str| {
            StoreError::new(format!(
                "{what} replaced {shown} while the agent was running; no user can log in. Put the \
                 earlier store back, or restart the agent: systemctl restart mfa-agent"
            ))
        };
        if !self.lock.is_at(&self.folder) {
            return Err(replaced("another folder"));
        }
        let open = Self::open_with_room(&self.folder, &self.around).map_err(|fault| {
            StoreError::new(format!(
                "{shown} can't be reopened: {fault}; logins fail, and the agent keeps trying. \
                 Check the disk (dmesg, df)"
            ))
        })?;
        let reached = self.reached.swap(open.generation, Ordering::Relaxed);
        if open.id != self.id || open.generation <= reached {
            // Fails closed: it stays refused, because the highest generation is never lowered.
            self.reached.store(u64::MAX, Ordering::Relaxed);
            return Err(replaced("another or an older store"));
        }
        Ok(open)
    }

    fn may_attempt(&self) -> bool {
        let now = Instant::now();
        let mut last = self
            .last_attempt
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let attempts = self.attempts.load(Ordering::Relaxed).min(LAST_STEP);
        let pause = BETWEEN_ATTEMPTS * (1 << attempts);
        if last.is_some_and(|last| now.duration_since(last) < pause) {
            return false;
        }
        *last = Some(now);
        self.attempts.store(attempts + 1, Ordering::Relaxed);
        true
    }

    fn closed(&self) -> StoreError {
        StoreError::new(format!(
            "{} failed and is not open again yet; see the log: journalctl -u mfa-agent",
            self.folder.display()
        ))
    }

    /// Only a full disk can be fixed at once.
    fn after(&self, done: Result<(), &Fault>) {
        let ballast = &self.around.ballast;
        match done {
            Err(fault) if fault.full => ballast.free(),
            Ok(()) if ballast.is_missing() => ballast.restore_if_due(),
            _ => {}
        }
    }
}

impl Store for SledStore {
    fn load(&self, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        self.with(|open| Ok(open.layers().load(key)?.map(stored)))
    }

    fn forget_found(&self) {
        layers::forget_found();
    }

    fn swap_all_if(
        &self,
        guards: &[Guard<'_>],
        changes: &[Change<'_>],
    ) -> Result<Option<Vec<Swap>>, StoreError> {
        for change in changes {
            if change.new.is_some_and(|new| new.len() > MAX_RECORD) || change.key.len() > MAX_KEY {
                return Err(StoreError::new(format!(
                    "a record is larger than {MAX_RECORD} bytes, or its name than {MAX_KEY}"
                )));
            }
        }
        self.with(|open| {
            let done = open.swap_all_if(guards, changes);
            self.after(done.as_ref().map(|_| ()));
            done
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
            open.layers()
                .range(start)?
                .take_while(|item| {
                    item.as_ref()
                        .map_or(true, |(key, _)| key.starts_with(prefix))
                })
                .filter_map(|item| match item {
                    Ok((key, record)) => Some(Ok((key, stored(record?)))),
                    Err(fault) => Some(Err(fault)),
                })
                .take(limit)
                .collect()
        })
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        self.with(|open| Ok(Box::new(open.snapshot()?) as Box<dyn Snapshot>))
    }

    fn lines(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        // They can occupy a megabyte, and are needed once.
        Ok(std::mem::take(&mut *lines))
    }

    fn before_forgetting(&self, write_out: WriteOut) {
        self.around.audit_log.set(write_out);
    }

    fn room(&self) -> Result<Option<Room>, StoreError> {
        let ballast = &self.around.ballast;
        let live = self.with(|open| Ok(open.layers().live()))?;
        Ok(ballast.free_space().map(|free| Room {
            folder: self.folder.clone(),
            free,
            live,
        }))
    }

    fn room_for_bulk(&self) -> Result<Option<Room>, StoreError> {
        self.around.ballast.bulk_goes_on();
        self.room()
    }
}

#[cfg(test)]
impl SledStore {
    /// Makes the instance behave as after a failed write.
    fn break_for_test(&self) {
        if let Some(open) = &*self.slot.read().unwrap() {
            open.break_for_test();
        }
    }

    /// The next call tries to open it again, whenever the last attempt was.
    fn attempt_at_once(&self) {
        *self.last_attempt.lock().unwrap() = None;
    }
}

/// Makes the first journal of a store.
pub(super) fn create_in(disk: Arc<dyn Disk>, id: StoreId) -> Result<(), Fault> {
    let first = Span { from: 1, to: 1 };
    Journal::restating(&Files::new(disk), id, first, 0, &Batch::new(0)).map(drop)
}

fn host_folder(path: &Path) -> Result<Arc<dyn Disk>, Fault> {
    let folder = HostFolder::open(path).map_err(Fault::of("the folder can't be opened"))?;
    Ok(Arc::new(folder))
}

fn stored(bytes: Vec<u8>) -> Stored {
    Stored {
        revision: Revision(bytes.clone()),
        bytes,
    }
}

/// Nobody can log in until it is open again. One line with the reason and the remedy.
fn failed(path: &Path, fault: &Fault) -> StoreError {
    let path = path.display();
    match fault.is_passing {
        true => StoreError::new(format!(
            "{path} can't be opened: {fault}; nothing in it was changed. Check the disk (dmesg, \
             df), then restart the agent"
        )),
        false => StoreError::new(format!(
            "{path} can't be opened: {fault}; no user can log in until it is restored from a backup"
        )),
    }
}

#[cfg(test)]
#[path = "sled_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "sorting_tests.rs"]
mod sorting_tests;

#[cfg(test)]
#[path = "crash_tests.rs"]
mod crash_tests;

#[cfg(test)]
#[path = "room_tests.rs"]
mod room_tests;
