//! The content of the store: tables of recent changes over sorted files.
//!
//! ```text
//!   active table     the journal that is appended to          ▲ newest
//!   frozen table     the one before, until it is a sorted file
//!   sorted files     …                                        ▼ oldest
//! ```

use std::cell::Cell;
use std::ops::Bound;
use std::sync::Arc;

use super::fault::Fault;
use super::merge::{Merge, Source};
use super::sorted::SortedFile;
use super::table::Table;

thread_local! {
    /// What a thread has found last, the newest first: a login looks for one record three times, and one of a name without
    /// a record for two. Records are sealed.
    static LAST: Cell<[Found; 2]> = Cell::default();
}

/// A record that was looked for in the sorted files. It stays true while the newest file is the same: these files never
/// change, and are only merged to files that hold the same.
#[derive(Default)]
struct Found {
    /// The number of the newest file.
    newest: u64,
    key: Vec<u8>,
    record: Option<Vec<u8>>,
}

/// This thread forgets what it has found.
pub(super) fn forget_found() {
    LAST.take();
}

/// The layers at one moment. A reader keeps the ones that it began with.
#[derive(Clone)]
pub(super) struct Layers {
    pub(super) active: Arc<Table>,
    pub(super) frozen: Option<Arc<Table>>,
    /// Newest first.
    pub(super) sorted: Vec<Arc<SortedFile>>,
    /// Grows whenever a record moves from one layer to another.
    pub(super) version: u64,
}

impl Layers {
    /// The bytes that all records occupied when a file was sorted last.
    pub(super) fn live(&self) -> u64 {
        self.sorted.first().map_or(0, |file| file.live())
    }

    /// The record under `key`.
    pub(super) fn load(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        match self.in_tables(key)? {
            Some(known) => Ok(known),
            None => self.in_files(key),
        }
    }

    /// The value of `key` in the tables; `None` if they do not know it.
    pub(super) fn in_tables(&self, key: &[u8]) -> Result<Option<Option<Vec<u8>>>, Fault> {
        if let Some(known) = self.active.load(key)? {
            return Ok(Some(known));
        }
        match &self.frozen {
            Some(frozen) => frozen.load(key),
            None => Ok(None),
        }
    }

    /// The record under `key` in the sorted files.
    pub(super) fn in_files(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        let Some(newest) = self.sorted.first() else {
            return Ok(None);
        };
        let mut last = LAST.take();
        let is_it = |found: &&Found| found.newest == newest.number() && found.key == key;
        if let Some(found) = last.iter().find(is_it) {
            let record = found.record.clone();
            LAST.set(last);
            return Ok(record);
        }
        let record = self.find_in_files(key)?;
        last.rotate_right(1);
        last[0] = Found {
            newest: newest.number(),
            key: key.to_vec(),
            record: record.clone(),
        };
        LAST.set(last);
        Ok(record)
    }

    fn find_in_files(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        for file in &self.sorted {
            if let Some(known) = file.load(key)? {
                return Ok(known);
            }
        }
        Ok(None)
    }

    /// All records and removed keys from `start` on.
    pub(super) fn range(&self, start: Bound<&[u8]>) -> Result<Merge, Fault> {
        let mut sources: Vec<Source> = vec![Box::new(self.active.range(start)?)];
        if let Some(frozen) = &self.frozen {
            sources.push(Box::new(frozen.range(start)?));
        }
        for file in &self.sorted {
            sources.push(Box::new(file.range(start)));
        }
        Ok(Merge::new(sources))
    }
}
