use std::io::{BufRead, BufReader, Error, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::channel;

use super::super::contract;
use super::super::simulated::{Image, Simulated, Step, private_folder};
use super::*;

pub(super) const CREATE: Change<'_> = Change {
    key: b"k",
    expected: None,
    new: Some(b"v"),
    line: None,
};

/// A folder with an empty store.
pub(super) fn folder() -> tempfile::TempDir {
    let dir = private_folder();
    SledStore::create(dir.path(), StoreId([1; 16])).unwrap();
    dir
}

pub(super) fn create(key: &[u8]) -> Change<'_> {
    Change {
        key,
        expected: None,
        new: Some(b"v"),
        line: None,
    }
}

#[test]
fn it_keeps_the_promises_of_a_store() {
    let dir = folder();
    contract::check(&SledStore::open(dir.path()).unwrap());
}

#[test]
fn a_record_is_still_there_after_reopening() {
    let dir = folder();
    SledStore::open(dir.path()).unwrap().swap(CREATE).unwrap();
    let store = SledStore::open(dir.path()).unwrap();
    assert_eq!(store.load(b"k").unwrap().unwrap().bytes, b"v");
}

#[test]
fn a_second_opener_is_told_that_an_agent_runs() {
    let dir = folder();
    let store = SledStore::open(dir.path()).unwrap();
    let Err(error) = SledStore::open(dir.path()) else {
        panic!("it opened twice")
    };
    assert!(error.to_string().contains("another process"), "{error}");
    store.swap(CREATE).unwrap();
}

#[test]
fn a_folder_open_to_others_is_refused() {
    let dir = folder();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let Err(error) = SledStore::open(dir.path()) else {
        panic!("it opened")
    };
    assert!(error.to_string().contains("chmod 0700"), "{error}");
}

#[test]
fn a_record_too_large_for_a_page_is_refused_and_breaks_nothing() {
    let dir = folder();
    let store = SledStore::open(dir.path()).unwrap();
    let large = vec![0; MAX_RECORD + 1];
    store
        .swap(Change {
            key: b"k",
            expected: None,
            new: Some(&large),
            line: None,
        })
        .unwrap_err();
    assert_eq!(store.swap(CREATE).unwrap(), Swap::Done);
}

/// An empty store on a disk that can fail.
pub(super) fn simulated() -> (SledStore, Simulated) {
    let disk = Simulated::new(Image::new());
    create_in(Arc::new(disk.clone()), StoreId([1; 16])).unwrap();
    let store = SledStore::open_on(disk.path(), Arc::new(disk.clone())).unwrap();
    // At rest the store's thread has made the next journal, and leaves the disk alone.
    let is_named = |step: &Step| matches!(step, Step::Rename(_, to, _) if to == "journal.3-3");
    let steps = || disk.steps().into_iter();
    while !matches!(
        steps().skip_while(|step| !is_named(step)).nth(1),
        Some(Step::SyncFolder)
    ) {
        std::thread::sleep(Duration::from_millis(1));
    }
    (store, disk)
}

fn is_sync(step: &Step) -> bool {
    matches!(step, Step::SyncFile(_))
}

#[test]
fn no_swap_is_acknowledged_before_the_disk_has_synced() {
    let (store, disk) = simulated();
    let (begun, has_begun) = channel();
    let (end, ends) = channel::<()>();
    disk.fail(Some(Box::new(move |_, step| {
        if is_sync(step) {
            begun.send(()).unwrap();
            ends.recv().unwrap();
        }
        None
    })));
    std::thread::scope(|scope| {
        let (done, is_done) = channel();
        let store = &store;
        scope.spawn(move || done.send(store.swap(CREATE)).unwrap());
        has_begun.recv().unwrap();
        assert!(is_done.recv_timeout(Duration::from_millis(50)).is_err());
        end.send(()).unwrap();
        assert_eq!(is_done.recv().unwrap(), Ok(Swap::Done));
    });
    disk.fail(None);
}

#[test]
fn every_successful_swap_syncs_and_a_conflict_does_not() {
    let (store, disk) = simulated();
    let syncs = || disk.steps().into_iter().filter(is_sync).count();
    let before = syncs();
    for i in 0..5u8 {
        store.swap(create(&[i])).unwrap();
        assert_eq!(syncs() - before, usize::from(i) + 1);
    }
    assert_eq!(store.swap(create(&[0])).unwrap(), Swap::Conflict);
    store
        .swap_all(&[create(b"x"), create(b"y"), create(b"z")])
        .unwrap();
    assert_eq!(syncs() - before, 6);
}

/// This number of journal syncs fails; syncs of files that the store's thread prepares meanwhile do
/// not count.
fn fail_syncs(disk: &Simulated, mut count: u64, kind: ErrorKind) {
    let mut published = disk.published();
    disk.fail(Some(Box::new(move |_, step| {
        if let Step::Rename(_, _, number) = step {
            published.insert(*number);
        }
        let hit = matches!(step, Step::SyncFile(number) if published.contains(number));
        if count == 0 || !hit {
            return None;
        }
        count -= 1;
        Some(Error::from(kind))
    })));
}

#[test]
fn a_failed_sync_fails_the_swap_and_the_store_is_reopened() {
    let (store, disk) = simulated();
    store.swap(create(b"before")).unwrap();
    fail_syncs(&disk, 1, ErrorKind::Other);
    store.swap(create(b"lost")).unwrap_err();
    assert_eq!(store.swap(create(b"after")).unwrap(), Swap::Done);
    assert!(store.load(b"before").unwrap().is_some());
    assert!(disk.path().join("ballast").exists());
}

#[test]
fn a_store_that_keeps_breaking_fails_closed() {
    let (store, disk) = simulated();
    fail_syncs(&disk, u64::MAX, ErrorKind::Other);
    for i in 0..5 {
        store.swap(create(&[i])).unwrap_err();
    }
}

#[test]
fn a_full_disk_frees_the_ballast() {
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
        let (store, disk) = simulated();
        assert!(disk.path().join("ballast").exists());
        fail_syncs(&disk, 1, kind);
        store.swap(create(b"lost")).unwrap_err();
        assert!(!disk.path().join("ballast").exists());
        store.swap(create(b"after")).unwrap();
    }
}

#[test]
fn a_store_opens_on_a_full_disk_with_the_reserved_space() {
    let (store, disk) = simulated();
    store.swap(CREATE).unwrap();
    drop(store);
    assert!(disk.path().join("ballast").exists());
    let ballast = disk.path().join("ballast");
    disk.fail(Some(Box::new(move |_, _| {
        let full = ballast.exists();
        full.then(|| Error::from(ErrorKind::StorageFull))
    })));
    let store = SledStore::open_on(disk.path(), Arc::new(disk.clone())).unwrap();
    assert!(store.load(b"k").unwrap().is_some());
}

#[test]
fn a_folder_that_replaced_the_open_one_is_not_opened_instead() {
    let dir = private_folder();
    let (path, aside) = (dir.path().join("store"), dir.path().join("aside"));
    SledStore::create(&path, StoreId([1; 16])).unwrap();
    let store = SledStore::open(&path).unwrap();
    store.swap(CREATE).unwrap();
    std::fs::rename(&path, &aside).unwrap();
    SledStore::create(&path, StoreId([1; 16])).unwrap();
    // The store keeps the folder that it opened, even under another name.
    store.swap(create(b"second")).unwrap();
    store.break_for_test();
    for _ in 0..2 {
        let error = store.load(b"k").unwrap_err().to_string();
        assert!(error.contains("another folder"), "{error}");
        store.attempt_at_once();
    }
    drop(store);
    let store = SledStore::open(&aside).unwrap();
    assert_eq!(store.page(b"", None, 9).unwrap().len(), 2);
}

#[test]
fn an_older_store_in_the_open_folder_is_refused_and_stays_so() {
    let (store, disk) = simulated();
    let older = disk.now();
    for _ in 0..2 {
        store.swap(create(b"before")).unwrap_or(Swap::Conflict);
        store.break_for_test();
        store.attempt_at_once();
        store.load(b"k").unwrap();
    }
    // At rest the store's thread has made the next journal, and leaves the disk alone.
    while disk.published().len() < 2 || !matches!(disk.steps().last(), Some(Step::SyncFolder)) {
        std::thread::sleep(Duration::from_millis(1));
    }
    store.break_for_test();
    disk.replace_by(&older);
    for _ in 0..3 {
        store.attempt_at_once();
        let error = store.load(b"k").unwrap_err().to_string();
        assert!(error.contains("older store"), "{error}");
    }
}

#[test]
fn a_settler_that_waits_for_the_audit_log_blocks_no_reopening() {
    let (store, disk) = simulated();
    let (asked, is_asked) = channel();
    let (answer, answers) = channel::<()>();
    let answers = Mutex::new(answers);
    store.before_forgetting(Box::new(move || {
        asked.send(()).unwrap();
        answers.lock().unwrap().recv().is_ok()
    }));
    let large = vec![7; MAX_RECORD];
    for i in 0..60u8 {
        let key = [i];
        let change = Change {
            new: Some(&large),
            line: Some(b"a line"),
            ..create(&key)
        };
        store.swap(change).unwrap();
    }
    is_asked.recv().unwrap();
    fail_syncs(&disk, 1, ErrorKind::Other);
    store.swap(create(b"lost")).unwrap_err();
    assert_eq!(store.swap(create(b"after")).unwrap(), Swap::Done);
    drop(answer);
}

#[test]
fn a_folder_without_a_store_is_not_opened_and_a_store_is_not_created_twice() {
    let dir = private_folder();
    let error = SledStore::open(dir.path()).err().unwrap().to_string();
    assert!(error.contains("there is no store"), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    SledStore::create(dir.path(), StoreId([1; 16])).unwrap();
    assert!(SledStore::create(dir.path(), StoreId([2; 16])).is_err());
    assert_eq!(SledStore::open(dir.path()).unwrap().id(), StoreId([1; 16]));
}

#[test]
fn the_generation_grows_with_each_opening() {
    let dir = folder();
    let first = SledStore::open(dir.path()).unwrap().generation();
    let second = SledStore::open(dir.path()).unwrap().generation();
    assert!(second > first);
}

#[test]
fn lines_come_back_until_the_audit_log_has_them() {
    let dir = folder();
    let store = SledStore::open(dir.path()).unwrap();
    for i in 0..3u8 {
        let (key, line) = ([i], format!("line {i}"));
        let change = Change {
            line: Some(line.as_bytes()),
            ..create(&key)
        };
        store.swap(change).unwrap();
    }
    drop(store);
    let expected: Vec<_> = (0..3).map(|i| format!("line {i}").into_bytes()).collect();
    for _ in 0..2 {
        let store = SledStore::open(dir.path()).unwrap();
        assert_eq!(store.lines().unwrap(), expected);
        assert_eq!(store.lines().unwrap(), [b""; 0]);
    }
}

#[test]
fn lines_of_full_journals_are_settled_and_their_journals_removed() {
    let dir = folder();
    let store = SledStore::open(dir.path()).unwrap();
    let asked = Arc::new(AtomicU64::new(0));
    let asking = Arc::clone(&asked);
    store.before_forgetting(Box::new(move || {
        asking.fetch_add(1, Ordering::SeqCst);
        true
    }));
    let large = vec![7; MAX_RECORD];
    let mut changes = 0u32;
    while changes < 200 || asked.load(Ordering::SeqCst) == 0 {
        let key = changes.to_be_bytes();
        let change = Change {
            new: Some(&large),
            line: Some(b"a line"),
            ..create(&key)
        };
        store.swap(change).unwrap();
        changes += 1;
    }
    let changes = changes as usize;
    // The active journal and the next one remain.
    let journals = || {
        std::fs::read_dir(dir.path()).unwrap().filter(|entry| {
            let name = entry.as_ref().unwrap().file_name();
            name.to_string_lossy().starts_with("journal.")
        })
    };
    while journals().count() > 2 {
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(store);
    let store = SledStore::open(dir.path()).unwrap();
    assert!(store.lines().unwrap().len() < changes, "none was settled");
    assert_eq!(store.page(b"", None, usize::MAX).unwrap().len(), changes);
}

#[test]
fn kill_9_loses_no_acknowledged_record() {
    for _ in 0..3 {
        let dir = folder();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "store::sled::tests::helper_that_commits_until_killed",
            ])
            .args(["--ignored", "--nocapture", "--test-threads=1"])
            .env("MFA_TEST_STORE", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut keys = Vec::new();
        while keys.len() < 300 {
            let line = lines.next().expect("the child ended early").unwrap();
            keys.extend(line.strip_prefix("acknowledged ").map(str::to_owned));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // Lines that were acknowledged before the kill arrived count, too; the last line may be
        // cut.
        let rest = lines.map_while(Result::ok);
        keys.extend(rest.filter_map(|line| {
            let key = line.strip_prefix("acknowledged ")?;
            key.ends_with('.').then(|| key.to_owned())
        }));
        let store = SledStore::open(dir.path()).unwrap();
        for key in keys {
            assert!(
                store.load(key.as_bytes()).unwrap().is_some(),
                "{key} is lost"
            );
        }
    }
}

#[test]
#[ignore = "not a test: the process that kill_9_loses_no_acknowledged_record kills"]
fn helper_that_commits_until_killed() {
    let Some(folder) = std::env::var_os("MFA_TEST_STORE") else {
        return;
    };
    let store = SledStore::open(Path::new(&folder)).unwrap();
    println!();
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for i in 0.. {
                    let key = format!("{thread}/{i}.");
                    store.swap(create(key.as_bytes())).unwrap();
                    println!("acknowledged {key}");
                }
            });
        }
    });
}
