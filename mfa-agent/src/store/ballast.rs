//! Reserves a few megabytes for a full disk.
//!
//! On a full disk no login can be counted, so none may pass, and the administrator who would make
//! room is locked out, too. Then the ballast is freed, the store goes on writing, and the log says
//! what to do. It is restored by itself once there is plenty of space.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::fcntl::{FallocateFlags, fallocate};
use nix::sys::statvfs::statvfs;

use super::folder;
use crate::durable_file::folder_of;
use crate::log;

/// In bytes; enough for some ten thousand logins.
const SIZE: u32 = 4 << 20;

const BETWEEN_TRIES: Duration = Duration::from_secs(60);

/// For how long after its last part a change of many records may go on.
const BULK: Duration = Duration::from_secs(5);

/// It is written only when this many times its size is free.
const PLENTY: u64 = 16;

pub(super) struct Ballast {
    file: PathBuf,
    there: AtomicBool,
    next_try: Mutex<Instant>,
    /// The last part of a change of many records.
    bulk: Mutex<Option<Instant>>,
}

impl Ballast {
    /// The ballast of the store in `folder`; written if possible.
    pub(super) fn new(folder: &Path) -> Self {
        let file = folder.join("ballast");
        let there = AtomicBool::new(file.exists());
        let ballast = Self {
            file,
            there,
            next_try: Mutex::new(Instant::now()),
            bulk: Mutex::default(),
        };
        ballast.restore_if_due();
        ballast
    }

    /// Whether it must be written again.
    pub(super) fn is_missing(&self) -> bool {
        !self.there.load(Ordering::Relaxed)
    }

    /// Frees the space.
    pub(super) fn free(&self) {
        if !self.there.swap(false, Ordering::Relaxed) {
            return;
        }
        *self.next_try.lock().unwrap_or_else(PoisonError::into_inner) =
            Instant::now() + BETWEEN_TRIES;
        match folder::remove(&self.file) {
            Ok(()) => log::error(format_args!(
                "the disk of the store is full; freed a reserve of {} KiB so that logins still \
                 work. Make room on the file system of {}",
                SIZE >> 10,
                folder_of(&self.file).display()
            )),
            Err(e) => log::error(format_args!("can't remove {}: {e}", self.file.display())),
        }
    }

    /// Writes it if it is missing, there is plenty of space, and the last attempt is a while ago.
    pub(super) fn restore_if_due(&self) {
        let now = Instant::now();
        let mut next_try = self.next_try.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_missing() || now < *next_try {
            return;
        }
        *next_try = now + BETWEEN_TRIES;
        if !self.plenty_of_space() {
            return;
        }
        match self.lay_in() {
            Ok(()) => self.there.store(true, Ordering::Relaxed),
            Err(e) => {
                let _ = folder::remove(&self.file);
                log::warn(format_args!(
                    "can't reserve space for a full disk, {}: {e}",
                    self.file.display()
                ));
            }
        }
    }

    /// The folder of the store.
    pub(super) fn folder(&self) -> &Path {
        folder_of(&self.file)
    }

    /// Free bytes beside it, if that is known.
    pub(super) fn free_space(&self) -> Option<u64> {
        #[cfg(test)]
        if let Some(free) = pretended::free(self.folder()) {
            return Some(free);
        }
        let fs = statvfs(self.folder()).ok()?;
        Some(fs.blocks_available().saturating_mul(fs.fragment_size()))
    }

    /// A part of a change of many records is written next.
    pub(super) fn bulk_goes_on(&self) {
        *self.bulk.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Whether such a change goes on.
    pub(super) fn is_in_bulk(&self) -> bool {
        let bulk = self.bulk.lock().unwrap_or_else(PoisonError::into_inner);
        bulk.is_some_and(|last| last.elapsed() < BULK)
    }

    fn plenty_of_space(&self) -> bool {
        self.free_space()
            .is_some_and(|free| free > u64::from(SIZE) * PLENTY)
    }

    #[cfg(test)]
    pub(super) fn pretend_free(&self, bytes: u64) {
        pretended::set(self.folder(), bytes);
    }

    fn lay_in(&self) -> io::Result<()> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&self.file)?;
        fallocate(&file, FallocateFlags::empty(), 0, i64::from(SIZE))?;
        Ok(())
    }
}

/// The free space that a test wants.
#[cfg(test)]
mod pretended {
    use std::collections::BTreeMap;
    use std::path::{Path, PathBuf};
    use std::sync::Mutex;

    static FREE: Mutex<BTreeMap<PathBuf, u64>> = Mutex::new(BTreeMap::new());

    pub(super) fn free(folder: &Path) -> Option<u64> {
        FREE.lock().unwrap().get(folder).copied()
    }

    pub(super) fn set(folder: &Path, bytes: u64) {
        FREE.lock().unwrap().insert(folder.to_owned(), bytes);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn it_takes_real_space_and_gives_it_back() {
        let dir = tempfile::tempdir().unwrap();
        let ballast = Ballast::new(dir.path());
        let file = dir.path().join("ballast");
        assert!(!ballast.is_missing());
        assert!(file.metadata().unwrap().blocks() * 512 >= u64::from(SIZE));
        ballast.free();
        assert!(!file.exists() && ballast.is_missing());
        ballast.restore_if_due();
        assert!(
            !file.exists(),
            "it came back at once, on a disk that was just full"
        );
        *ballast.next_try.lock().unwrap() = Instant::now();
        ballast.restore_if_due();
        assert!(file.exists() && !ballast.is_missing());
    }
}
