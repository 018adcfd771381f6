//! Opening sled after whatever has happened to it.
//!
//! What is known of sled 0.34.7, and answered here: it does not sync its `conf` file, so a power cut
//! soon after the first start leaves a store that does not open; it takes a half-written
//! `snap.*.generating` for a snapshot and gives up; a broken snapshot makes it give up too, though the
//! log beside it holds everything. It makes an empty database where its file is missing, which would
//! un-enrol everybody, so a marker says that there was one. When nothing helps, the store stays
//! closed and the error names the way back. The caller holds the lock of the folder.

use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::{Duration, Instant};

use ::sled::{Config, Db};

use super::{StoreError, folder};
use crate::log;

/// Written once a new store is durable; what is acknowledged later can rely on it.
const MARKER: &str = "complete";

/// How long an instance of this process that was just dropped may take to let go of its file.
const LET_GO: Duration = Duration::from_secs(3);

const NOT_SNAPSHOTS: &str = ".generating";

/// Opens the database in `path`, with `cache_bytes` of page cache.
pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Db, StoreError> {
    let io = |e: io::Error| failed(path, &e);
    for file in folder::files(path, |name| {
        is_snapshot(name) && name.ends_with(NOT_SNAPSHOTS)
    })
    .map_err(io)?
    {
        log::warn(format_args!(
            "removing {}, a snapshot that was not finished",
            file.display()
        ));
        folder::remove(&file).map_err(io)?;
    }
    let complete = is_complete(path);
    if complete && !path.join("db").exists() {
        return Err(lost(path, "its file `db` is gone"));
    }
    if complete {
        // After a kill sled reads what may not be on the disk yet, and puts it into a snapshot that is.
        File::open(path.join("db"))
            .and_then(|db| db.sync_all())
            .map_err(io)?;
    }
    let db = match attempt(path, cache_bytes) {
        Ok(db) => db,
        Err(e) if snapshots_may_be_why(&e) => without_snapshots(path, cache_bytes, complete, &e)?,
        Err(e) => return Err(failed(path, &e)),
    };
    if !complete {
        make_durable(path).map_err(io)?;
    }
    Ok(db)
}

/// Whether a store was made in `path`, so that its files must be there.
pub(super) fn is_complete(path: &Path) -> bool {
    path.join(MARKER).exists()
}

fn is_snapshot(name: &str) -> bool {
    name.starts_with("snap.")
}

/// A full disk, a missing right or another version of sled: removing files would mend nothing.
fn snapshots_may_be_why(error: &::sled::Error) -> bool {
    match error {
        ::sled::Error::Unsupported(_) => false,
        ::sled::Error::Io(e) => !matches!(
            e.kind(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::PermissionDenied
        ),
        _ => true,
    }
}

/// The log holds everything; a snapshot only saves reading it.
fn without_snapshots(
    path: &Path,
    cache_bytes: u64,
    complete: bool,
    first: &::sled::Error,
) -> Result<Db, StoreError> {
    let snapshots = folder::files(path, is_snapshot).map_err(|e| failed(path, &e))?;
    if snapshots.is_empty() {
        return Err(hopeless(path, complete, first));
    }
    log::warn(format_args!(
        "the store does not open ({first}); removing its snapshots and reading its whole log"
    ));
    for file in snapshots {
        folder::remove(&file).map_err(|e| failed(path, &e))?;
    }
    attempt(path, cache_bytes).map_err(|e| hopeless(path, complete, &e))
}

/// Opens once; waits while an instance that was dropped still holds the file.
fn attempt(path: &Path, cache_bytes: u64) -> Result<Db, ::sled::Error> {
    let until = Instant::now() + LET_GO;
    loop {
        // sled asserts while it reads what it does not expect.
        let opened = catch_unwind(AssertUnwindSafe(|| {
            Config::new()
                .path(path)
                .cache_capacity(cache_bytes)
                .flush_every_ms(None)
                .open()
        }))
        .unwrap_or_else(|_| {
            Err(::sled::Error::ReportableBug(
                "it panicked while opening".into(),
            ))
        });
        match opened {
            Err(e) if is_held(&e) && Instant::now() < until => {
                std::thread::sleep(Duration::from_millis(10));
            }
            done => return done,
        }
    }
}

/// sled gives the failure to lock its file no kind of its own.
fn is_held(error: &::sled::Error) -> bool {
    matches!(error, ::sled::Error::Io(e) if e.to_string().contains("could not acquire lock"))
}

/// What sled leaves to chance: that its new files are found again after a power cut.
fn make_durable(path: &Path) -> io::Result<()> {
    for name in ["conf", "db"] {
        File::open(path.join(name))?.sync_all()?;
    }
    for name in ["blobs", "."] {
        folder::sync(&path.join(name))?;
    }
    match folder::sync(folder::parent(path)) {
        // Then it was made by somebody else, and before.
        Err(e) if e.kind() == ErrorKind::PermissionDenied => {}
        done => done?,
    }
    let mut marker = File::options()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path.join(MARKER))?;
    marker
        .write_all(b"A store of mfa-agent was made here. Without this file it is not opened.\n")?;
    marker.sync_all()?;
    folder::sync(path)
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::new(format!("{} can't be opened: {error}", path.display()))
}

fn hopeless(path: &Path, complete: bool, error: &::sled::Error) -> StoreError {
    if complete {
        return lost(path, &error.to_string());
    }
    let path = path.display();
    StoreError::new(format!(
        "{path} can't be opened: {error}; it was never completed and holds no record, so it can go: \
         rm -r {path}"
    ))
}

/// What can only be put right from a backup.
pub(super) fn lost(path: &Path, reason: &str) -> StoreError {
    let path = path.display();
    StoreError::new(format!(
        "{path} can't be opened: {reason}; nobody can log in until it is back: stop the agent, move \
         {path} away, put the folder of the last backup in its place, and start the agent"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CACHE: u64 = 1 << 20;

    fn store_with_a_record() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let db = open(dir.path(), CACHE).unwrap();
        db.insert(b"k", b"v").unwrap();
        db.flush().unwrap();
        drop(db);
        dir
    }

    fn record(dir: &tempfile::TempDir) -> Option<::sled::IVec> {
        open(dir.path(), CACHE).unwrap().get(b"k").unwrap()
    }

    #[test]
    fn a_left_over_unfinished_snapshot_does_not_keep_the_store_closed() {
        let dir = store_with_a_record();
        let left_over = dir.path().join("snap.FFFFFFFFFFFFFFFF.generating");
        std::fs::write(&left_over, b"half").unwrap();
        assert_eq!(record(&dir).unwrap(), b"v");
        assert!(!left_over.exists());
    }

    #[test]
    fn a_broken_snapshot_is_removed_and_the_log_read_instead() {
        let dir = store_with_a_record();
        let broken = dir.path().join("snap.FFFFFFFFFFFFFFFF");
        std::fs::write(&broken, [7; 100]).unwrap();
        assert_eq!(record(&dir).unwrap(), b"v");
        assert!(!broken.exists());
    }

    #[test]
    fn a_snapshot_that_makes_sled_panic_is_survived() {
        let dir = store_with_a_record();
        // A body that is no snapshot, with the length and checksum that sled wants to see.
        let body = [0xFF; 64];
        let mut bytes = body.to_vec();
        bytes.extend(64u64.to_le_bytes());
        bytes.extend(crc32(&body).to_le_bytes());
        std::fs::write(dir.path().join("snap.FFFFFFFFFFFFFFFF"), bytes).unwrap();
        assert_eq!(record(&dir).unwrap(), b"v");
    }

    fn crc32(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(!0u32, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
                (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
            })
        })
    }

    #[test]
    fn a_store_that_has_lost_its_file_is_not_replaced_by_an_empty_one() {
        let dir = store_with_a_record();
        std::fs::remove_file(dir.path().join("db")).unwrap();
        let error = open(dir.path(), CACHE).unwrap_err().to_string();
        assert!(error.contains("last backup"), "{error}");
        assert!(!dir.path().join("db").exists());
    }

    #[test]
    fn a_store_beyond_help_names_the_way_back() {
        let dir = store_with_a_record();
        std::fs::write(dir.path().join("conf"), b"this is not a settings file").unwrap();
        let error = open(dir.path(), CACHE).unwrap_err().to_string();
        assert!(
            error.contains("last backup") || error.contains("can't be opened"),
            "{error}"
        );
    }
}
