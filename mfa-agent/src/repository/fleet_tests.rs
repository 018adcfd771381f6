//! Several hosts on one store: each test has two or more repositories, as agents on different hosts have them.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mfa_core::account::samples::{at, full};

use super::tests::{backup, finish, has, put, restore, stage, step, use_step, user, write_key};
use super::*;
use crate::store::memory::StoreFailure;
use crate::store::{Change, Fleet, Guard, MemoryStore, Moment, Snapshot, Stored, Swap};
use crate::vault::MasterKey;

/// A host's connection to the store. It can be cut after a number of calls that write.
struct Connection {
    store: Arc<MemoryStore>,
    writes_left: Arc<AtomicU64>,
}

impl Connection {
    fn lives(&self) -> Result<(), StoreError> {
        match self.writes_left.load(Ordering::SeqCst) {
            0 => Err(StoreError::new("the host is cut off")),
            _ => Ok(()),
        }
    }
}

impl Store for Connection {
    fn load(&self, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        self.lives()?;
        self.store.load(key)
    }

    fn swap_all_if(
        &self,
        guard: Option<Guard<'_>>,
        changes: &[Change<'_>],
    ) -> Result<Option<Vec<Swap>>, StoreError> {
        self.lives()?;
        let done = self.store.swap_all_if(guard, changes);
        if self.writes_left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Made, and the answer is lost.
            return Err(StoreError::new("the host is cut off"));
        }
        done
    }

    fn page(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Stored)>, StoreError> {
        self.lives()?;
        self.store.page(prefix, after, limit)
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        self.store.snapshot()
    }

    fn lines(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        self.store.lines()
    }

    fn before_forgetting(&self, write_out: WriteOut) {
        self.store.before_forgetting(write_out);
    }

    fn moment(&self) -> Result<Moment, StoreError> {
        self.lives()?;
        self.store.moment()
    }

    fn changed_since(
        &self,
        since: Moment,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Stored)>, StoreError> {
        self.lives()?;
        self.store.changed_since(since, prefix, after, limit)
    }

    fn fleet(&self) -> Option<&dyn Fleet> {
        self.store.fleet()
    }
}

/// A fleet: its store, and the folders of its hosts.
struct Hosts {
    store: Arc<MemoryStore>,
    dir: tempfile::TempDir,
}

/// A host, and how many writes it may make before it is cut off.
struct Host {
    repository: AccountRepository,
    keys: KeySource,
    writes_left: Arc<AtomicU64>,
}

impl std::ops::Deref for Host {
    type Target = AccountRepository;

    fn deref(&self) -> &AccountRepository {
        &self.repository
    }
}

impl Host {
    fn cut_after(&self, writes: u64) {
        self.writes_left.store(writes, Ordering::SeqCst);
    }

    fn heal(&self) {
        self.cut_after(u64::MAX);
    }

    fn announce(&self) {
        let notice = self.notice().unwrap();
        self.store.fleet().unwrap().announce(notice);
    }
}

impl Hosts {
    /// An empty store whose hosts have key 1.
    fn new() -> Self {
        let hosts = Self {
            store: Arc::new(MemoryStore::shared()),
            dir: tempfile::tempdir().unwrap(),
        };
        let keys = hosts.keys("first", 1);
        assert!(
            AccountRepository::init_shared(hosts.connection().0, keys)
                .unwrap()
                .0
        );
        hosts
    }

    fn connection(&self) -> (Box<dyn Store>, Arc<AtomicU64>) {
        let writes_left = Arc::new(AtomicU64::new(u64::MAX));
        let connection = Connection {
            store: Arc::clone(&self.store),
            writes_left: Arc::clone(&writes_left),
        };
        (Box::new(connection), writes_left)
    }

    /// The key of a host, unless it has one.
    fn keys(&self, host: &str, key: u8) -> KeySource {
        let folder = self.dir.path().join(host);
        let keys = KeySource {
            credentials: None,
            file: folder.join("key"),
        };
        if !folder.exists() {
            std::fs::create_dir(&folder).unwrap();
            write_key(&keys.file, key);
        }
        keys
    }

    fn start(&self, host: &str) -> Result<Host, RepositoryError> {
        let keys = self.keys(host, 1);
        let (store, writes_left) = self.connection();
        let mut repository = AccountRepository::open_shared(store, keys.clone(), host.to_owned())?;
        if let Err(error) = repository.prepare()
            && !matches!(error, RepositoryError::Store(_))
        {
            return Err(error);
        }
        repository.patience = Patience {
            change: Duration::from_millis(20),
            freeze: Duration::from_secs(60),
            dead: Duration::from_millis(500),
            look: Duration::ZERO,
        };
        Ok(Host {
            repository,
            keys,
            writes_left,
        })
    }

    fn two(&self) -> (Host, Host) {
        (self.start("web-1").unwrap(), self.start("web-2").unwrap())
    }

    fn names(&self) -> Vec<String> {
        let records = self.store.page(b"", None, 9_999).unwrap().into_iter();
        records
            .map(|(key, _)| String::from_utf8(key).unwrap())
            .collect()
    }
}

fn copy_key(from: &Host, to: &Host, id: &str) {
    let file = |host: &Host| -> PathBuf { host.keys.missing_file(id) };
    std::fs::copy(file(from), file(to)).unwrap();
}

fn reseal(host: &Host) -> u64 {
    let (mut after, mut earlier) = (None, 0);
    loop {
        let done = host.reseal(after.as_deref(), 4, false).unwrap();
        earlier += done.earlier;
        after = done.next;
        if after.is_none() {
            return earlier;
        }
    }
}

/// Counts a wrong answer of `name`. Returns how many the record has then.
fn fail(host: &Host, name: &str) -> Result<u32, RepositoryError> {
    let limits = mfa_core::lockout::Limits {
        attempts: 100,
        ..Default::default()
    };
    host.change(&Key::account(&user(name)), |account| {
        let account = account.unwrap_or_default();
        let mut lockout = account.lockout().clone();
        lockout.failed(lockout.epoch(), at(0), &limits);
        let count = lockout.failures(at(0));
        let mut value = serde_json::to_value(&account).unwrap();
        value["lockout"] = serde_json::to_value(&lockout).unwrap();
        let account: Account = serde_json::from_value(value).unwrap();
        Ok((After::Put(Box::new(account)), count))
    })
}

#[test]
fn names_are_hidden_and_still_listed() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    let mut names: Vec<String> = (0..20).map(|n| format!("user{n:02}")).collect();
    for name in &names {
        put(&one, name, full());
    }
    let stored = hosts.names();
    assert_eq!(stored.len(), 21, "{stored:?}");
    assert!(stored.iter().all(|name| !name.contains("user")));
    let seen: Vec<u8> = hosts
        .store
        .page(b"", None, 99)
        .unwrap()
        .into_iter()
        .flat_map(|(_, stored)| stored.bytes)
        .collect();
    assert!(!seen.windows(6).any(|part| part == b"user07"));

    let mut listed = Vec::new();
    while let Some(page) = Some(two.page(listed.last().map(String::as_str), 7).unwrap())
        .filter(|page| !page.is_empty())
    {
        listed.extend(page.into_iter().map(|(name, _)| name));
    }
    listed.sort();
    names.sort();
    assert_eq!(listed, names);
}

#[test]
fn records_whose_bytes_are_swapped_open_for_neither_user() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    put(&one, "mallory", full());
    let [a, b]: [(Vec<u8>, Stored); 2] = hosts
        .store
        .page(b"account/", None, 9)
        .unwrap()
        .try_into()
        .unwrap();
    for (here, other) in [(&a, &b), (&b, &a)] {
        let change = Change {
            key: &here.0,
            expected: Some(&here.1.revision),
            new: Some(&other.1.bytes),
            line: None,
        };
        assert_eq!(hosts.store.swap(change).unwrap(), Swap::Done);
    }
    for name in ["alice", "mallory"] {
        assert!(two.account(&user(name)).is_err());
    }
    assert!(two.page(None, 9).unwrap().is_empty());
    let damaged = two.check(None, 99).unwrap().damaged;
    assert_eq!(damaged.len(), 2);
    assert!(damaged[0].0.starts_with("hidden/"), "{damaged:?}");
    assert_eq!(
        two.drop_damaged(&damaged[0].0, None).unwrap(),
        Dropped::Done
    );
    assert_eq!(two.check(None, 99).unwrap().damaged.len(), 1);
}

#[test]
fn a_host_with_another_key_says_so_and_serves_nobody() {
    let hosts = Hosts::new();
    let one = hosts.start("web-1").unwrap();
    put(&one, "alice", full());
    let keys = hosts.keys("web-9", 9);
    let other = AccountRepository::open_shared(hosts.connection().0, keys, "web-9".to_owned());
    let text = other.unwrap().prepare().unwrap_err().to_string();
    assert!(
        text.contains("serves nobody") && text.contains("Copy the key file"),
        "{text}"
    );
    let init = AccountRepository::init_shared(hosts.connection().0, hosts.keys("web-9", 9));
    assert!(init.is_err());
}

#[test]
fn a_state_that_was_deleted_is_not_written_again() {
    let hosts = Hosts::new();
    let (one, _) = hosts.two();
    put(&one, "alice", full());
    let state = hosts.store.load(b"vault/state").unwrap().unwrap();
    let change = Change {
        key: b"vault/state",
        expected: Some(&state.revision),
        new: None,
        line: None,
    };
    hosts.store.swap(change).unwrap();
    assert!(matches!(
        one.account(&user("alice")),
        Err(RepositoryError::NoState)
    ));
    assert!(fail(&one, "alice").is_err());
    assert!(matches!(
        hosts.start("web-3").err(),
        Some(RepositoryError::NoState)
    ));
    let init = AccountRepository::init_shared(hosts.connection().0, hosts.keys("web-3", 1));
    assert!(matches!(init, Err(RepositoryError::NoState)));
    assert_eq!(hosts.store.load(b"vault/state").unwrap(), None);
}

/// Makes another key and seals everything with it, on `one`. Returns its ID.
fn rotate_on(one: &Host, two: &Host) -> String {
    let next = one.prepare_rotation(&one.keys, None).unwrap();
    copy_key(one, two, &next.key_id);
    one.announce();
    two.announce();
    assert!(one.begin_rotation(&one.keys, None).unwrap());
    reseal(one);
    one.end_rotation(None).unwrap();
    next.key_id
}

#[test]
fn a_state_that_was_put_back_brings_no_earlier_key_back() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    let before = hosts.store.load(b"vault/state").unwrap().unwrap();
    rotate_on(&one, &two);
    assert!(has(&two, "alice"));
    let now = hosts.store.load(b"vault/state").unwrap().unwrap();
    let change = Change {
        key: b"vault/state",
        expected: Some(&now.revision),
        new: Some(&before.bytes),
        line: None,
    };
    assert_eq!(hosts.store.swap(change).unwrap(), Swap::Done);
    for host in [&one, &two] {
        let told = fail(host, "alice").unwrap_err().to_string();
        assert!(told.contains("mfa-agent --init"), "{told}");
        assert!(matches!(
            host.account(&user("alice")),
            Err(RepositoryError::OlderState(0))
        ));
        host.key_state().unwrap_err();
    }
    assert!(matches!(
        hosts.start("web-1").err(),
        Some(RepositoryError::OlderState(0))
    ));
}

#[test]
fn a_host_on_which_nobody_logs_in_learns_of_another_key() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    let key = rotate_on(&one, &two);
    let state = two.key_state().unwrap();
    assert_eq!((&state.key_id, state.rotating), (&key, None));
    let key = rotate_on(&one, &two);
    assert_eq!(two.notice().unwrap().key, key);
}

#[test]
fn a_host_that_starts_without_the_store_serves_once_it_is_there() {
    let hosts = Hosts::new();
    put(&hosts.start("web-1").unwrap(), "alice", full());
    hosts.store.fail(StoreFailure::Everything);
    let two = hosts.start("web-2").unwrap();
    assert!(two.account(&user("alice")).is_err());
    hosts.store.fail(StoreFailure::None);
    assert!(has(&two, "alice"));
}

#[test]
fn failures_on_all_hosts_are_counted_together() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    let counts: Vec<u32> = (0..6)
        .map(|turn| fail(if turn % 2 == 0 { &one } else { &two }, "alice").unwrap())
        .collect();
    assert_eq!(counts, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_restore_on_one_host_joins_what_the_others_change_meanwhile_and_all_go_on() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    for name in ["alice", "bob"] {
        put(&one, name, full());
    }
    let backup = backup(&one);
    put(&two, "late", full());
    let mut run = stage(&one, &backup, true, at(30)).unwrap();
    use_step(&two, "alice", 7);
    // A second restore has to wait, on any host.
    let again = stage(&two, &backup, true, at(30));
    assert!(matches!(again, Err(RestoreError::Elsewhere(host, _)) if host == "web-1"));
    // The other host must not sweep away what is being prepared.
    while two.sweep(3).unwrap() {}
    use_step(&two, "bob", 8);
    finish(&one, &mut run).unwrap();
    for host in [&two, &one] {
        assert_eq!(step(host, "alice"), Some(7));
        assert_eq!(step(host, "bob"), Some(8));
        assert!(!has(host, "late"));
    }
    use_step(&two, "alice", 9);
    assert_eq!(step(&one, "alice"), Some(9));
    while two.sweep(3).unwrap() {}
    assert!(
        hosts
            .names()
            .iter()
            .all(|name| !name.starts_with("account/"))
    );
}

#[test]
fn a_change_that_was_begun_before_a_restore_is_made_on_the_restored_record() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    let backup = backup(&one);
    let mut is_first = true;
    two.change(&Key::account(&user("alice")), |account| {
        if std::mem::take(&mut is_first) {
            restore(&one, &backup, true, at(30)).unwrap();
        }
        let mut account = account.unwrap();
        account.set_pin("new".to_owned(), at(40));
        Ok::<_, RepositoryError>((After::Put(Box::new(account)), ()))
    })
    .unwrap();
    for host in [&one, &two] {
        assert_eq!(
            host.account(&user("alice")).unwrap().pin().unwrap().phc,
            "new"
        );
    }
}

/// The host that restores is cut off after each of its writes: at any moment all records are the old ones or the new
/// ones, on every host, and logins go on after the restore was abandoned.
#[test]
fn a_restore_that_is_cut_off_at_any_write_leaves_the_old_records_or_the_new_ones() {
    let mut ends = [0; 2];
    for writes in 1.. {
        let hosts = Hosts::new();
        let (one, two) = hosts.two();
        for n in 0..5 {
            put(&one, &format!("user{n}"), full());
        }
        let backup = backup(&one);
        for n in 5..9 {
            put(&two, &format!("user{n}"), full());
        }
        one.cut_after(writes);
        let restored = stage(&one, &backup, true, at(0)).and_then(|mut run| {
            use_step(&two, "user0", 9);
            finish(&one, &mut run)
        });
        if restored.is_ok() {
            assert!(writes > 5, "{writes}");
            assert!(ends[0] > 0 && ends[1] > 0, "{ends:?}");
            return;
        }
        let was_frozen = two.view().map(|view| view.frozen.is_some()).unwrap();
        let changed = fail(&two, "user0");
        if two
            .state(&two.view().unwrap().vault)
            .unwrap()
            .0
            .restoring
            .is_some()
        {
            let abandoned = two.abandon_any_restore(None).unwrap().unwrap();
            assert_eq!(abandoned.host, "web-1");
            assert_eq!(
                changed.is_err(),
                abandoned.was_frozen,
                "{writes} {was_frozen}"
            );
        }
        fail(&two, "user0").unwrap();
        let is_new = !has(&two, "user8");
        ends[usize::from(is_new)] += 1;
        for n in 0..9 {
            assert_eq!(
                has(&two, &format!("user{n}")),
                n < 5 || !is_new,
                "{writes} {n}"
            );
        }
        // The host comes back, and has missed all that.
        one.heal();
        one.abandon_restore();
        assert_eq!(has(&one, "user8"), !is_new);
        assert!(fail(&one, "user0").unwrap() >= 2);
        while one.sweep(3).unwrap() {}
        assert_eq!(
            one.page(None, 99).unwrap().len(),
            if is_new { 5 } else { 9 }
        );
    }
}

#[test]
fn a_restore_that_holds_up_all_changes_is_ended_by_another_host_and_can_do_no_harm_later() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    let backup = backup(&one);
    put(&two, "late", full());
    let mut run = stage(&one, &backup, true, at(0)).unwrap();
    one.change_state(&one.view().unwrap().vault, None, |state| {
        state.restoring.as_mut().unwrap().frozen = true;
        Ok::<_, RepositoryError>(())
    })
    .unwrap();
    let text = fail(&two, "alice").unwrap_err().to_string();
    assert!(
        text.contains("web-1") && text.contains("mfactl restore --abandon"),
        "{text}"
    );
    assert!(has(&two, "alice"), "reading goes on");
    std::thread::sleep(Duration::from_millis(600));
    fail(&two, "alice").unwrap();
    assert!(matches!(
        finish(&one, &mut run),
        Err(RestoreError::Abandoned)
    ));
    one.abandon_restore();
    assert!(has(&one, "late") && has(&two, "late"));
    assert_eq!(two.abandon_any_restore(None).unwrap(), None);
}

#[test]
fn a_host_that_starts_again_ends_the_restore_that_it_had_begun() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    let backup = backup(&one);
    let _run = stage(&one, &backup, true, at(0)).unwrap();
    drop(one);
    // Another host's start leaves it alone.
    hosts.start("web-3").unwrap();
    assert!(two.view().unwrap().staged.is_some() || two.account(&user("alice")).is_ok());
    assert!(two.view().unwrap().staged.is_some());
    hosts.start("web-1").unwrap();
    restore(&two, &backup, true, at(0)).unwrap();
}

#[test]
fn backups_move_from_one_host_to_a_fleet_and_back() {
    let (_, alone) = super::tests::fresh(1);
    for n in 0..60 {
        put(&alone, &format!("user{n:02}"), full());
    }
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    let summary = restore(&one, &backup(&alone), false, at(90)).unwrap();
    assert_eq!(summary.accounts, 60);
    assert_eq!(two.page(None, 99).unwrap().len(), 60);
    use_step(&two, "user07", 99);
    assert!(hosts.names().iter().all(|name| !name.contains("user")));
    let (_, back) = super::tests::fresh(1);
    let summary = restore(&back, &backup(&two), false, at(90)).unwrap();
    assert_eq!((summary.accounts, summary.damaged), (60, 0));
    assert_eq!(step(&back, "user07"), Some(99));
    assert_eq!(
        back.placeholder(&user("nobody")),
        one.placeholder(&user("nobody"))
    );
}

#[test]
fn a_damaged_record_of_a_fleet_stays_where_its_user_finds_it() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    put(&one, "bob", full());
    let stored = one
        .view()
        .unwrap()
        .stored(&Key::account(&user("alice")))
        .into_owned();
    super::tests::damage(&hosts.store, &stored);
    let backup = backup(&one);
    let other = Hosts::new();
    let there = other.start("db-1").unwrap();
    let summary = restore(&there, &backup, false, at(0)).unwrap();
    assert_eq!(
        (summary.accounts, summary.damaged, summary.unnamed),
        (1, 1, 0)
    );
    assert!(there.account(&user("alice")).is_err() && has(&there, "bob"));
    // One host has no place for it, since nobody can tell whose it is.
    let (_, alone) = super::tests::fresh(1);
    let summary = restore(&alone, &backup, false, at(0)).unwrap();
    assert_eq!((summary.damaged, summary.unnamed), (1, 1));
    assert!(two.account(&user("alice")).is_err());
}

#[test]
fn a_new_key_seals_once_all_hosts_have_it_and_the_change_goes_on_from_any_host() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    for n in 0..10 {
        put(&one, &format!("user{n}"), full());
    }
    assert!(matches!(
        one.begin_rotation(&one.keys, None),
        Err(RotateError::NotPrepared)
    ));
    let next = one.prepare_rotation(&one.keys, None).unwrap();
    assert!(next.is_new && next.file.is_some());
    let same = two.prepare_rotation(&two.keys, None).unwrap();
    assert_eq!(
        (&same.key_id, same.is_new, same.file),
        (&next.key_id, false, None)
    );
    for host in [&one, &two] {
        host.announce();
    }
    let refused = one.begin_rotation(&one.keys, None).unwrap_err().to_string();
    assert!(
        refused.contains("web-2 does not have the new key"),
        "{refused}"
    );
    copy_key(&one, &two, &next.key_id);
    two.announce();
    let keys = one.host_keys().unwrap();
    assert!(
        keys.iter()
            .all(|host| host.has_prepared == Some(true) && host.has_current)
    );

    let before = one.key_state().unwrap().key_id;
    let slot = one.placeholder(&user("nobody"));
    assert!(one.begin_rotation(&one.keys, None).unwrap());
    put(&two, "user3", full());
    let sealed = |host: &Host, name| {
        let stored = host
            .view()
            .unwrap()
            .stored(&Key::account(&user(name)))
            .into_owned();
        let stored = hosts.store.load(&stored).unwrap().unwrap();
        host.view().unwrap().vault.sealer(&stored.bytes).unwrap().0
    };
    assert_eq!(sealed(&two, "user3"), next.key_id);
    // Stopped after some records, and taken up on the other host.
    assert_eq!(one.reseal(None, 4, false).unwrap().records, 4);
    assert!(!two.begin_rotation(&two.keys, None).unwrap());
    assert!(reseal(&two) > 0);
    assert_eq!(two.end_rotation(None).unwrap(), Some(before.clone()));
    // Each host puts the key where its own was, and the one before is not needed any more.
    two.announce();
    for host in [&one, &two] {
        assert_eq!(
            host.keys.file_of(&next.key_id),
            Some(host.keys.file.clone())
        );
        std::fs::remove_file(host.keys.missing_file(&before)).unwrap();
        std::fs::remove_file(host.keys.missing_file(&next.key_id)).unwrap();
    }
    let (one, two) = hosts.two();
    for host in [&one, &two] {
        assert_eq!(host.key_state().unwrap().key_id, next.key_id);
        assert_eq!(host.page(None, 99).unwrap().len(), 10);
        assert_eq!(host.placeholder(&user("nobody")), slot);
    }
    // A host that was away and has the key before only.
    let error = hosts.start("web-3").err().unwrap().to_string();
    assert!(
        error.contains("serves nobody") && error.contains(&format!("key.{}", next.key_id)),
        "{error}"
    );
}

#[test]
fn a_change_that_was_begun_before_a_new_key_is_sealed_with_the_new_one() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    let next = one.prepare_rotation(&one.keys, None).unwrap();
    copy_key(&one, &two, &next.key_id);
    let mut is_first = true;
    two.change(&Key::account(&user("alice")), |account| {
        if std::mem::take(&mut is_first) {
            one.begin_rotation(&one.keys, None).unwrap();
            reseal(&one);
            one.end_rotation(None).unwrap();
        }
        Ok::<_, RepositoryError>((After::Put(Box::new(account.unwrap())), ()))
    })
    .unwrap();
    assert_eq!(one.reseal(None, 99, true).unwrap().earlier, 0);
    assert!(has(&two, "alice"));
}

#[test]
fn a_change_of_the_key_that_is_cut_off_at_any_write_is_taken_up_on_another_host() {
    for writes in 1.. {
        let hosts = Hosts::new();
        let (one, two) = hosts.two();
        for n in 0..10 {
            put(&one, &format!("user{n}"), full());
        }
        let next = one.prepare_rotation(&one.keys, None).unwrap();
        copy_key(&one, &two, &next.key_id);
        one.cut_after(writes);
        let rotate = |host: &Host| -> Result<(), RotateError> {
            host.begin_rotation(&host.keys, None)?;
            let mut after = None;
            loop {
                after = host.reseal(after.as_deref(), 4, false)?.next;
                if after.is_none() {
                    return host.end_rotation(None).map(drop);
                }
            }
        };
        let is_whole = rotate(&one).is_ok();
        put(&two, "user3", full());
        let state = two.key_state().unwrap();
        if !is_whole && (state.rotating.is_some() || state.prepared.is_some()) {
            rotate(&two).unwrap();
        }
        assert_eq!(two.key_state().unwrap().key_id, next.key_id);
        assert_eq!(two.reseal(None, 99, true).unwrap().earlier, 0, "{writes}");
        one.heal();
        assert!((0..10).all(|n| has(&one, &format!("user{n}"))));
        if is_whole {
            assert!(writes > 4);
            return;
        }
    }
}

#[test]
fn a_restore_and_a_change_of_the_key_exclude_each_other() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    let backup = backup(&one);
    let next = one.prepare_rotation(&one.keys, None).unwrap();
    copy_key(&one, &two, &next.key_id);
    let mut run = stage(&one, &backup, true, at(0)).unwrap();
    assert!(matches!(
        two.begin_rotation(&two.keys, None),
        Err(RotateError::Restoring)
    ));
    finish(&one, &mut run).unwrap();
    assert!(two.begin_rotation(&two.keys, None).unwrap());
    assert!(matches!(
        stage(&one, &backup, true, at(0)),
        Err(RestoreError::Rotating(_))
    ));
}

/// Writes a record that needs the newest format.
fn put_newest(host: &Host) -> Result<(), RepositoryError> {
    let mut value = serde_json::to_value(full()).unwrap();
    value["schema"] = Account::FORMAT.into();
    let account: Account = serde_json::from_value(value).unwrap();
    assert_eq!(account.format(), Account::FORMAT);
    let put = |_| Ok((After::Put(Box::new(account.clone())), ()));
    host.change(&Key::account(&user("alice")), put)
}

#[test]
fn records_are_written_in_a_newer_format_only_once_all_live_hosts_read_it() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    let newest = Account::FORMAT;
    one.change_state(&one.view().unwrap().vault, None, |state| {
        state.format = Some(newest - 1);
        Ok::<_, RepositoryError>(())
    })
    .unwrap();
    one.announce();
    let mut older = two.notice().unwrap();
    older.schema = newest - 1;
    one.store.fleet().unwrap().announce(older);
    assert_eq!(one.raise_format().unwrap(), None);
    let refused = put_newest(&one).unwrap_err().to_string();
    assert!(refused.contains("mfactl hosts"), "{refused}");
    fail(&one, "bob").expect("it needs no newer format");
    two.announce();
    assert_eq!(one.raise_format().unwrap(), Some(newest));
    assert_eq!(two.raise_format().unwrap(), None);
    put_newest(&two).unwrap();
    // A host that was away, and has an older version, says so.
    one.change_state(&one.view().unwrap().vault, None, |state| {
        state.format = Some(newest + 1);
        Ok::<_, RepositoryError>(())
    })
    .unwrap();
    assert!(matches!(
        hosts.start("web-3").err(),
        Some(RepositoryError::NewerHosts(..))
    ));
    assert!(matches!(
        fail(&two, "alice"),
        Err(RepositoryError::NewerHosts(..))
    ));
}

#[test]
fn an_unknown_name_reads_as_much_of_the_store_as_a_known_one() {
    let hosts = Hosts::new();
    let one = hosts.start("web-1").unwrap();
    put(&one, "alice", full());
    let (key, account) = one.account_or_placeholder(&user("alice")).unwrap();
    assert!(key.is_account() && !account.has_never_enrolled());
    let (key, account) = one.account_or_placeholder(&user("nobody")).unwrap();
    assert_eq!(key, one.placeholder(&user("nobody")));
    assert!(account.has_never_enrolled());
}

#[test]
fn the_key_of_another_store_opens_nothing() {
    let hosts = Hosts::new();
    let one = hosts.start("web-1").unwrap();
    put(&one, "alice", full());
    let other = AccountRepository::new(
        hosts.connection().0,
        Vault::new(&MasterKey::from_bytes([2; 32])),
    );
    assert!(other.account(&user("alice")).is_err());
}

fn merge(
    host: &Host,
    (head, chunks): &super::tests::Backup,
    is_dry: bool,
) -> Result<Vec<MergeRow>, RestoreError> {
    let mut run = host.begin_merge(head, None, is_dry, at(300))?;
    let mut rows = Vec::new();
    for (number, chunk) in chunks.iter().enumerate() {
        let is_last = number + 1 == chunks.len();
        rows.extend(host.merge_chunk(&mut run, chunk, is_last, |_| None)?);
    }
    assert!(run.is_at_its_end());
    rows.sort_by(|one, other| one.user.cmp(&other.user));
    Ok(rows)
}

/// The backup of a host with key 2, of which one record is damaged, and a fleet that has that key, too.
fn another_host() -> (super::tests::Backup, Hosts) {
    let (store, alone) = super::tests::fresh(2);
    let mut account = full();
    account.set_pin("another".to_owned(), at(0));
    account.set_recovery(vec![alone.pepper().digest("0123456789")], at(0));
    put(&alone, "alice", account);
    for name in ["carol", "dave", "erin"] {
        put(&alone, name, full());
    }
    use_step(&alone, "alice", 5);
    super::tests::damage(&store, b"account/erin");
    let hosts = Hosts::new();
    for host in ["web-1", "web-2"] {
        let keys = hosts.keys(host, 1);
        write_key(&keys.missing_file(&super::tests::vault(2).key_id()), 2);
    }
    (backup(&alone), hosts)
}

#[test]
fn a_merge_names_what_it_takes_and_what_it_leaves_and_a_dry_run_changes_nothing() {
    let (backup, hosts) = another_host();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    put(&one, "bob", full());
    use_step(&two, "alice", 3);
    let before = hosts.store.swaps();
    let would = merge(&one, &backup, true).unwrap();
    assert_eq!(hosts.store.swaps(), before);
    let rows = merge(&one, &backup, false).unwrap();
    assert_eq!(rows, would);
    let outcomes: Vec<_> = rows
        .iter()
        .map(|row| (row.user.as_str(), row.outcome))
        .collect();
    let expected = [
        ("alice", MergeOutcome::Merged),
        ("carol", MergeOutcome::Added),
        ("dave", MergeOutcome::Added),
        ("erin", MergeOutcome::Damaged),
    ];
    assert_eq!(outcomes, expected);
    use mfa_core::account::MergedPart::{Pin, Questions, Recovery, Totp};
    assert_eq!(
        (&rows[0].kept[..], &rows[0].lost[..]),
        (&[Pin][..], &[Recovery][..])
    );
    assert_eq!(rows[1].added, [Totp, Pin, Questions]);
    assert_eq!(step(&two, "alice"), Some(5));
    assert_eq!(
        two.account(&user("alice")).unwrap().pin().unwrap().phc,
        "phc-pin"
    );
    // Its codes up to now may have been used at the other place.
    assert_eq!(step(&two, "carol"), Some(10));
    assert!(has(&two, "bob") && !has(&two, "erin"));
    let again = merge(&two, &backup, false).unwrap();
    assert!(again.iter().all(|row| !row.is_changed()), "{again:?}");
}

#[test]
fn a_merge_that_is_cut_off_at_any_write_is_repeated_on_another_host() {
    let (backup, hosts) = another_host();
    let (one, _) = hosts.two();
    put(&one, "alice", full());
    merge(&one, &backup, false).unwrap();
    let whole = one.page(None, 99).unwrap();
    for writes in 1.. {
        let (backup, hosts) = another_host();
        let (one, two) = hosts.two();
        put(&one, "alice", full());
        one.cut_after(writes);
        let is_whole = merge(&one, &backup, false).is_ok();
        merge(&two, &backup, false).unwrap();
        let merged = two.page(None, 99).unwrap();
        assert_eq!(merged.len(), whole.len());
        for ((name, account), (known, expected)) in merged.iter().zip(&whole) {
            assert_eq!(name, known);
            assert_eq!(account.devices(), expected.devices(), "{writes} {name}");
        }
        if is_whole {
            return;
        }
    }
}

#[test]
fn an_administrator_can_make_the_next_key_and_no_key_that_had_its_time_comes_back() {
    let hosts = Hosts::new();
    let one = hosts.start("web-1").unwrap();
    put(&one, "alice", full());
    write_key(&one.keys.next_file(), 7);
    let next = one.prepare_rotation(&one.keys, None).unwrap();
    let seven = super::tests::vault(7).key_id();
    assert_eq!(
        (&next.key_id, next.file),
        (&seven, Some(one.keys.next_file()))
    );
    assert!(one.begin_rotation(&one.keys, None).unwrap());
    reseal(&one);
    let first = one.end_rotation(None).unwrap().unwrap();
    // The file of the first key is put back, as a configuration management does.
    write_key(&one.keys.file, 1);
    let next = one.prepare_rotation(&one.keys, None).unwrap();
    assert!(next.key_id != first && next.key_id != seven);
}

#[test]
fn a_change_of_the_key_does_not_go_on_where_the_key_before_is_missing() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    let next = one.prepare_rotation(&one.keys, None).unwrap();
    copy_key(&one, &two, &next.key_id);
    let before = one.key_state().unwrap().key_id;
    one.begin_rotation(&one.keys, None).unwrap();
    // On another host the new key was put in the place of the one before.
    std::fs::rename(two.keys.missing_file(&next.key_id), &two.keys.file).unwrap();
    let two = hosts.start("web-2").unwrap();
    assert!(two.account(&user("alice")).is_err());
    let refused = two.begin_rotation(&two.keys, None).unwrap_err().to_string();
    assert!(
        refused.contains(&format!("the key {before} is not on this host")),
        "{refused}"
    );
    assert!(matches!(
        two.end_rotation(None),
        Err(RotateError::Unfinished)
    ));
    assert!(reseal(&one) > 0);
    one.end_rotation(None).unwrap();
    assert!(has(&two, "alice"));
}

#[test]
fn a_host_is_out_of_service_for_every_reason_that_refuses_its_logins() {
    let hosts = Hosts::new();
    let (one, two) = hosts.two();
    put(&one, "alice", full());
    two.check_service().unwrap();
    hosts.store.fail(StoreFailure::Everything);
    assert!(two.check_service().is_err());
    hosts.store.fail(StoreFailure::None);
    two.check_service().unwrap();

    let backup = backup(&one);
    let _run = stage(&one, &backup, true, at(0)).unwrap();
    two.check_service().unwrap();
    let freeze = |frozen| {
        one.change_state(&one.view().unwrap().vault, None, |state| {
            state.restoring.as_mut().unwrap().frozen = frozen;
            Ok::<_, RepositoryError>(())
        })
    };
    freeze(true).unwrap();
    assert!(matches!(
        two.check_service(),
        Err(RepositoryError::Frozen(_))
    ));
    freeze(false).unwrap();
    two.check_service().unwrap();
    one.abandon_restore();

    // A key that only one of them has.
    let next = one.prepare_rotation(&one.keys, None).unwrap();
    one.announce();
    assert!(one.begin_rotation(&one.keys, None).unwrap());
    one.check_service().unwrap();
    assert!(matches!(
        two.check_service(),
        Err(RepositoryError::OtherKey { .. })
    ));
    copy_key(&one, &two, &next.key_id);
    two.check_service().unwrap();

    let set_format = |format| {
        one.change_state(&one.view().unwrap().vault, None, |state| {
            state.format = Some(format);
            Ok::<_, RepositoryError>(())
        })
    };
    set_format(Account::FORMAT + 1).unwrap();
    assert!(matches!(
        two.check_service(),
        Err(RepositoryError::NewerHosts(..))
    ));
}

#[test]
fn a_host_whose_state_was_deleted_or_spoiled_is_out_of_service() {
    for bytes in [None, Some(&b"spoiled"[..])] {
        let hosts = Hosts::new();
        let one = hosts.start("web-1").unwrap();
        one.check_service().unwrap();
        let state = hosts.store.load(b"vault/state").unwrap().unwrap();
        let change = Change {
            key: b"vault/state",
            expected: Some(&state.revision),
            new: bytes,
            line: None,
        };
        hosts.store.swap(change).unwrap();
        for _ in 0..2 {
            assert!(one.check_service().is_err(), "{bytes:?}");
        }
    }
}
