//! Power cuts and damage: what must be there afterwards, and what must be refused.
//!
//! A cut is played with copies: of each file what it held when it was last synced, as if nothing else
//! had reached the disk; and once more with all that sled has written, its snapshots included.

use std::collections::BTreeMap;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::sync::atomic::AtomicU64;

use proptest::prelude::*;
use tempfile::TempDir;

use super::super::MemoryStore;
use super::*;

/// A store, and of each of its files what is sure to be on the disk.
struct Rig {
    dir: TempDir,
    store: SledStore,
    durable: Arc<Mutex<BTreeMap<u64, Vec<u8>>>>,
}

impl Rig {
    fn new() -> Self {
        Self::on(private())
    }

    fn on(dir: TempDir) -> Self {
        let durable = Arc::new(Mutex::new(BTreeMap::new()));
        let synced = Arc::clone(&durable);
        let sync: Sync = Arc::new(move |file: &File| {
            file.sync_data()?;
            synced
                .lock()
                .unwrap()
                .insert(file.metadata()?.ino(), content(file));
            Ok(())
        });
        let store = SledStore::open_with(dir.path(), sync).unwrap();
        // Opening ends with a checkpoint that is durable.
        for name in ["db", "journal"] {
            let file = File::open(dir.path().join(name)).unwrap();
            let inode = file.metadata().unwrap().ino();
            durable.lock().unwrap().insert(inode, content(&file));
        }
        Self {
            dir,
            store,
            durable,
        }
    }

    /// The folder as it is found after the power is back.
    fn power_cut(&self, what_sled_wrote_came_through: bool) -> TempDir {
        let after = private();
        for name in ["conf", "complete", "db", "journal"] {
            let bytes = if name == "db" && what_sled_wrote_came_through {
                std::fs::read(self.path(name)).unwrap()
            } else {
                self.durable(name)
            };
            std::fs::write(after.path().join(name), bytes).unwrap();
        }
        std::fs::create_dir(after.path().join("blobs")).unwrap();
        let is_snapshot = |name: &str| what_sled_wrote_came_through && name.starts_with("snap.");
        for snapshot in folder::files(self.dir.path(), is_snapshot).unwrap() {
            let copy = after.path().join(snapshot.file_name().unwrap());
            std::fs::copy(snapshot, copy).unwrap();
        }
        after
    }

    fn durable(&self, name: &str) -> Vec<u8> {
        let inode = std::fs::metadata(self.path(name)).unwrap().ino();
        let known = self.durable.lock().unwrap().get(&inode).cloned();
        known.unwrap_or_else(|| std::fs::read(self.path(name)).unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

/// A folder that only we can enter, whatever the umask.
fn private() -> TempDir {
    let mode = std::fs::Permissions::from_mode(0o700);
    tempfile::Builder::new()
        .permissions(mode)
        .tempdir()
        .unwrap()
}

/// All of a file that is open for writing only.
fn content(file: &File) -> Vec<u8> {
    let readable = File::open(format!("/proc/self/fd/{}", file.as_raw_fd())).unwrap();
    let mut bytes = vec![0; readable.metadata().unwrap().len() as usize];
    readable.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

fn put(store: &dyn Store, key: &[u8], value: Option<&[u8]>) {
    let old = store.load(key).unwrap();
    if old.is_none() && value.is_none() {
        return;
    }
    let swapped = store.swap(Change {
        key,
        expected: old.as_ref().map(|old| &old.revision),
        new: value,
        line: None,
    });
    assert_eq!(swapped.unwrap(), Swap::Done);
}

fn all(store: &dyn Store) -> Vec<(Vec<u8>, Vec<u8>)> {
    let page = store.page(b"", None, usize::MAX).unwrap();
    page.into_iter()
        .map(|(key, stored)| (key, stored.bytes))
        .collect()
}

fn reopened(dir: &TempDir) -> SledStore {
    SledStore::open(dir.path()).unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8, usize),
    Remove(u8),
    Reopen,
    PowerCut(bool),
}

fn step() -> impl Strategy<Value = Step> {
    // A few large values fill the journal, so that checkpoints come in between.
    let size = prop_oneof![3 => 1..200usize, 2 => Just(MAX_RECORD)];
    prop_oneof![
        12 => (0..6u8, any::<u8>(), size).prop_map(|(k, v, size)| Step::Put(k, v, size)),
        2 => (0..6u8).prop_map(Step::Remove),
        1 => Just(Step::Reopen),
        2 => any::<bool>().prop_map(Step::PowerCut),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn it_does_what_the_store_in_memory_does_through_restarts_and_power_cuts(
        steps in proptest::collection::vec(step(), 1..80)
    ) {
        let model = MemoryStore::new();
        let mut rig = Rig::new();
        for step in steps {
            match step {
                Step::Put(key, value, size) => {
                    let value = vec![value; size];
                    for store in [&model as &dyn Store, &rig.store] {
                        put(store, &[key], Some(&value));
                    }
                }
                Step::Remove(key) => {
                    for store in [&model as &dyn Store, &rig.store] {
                        put(store, &[key], None);
                    }
                }
                Step::Reopen => {
                    let Rig { dir, store, .. } = rig;
                    drop(store);
                    rig = Rig::on(dir);
                }
                Step::PowerCut(all_came_through) => rig = Rig::on(rig.power_cut(all_came_through)),
            }
            prop_assert_eq!(all(&rig.store), all(&model));
        }
    }
}

#[test]
fn after_a_power_cut_every_acknowledged_increment_of_sixty_four_threads_is_there() {
    let rig = Rig::new();
    let acknowledged = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                for _ in 0..16 {
                    increment(&rig.store);
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        // In the midst of it: at least what was acknowledged before, at most one more each.
        while acknowledged.load(Ordering::SeqCst) < 200 {
            std::thread::yield_now();
        }
        let before = acknowledged.load(Ordering::SeqCst);
        let found = counter(&reopened(&rig.power_cut(false)));
        assert!(found >= before, "{before} were acknowledged, {found} found");
    });
    for came_through in [false, true] {
        assert_eq!(counter(&reopened(&rig.power_cut(came_through))), 64 * 16);
    }
}

/// The value is large, so that the journal is full again and again.
fn increment(store: &dyn Store) {
    loop {
        let old = store.load(b"counter").unwrap();
        let mut new = vec![0; 1000];
        new[..8].copy_from_slice(&(count(old.as_ref()) + 1).to_be_bytes());
        let change = Change {
            key: b"counter",
            expected: old.as_ref().map(|old| &old.revision),
            new: Some(&new),
            line: None,
        };
        if store.swap(change).unwrap() == Swap::Done {
            return;
        }
    }
}

fn counter(store: &dyn Store) -> u64 {
    count(store.load(b"counter").unwrap().as_ref())
}

fn count(stored: Option<&Stored>) -> u64 {
    stored.map_or(0, |stored| {
        u64::from_be_bytes(stored.bytes[..8].try_into().unwrap())
    })
}

#[test]
fn a_cut_between_the_checkpoint_and_the_next_epoch_turns_nothing_back() {
    let rig = Rig::new();
    let journal = |at: &TempDir| std::fs::read(at.path().join("journal")).unwrap();
    let epoch = |bytes: &[u8]| bytes[16..24].to_vec();
    let first = epoch(&journal(&rig.dir));
    let mut before = Vec::new();
    let mut value = 0u64;
    while epoch(&journal(&rig.dir)) == first {
        before = journal(&rig.dir);
        value += 1;
        put(
            &rig.store,
            b"counter",
            Some(&[value.to_be_bytes(); 64].concat()),
        );
    }
    let after = rig.power_cut(false);
    std::fs::write(after.path().join("journal"), &before).unwrap();
    // The last swap was the checkpoint's; the old journal ends just before it.
    assert_eq!(counter(&reopened(&after)), value - 1);
}

/// A store with 300 records, some of them in the journal only.
fn filled() -> Rig {
    let rig = Rig::new();
    for i in 0..300u32 {
        put(
            &rig.store,
            format!("account/{i}").as_bytes(),
            Some(&[7; 300]),
        );
    }
    let rig = Rig::on(rig.power_cut(false));
    for i in 300..310u32 {
        put(
            &rig.store,
            format!("account/{i}").as_bytes(),
            Some(&[7; 300]),
        );
    }
    rig
}

/// All are there, or the error names the way back.
fn refused_or_whole(dir: &TempDir) -> bool {
    match SledStore::open(dir.path()) {
        Ok(store) => {
            let all = all(&store);
            assert_eq!(all.len(), 310, "opened with fewer");
            assert!(all.iter().all(|(_, value)| *value == [7; 300]));
            false
        }
        Err(error) => {
            assert!(error.to_string().contains("last backup"), "{error}");
            true
        }
    }
}

#[test]
fn a_truncated_database_is_refused_each_time() {
    let rig = filled();
    let db = rig.durable("db");
    let lengths = [0, 1, 4096, db.len() / 4, db.len() / 2];
    for (length, with_snapshots) in lengths.into_iter().flat_map(|n| [(n, false), (n, true)]) {
        let dir = rig.power_cut(with_snapshots);
        std::fs::write(dir.path().join("db"), &db[..length]).unwrap();
        for _ in 0..2 {
            assert!(refused_or_whole(&dir), "{length} of {} bytes", db.len());
        }
    }
}

#[test]
fn a_database_with_a_hole_is_refused() {
    let rig = filled();
    for (from, with_snapshots) in [(0, false), (0, true), (4096, false), (4096, true)] {
        let dir = rig.power_cut(with_snapshots);
        let file = File::options()
            .write(true)
            .open(dir.path().join("db"))
            .unwrap();
        file.write_all_at(&[0; 4096], from).unwrap();
        assert!(refused_or_whole(&dir), "4 KiB of zeros at {from}");
    }
}

#[test]
fn a_database_with_a_flipped_bit_is_whole_or_refused() {
    let rig = filled();
    let db = rig.durable("db");
    let mut refused = 0;
    for (at, with_snapshots) in (0..db.len())
        .step_by(db.len() / 61)
        .zip([false, true].into_iter().cycle())
    {
        let dir = rig.power_cut(with_snapshots);
        let mut bytes = db.clone();
        bytes[at] ^= 0x10;
        std::fs::write(dir.path().join("db"), bytes).unwrap();
        refused += u32::from(refused_or_whole(&dir));
    }
    assert!(refused > 0, "no flip was in a place that matters");
}

#[test]
fn an_old_database_beside_a_new_journal_is_refused() {
    let rig = Rig::new();
    put(&rig.store, b"counter", Some(&1u64.to_be_bytes()));
    let old = rig.durable("db");
    let rig = Rig::on(rig.power_cut(false));
    put(&rig.store, b"counter", Some(&2u64.to_be_bytes()));
    let dir = rig.power_cut(false);
    std::fs::write(dir.path().join("db"), old).unwrap();
    let error = SledStore::open(dir.path()).err().unwrap().to_string();
    assert!(error.contains("ends before checkpoint"), "{error}");
}

#[test]
fn a_missing_short_or_broken_journal_is_refused() {
    let rig = filled();
    let journal = rig.durable("journal");
    let damaged: [(&str, Option<Vec<u8>>); 4] = [
        ("is gone", None),
        ("has 0 bytes", Some(Vec::new())),
        ("has 5000 bytes", Some(journal[..5000].to_vec())),
        ("damaged at byte 0", Some(vec![0; journal.len()])),
    ];
    for (reason, bytes) in damaged {
        let dir = rig.power_cut(false);
        let file = dir.path().join("journal");
        std::fs::remove_file(&file).unwrap();
        if let Some(bytes) = bytes {
            std::fs::write(&file, bytes).unwrap();
        }
        let db = std::fs::read(dir.path().join("db")).unwrap();
        let error = SledStore::open(dir.path()).err().unwrap().to_string();
        assert!(
            error.contains(reason) && error.contains("last backup"),
            "{error}"
        );
        assert_eq!(
            std::fs::read(dir.path().join("db")).unwrap(),
            db,
            "it was written to"
        );
    }
}

#[test]
fn a_batch_larger_than_the_journal_is_durable() {
    let rig = Rig::new();
    let keys: Vec<_> = (0..1000u32).map(u32::to_be_bytes).collect();
    let changes: Vec<_> = keys
        .iter()
        .map(|key| Change {
            key,
            expected: None,
            new: Some(&[1; 300]),
            line: None,
        })
        .collect();
    rig.store.swap_all(&changes).unwrap();
    assert_eq!(all(&reopened(&rig.power_cut(false))).len(), 1000);
}

#[test]
fn a_database_that_has_lost_a_record_is_refused() {
    let rig = filled();
    let dir = rig.power_cut(false);
    let db = ::sled::open(dir.path()).unwrap();
    db.remove(b"account/17").unwrap().unwrap();
    db.flush().unwrap();
    drop(db);
    let error = SledStore::open(dir.path()).err().unwrap().to_string();
    assert!(
        error.contains("309 records are there, and there were 310"),
        "{error}"
    );
}

#[test]
fn a_batch_of_new_records_that_a_power_cut_tore_keeps_nothing_closed() {
    let rig = Rig::new();
    let before = rig.durable("journal");
    let three = [create_key(b"a"), create_key(b"b"), create_key(b"c")];
    rig.store.swap_all(&three).unwrap();
    let mut torn = rig.durable("journal");
    let differs = |at: &usize| torn[*at] != before[*at];
    let end = (0..torn.len()).rev().find(differs).unwrap();
    torn[end] ^= 1;
    let dir = rig.power_cut(false);
    std::fs::write(dir.path().join("journal"), torn).unwrap();
    assert_eq!(all(&reopened(&dir)).len(), 2);
}

fn create_key(key: &[u8]) -> Change<'_> {
    Change {
        key,
        expected: None,
        new: Some(b"v"),
        line: None,
    }
}
