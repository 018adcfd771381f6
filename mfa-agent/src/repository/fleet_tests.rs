//! Several hosts on one store: each test has two or more repositories, as agents on different hosts have them.

mod formats;
mod keys;
mod many;
mod merges;
mod restores;

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
        guards: &[Guard<'_>],
        changes: &[Change<'_>],
    ) -> Result<Option<Vec<Swap>>, StoreError> {
        self.lives()?;
        let done = self.store.swap_all_if(guards, changes);
        if self.writes_left.fetch_sub(1, Ordering::SeqCst) == 1 {
            // Made, and the answer is lost.
            return Err(StoreError::new("the host is cut off").unknown());
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

/// Damages the record of a user.
fn damage_of(hosts: &Hosts, host: &Host, name: &str) {
    let stored = host
        .known_view()
        .stored(&Key::account(&user(name)))
        .into_owned();
    super::tests::damage(&hosts.store, &stored);
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
            turn: Duration::from_secs(60),
            conflicts: Duration::from_secs(60),
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
    let found = one.account_or_placeholder(&user("alice")).unwrap();
    assert!(found.key.is_account() && !found.account.has_never_enrolled());
    let found = one.account_or_placeholder(&user("nobody")).unwrap();
    assert_eq!(found.key, one.placeholder(&user("nobody")));
    assert!(found.account.has_never_enrolled());
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
