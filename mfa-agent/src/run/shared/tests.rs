//! A start on a real server that was set back.

use std::path::Path;
use std::time::{Duration, Instant};

use mfa_core::account::samples::full;
use mfa_core::names::UserName;
use tempfile::TempDir;

use super::*;
use crate::config::{self, Engine};
use crate::delivery::Roots;
use crate::repository::{After, Key, LastBackup, RepositoryError};
use crate::store::etcd::SET_BACK;
use crate::store::etcd::tests::node::{Node, turn};
use crate::store::{Change, Store, Swap};

fn settings(folder: &Path, node: &Node) -> config::Store {
    config::Store {
        engine: Engine::Etcd(Box::new(Access {
            endpoints: vec![node.url().parse().unwrap()],
            prefix: "/test/".to_owned(),
            roots: Roots::System,
            identity: None,
            login: None,
        })),
        path: folder.join("store"),
        key_file: folder.join("key"),
    }
}

/// Two hosts of one fleet, of which the first has made the store.
fn two_hosts(node: &Node) -> ([TempDir; 2], [config::Store; 2]) {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let hosts = folders.each_ref().map(|it| settings(it.path(), node));
    accept(&hosts[0]);
    std::fs::copy(&hosts[0].key_file, &hosts[1].key_file).unwrap();
    (folders, hosts)
}

fn access(settings: &config::Store) -> &Access {
    match &settings.engine {
        Engine::Etcd(access) => access,
        Engine::Sled => panic!("etcd was set"),
    }
}

fn start(settings: &config::Store) -> AccountRepository {
    open(&Places::of(settings), access(settings)).unwrap()
}

fn accept(settings: &config::Store) {
    soon("the store is accepted", || {
        init(&Places::of(settings), access(settings)).is_ok()
    });
}

fn put(repository: &AccountRepository, name: &str) -> Result<(), RepositoryError> {
    let user: UserName = name.parse().unwrap();
    let put = |_| Ok::<_, RepositoryError>((After::Put(Box::new(full())), ()));
    repository.change(&Key::account(&user), put)
}

fn soon(what: &str, is: impl Fn() -> bool) {
    let until = Instant::now() + Duration::from_secs(120);
    while !is() {
        assert!(Instant::now() < until, "it never became true: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn marked(settings: &config::Store) -> u64 {
    match store_mark::read(&Places::of(settings).mark) {
        Found::Mark(mark) => mark.generation,
        other => panic!("{other:?}"),
    }
}

/// That nobody passes, and what it says.
fn refused(repository: &AccountRepository) -> String {
    let error = put(repository, "eve").unwrap_err().to_string();
    assert!(repository.page(None, 1).is_err());
    error
}

#[test]
fn a_store_that_was_set_back_is_refused_by_every_start_until_an_administrator_accepts_it() {
    let Some(_turn) = turn() else {
        return;
    };
    let mut node = Node::start();
    node.until_it_serves();
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), &node);
    accept(&settings);
    // Restored with the token of the cluster, it has the same ID; with another one another ID.
    for (round, token) in ["etcd-cluster", "restored"].into_iter().enumerate() {
        let agent = start(&settings);
        soon("it serves", || put(&agent, "alice").is_ok());
        let before = marked(&settings);
        node.save();
        for number in 0..9 {
            soon("it serves", || {
                put(&agent, &format!("user{number}")).is_ok()
            });
        }
        soon("the mark is kept", || {
            // An agent that is killed has kept what it knew a while ago, and one that stops all of it.
            if round > 0 {
                agent.fleet().unwrap().keep();
            }
            marked(&settings) >= before + 9
        });
        node.set_back(token);
        soon("the agent that runs notices", || {
            put(&agent, "eve").is_err_and(|error| error.to_string().contains("mfa-agent --init"))
        });
        if round == 0 {
            // The same cluster soon comes as far again; another one stays another.
            soon("it is remembered", || marked(&settings) == SET_BACK);
        }
        agent.fleet().unwrap().keep();
        drop(agent);
        for _ in 0..2 {
            let agent = start(&settings);
            let told = refused(&agent);
            assert!(told.contains("mfa-agent --init"), "{told}");
        }
        accept(&settings);
        let agent = start(&settings);
        soon("it serves", || put(&agent, "alice").is_ok());
    }
}

#[test]
fn an_agent_that_started_before_etcd_says_that_the_store_was_set_back() {
    let Some(_turn) = turn() else {
        return;
    };
    let mut node = Node::start();
    node.until_it_serves();
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), &node);
    accept(&settings);
    node.stop();
    let places = Places::of(&settings);
    let Found::Mark(mark) = store_mark::read(&places.mark) else {
        panic!("it was marked");
    };
    let later = Mark {
        generation: 99_999,
        ..mark
    };
    store_mark::write(&places.mark, &later).unwrap();
    let agent = start(&settings);
    refused(&agent);
    node.start_again();
    soon("it is told", || refused(&agent).contains("set back"));
    soon("it is remembered", || marked(&settings) == SET_BACK);
    accept(&settings);
    soon("it serves", || put(&agent, "alice").is_ok());
}

#[test]
fn a_store_whose_records_were_removed_is_another_one_after_init() {
    let Some(_turn) = turn() else {
        return;
    };
    let node = Node::start();
    node.until_it_serves();
    let (_folders, [one, two]) = two_hosts(&node);
    let agents = [start(&one), start(&two)];
    for agent in &agents {
        soon("it serves", || put(agent, "alice").is_ok());
    }
    node.etcdctl(&["del", "/test/records/", "--prefix"]);
    for agent in &agents {
        soon("it is told", || {
            refused(agent).contains("etcdctl del --prefix")
        });
    }
    accept(&one);
    // The other one has users in mind that are not there: to it they would be newcomers.
    for two in [agents.into_iter().next_back().unwrap(), start(&two)] {
        soon("the other host refuses it", || {
            let told = refused(&two);
            told.contains("was removed or replaced")
                || told.contains("this is not this host's store")
        });
    }
    soon("the first one serves", || {
        put(&start(&one), "alice").is_ok()
    });
    accept(&two);
    soon("the second one serves", || {
        put(&start(&two), "alice").is_ok()
    });
}

#[test]
fn what_is_told_of_a_missing_state_leads_to_a_store_that_works() {
    let Some(_turn) = turn() else {
        return;
    };
    let node = Node::start();
    node.until_it_serves();
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path(), &node);
    accept(&settings);
    let agent = start(&settings);
    soon("it serves", || put(&agent, "alice").is_ok());
    node.etcdctl(&["del", "/test/records/vault/state"]);
    soon("it is told", || {
        refused(&agent).contains("etcdctl del --prefix PREFIX")
    });
    let init = || init(&Places::of(&settings), access(&settings));
    let told = init().unwrap_err().to_string();
    assert!(told.contains("etcdctl del --prefix PREFIX"), "{told}");
    node.etcdctl(&["del", "--prefix", "/test/"]);
    accept(&settings);
    let agent = start(&settings);
    soon("it serves", || put(&agent, "alice").is_ok());
}

#[test]
fn a_state_that_was_put_back_stays_refused_however_often_others_change_it() {
    let Some(_turn) = turn() else {
        return;
    };
    let node = Node::start();
    node.until_it_serves();
    let (_folders, [one, two]) = two_hosts(&node);
    let (first, second) = (start(&one), start(&two));
    let backup = LastBackup {
        at: jiff::Timestamp::now(),
        records: 1,
    };
    soon("it serves", || first.note_backup(&backup).is_ok());
    let etcd = EtcdStore::new(access(&one)).unwrap();
    etcd.contact(&AnyStore(Door::of(&Places::of(&one), access(&one))))
        .unwrap();
    let before = etcd.load(b"vault/state").unwrap().unwrap();
    for _ in 0..2 {
        first.note_backup(&backup).unwrap();
    }
    soon("the other one has seen it", || {
        put(&second, "alice").is_ok()
    });
    second.last_backup().unwrap();
    let now = etcd.load(b"vault/state").unwrap().unwrap();
    let change = Change {
        key: b"vault/state",
        expected: Some(&now.revision),
        new: Some(&before.bytes),
        line: None,
    };
    assert_eq!(etcd.swap(change).unwrap(), Swap::Done);
    for host in [&first, &second] {
        soon("it is told", || {
            let told = host.last_backup().map_err(|error| error.to_string());
            told.is_err_and(|told| told.contains("mfa-agent --init"))
        });
    }
    drop(first);
    accept(&one);
    let first = start(&one);
    for _ in 0..4 {
        soon("the first one serves", || {
            first.note_backup(&backup).is_ok()
        });
    }
    // It has come farther than the second host had seen.
    let seconds = [second, start(&two)];
    for second in &seconds {
        let told = second.last_backup().unwrap_err().to_string();
        assert!(told.contains("mfa-agent --init"), "{told}");
        refused(second);
    }
    accept(&two);
    // What they have seen does not undo that, however long they go on.
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        for second in &seconds {
            let _ = second.last_backup();
            second.fleet().unwrap().keep();
        }
    }
    soon("the second one serves", || {
        put(&start(&two), "alice").is_ok()
    });
}
