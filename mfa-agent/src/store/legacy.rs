//! Converts stores of the first format, which kept all records in sled behind a small journal.
//!
//! sled changes its files when it opens them, and may fail to open them after that. So it opens a
//! copy, and nothing of the old store is removed before the new files are durable. An interrupted
//! conversion begins again: the mark of the old store is removed last.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use ::sled::Db;

use super::StoreId;
use super::disk::Files;
use super::fault::Fault;
use super::journal::{Batch, Journal};
use super::merge::{Merge, Source};
use super::piece::{Piece, Span};
use super::sorted::{Origin, SortedFile};
use super::{piece, record, table};
use crate::log;

mod journal;

/// The old store was complete once this file existed.
const MARK: &str = "complete";

/// Its other files, besides its snapshots and the folder `blobs`.
const FILES: [&str; 5] = ["conf", "db", "journal", "journal.new", MARK];
const SNAPSHOT: &str = "snap.";
const BLOBS: &str = "blobs";

/// The copy of the old store, which is removed like a left-over table.
const COPY: &str = "table.converted";

/// The span of the journal that a conversion ends with.
const CONVERTED: Span = Span { from: 2, to: 2 };

/// Whether `names` contain a store of the first format.
pub(super) fn is_there(names: &[String]) -> bool {
    names.iter().any(|name| name == MARK)
}

/// Converts the store in `path`, if it has the old format.
pub(super) fn convert(path: &Path, files: &Files) -> Result<(), Fault> {
    let names = files.names()?;
    let pieces = piece::pieces(&names);
    // Spans after the second come from an opening: the new files were complete then.
    let is_converted = pieces.iter().any(|piece| piece.span.to > CONVERTED.to);
    if is_there(&names) && !is_converted {
        convert_records(path, files, &names, &pieces)?;
    }
    match names.iter().any(|name| is_old(name)) {
        true => remove_old(path, files, &names),
        false => Ok(()),
    }
}

fn convert_records(
    path: &Path,
    files: &Files,
    names: &[String],
    pieces: &[Piece],
) -> Result<(), Fault> {
    log::info("converting the store from the format of an earlier version");
    table::remove_left_over(path, names)?;
    for piece in pieces {
        files.remove(&piece.to_string())?;
    }
    // sled panics where it could return an error.
    let copied = catch_unwind(AssertUnwindSafe(|| copy_records(path, files, names)));
    let count =
        copied.unwrap_or_else(|_| Err(Fault::new("the files of the old store are damaged")))?;
    log::info(format_args!("the store is converted; records: {count}"));
    Ok(())
}

/// Writes all records of the old store to new files. Returns how many there are.
fn copy_records(path: &Path, files: &Files, names: &[String]) -> Result<u64, Fault> {
    let history = journal::read(files)?;
    let db = open_copy(path, names)?;
    history.check(&db)?;
    let items = || -> Merge {
        let changed = history.last.clone().into_iter().map(Ok);
        let sources: Vec<Source> = vec![Box::new(changed), Box::new(in_sled(&db))];
        Merge::new(sources)
    };
    let (mut count, mut live) = (0, 0);
    for item in items() {
        if let (key, Some(value)) = item? {
            count += 1;
            live += record::size(&key, &value);
        }
    }
    let mut id = StoreId([0; 16]);
    getrandom::fill(&mut id.0)
        .map_err(|e| Fault::new(format!("the system provides no random bytes: {e}")))?;
    // Sequence numbers begin at 1: the sorted file says that it contains that one.
    let origin = Origin {
        id,
        span: Span { from: 1, to: 1 },
        sequence: 1,
        live,
    };
    let present = items().filter(|item| !matches!(item, Ok((_, None))));
    SortedFile::create(files, origin, present)?;
    Journal::restating(files, id, CONVERTED, origin.sequence, &Batch::new(live))?;
    Ok(count)
}

/// The records in sled.
fn in_sled(db: &Db) -> impl Iterator<Item = Result<super::sorted::Item, Fault>> + use<> {
    db.iter().map(|item| {
        let (key, value) = item.map_err(|e| Fault::of_table(&e))?;
        Ok((key.to_vec(), Some(value.to_vec())))
    })
}

/// Opens a copy of the old files, without their snapshots if necessary.
fn open_copy(path: &Path, names: &[String]) -> Result<Db, Fault> {
    let copy = path.join(COPY);
    let mut reason = String::new();
    for with_snapshots in [true, false] {
        copy_files(path, &copy, names, with_snapshots)
            .map_err(Fault::of("the old store can't be copied"))?;
        let config = ::sled::Config::new().path(&copy).flush_every_ms(None);
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        match opened {
            Ok(Ok(db)) => return Ok(db),
            Ok(Err(::sled::Error::Io(e))) => reason = e.to_string(),
            _ => "its files are damaged".clone_into(&mut reason),
        }
    }
    Err(Fault::new(format!(
        "the old store can't be converted: {reason}"
    )))
}

fn copy_files(
    path: &Path,
    copy: &Path,
    names: &[String],
    with_snapshots: bool,
) -> std::io::Result<()> {
    let _ = std::fs::remove_dir_all(copy);
    std::fs::create_dir_all(copy.join(BLOBS))?;
    let wanted = |name: &&String| {
        let is_snapshot = name.starts_with(SNAPSHOT) && !name.ends_with(".generating");
        ["conf", "db"].contains(&name.as_str()) || (with_snapshots && is_snapshot)
    };
    for name in names.iter().filter(wanted) {
        std::fs::copy(path.join(name), copy.join(name))?;
    }
    Ok(())
}

/// Whether a file of that name belongs to an old store.
fn is_old(name: &str) -> bool {
    FILES.contains(&name) || name.starts_with(SNAPSHOT) || name == BLOBS
}

/// Removes the old store: first the mark, which would cause another conversion.
fn remove_old(path: &Path, files: &Files, names: &[String]) -> Result<(), Fault> {
    files.remove(MARK)?;
    files.sync()?;
    for name in names.iter().filter(|name| is_old(name) && *name != BLOBS) {
        files.remove_needless(name);
    }
    let _ = std::fs::remove_dir_all(path.join(BLOBS));
    table::remove_left_over(path, &[COPY.to_owned()])
}

#[cfg(test)]
pub(super) mod tests {
    use std::os::unix::fs::PermissionsExt;

    use std::sync::Arc;

    use super::super::disk::HostFolder;
    use super::super::simulated::Image;
    use super::super::{SledStore, Store};
    use super::*;

    /// A store as the first format left it after a kill: some records are only in its journal.
    fn old_store() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(dir.path(), private).unwrap();
        for (name, bytes) in files_of_old_store() {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        std::fs::create_dir(dir.path().join(BLOBS)).unwrap();
        dir
    }

    pub(in crate::store) fn files_of_old_store() -> Image {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/store-of-sled");
        let entries = std::fs::read_dir(data).unwrap().map(Result::unwrap);
        let name = |entry: &std::fs::DirEntry| entry.file_name().into_string().unwrap();
        entries
            .map(|entry| (name(&entry), std::fs::read(entry.path()).unwrap()))
            .collect()
    }

    fn files(dir: &tempfile::TempDir) -> Files {
        Files::new(Arc::new(HostFolder::open(dir.path()).unwrap()))
    }

    pub(in crate::store) fn expected() -> Vec<(Vec<u8>, Vec<u8>)> {
        let removed = |i: u32| i % 11 == 1 && i / 11 < 30;
        let value = |i: u32| match i.is_multiple_of(7) && i / 7 < 40 {
            true => vec![(i / 7) as u8 ^ 0x55; 70],
            false => vec![i as u8; 90],
        };
        (0..620)
            .filter(|i| !removed(*i))
            .map(|i| (format!("account/user{i:04}").into_bytes(), value(i)))
            .collect()
    }

    fn all(store: &SledStore) -> Vec<(Vec<u8>, Vec<u8>)> {
        let page = store.page(b"", None, usize::MAX).unwrap();
        page.into_iter()
            .map(|(key, stored)| (key, stored.bytes))
            .collect()
    }

    #[test]
    fn every_record_of_an_old_store_is_converted_and_nothing_of_it_is_left() {
        let dir = old_store();
        assert!(SledStore::is_there(dir.path()).unwrap());
        assert_eq!(all(&SledStore::open(dir.path()).unwrap()), expected());
        let names = files(&dir).names().unwrap();
        assert!(!names.iter().any(|name| is_old(name)), "{names:?}");
        assert!(!names.contains(&COPY.to_owned()), "{names:?}");
        let store = SledStore::open(dir.path()).unwrap();
        assert_eq!(all(&store), expected());
    }

    #[test]
    fn an_interrupted_conversion_begins_again() {
        let dir = old_store();
        let files = files(&dir);
        copy_records(dir.path(), &files, &files.names().unwrap()).unwrap();
        files.remove("journal.2-2").unwrap();
        assert_eq!(all(&SledStore::open(dir.path()).unwrap()), expected());
    }

    #[test]
    fn an_interrupted_removal_goes_on_and_nothing_is_converted_twice() {
        for is_mark_back in [false, true] {
            let dir = old_store();
            let store = SledStore::open(dir.path()).unwrap();
            let change = super::super::Change {
                key: b"account/new",
                expected: None,
                new: Some(b"1"),
                line: None,
            };
            store.swap(change).unwrap();
            drop(store);
            // A power cut may bring these back, because their removal was not durable.
            let old = old_store();
            for name in ["db", "conf", "journal", MARK] {
                if name != MARK || is_mark_back {
                    std::fs::copy(old.path().join(name), dir.path().join(name)).unwrap();
                }
            }
            let store = SledStore::open(dir.path()).unwrap();
            assert!(store.load(b"account/new").unwrap().is_some());
            let names = files(&dir).names().unwrap();
            assert!(!names.iter().any(|name| is_old(name)), "{names:?}");
        }
    }

    #[test]
    fn a_damaged_old_store_is_refused_and_left_unchanged() {
        let zeros = vec![0; 1 << 19];
        for (name, bytes) in [("db", &b""[..]), ("db", &zeros), ("journal", b"short")] {
            let dir = old_store();
            std::fs::write(dir.path().join(name), bytes).unwrap();
            let error = SledStore::open(dir.path()).err().unwrap().to_string();
            assert!(error.contains("restored from a backup"), "{error}");
            assert_eq!(std::fs::read(dir.path().join(name)).unwrap(), bytes);
            assert!(dir.path().join(MARK).exists());
        }
    }
}
