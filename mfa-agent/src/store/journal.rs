//! The journal: where a change is durable before sled has written it.
//!
//! sled takes 300 µs to make a change durable. So a commit appends to this file instead, which has its
//! size from the beginning (64 µs less than growing one), and sled is flushed at checkpoints only.
//!
//! ```text
//!  swap ─▶ compare-and-swap in sled's memory ─▶ queue      both under one lock: one order
//!                                                 │
//!                               room in the journal?  ── yes ─▶ append, fdatasync ─▶ durable
//!                                                 └───── no ──▶ checkpoint ────────▶ durable
//!
//!  checkpoint    1  the stamp (the next epoch's number) into sled
//!                2  sled's flush, fdatasync of `db`      all that was applied is durable now
//!                3  the note that begins the next epoch, to the start of the journal; fdatasync
//!                4  what follows it is overwritten by and by
//!
//!  journal       │ note, epoch 8 │ put │ put │ put │ (torn) │ put, epoch 7 │ …
//!                  └────────── replayed ──────────┘  └──── ignored ──────────
//! ```
//!
//! A crash between 2 and 3 leaves the old epoch, whole, beside the checkpoint: replayed, every key ends
//! at the last value that was acknowledged, which is the one in the checkpoint. A *part* of the old
//! epoch would turn keys back; that is why nothing of it is overwritten before the note is durable.
//! Epochs only grow, so nothing left over is ever taken for a record of the present one.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::folder;
use super::record::{Entry, Place, encode};

/// Its size in bytes; 300 logins fill it. sled overwrites a freed segment no sooner than 512 KiB of
/// log after it copied the last of it elsewhere, and a checkpoint has to come in between, or a power
/// cut could take both. What fills the journal once makes three times as much log at most.
pub(super) const SIZE: usize = 128 << 10;

const NAME: &str = "journal";
const UNFINISHED: &str = "journal.new";

/// Changes in the order in which they took place.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Each with the floor that holds once it has taken effect: a torn batch ends at any of them.
    items: Vec<(Item, u64)>,
    /// The store holds at least so many records, all items included.
    pub(super) floor: u64,
}

#[derive(Debug)]
enum Item {
    Note,
    Put(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
}

impl Batch {
    /// Nothing yet.
    pub(super) fn new(floor: u64) -> Self {
        let items = Vec::new();
        Self { items, floor }
    }

    /// Takes all that is here, and leaves an empty batch to go on with.
    pub(super) fn take(&mut self) -> Self {
        let floor = self.floor;
        std::mem::replace(self, Self::new(floor))
    }

    /// The record under `key` is `value` now, or gone; `new` if there was none.
    pub(super) fn changed(&mut self, key: &[u8], value: Option<&[u8]>, new: bool) {
        self.floor += u64::from(new && value.is_some());
        let item = match value {
            Some(value) => Item::Put(key.to_vec(), value.to_vec()),
            None => Item::Remove(key.to_vec()),
        };
        self.items.push((item, self.floor));
    }

    /// So many records may be removed once this is durable, and none before: with sled ahead of the
    /// journal, a store would seem to have lost them.
    pub(super) fn may_be_removed(&mut self, records: usize) {
        self.floor = self.floor.saturating_sub(records as u64);
        self.items.push((Item::Note, self.floor));
    }
}

/// The journal, open for appending.
pub(super) struct Journal {
    file: File,
    epoch: u64,
    sequence: u64,
    end: usize,
    buffer: Vec<u8>,
}

/// Reads the journal of the store in `folder`; `None` if there is none.
pub(super) fn read(folder: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(folder.join(NAME)) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        done => done.map(Some),
    }
}

/// Makes the journal of a new store, in epoch 0, and its name durable.
pub(super) fn create(folder: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let place = Place {
        epoch: 0,
        sequence: 0,
        first: 0,
        floor: 0,
    };
    encode(&mut bytes, place, Entry::Note);
    bytes.resize(SIZE, 0);
    let unfinished = folder.join(UNFINISHED);
    let file = File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&unfinished)?;
    file.write_all_at(&bytes, 0)?;
    file.sync_all()?;
    std::fs::rename(&unfinished, folder.join(NAME))?;
    folder::sync(folder)?;
    Ok(bytes)
}

impl Journal {
    /// The journal of the store in `folder`. No epoch up to `epoch` will be used again. Nothing can be
    /// appended before the next one has begun.
    pub(super) fn open(folder: &Path, epoch: u64) -> io::Result<Self> {
        Ok(Self {
            file: File::options().write(true).open(folder.join(NAME))?,
            epoch,
            sequence: 0,
            end: SIZE,
            buffer: Vec::new(),
        })
    }

    /// The epoch after this one.
    pub(super) fn next_epoch(&self) -> u64 {
        self.epoch + 1
    }

    /// Makes `batch` durable; `false`, and nothing is done, if there is no room for it.
    pub(super) fn append(
        &mut self,
        batch: &Batch,
        sync: impl FnOnce(&File) -> io::Result<()>,
    ) -> io::Result<bool> {
        let last = self.encode(batch);
        if self.end + self.buffer.len() > SIZE {
            return Ok(false);
        }
        self.file.write_all_at(&self.buffer, self.end as u64)?;
        sync(&self.file)?;
        self.end += self.buffer.len();
        self.sequence = last;
        Ok(true)
    }

    /// Ends this epoch and begins the next: all of this one is durable elsewhere.
    ///
    /// The note is one small write within the first sector. If a power cut spares the old one, the old
    /// epoch is still whole.
    pub(super) fn begin(
        &mut self,
        floor: u64,
        sync: impl FnOnce(&File) -> io::Result<()>,
    ) -> io::Result<()> {
        let place = Place {
            epoch: self.next_epoch(),
            sequence: 0,
            first: 0,
            floor,
        };
        self.buffer.clear();
        encode(&mut self.buffer, place, Entry::Note);
        self.file.write_all_at(&self.buffer, 0)?;
        sync(&self.file)?;
        self.epoch = place.epoch;
        self.sequence = 0;
        self.end = self.buffer.len();
        Ok(())
    }

    /// Puts the batch into the buffer. Returns the sequence number of its last record.
    fn encode(&mut self, batch: &Batch) -> u64 {
        self.buffer.clear();
        let mut place = Place {
            epoch: self.epoch,
            sequence: self.sequence,
            first: self.sequence + 1,
            floor: batch.floor,
        };
        for (item, floor) in &batch.items {
            place.sequence += 1;
            place.floor = *floor;
            let entry = match item {
                Item::Note => Entry::Note,
                Item::Put(key, value) => Entry::Put { key, value },
                Item::Remove(key) => Entry::Remove { key },
            };
            encode(&mut self.buffer, place, entry);
        }
        place.sequence
    }
}
