//! Making a batch durable: in the journal, or by a checkpoint when that is full.
//!
//! The batch has been applied to sled before it comes here, so a checkpoint holds it as well; it need
//! not be written to the journal after one, and one larger than the journal is no special case. The
//! protocol is drawn in [`super::journal`].

use std::fs::File;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};

use ::sled::{Db, Tree};

use super::commit::{FlushError, Sink};
use super::journal::{Batch, Journal};
use super::replay;

/// fdatasync, or what a test puts in its place.
pub(super) type Sync = Arc<dyn Fn(&File) -> io::Result<()> + Send + std::marker::Sync>;

/// The files of an open instance.
pub(super) struct Disk {
    db: Db,
    stamps: Tree,
    file: File,
    journal: Mutex<Journal>,
    sync: Sync,
}

impl Disk {
    /// Begins the first epoch of this instance, with a checkpoint. `file` is sled's own, opened again;
    /// `floor` is how many records there are.
    pub(super) fn start(
        db: Db,
        file: File,
        journal: Journal,
        floor: u64,
        sync: Sync,
    ) -> Result<Self, FlushError> {
        let disk = Self {
            stamps: replay::stamps(&db).map_err(|e| broken(&e))?,
            db,
            file,
            journal: Mutex::new(journal),
            sync,
        };
        disk.checkpoint(&mut disk.lock(), floor, &|file| file.sync_data())?;
        Ok(disk)
    }

    fn checkpoint(
        &self,
        journal: &mut Journal,
        floor: u64,
        sync: &dyn Fn(&File) -> io::Result<()>,
    ) -> Result<(), FlushError> {
        replay::put_stamp(&self.stamps, journal.next_epoch()).map_err(|e| broken(&e))?;
        self.db.flush().map_err(|e| broken(&e))?;
        sync(&self.file).map_err(unwritten)?;
        journal.begin(floor, sync).map_err(unwritten)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Disk {
    fn write(&self, batch: &Batch) -> Result<(), FlushError> {
        let mut journal = self.lock();
        if journal.append(batch, &*self.sync).map_err(unwritten)? {
            return Ok(());
        }
        // Removals that are noted in a later batch have not begun: the floor holds for this flush.
        self.checkpoint(&mut journal, batch.floor, &*self.sync)
    }
}

/// What an error of sled means for the store.
pub(super) fn broken(error: &::sled::Error) -> FlushError {
    let full = matches!(error, ::sled::Error::Io(e) if is_full(e));
    FlushError {
        full,
        reason: error.to_string(),
    }
}

fn unwritten(error: io::Error) -> FlushError {
    FlushError {
        full: is_full(&error),
        reason: format!("it can't be written: {error}"),
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}
