use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicU64;
use std::sync::mpsc::channel;

use super::super::contract;
use super::*;

const CREATE: Change<'_> = Change {
    key: b"k",
    expected: None,
    new: Some(b"v"),
    line: None,
};

/// A folder that only we can enter, whatever the umask.
fn folder() -> tempfile::TempDir {
    let private = std::fs::Permissions::from_mode(0o700);
    tempfile::Builder::new()
        .permissions(private)
        .tempdir()
        .unwrap()
}

fn create(key: &[u8]) -> Change<'_> {
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
fn a_record_is_there_after_opening_again() {
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

#[test]
fn no_swap_is_acknowledged_before_the_disk_has_synced() {
    let dir = folder();
    let (begun, has_begun) = channel();
    let (end, ends) = channel::<()>();
    let ends = Mutex::new(ends);
    let sync: Sync = Arc::new(move |file: &File| {
        begun.send(()).unwrap();
        ends.lock().unwrap().recv().unwrap();
        file.sync_data()
    });
    let store = SledStore::open_with(dir.path(), sync).unwrap();
    std::thread::scope(|scope| {
        let (done, is_done) = channel();
        let store = &store;
        scope.spawn(move || done.send(store.swap(CREATE)).unwrap());
        has_begun.recv().unwrap();
        assert!(is_done.recv_timeout(Duration::from_millis(50)).is_err());
        end.send(()).unwrap();
        assert_eq!(is_done.recv().unwrap(), Ok(Swap::Done));
    });
}

#[test]
fn every_swap_that_takes_place_syncs_and_a_conflict_does_not() {
    let dir = folder();
    let count = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&count);
    let sync: Sync = Arc::new(move |file: &File| {
        counted.fetch_add(1, Ordering::SeqCst);
        file.sync_data()
    });
    let store = SledStore::open_with(dir.path(), sync).unwrap();
    for i in 0..5u8 {
        store.swap(create(&[i])).unwrap();
        assert_eq!(count.load(Ordering::SeqCst), u64::from(i) + 1);
    }
    assert_eq!(store.swap(create(&[0])).unwrap(), Swap::Conflict);
    store
        .swap_all(&[create(b"x"), create(b"y"), create(b"z")])
        .unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 6);
}

/// A store, and how many of its next syncs fail with this kind of error.
fn failing_store(dir: &Path, kind: ErrorKind) -> (SledStore, Arc<AtomicU64>) {
    let failures = Arc::new(AtomicU64::new(0));
    let left = Arc::clone(&failures);
    let sync: Sync = Arc::new(move |file: &File| {
        if left.load(Ordering::SeqCst) > 0 {
            left.fetch_sub(1, Ordering::SeqCst);
            return Err(kind.into());
        }
        file.sync_data()
    });
    (SledStore::open_with(dir, sync).unwrap(), failures)
}

#[test]
fn a_failed_sync_fails_the_swap_and_the_store_is_opened_anew() {
    let dir = folder();
    let (store, failures) = failing_store(dir.path(), ErrorKind::Other);
    store.swap(create(b"before")).unwrap();
    failures.store(1, Ordering::SeqCst);
    store.swap(create(b"lost")).unwrap_err();
    assert_eq!(store.swap(create(b"after")).unwrap(), Swap::Done);
    assert!(store.load(b"before").unwrap().is_some());
    assert!(dir.path().join("ballast").exists());
}

#[test]
fn a_store_that_keeps_breaking_fails_closed() {
    let dir = folder();
    let (store, failures) = failing_store(dir.path(), ErrorKind::Other);
    failures.store(u64::MAX, Ordering::SeqCst);
    for i in 0..5 {
        store.swap(create(&[i])).unwrap_err();
    }
}

#[test]
fn a_full_disk_frees_the_ballast() {
    let dir = folder();
    let (store, failures) = failing_store(dir.path(), ErrorKind::StorageFull);
    assert!(dir.path().join("ballast").exists());
    failures.store(1, Ordering::SeqCst);
    store.swap(create(b"lost")).unwrap_err();
    assert!(!dir.path().join("ballast").exists());
    store.swap(create(b"after")).unwrap();
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
        // What it acknowledged before the kill arrived counts too; the last line may be cut.
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
