//! The table of recent changes: what is in the journal, ordered and ready to be read, kept by sled.
//!
//! A table belongs to one process and is filled from the journal; nothing ever depends on what is in its
//! folder. So what sled 0.34.7 does to its files in a power cut, after a failed sync or a kill is of no
//! consequence: no table is opened twice. What sled does in memory is guarded: it asserts where it could
//! return an error, in its `drop` too, and here both mean that the table is broken.

use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::sled::{Config, Db, IVec};

use super::disk::Files;
use super::fault::Fault;
use super::sorted::Item;
use crate::log;

/// The page cache, in bytes. All that a table holds is about as large.
const CACHE_BYTES: u64 = 2 << 20;

/// What its folder is called, before its number.
const PREFIX: &str = "table.";

/// What comes before a record, and alone where a record was removed: what is below must not show.
const PUT: u8 = 1;
const REMOVED: u8 = 0;

/// A table of one process.
pub(super) struct Table {
    /// There until it is dropped.
    db: Option<Db>,
    folder: PathBuf,
    /// Keep the path of the folder good.
    _files: Arc<Files>,
}

impl Table {
    /// Makes an empty table beside `files`, which are in `store`, numbered so that no other has its folder.
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

    /// What is known of `key`: `Some(None)` if it was removed, `None` if it was not changed.
    pub(super) fn load(&self, key: &[u8]) -> Result<Option<Option<Vec<u8>>>, Fault> {
        let found = guarded(|| self.db()?.get(key))?;
        Ok(found.map(|bytes| record(&bytes)))
    }

    /// From now on `value` is found under `key`, or nothing.
    pub(super) fn put(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), Fault> {
        let mut bytes = Vec::with_capacity(1 + value.map_or(0, <[u8]>::len));
        bytes.push(if value.is_some() { PUT } else { REMOVED });
        bytes.extend(value.unwrap_or_default());
        guarded(|| self.db()?.insert(key, bytes)).map(|_| ())
    }

    /// What changed, from `start` on.
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
        // It writes what it has, which nobody needs, and asserts that this works.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
        if let Err(fault) = remove_folder(&self.folder) {
            log::warn(fault);
        }
    }
}

/// What changed, in the order of keys.
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

/// Calls sled, which asserts where it could return an error.
fn guarded<T>(call: impl FnOnce() -> ::sled::Result<T>) -> Result<T, Fault> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(result) => result.map_err(|e| Fault::of_table(&e)),
        Err(_) => Err(Fault::table()),
    }
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
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Fault::of(format!(
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

    #[test]
    fn what_was_put_is_found_and_what_was_removed_is_known_to_be_gone() {
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
    fn a_table_leaves_nothing_behind_and_begins_empty_whatever_was_left_there() {
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
    fn a_table_is_made_in_the_folder_that_was_opened_whatever_has_its_name_now() {
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
    fn errors_of_sled_reach_nobody_in_its_own_words() {
        let bug = ::sled::Error::Unsupported("use sled::Db::export".to_owned());
        let shown = Fault::of_table(&bug).to_string();
        assert!(!shown.contains("sled"), "{shown}");
    }
}
