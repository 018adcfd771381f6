use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::*;
use crate::store::memory::StoreFailure as Failure;
use crate::store::{Change, Guard, MemoryStore, Stored, Swap};
use crate::vault::{KeySource, MasterKey};
use mfa_core::account::samples::{at, counter, device, full};

struct Shared(Arc<MemoryStore>);

thread_local! {
    /// What this thread has asked of stores.
    static ASKED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

impl Store for Shared {
    fn load(&self, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        ASKED.with_borrow_mut(|asked| asked.push("load"));
        self.0.load(key)
    }

    fn forget_found(&self) {
        ASKED.with_borrow_mut(|asked| asked.push("forget"));
    }

    fn swap_all_if(
        &self,
        guards: &[Guard<'_>],
        changes: &[Change<'_>],
    ) -> Result<Option<Vec<Swap>>, StoreError> {
        self.0.swap_all_if(guards, changes)
    }

    fn page(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Stored)>, StoreError> {
        self.0.page(prefix, after, limit)
    }

    fn snapshot(&self) -> Result<Box<dyn crate::store::Snapshot>, StoreError> {
        self.0.snapshot()
    }

    fn lines(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        self.0.lines()
    }

    fn before_forgetting(&self, write_out: WriteOut) {
        self.0.before_forgetting(write_out);
    }
}

/// The same on a disk that has so many bytes left.
struct Tight(Shared, Arc<std::sync::atomic::AtomicU64>);

impl Store for Tight {
    fn load(&self, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        self.0.load(key)
    }

    fn swap_all_if(
        &self,
        guards: &[Guard<'_>],
        changes: &[Change<'_>],
    ) -> Result<Option<Vec<Swap>>, StoreError> {
        self.0.swap_all_if(guards, changes)
    }

    fn page(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Stored)>, StoreError> {
        self.0.page(prefix, after, limit)
    }

    fn snapshot(&self) -> Result<Box<dyn crate::store::Snapshot>, StoreError> {
        self.0.snapshot()
    }

    fn lines(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        self.0.lines()
    }

    fn before_forgetting(&self, write_out: WriteOut) {
        self.0.before_forgetting(write_out);
    }

    fn room(&self) -> Result<Option<crate::store::Room>, StoreError> {
        Ok(Some(crate::store::Room {
            folder: "/the/store".into(),
            free: self.1.load(Ordering::Relaxed),
            live: 10 << 20,
        }))
    }
}

pub(super) fn vault(byte: u8) -> Vault {
    Vault::new(&MasterKey::from_bytes([byte; 32]))
}

fn open(store: &Arc<MemoryStore>, key: u8) -> AccountRepository {
    AccountRepository::open(Box::new(Shared(Arc::clone(store))), vault(key)).unwrap()
}

pub(super) fn fresh(key: u8) -> (Arc<MemoryStore>, AccountRepository) {
    let store = Arc::new(MemoryStore::new());
    let repository = open(&store, key);
    (store, repository)
}

pub(super) fn user(name: &str) -> UserName {
    name.parse().unwrap()
}

pub(super) fn put(repository: &AccountRepository, name: &str, account: Account) {
    let put = |_| Ok::<_, RepositoryError>((After::Put(account.clone().into()), ()));
    repository.change(&Key::account(&user(name)), put).unwrap();
}

pub(super) fn has(repository: &AccountRepository, name: &str) -> bool {
    let account = repository.account(&user(name)).unwrap();
    !account.has_never_enrolled()
}

/// The last step of the first device.
pub(super) fn step(repository: &AccountRepository, name: &str) -> Option<u64> {
    repository.account(&user(name)).unwrap().devices()[0].last_step
}

pub(super) fn use_step(repository: &AccountRepository, name: &str, step: u64) {
    let mut account = repository.account(&user(name)).unwrap();
    let mut device = account.devices()[0].clone();
    device.last_step = Some(step);
    account
        .import_device(device, &Default::default(), at(step as i64 * 30))
        .unwrap();
    put(repository, name, account);
}

pub(super) type Backup = (mfa_protocol::backup::BackupHead, Vec<Vec<u8>>);

pub(super) fn backup(repository: &AccountRepository) -> Backup {
    let (head, mut run) = repository.backup(None, at(0)).unwrap();
    let mut chunks = Vec::new();
    while let Some(progress) = run.next_chunk().unwrap() {
        chunks.push(progress.chunk);
    }
    repository.note_backup(&run.note()).unwrap();
    (head, chunks)
}

pub(super) fn stage(
    repository: &AccountRepository,
    (head, chunks): &Backup,
    replace: bool,
    now: Timestamp,
) -> Result<RestoreRun, RestoreError> {
    let mut run = repository.begin_restore(head, None, None, replace, now)?;
    for (number, chunk) in chunks.iter().enumerate() {
        repository.restore_chunk(&mut run, chunk, number + 1 == chunks.len())?;
    }
    Ok(run)
}

pub(super) fn finish(
    repository: &AccountRepository,
    run: &mut RestoreRun,
) -> Result<RestoreSummary, RestoreError> {
    loop {
        if let Step::Done(summary) = repository.finish_restore(run, 3, |_| None)? {
            return Ok(summary);
        }
    }
}

pub(super) fn restore(
    repository: &AccountRepository,
    backup: &Backup,
    replace: bool,
    now: Timestamp,
) -> Result<RestoreSummary, RestoreError> {
    finish(repository, &mut stage(repository, backup, replace, now)?)
}

fn sweep(repository: &AccountRepository) {
    while repository.sweep(3).unwrap() {}
}

#[test]
fn a_backup_restored_on_a_fresh_host_has_all_accounts_and_no_code_used_since_passes() {
    let (_, here) = fresh(1);
    for n in 0..200 {
        put(&here, &format!("user{n}"), full());
    }
    let backup = backup(&here);
    let (store, there) = fresh(1);
    let summary = restore(&there, &backup, false, at(90)).unwrap();
    assert_eq!((summary.accounts, summary.assumed), (200, 200));
    assert_eq!(step(&there, "user7"), Some(3));
    assert_eq!(there.page(None, 1000).unwrap().len(), 200);
    // The next start reads the same.
    let again = open(&store, 1);
    again.check_key().unwrap();
    assert!(has(&again, "user199"));
}

#[test]
fn what_was_used_and_locked_since_the_backup_stays_so() {
    let (store, here) = fresh(1);
    put(&here, "alice", full());
    put(&here, "bob", full());
    let backup = backup(&here);
    use_step(&here, "alice", 9);
    put(&here, "later", full());
    let mut locked = full();
    let limits = mfa_core::lockout::Limits {
        attempts: 1,
        ..Default::default()
    };
    let mut lockout = serde_json::to_value(&locked).unwrap();
    let mut counted = locked.lockout().clone();
    counted.failed(counted.epoch(), at(0), &limits);
    lockout["lockout"] = serde_json::to_value(&counted).unwrap();
    locked = serde_json::from_value(lockout).unwrap();
    put(&here, "mallory", locked);

    assert!(matches!(
        restore(&here, &backup, false, at(30)),
        Err(RestoreError::NotEmpty)
    ));
    let summary = restore(&here, &backup, true, at(30)).unwrap();
    assert_eq!((summary.accounts, summary.assumed), (2, 0));
    assert_eq!(step(&here, "alice"), Some(9));
    assert!(!has(&here, "later") && !has(&here, "mallory"));
    let mallory = here.account(&user("mallory")).unwrap();
    assert!(mallory.lockout().lock(at(1)).is_some());
    sweep(&here);
    let left = store.page(b"", None, 99).unwrap();
    let is_current = |key: &[u8]| key.starts_with(b"epoch/") || key == b"vault/state";
    assert!(left.iter().all(|(key, _)| is_current(key)));
    assert_eq!(left.len(), 4);
}

#[test]
fn factors_that_come_back_and_accounts_that_vanish_are_counted_and_named() {
    let (_, here) = fresh(1);
    for name in ["alice", "bob", "carol"] {
        put(&here, name, full());
    }
    let backup = backup(&here);
    let mut removed = full();
    removed.remove(mfa_core::factors::Factor::Totp);
    put(&here, "bob", removed);
    for number in 10..25 {
        put(&here, &format!("new{number}"), full());
    }
    let summary = restore(&here, &backup, true, at(30)).unwrap();
    assert!(summary.returned >= 1, "{summary:?}");
    assert_eq!(summary.returned_users, ["bob"]);
    assert_eq!(summary.gone, 15);
    assert_eq!(summary.gone_users.len(), 10);
    assert_eq!(summary.gone_users[0], "new10");
    assert!(summary.replaced && summary.made_at == Some(at(0)));
    assert_eq!(summary.key_id, Some(vault(1).key_id()));
}

#[test]
fn a_damaged_record_of_a_backup_replaces_no_intact_one() {
    let (store, here) = fresh(1);
    put(&here, "alice", full());
    put(&here, "bob", full());
    let intact = store.load(b"account/alice").unwrap().unwrap();
    damage(&store, b"account/alice");
    let damaged = backup(&here);
    let now = store.load(b"account/alice").unwrap().unwrap();
    let change = Change {
        key: b"account/alice",
        expected: Some(&now.revision),
        new: Some(&intact.bytes),
        line: None,
    };
    assert_eq!(store.swap(change).unwrap(), Swap::Done);
    use_step(&here, "alice", 9);
    let summary = restore(&here, &damaged, true, at(30)).unwrap();
    assert_eq!((summary.accounts, summary.kept, summary.damaged), (1, 1, 0));
    assert_eq!(step(&here, "alice"), Some(9));
}

pub(super) fn damage(store: &MemoryStore, key: &[u8]) {
    let stored = store.load(key).unwrap().unwrap();
    let mut bytes = stored.bytes.clone();
    *bytes.last_mut().unwrap() ^= 1;
    let change = Change {
        key,
        expected: Some(&stored.revision),
        new: Some(&bytes),
        line: None,
    };
    store.swap(change).unwrap();
}

#[test]
fn changes_while_a_restore_is_prepared_are_joined_too() {
    let (_, here) = fresh(1);
    put(&here, "alice", full());
    let backup = backup(&here);
    let mut run = stage(&here, &backup, true, at(30)).unwrap();
    use_step(&here, "alice", 7);
    put(&here, "late", full());
    finish(&here, &mut run).unwrap();
    assert_eq!(step(&here, "alice"), Some(7));
    assert!(!has(&here, "late"));
    use_step(&here, "alice", 8);
    assert_eq!(step(&here, "alice"), Some(8));
}

#[test]
fn a_restore_that_does_not_come_to_its_end_changes_nothing_and_is_swept_away() {
    let (store, here) = fresh(1);
    put(&here, "alice", full());
    let (head, mut chunks) = backup(&here);
    put(&here, "bob", full());
    let before = store.page(b"", None, 99).unwrap();
    chunks[0][50] ^= 1;
    let damaged = (head, chunks);
    assert!(restore(&here, &damaged, true, at(0)).is_err());
    assert!(matches!(
        restore(&here, &damaged, true, at(0)),
        Err(RestoreError::Busy)
    ));
    here.abandon_restore();
    assert_eq!(store.page(b"", None, 99).unwrap(), before);

    let good = backup(&here);
    let run = stage(&here, &good, true, at(0)).unwrap();
    assert!(store.page(b"", None, 99).unwrap().len() > before.len());
    sweep(&here);
    drop(run);
    here.abandon_restore();
    sweep(&here);
    assert_eq!(store.page(b"account/", None, 99).unwrap().len(), 2);
    assert!(store.page(b"epoch/", None, 99).unwrap().is_empty());
    assert!(has(&here, "bob"));
}

#[test]
fn a_restore_and_a_change_of_the_key_stop_before_the_disk_is_full() {
    const MIB: u64 = 1 << 20;
    let dir = tempfile::tempdir().unwrap();
    let source = KeySource {
        credentials: None,
        file: dir.path().join("key"),
    };
    source.make().unwrap();
    let (store, free) = (Arc::new(MemoryStore::new()), Arc::default());
    let tight = Tight(Shared(Arc::clone(&store)), Arc::clone(&free));
    let vault = Vault::with(&source.load_ring().unwrap(), None);
    let here = AccountRepository::open(Box::new(tight), vault).unwrap();
    for n in 0..200 {
        put(&here, &format!("user{n}"), full());
    }
    let (head, chunks) = backup(&here);
    let before = store.page(b"", None, 999).unwrap();
    let is_full = |error: &RepositoryError| matches!(error, RepositoryError::NoRoom(_));

    // 20 MiB of records take 25 here, and as much once more to be merged.
    let begin = |mib: u64| {
        free.store(mib * MIB, Ordering::Relaxed);
        here.begin_restore(&head, None, Some(20 * MIB), true, at(0))
    };
    let Err(RestoreError::Repository(error)) = begin(57) else {
        panic!("it began");
    };
    let text = error.to_string();
    assert!(
        is_full(&error) && text.contains("needs about 58 MiB free, and 57 MiB are"),
        "{text}"
    );
    assert!(text.contains("df -h /the/store"), "{text}");
    let mut run = begin(58).unwrap();
    here.restore_chunk(&mut run, &chunks[0], false).unwrap();
    // Something else has filled the disk meanwhile.
    free.store(17 * MIB, Ordering::Relaxed);
    let next = here.restore_chunk(&mut run, &chunks[1], false);
    assert!(matches!(next, Err(RestoreError::Repository(error)) if is_full(&error)));
    here.abandon_restore();
    sweep(&here);
    assert_eq!(store.page(b"", None, 999).unwrap(), before);

    let key = std::fs::read(&source.file).unwrap();
    free.store(27 * MIB, Ordering::Relaxed);
    let begun = here.begin_rotation(&source, None);
    assert!(matches!(begun, Err(RotateError::Repository(error)) if is_full(&error)));
    assert_eq!(std::fs::read(&source.file).unwrap(), key);
    assert_eq!(here.key_state().unwrap().rotating, None);
    free.store(28 * MIB, Ordering::Relaxed);
    assert!(here.begin_rotation(&source, None).unwrap());
    here.reseal(None, 100, false).unwrap();
    free.store(7 * MIB, Ordering::Relaxed);
    assert!(
        here.reseal(None, 100, false)
            .is_err_and(|error| is_full(&error))
    );
    assert!(here.reseal(None, 100, true).is_ok());
    // Logins are counted on.
    use_step(&here, "user7", 9);
    free.store(28 * MIB, Ordering::Relaxed);
    assert!(reseal_all(&here) > 0);
}

#[test]
fn a_backup_that_is_cut_off_is_not_restored() {
    let (_, here) = fresh(1);
    for n in 0..200 {
        put(&here, &format!("user{n}"), full());
    }
    let (head, mut chunks) = backup(&here);
    chunks.pop();
    let (_, there) = fresh(1);
    let cut = (head, chunks);
    // Its last chunk is not the last one, or the end is missing.
    assert!(restore(&there, &cut, false, at(0)).is_err());
    assert!(!has(&there, "user0"));
}

#[test]
fn after_a_failed_swap_the_records_are_those_that_the_store_has() {
    let (store, here) = fresh(1);
    put(&here, "alice", full());
    let backup = backup(&here);
    put(&here, "bob", full());
    for (failure, is_restored) in [(Failure::Swaps, false), (Failure::AfterSwaps, true)] {
        let mut run = stage(&here, &backup, true, at(0)).unwrap();
        while !matches!(run_until_switch(&here, &mut run), Step::Done(_)) {
            if here.watch.len() == 0 && is_ready(&run) {
                break;
            }
        }
        store.fail(failure);
        assert!(finish(&here, &mut run).is_err());
        store.fail(Failure::None);
        here.abandon_restore();
        assert_eq!(has(&here, "bob"), !is_restored, "{failure:?}");
        assert!(has(&here, "alice"));
    }
}

fn is_ready(run: &RestoreRun) -> bool {
    run.is_ready_to_switch()
}

fn run_until_switch(repository: &AccountRepository, run: &mut RestoreRun) -> Step {
    match is_ready(run) {
        true => Step::More,
        false => repository.finish_restore(run, 3, |_| None).unwrap(),
    }
}

#[test]
fn another_hosts_backup_brings_the_keys_that_its_records_need() {
    let (_, here) = fresh(1);
    let mut account = full();
    account.set_recovery(vec![here.pepper().digest("0123456789")], at(0));
    account
        .add_device({
            let mut token = counter("token");
            token.label = "other".parse().unwrap();
            token.generator.key = mfa_core::factors::key::Key::fresh([5; 20]);
            token
        })
        .unwrap();
    put(&here, "alice", account);
    let (head, chunks) = backup(&here);

    // The fresh host has another key, and the earlier one beside it.
    let dir = tempfile::tempdir().unwrap();
    let source = KeySource {
        credentials: None,
        file: dir.path().join("key"),
    };
    source.make().unwrap();
    let line = format!("mfa-key-v1:{}\n", data_encoding::BASE64.encode(&[1; 32]));
    let earlier = dir.path().join(format!("key.{}", vault(1).key_id()));
    std::fs::write(&earlier, line).unwrap();
    std::fs::set_permissions(
        &earlier,
        std::os::unix::fs::PermissionsExt::from_mode(0o600),
    )
    .unwrap();
    let store = Arc::new(MemoryStore::new());
    let start = || {
        let vault = Vault::with(&source.load_ring().unwrap(), None);
        AccountRepository::open(Box::new(Shared(Arc::clone(&store))), vault).unwrap()
    };
    let there = start();
    let summary = restore(&there, &(head, chunks), false, at(0)).unwrap();
    assert_eq!((summary.unknown_counters, summary.unknown_codes), (1, 1));
    for repository in [there, start()] {
        let alice = repository.account(&user("alice")).unwrap();
        assert!(alice.has_other_code("0123456789", at(0), &repository.pepper()));
    }
}

#[test]
fn a_change_of_the_key_can_stop_at_any_record_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let source = KeySource {
        credentials: None,
        file: dir.path().join("key"),
    };
    source.make().unwrap();
    let store = Arc::new(MemoryStore::new());
    let start = || {
        let vault = Vault::with(&source.load_ring().unwrap(), None);
        AccountRepository::open(Box::new(Shared(Arc::clone(&store))), vault).unwrap()
    };
    let here = start();
    let mut account = full();
    account.set_recovery(vec![here.pepper().digest("0123456789")], at(0));
    for n in 0..10 {
        put(&here, &format!("user{n}"), account.clone());
    }
    let (before, slot) = (here.key_state().unwrap(), here.placeholder(&user("nobody")));
    assert!(here.begin_rotation(&source, None).unwrap());
    let done = here.reseal(None, 4, false).unwrap();
    assert_eq!((done.records, done.earlier), (4, 4));
    // A kill.
    drop(here);
    let here = start();
    let state = here.key_state().unwrap();
    assert_eq!(state.rotating, Some(before.key_id.clone()));
    assert_ne!(state.key_id, before.key_id);
    put(&here, "user9", account.clone());
    // Not a third key.
    assert!(!here.begin_rotation(&source, None).unwrap());
    let mut after = None;
    let mut earlier = 0;
    loop {
        let done = here.reseal(after.as_deref(), 4, false).unwrap();
        earlier += done.earlier;
        after = done.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(earlier, 6);
    assert_eq!(
        here.end_rotation(None, None).unwrap(),
        Some(before.key_id.clone())
    );
    // The old key is not needed any more, and what depended on it is as before.
    let old = AccountRepository::earlier_key(&source, &before.key_id).unwrap();
    std::fs::remove_file(old).unwrap();
    let here = start();
    assert_eq!(here.key_state().unwrap().rotating, None);
    assert_eq!(here.placeholder(&user("nobody")), slot);
    for n in 0..10 {
        let account = here.account(&user(&format!("user{n}"))).unwrap();
        assert!(account.has_other_code("0123456789", at(0), &here.pepper()));
    }
    assert_eq!(here.reseal(None, 99, true).unwrap().earlier, 0);
}

/// A key file of `folder`, as systemd or an administrator puts it there.
pub(super) fn write_key(file: &std::path::Path, byte: u8) {
    let line = format!("mfa-key-v1:{}\n", data_encoding::BASE64.encode(&[byte; 32]));
    std::fs::write(file, line).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(file, mode).unwrap();
}

fn reseal_all(repository: &AccountRepository) -> u64 {
    let (mut after, mut earlier) = (None, 0);
    loop {
        let done = repository.reseal(after.as_deref(), 4, false).unwrap();
        earlier += done.earlier;
        after = done.next;
        if after.is_none() {
            return earlier;
        }
    }
}

#[test]
fn with_a_credential_a_change_begins_with_a_new_key_only_and_names_the_key_of_the_records() {
    let dir = tempfile::tempdir().unwrap();
    let source = KeySource {
        credentials: Some(dir.path().to_owned()),
        file: dir.path().join("key"),
    };
    // A key file from before the credential, and the key of another host's backup.
    write_key(&source.file, 7);
    write_key(&dir.path().join(format!("key.{}", vault(8).key_id())), 8);
    write_key(&dir.path().join("mfa.key"), 1);
    let store = Arc::new(MemoryStore::new());
    let start = || {
        let vault = Vault::with(&source.load_ring().unwrap(), None);
        AccountRepository::open(Box::new(Shared(Arc::clone(&store))), vault).unwrap()
    };
    let here = start();
    let mut account = full();
    account.set_recovery(vec![here.pepper().digest("0123456789")], at(0));
    for n in 0..10 {
        put(&here, &format!("user{n}"), account.clone());
    }
    let refused = here.begin_rotation(&source, None);
    assert!(matches!(refused, Err(RotateError::Credential)));
    assert_eq!(here.key_state().unwrap().rotating, None);

    write_key(&dir.path().join("mfa.key.old"), 1);
    write_key(&dir.path().join("mfa.key"), 2);
    let here = start();
    // A login seals the first record with the new key before the change begins.
    put(&here, "user0", account.clone());
    let here = start();
    here.begin_rotation(&source, None).unwrap();
    let state = here.key_state().unwrap();
    assert_eq!(state.rotating, Some(vault(1).key_id()));
    assert_eq!(reseal_all(&here), 9);
    assert_eq!(
        here.end_rotation(None, None).unwrap(),
        Some(vault(1).key_id())
    );
    std::fs::remove_file(dir.path().join("mfa.key.old")).unwrap();
    let here = start();
    for n in 0..10 {
        let account = here.account(&user(&format!("user{n}"))).unwrap();
        assert!(account.has_other_code("0123456789", at(0), &here.pepper()));
    }
    let refused = here.begin_rotation(&source, None);
    assert!(matches!(refused, Err(RotateError::Credential)));
}

#[test]
fn a_damaged_record_refuses_its_user_is_named_and_can_be_dropped() {
    let (store, here) = fresh(1);
    for name in ["alice", "bob", "carol"] {
        put(&here, name, full());
    }
    damage(&store, b"account/alice");
    here.check_key().unwrap();
    assert!(here.account(&user("alice")).is_err());
    assert!(has(&here, "bob"));
    let names: Vec<_> = here
        .page(None, 2)
        .unwrap()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["bob", "carol"]);
    let checked = here.check(None, 99).unwrap();
    assert_eq!(checked.records, 3);
    assert_eq!(checked.damaged.len(), 1);
    assert_eq!(here.damaged(), ["account/alice"]);

    // A backup keeps it as it is, and so does a restore: an account that is left out would let its user in.
    let (_, there) = fresh(1);
    let summary = restore(&there, &backup(&here), false, at(0)).unwrap();
    assert_eq!((summary.accounts, summary.damaged), (2, 1));
    assert!(there.account(&user("alice")).is_err());
    assert!(has(&there, "bob"));

    assert_eq!(
        here.drop_damaged("account/bob", None).unwrap(),
        Dropped::Intact
    );
    assert_eq!(
        here.drop_damaged("account/nobody", None).unwrap(),
        Dropped::Missing
    );
    assert_eq!(
        here.drop_damaged("vault/state", None).unwrap(),
        Dropped::Missing
    );
    assert_eq!(
        here.drop_damaged("account/alice", None).unwrap(),
        Dropped::Done
    );
    assert!(here.damaged().is_empty() && !has(&here, "alice"));
}

#[test]
fn the_wrong_key_is_told_from_a_damaged_record() {
    let (store, here) = fresh(1);
    put(&here, "alice", full());
    let other = AccountRepository::new(Box::new(Shared(Arc::clone(&store))), vault(2));
    assert!(other.check_key().is_err());
    backup(&here);
    assert!(AccountRepository::open(Box::new(Shared(store)), vault(2)).is_err());
}

#[test]
fn the_last_backup_is_remembered() {
    let (store, here) = fresh(1);
    assert_eq!(here.last_backup().unwrap(), None);
    put(&here, "alice", full());
    let _ = device("x");
    backup(&here);
    let last = open(&store, 1).last_backup().unwrap().unwrap();
    assert_eq!((last.at, last.records), (at(0), 1));
}

/// Else the time of its first look-up would tell whose login this thread had before (rule 8).
#[test]
fn a_login_begins_with_a_store_that_has_forgotten_what_this_thread_found_before() {
    let (_, repository) = fresh(1);
    put(&repository, "anna", full());
    for name in ["anna", "nobody"] {
        ASKED.take();
        repository.account_or_placeholder(&user(name)).unwrap();
        let asked = ASKED.take();
        assert_eq!(asked[..2], ["forget", "load"], "{name}: {asked:?}");
    }
}
