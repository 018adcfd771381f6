//! The table of recent changes: the content of the journal, ordered and readable, kept by sled.
//!
//! A table belongs to one process and is filled from the journal; no table is opened twice. So it
//! does not matter what sled 0.34.7 does to its files in a power cut, a failed sync or a kill. In
//! memory sled panics where it could return an error, in `drop` too; here a panic means that the
//! table is broken.

use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::sled::{Config, Db, IVec};

use super::disk::Files;
use super::fault::Fault;
use super::sorted::Item;
use crate::log;

/// The page cache, in bytes, about as large as a table.
const CACHE_BYTES: u64 = 2 << 20;

/// The name of its folder, before its number.
const PREFIX: &str = "table.";

/// Precedes a record; a removed record has only its own prefix, so that older layers do not show.
const PUT: u8 = 1;
const REMOVED: u8 = 0;

/// A table of one process.
pub(super) struct Table {
    /// There until it is dropped.
    db: Option<Db>,
    folder: PathBuf,
    /// Keeps the path of the folder valid.
    _files: Arc<Files>,
}

impl Table {
    /// Makes an empty table beside `files`, which are in `store`, with an unused number.
    pub(super) fn create(files: &Arc<Files>, store: &Path, number: u64) -> Result<Self, Fault> {
        let store = files.lasting_path().unwrap_or_else(|| store.to_owned());
        let folder = store.join(format!("{PREFIX}{number}"));
        remove_folder(&folder)?;
        let config = Config::new()
            .path(&folder)
            .cache_capacity(CACHE_BYTES)
            .flush_every_ms(None)
            // It syncs nothing at its end, and removes its files.
            .temporary(true);
        let db = guarded(|| config.open())?;
        Ok(Self {
            db: Some(db),
            folder,
            _files: Arc::clone(files),
        })
    }

    /// The value of `key`: `Some(None)` if it was removed, `None` if it was not changed.
    pub(super) fn load(&self, key: &[u8]) -> Result<Option<Option<Vec<u8>>>, Fault> {
        let found = guarded(|| self.db()?.get(key))?;
        Ok(found.map(|bytes| record(&bytes)))
    }

    /// Puts `value` under `key`, or removes it.
    pub(super) fn put(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), Fault> {
        let mut bytes = Vec::with_capacity(1 + value.map_or(0, <[u8]>::len));
        bytes.push(if value.is_some() { PUT } else { REMOVED });
        bytes.extend(value.unwrap_or_default());
        guarded(|| self.db()?.insert(key, bytes)).map(|_| ())
    }

    /// The changes from `start` on.
    pub(super) fn range(&self, start: Bound<&[u8]>) -> Result<Range, Fault> {
        let items = guarded(|| Ok(self.db()?.range::<&[u8], _>((start, Bound::Unbounded))))?;
        Ok(Range(items))
    }

    fn db(&self) -> ::sled::Result<&Db> {
        let gone = || ::sled::Error::ReportableBug("the table was dropped".to_owned());
        self.db.as_ref().ok_or_else(gone)
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let db = self.db.take();
        // sled writes its content, which is not needed, and panics if that fails.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
        if let Err(fault) = remove_folder(&self.folder) {
            log::warn(fault);
        }
    }
}

/// The changes in the order of keys.
pub(super) struct Range(::sled::Iter);

impl Iterator for Range {
    type Item = Result<Item, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = guarded(|| self.0.next().transpose()).transpose()?;
        Some(item.map(|(key, bytes)| (key.to_vec(), record(&bytes))))
    }
}

fn record(bytes: &IVec) -> Option<Vec<u8>> {
    match bytes.split_first() {
        Some((&PUT, record)) => Some(record.to_vec()),
        _ => None,
    }
}

/// Calls sled, which panics where it could return an error.
fn guarded<T>(call: impl FnOnce() -> ::sled::Result<T>) -> Result<T, Fault> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|e| Fault::of_table(&e)),
        Err(_) => Err(Fault::table()),
    }
}

/// Frees what changes of this thread replaced. sled leaves that until a thread has replaced 62 nodes of its tree: with 64
/// threads that is 7 MiB.
pub(crate) fn free_what_was_replaced() {
    // A panic of sled's in here leaves nodes unfreed. What counts is in the journal.
    let _ = catch_unwind(|| crossbeam_epoch::pin().flush());
}

/// Removes the tables in `store` that a process left behind.
pub(super) fn remove_left_over(store: &Path, names: &[String]) -> Result<(), Fault> {
    for name in names.iter().filter(|name| name.starts_with(PREFIX)) {
        remove_folder(&store.join(name))?;
    }
    Ok(())
}

fn remove_folder(folder: &Path) -> Result<(), Fault> {
    match std::fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Fault::of(format_args!(
            "{} can't be removed",
            folder.display()
        ))(e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::disk::HostFolder;
    use super::*;

    fn create(folder: &Path) -> Result<Table, Fault> {
        let disk = HostFolder::open(folder).unwrap();
        Table::create(&Arc::new(Files::new(Arc::new(disk))), folder, 1)
    }

    /// Each version of the package has nodes to free of its own.
    #[test]
    fn sled_frees_with_the_version_of_crossbeam_epoch_that_is_used_here() {
        let lock = include_str!("../../../Cargo.lock");
        assert_eq!(lock.matches("name = \"crossbeam-epoch\"").count(), 1);
    }

    #[test]
    fn put_records_are_found_and_removed_ones_are_known_as_removed() {
        let dir = tempfile::tempdir().unwrap();
        let table = create(dir.path()).unwrap();
        assert_eq!(table.load(b"a").unwrap(), None);
        table.put(b"a", Some(b"1")).unwrap();
        table.put(b"b", Some(b"")).unwrap();
        table.put(b"c", None).unwrap();
        assert_eq!(table.load(b"a").unwrap(), Some(Some(b"1".to_vec())));
        assert_eq!(table.load(b"b").unwrap(), Some(Some(Vec::new())));
        assert_eq!(table.load(b"c").unwrap(), Some(None));
        let after: Vec<_> = table
            .range(Bound::Excluded(b"a"))
            .unwrap()
            .map(Result::unwrap)
            .collect();
        assert_eq!(
            after,
            [(b"b".to_vec(), Some(Vec::new())), (b"c".to_vec(), None)]
        );
    }

    #[test]
    fn a_table_begins_empty_despite_left_over_files_and_leaves_none() {
        let dir = tempfile::tempdir().unwrap();
        let table = create(dir.path()).unwrap();
        table.put(b"a", Some(b"1")).unwrap();
        drop(table);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        std::fs::create_dir(dir.path().join("table.1")).unwrap();
        std::fs::write(dir.path().join("table.1/db"), "junk").unwrap();
        let table = create(dir.path()).unwrap();
        assert_eq!(table.load(b"a").unwrap(), None);
    }

    #[test]
    fn a_table_is_made_in_the_opened_folder_whatever_has_its_path_now() {
        let dir = tempfile::tempdir().unwrap();
        let (path, aside) = (dir.path().join("store"), dir.path().join("aside"));
        std::fs::create_dir(&path).unwrap();
        let disk = Arc::new(HostFolder::open(&path).unwrap());
        std::fs::rename(&path, &aside).unwrap();
        std::fs::create_dir(&path).unwrap();
        let table = Table::create(&Arc::new(Files::new(disk)), &path, 1).unwrap();
        assert!(aside.join("table.1").is_dir());
        drop(table);
        for folder in [path, aside] {
            assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
        }
    }

    #[test]
    fn sleds_own_error_texts_are_not_shown() {
        let bug = ::sled::Error::Unsupported("use sled::Db::export".to_owned());
        let shown = Fault::of_table(&bug).to_string();
        assert!(!shown.contains("sled"), "{shown}");
    }
}
