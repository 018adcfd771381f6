//! The store against real servers, which the tests start, stop and disturb.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::store::{KnownState, StoreId, contract};

mod faults;
mod identity;
pub(crate) mod node;
mod proxy;
mod records;
mod secured;

use node::{Node, turn};

const ID: StoreId = StoreId([7; 16]);

/// A way to these servers.
fn access(endpoints: &[String]) -> Access {
    Access {
        endpoints: endpoints.iter().map(|url| url.parse().unwrap()).collect(),
        prefix: "/test/".to_owned(),
        roots: Roots::System,
        identity: None,
        login: None,
    }
}

/// Takes every store.
struct TakesAll;

impl Memory for TakesAll {
    fn admit(&self, looked: &Looked) -> Result<(), String> {
        match looked {
            Looked::Store { .. } => Ok(()),
            other => Err(format!("{other:?}")),
        }
    }

    fn keep(&self, _: u64, _: KnownState) -> bool {
        true
    }
}

/// A store in use, made if there is none. It has patience with a slow machine.
fn open(access: &Access) -> EtcdStore {
    let store = hasty(access);
    store.core.client.slowness.store(20, Ordering::Relaxed);
    store
}

/// The same with the patience that it has for a login.
fn hasty(access: &Access) -> EtcdStore {
    let store = EtcdStore::new(access).unwrap();
    store.core.client.slowness.store(20, Ordering::Relaxed);
    if let Contact::Refused(Looked::Nothing, _) = store.contact(&TakesAll).unwrap() {
        store.create(ID).unwrap();
    }
    let contact = store.contact(&TakesAll).unwrap();
    assert!(matches!(contact, Contact::Admitted(_)), "{contact:?}");
    store.core.client.slowness.store(1, Ordering::Relaxed);
    store.start(Arc::new(TakesAll)).unwrap();
    store
}

/// The way of one host to a server: it counts what the host asks of records, and can be cut.
pub(crate) struct Counted(proxy::Proxy, Arc<Core>);

impl Counted {
    /// A store in use, and its way.
    pub(crate) fn before(node: &Node) -> (EtcdStore, Self) {
        let proxy = proxy::Proxy::before(node.port());
        let store = open(&access(&[proxy.url()]));
        let core = Arc::clone(&store.core);
        (store, Self(proxy, core))
    }

    pub(crate) fn asked(&self) -> u32 {
        self.0.of_records()
    }

    /// From now on this host is not told what becomes of its changes.
    pub(crate) fn lose_writes(&self) {
        self.1.client.slowness.store(1, Ordering::Relaxed);
        self.0.be(proxy::Manner::LoseWrites);
    }

    /// From now on each request of this host takes longer.
    pub(crate) fn slow_down(&self, by: Duration) {
        self.0.be(proxy::Manner::Wait(by));
    }

    pub(crate) fn cut(&self) {
        self.1.client.slowness.store(1, Ordering::Relaxed);
        self.0.be(proxy::Manner::Answer(Vec::new()));
    }
}

fn new<'a>(key: &'a [u8], bytes: &'a [u8]) -> Change<'a> {
    Change {
        key,
        expected: None,
        new: Some(bytes),
        line: None,
    }
}

fn update<'a>(key: &'a [u8], from: &'a Stored, bytes: &'a [u8]) -> Change<'a> {
    Change {
        expected: Some(&from.revision),
        ..new(key, bytes)
    }
}

/// Waits for what may take some attempts: pauses between them grow to 8 s, and on a busy machine an attempt can time out.
fn soon(what: &str, is: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(120);
    while !is() {
        assert!(Instant::now() < until, "it never became true: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Says that something is over, also when it fails: who waits for that must not wait for ever.
struct SaysSo<'a>(&'a AtomicBool);

impl Drop for SaysSo<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn it_keeps_the_promises_of_a_store() {
    let Some(_turn) = turn() else {
        return;
    };
    let node = Node::start();
    let store = open(&access(&[node.url()]));
    contract::check(&store);
    // A second host, with its own memory.
    let other = open(&access(&[node.url()]));
    assert_eq!(store.swap(new(b"two", b"1")).unwrap(), Swap::Done);
    let known = other.load_for_swap(b"two").unwrap().unwrap();
    let first = store.load_for_swap(b"two").unwrap().unwrap();
    assert_eq!(
        store.swap(update(b"two", &first, b"2")).unwrap(),
        Swap::Done
    );
    assert_eq!(other.load_for_swap(b"two").unwrap().unwrap().bytes, b"1");
    assert_eq!(other.load(b"two").unwrap().unwrap().bytes, b"2");
    assert_eq!(
        other.swap(update(b"two", &known, b"3")).unwrap(),
        Swap::Conflict
    );
    assert_eq!(other.load_for_swap(b"two").unwrap().unwrap().bytes, b"2");
}

#[test]
fn what_changed_since_a_moment_is_found_and_a_snapshot_stays_until_it_is_compacted() {
    let Some(_turn) = turn() else {
        return;
    };
    let node = Node::start();
    let store = open(&access(&[node.url()]));
    let keys: Vec<String> = (0..300).map(|number| format!("k/{number:04}")).collect();
    let changes: Vec<_> = keys.iter().map(|key| new(key.as_bytes(), b"1")).collect();
    store.swap_all(&changes).unwrap();
    let moment = store.moment().unwrap();
    assert_eq!(store.changed_since(moment, b"k/", None, 10).unwrap(), []);
    for key in [&keys[7], &keys[250]] {
        let stored = store.load(key.as_bytes()).unwrap().unwrap();
        store.swap(update(key.as_bytes(), &stored, b"2")).unwrap();
    }
    let changed = |after: Option<&[u8]>, limit| -> Vec<Vec<u8>> {
        let changed = store.changed_since(moment, b"k/", after, limit).unwrap();
        changed.into_iter().map(|(key, _)| key).collect()
    };
    assert_eq!(changed(None, 10), [b"k/0007", b"k/0250"]);
    assert_eq!(changed(None, 1), [b"k/0007"]);
    assert_eq!(changed(Some(b"k/0007"), 10), [b"k/0250"]);
    let mut snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.next(1).unwrap().len(), 128);
    store.swap(new(b"k/late", b"1")).unwrap();
    node.compact(store.moment().unwrap().0);
    let error = snapshot.next(1).unwrap_err().to_string();
    assert!(error.contains("--auto-compaction-retention"), "{error}");
}

#[test]
fn a_walk_over_what_changed_misses_nothing_while_other_records_are_removed() {
    let Some(_turn) = turn() else {
        return;
    };
    let node = Node::start();
    let store = open(&access(&[node.url()]));
    let moment = store.moment().unwrap();
    let keys: Vec<String> = (0..120).map(|number| format!("k/{number:04}")).collect();
    let changes: Vec<_> = keys.iter().map(|key| new(key.as_bytes(), b"1")).collect();
    store.swap_all(&changes).unwrap();
    let (removed, kept) = keys.split_at(100);
    let kept: Vec<&[u8]> = kept.iter().map(String::as_bytes).collect();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let _over = SaysSo(&is_over);
            for key in removed {
                let stored = store.load(key.as_bytes()).unwrap().unwrap();
                let gone = Change {
                    expected: Some(&stored.revision),
                    new: None,
                    ..new(key.as_bytes(), b"")
                };
                assert_eq!(store.swap(gone).unwrap(), Swap::Done);
            }
        });
        while !is_over.load(Ordering::SeqCst) {
            let mut found: Vec<Vec<u8>> = Vec::new();
            loop {
                let after = found.last().map(Vec::as_slice);
                let page = store.changed_since(moment, b"k/", after, 3).unwrap();
                let is_last = page.len() < 3;
                found.extend(page.into_iter().map(|(key, _)| key));
                if is_last {
                    break;
                }
            }
            assert!(found.is_sorted());
            let from = found.len().saturating_sub(kept.len());
            assert_eq!(found[from..], kept);
        }
    });
}

#[test]
fn a_store_is_made_once_and_one_that_was_emptied_is_never_used_again() {
    let Some(_turn) = turn() else {
        return;
    };
    let node = Node::start();
    let access = access(&[node.url()]);
    let store = EtcdStore::new(&access).unwrap();
    assert!(store.load(b"a").is_err());
    let looked = |store: &EtcdStore| match store.contact(&TakesAll).unwrap() {
        Contact::Admitted(looked) | Contact::Refused(looked, _) => looked,
        Contact::Undecided(_, reason) => panic!("{reason}"),
    };
    assert_eq!(looked(&store), Looked::Nothing);
    store.create(ID).unwrap();
    assert!(
        EtcdStore::new(&access)
            .unwrap()
            .create(StoreId([8; 16]))
            .is_err()
    );
    assert!(matches!(looked(&store), Looked::Store { id: ID, .. }));
    assert_eq!(store.swap(new(b"a", b"1")).unwrap(), Swap::Done);
    node.etcdctl(&["del", "/test/id"]);
    for _ in 0..2 {
        let error = store.load(b"a").unwrap_err().to_string();
        assert!(error.contains("/test/id"), "{error}");
    }
    store.swap(new(b"b", b"1")).unwrap_err();
    assert_eq!(looked(&store), Looked::NoId);
    // Made again by somebody, it is another one: its records have to be looked at first.
    node.etcdctl(&["del", "--prefix", "/test/"]);
    EtcdStore::new(&access).unwrap().create(ID).unwrap();
    store.load(b"a").unwrap_err();
}

#[test]
fn sixty_four_changes_at_once_lose_none() {
    let Some(_turn) = turn() else {
        return;
    };
    let node = Node::start();
    let hosts: Vec<EtcdStore> = (0..3).map(|_| open(&access(&[node.url()]))).collect();
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..48 {
            let (store, done) = (&hosts[thread % 3], &done);
            scope.spawn(move || {
                for round in 0..4 {
                    loop {
                        let old = store.load_for_swap(b"count").unwrap();
                        let mut bytes = old.as_ref().map_or(Vec::new(), |old| old.bytes.clone());
                        bytes.extend([thread as u8, round]);
                        let change = Change {
                            expected: old.as_ref().map(|old| &old.revision),
                            ..new(b"count", &bytes)
                        };
                        if store.swap(change).unwrap() == Swap::Done {
                            done.fetch_add(1, Ordering::Relaxed);
                            break;
                        }
                    }
                }
            });
        }
    });
    let bytes = hosts[0].load(b"count").unwrap().unwrap().bytes;
    let mut seen: Vec<&[u8]> = bytes.chunks(2).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!((seen.len(), done.into_inner()), (192, 192));
}

#[test]
fn hosts_tell_each_other_of_themselves_and_servers_of_theirs() {
    let Some(_turn) = turn() else {
        return;
    };
    let node = Node::start();
    let hosts = ["web-1", "web-2"].map(|name| {
        let store = open(&access(&[node.url()]));
        store
            .fleet()
            .unwrap()
            .announce(crate::store::fleet::HostNotice {
                name: name.to_owned(),
                version: "9".to_owned(),
                schema: 5,
                ..Default::default()
            });
        store
    });
    let seen = || hosts[0].fleet().unwrap().hosts().unwrap();
    soon("both hosts are seen, with their clocks", || {
        let seen = seen();
        seen.len() == 2 && seen.iter().all(|host| host.is_live)
    });
    assert!(seen()[0].is_here && !seen()[1].is_here);
    soon("the clock is measured", || {
        let servers = hosts[0].fleet().unwrap().servers();
        let clock = servers[0].status.as_ref().unwrap().clock;
        clock.is_some_and(|clock| {
            clock.most - clock.least < 400 && clock.least <= 0 && clock.most >= 0
        })
    });
    let servers = hosts[0].fleet().unwrap().servers();
    let status = servers[0].status.as_ref().unwrap();
    assert!(
        status.is_leader && status.has_leader && status.database > 0,
        "{status:?}"
    );
    let fleet = hosts[0].fleet().unwrap();
    assert!(fleet.forget("web-2").unwrap());
    assert!(!fleet.forget("web-2").unwrap());
    assert_eq!(seen().len(), 1);
    assert_eq!(
        hosts[0].page(b"", None, 10).unwrap(),
        [],
        "hosts are no records"
    );
}

#[test]
fn two_hosts_of_one_name_are_noticed() {
    let Some(_turn) = turn() else {
        return;
    };
    let node = Node::start();
    let hosts = [(); 2].map(|()| open(&access(&[node.url()])));
    let seen = || hosts[0].fleet().unwrap().hosts().unwrap();
    for (host, version) in [(0, "1"), (1, "2"), (0, "3")] {
        let notice = crate::store::fleet::HostNotice {
            name: "web-1".to_owned(),
            version: version.to_owned(),
            ..Default::default()
        };
        hosts[host].fleet().unwrap().announce(notice);
        soon("its notice is seen", || {
            seen().iter().any(|seen| seen.notice.version == version)
        });
        assert!(version == "3" || !seen()[0].is_double);
    }
    soon("all hosts know it", || seen()[0].is_double);
    let fleet = hosts[1].fleet().unwrap();
    assert_eq!(fleet.some_hosts(Some("web-1"), 9).unwrap(), []);
    assert_eq!(fleet.some_hosts(Some("web-0"), 9).unwrap().len(), 1);
    soon("they are counted", || fleet.count() == 1);
}

/// Whether a call fails, and how long it takes.
fn fails_within(limit: Duration, call: impl FnOnce() -> Result<(), StoreError>) -> String {
    let began = Instant::now();
    let error = call().unwrap_err().to_string();
    assert!(began.elapsed() < limit, "{:?}: {error}", began.elapsed());
    error
}

#[test]
fn without_a_server_everything_fails_in_time_then_at_once_and_works_again_by_itself() {
    let Some(_turn) = turn() else {
        return;
    };
    let mut node = Node::start();
    let store = hasty(&access(&[node.url()]));
    store.swap(new(b"a", b"1")).unwrap();
    for freeze in [true, false] {
        match freeze {
            true => node.freeze(),
            false => node.stop(),
        }
        fails_within(Duration::from_secs(4), || store.load(b"a").map(drop));
        // All others learn it from the first.
        let began = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..64 {
                scope.spawn(|| fails_within(Duration::from_secs(1), || store.load(b"a").map(drop)));
            }
        });
        assert!(
            began.elapsed() < Duration::from_secs(2),
            "{:?}",
            began.elapsed()
        );
        match freeze {
            true => node.thaw(),
            false => node.start_again(),
        }
        soon("the store works again", || store.load(b"a").is_ok());
        assert_eq!(store.load(b"a").unwrap().unwrap().bytes, b"1");
    }
}

#[test]
fn a_store_that_no_server_knew_at_the_start_is_used_once_one_answers() {
    let Some(_turn) = turn() else {
        return;
    };
    let mut node = Node::start();
    drop(open(&access(&[node.url()])));
    node.stop();
    let store = EtcdStore::new(&access(&[node.url()])).unwrap();
    store.contact(&TakesAll).unwrap_err();
    let asked = Arc::new(Asked::default());
    store.start(Arc::clone(&asked) as Arc<dyn Memory>).unwrap();
    fails_within(Duration::from_secs(1), || store.load(b"a").map(drop));
    assert!(!asked.0.load(Ordering::Relaxed));
    node.start_again();
    soon("the store is used", || store.load(b"a").is_ok());
    assert!(asked.0.load(Ordering::Relaxed));
}

/// Takes every store, and notes that it was asked.
#[derive(Default)]
struct Asked(AtomicBool);

impl Memory for Asked {
    fn admit(&self, looked: &Looked) -> Result<(), String> {
        self.0.store(true, Ordering::Relaxed);
        TakesAll.admit(looked)
    }

    fn keep(&self, _: u64, _: KnownState) -> bool {
        true
    }
}
