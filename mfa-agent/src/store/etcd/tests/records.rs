//! The accounts of several hosts on a real server: a restore, a new key and a merge while another host goes on.

use std::path::Path;

use mfa_core::account::samples::{at, full};
use mfa_core::names::UserName;

use super::*;
use crate::repository::{AccountRepository, After, Key, RepositoryError, RestoreError, Step};
use crate::store::Store as _;
use crate::vault::KeySource;

fn keys(folder: &Path, host: &str) -> KeySource {
    KeySource {
        credentials: None,
        file: folder.join(host).join("key"),
    }
}

fn start(node: &Node, folder: &Path, host: &str) -> AccountRepository {
    let store = Box::new(open(&access(&[node.url()])));
    let keys = keys(folder, host);
    let repository = AccountRepository::open_shared(store, keys, host.to_owned()).unwrap();
    repository.prepare().unwrap();
    repository
}

fn user(name: &str) -> UserName {
    name.parse().unwrap()
}

/// Uses a step of alice's device.
fn use_step(host: &AccountRepository, step: u64) -> Result<(), RepositoryError> {
    host.change(&Key::account(&user("alice")), |account| {
        let mut account = account.unwrap_or_else(full);
        let mut device = account.devices()[0].clone();
        device.last_step = Some(step);
        account
            .import_device(device, &Default::default(), at(step as i64 * 30))
            .unwrap();
        Ok((After::Put(Box::new(account)), ()))
    })
}

fn step(host: &AccountRepository) -> Option<u64> {
    let alice = host.account(&user("alice")).unwrap();
    alice.devices()[0].last_step
}

type Backup = (mfa_protocol::backup::BackupHead, Vec<Vec<u8>>);

fn backup(host: &AccountRepository) -> Backup {
    let (head, mut run) = host.backup(None, at(0)).unwrap();
    let mut chunks = Vec::new();
    while let Some(progress) = run.next_chunk().unwrap() {
        chunks.push(progress.chunk);
    }
    host.note_backup(&run.note()).unwrap();
    (head, chunks)
}

fn restore(host: &AccountRepository, (head, chunks): &Backup) -> Result<(), RestoreError> {
    let mut run = host.begin_restore(head, None, None, true, at(0))?;
    for (number, chunk) in chunks.iter().enumerate() {
        host.restore_chunk(&mut run, chunk, number + 1 == chunks.len())?;
    }
    let until = Instant::now() + Duration::from_secs(60);
    while let Step::More = host.finish_restore(&mut run, 50, |_| None)? {
        assert!(Instant::now() < until, "a restore did not end in a minute");
    }
    Ok(())
}

fn rotate(host: &AccountRepository, keys: &KeySource) {
    host.begin_rotation(keys, None).unwrap();
    let mut after = None;
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(
            Instant::now() < until,
            "the records were not sealed anew in a minute"
        );
        after = host.reseal(after.as_deref(), 50, false).unwrap().next;
        if after.is_none() {
            break;
        }
    }
    host.end_rotation(None, None).unwrap();
    assert_eq!(host.reseal(None, 9_999, true).unwrap().earlier, 0);
}

#[test]
fn what_one_host_uses_up_stays_so_while_others_restore_change_the_key_and_merge() {
    let Some(_turn) = turn() else {
        return;
    };
    let node = Node::start();
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (keys(folder.path(), "web-1"), keys(folder.path(), "web-2"));
    first.make().unwrap();
    std::fs::create_dir(folder.path().join("web-2")).unwrap();
    std::fs::copy(&first.file, &second.file).unwrap();
    let store = Box::new(open(&access(&[node.url()])));
    assert!(
        AccountRepository::init_shared(store, first.clone())
            .unwrap()
            .0
    );
    let (one, two) = (
        start(&node, folder.path(), "web-1"),
        start(&node, folder.path(), "web-2"),
    );
    for number in 0..300 {
        let key = Key::account(&user(&format!("user{number}")));
        let put = |_| Ok::<_, RepositoryError>((After::Put(Box::new(full())), ()));
        one.change(&key, put).unwrap();
    }
    use_step(&two, 1).unwrap();
    let backup = backup(&one);
    let (is_over, used) = (AtomicBool::new(false), AtomicU64::new(1));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut step = 1;
            while !is_over.load(Ordering::SeqCst) {
                step += 1;
                // It may be refused during the last step of a restore, and is not lost if it is not.
                if use_step(&two, step).is_ok() {
                    used.store(step, Ordering::SeqCst);
                }
            }
        });
        let over = SaysSo(&is_over);
        let until = Instant::now() + Duration::from_secs(120);
        for round in 0..3 {
            assert!(
                Instant::now() < until,
                "{round} rounds of restore, new key and merge took two minutes"
            );
            restore(&one, &backup).unwrap();
            let known = used.load(Ordering::SeqCst);
            assert!(step(&one) >= Some(known), "{:?} {known}", step(&one));
            let next = one.prepare_rotation(&first, None).unwrap();
            let copy = second.missing_file(&next.key_id);
            std::fs::copy(next.file.unwrap(), copy).unwrap();
            rotate(&one, &first);
            let (head, chunks) = &backup;
            let mut run = one.begin_merge(head, None, false, at(0)).unwrap();
            for (number, chunk) in chunks.iter().enumerate() {
                let is_last = number + 1 == chunks.len();
                let merged = one.merge_chunk(&mut run, chunk, is_last, |_| None);
                assert!(merged.unwrap().error.is_none());
            }
            while one.sweep(100).unwrap() {}
        }
        drop(over);
    });
    let used = used.load(Ordering::SeqCst);
    assert!(used > 10, "{used}");
    for host in [&one, &two, &start(&node, folder.path(), "web-1")] {
        assert!(step(host) >= Some(used));
        assert_eq!(host.page(None, 999).unwrap().len(), 301);
    }
    let raw = open(&access(&[node.url()]));
    let names = raw.page(b"", None, 999).unwrap();
    let is_hidden = |key: &[u8]| {
        !key.windows(4)
            .any(|part| part == b"user" || part == b"alic")
    };
    assert!(
        names
            .iter()
            .all(|(key, stored)| is_hidden(key) && is_hidden(&stored.bytes))
    );
}
