//! Room on the disk for restores, changes of the key and imports: none of them may take what logins need.
//!
//! Each login is written before it is answered, so a full disk stops all of them. What is written in bulk therefore ends
//! while there still is room, also for the merge that frees the space of what it wrote.

use std::path::PathBuf;

use super::{AccountRepository, RepositoryError};
use crate::store::Room;

const MIB: u64 = 1 << 20;

/// Bytes that a bulk write leaves free: a few journals with their tables, for the logins meanwhile.
const MARGIN: u64 = 8 * MIB;

/// Removing records frees space in the end, and takes some first.
const MARGIN_OF_REMOVALS: u64 = 4 * MIB;

/// Why it ends before the disk is full.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is not enough room on the file system of {}: this needs about {} MiB free, and {} MiB are. Logins go on. Make \
     room (df -h {}), and repeat the command",
    folder.display(), needed.div_ceil(MIB), free / MIB, folder.display()
)]
pub struct NoRoom {
    folder: PathBuf,
    needed: u64,
    free: u64,
}

impl AccountRepository {
    /// Whether `size` more bytes leave enough room. Returns the bytes of all current records.
    pub(super) fn check_room(&self, size: impl FnOnce(u64) -> u64) -> Result<u64, RepositoryError> {
        suffices(self.store.room_for_bulk()?, size, MARGIN)
    }

    /// Whether records may be removed.
    pub(super) fn check_room_to_remove(&self) -> Result<(), RepositoryError> {
        suffices(self.store.room()?, |_| 0, MARGIN_OF_REMOVALS).map(drop)
    }

    /// Whether records that nobody waits for may be written now, such as those of an import.
    ///
    /// # Errors
    ///
    /// [`RepositoryError::NoRoom`].
    pub fn check_room_for_import(&self) -> Result<(), RepositoryError> {
        self.check_room(|_| 0).map(drop)
    }
}

fn suffices(
    room: Option<Room>,
    size: impl FnOnce(u64) -> u64,
    margin: u64,
) -> Result<u64, RepositoryError> {
    let Some(room) = room else {
        return Ok(0);
    };
    let needed = size(room.live).saturating_add(margin);
    match room.free < needed {
        true => Err(RepositoryError::NoRoom(NoRoom {
            folder: room.folder,
            needed,
            free: room.free,
        })),
        false => Ok(room.live),
    }
}

/// What the records of a backup of `size` bytes take beside `live` bytes of records, with the merge that follows.
pub(super) fn for_restore(size: u64, live: u64) -> u64 {
    // In the store each record has a seal and a longer name.
    let new = size.saturating_add(size / 4);
    new.saturating_add(new.max(live))
}

/// What it takes to seal `live` bytes of records once more, with the merge that follows.
pub(super) fn for_rotation(live: u64) -> u64 {
    live.saturating_mul(2)
}
