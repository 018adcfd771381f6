//! A start on a real server that was set back.

use std::path::Path;
use std::time::{Duration, Instant};

use mfa_core::account::samples::full;
use mfa_core::names::UserName;

use super::*;
use crate::config::{self, Engine};
use crate::delivery::Roots;
use crate::repository::{After, Key, RepositoryError};
use crate::store::etcd::SET_BACK;
use crate::store::etcd::tests::node::{Node, turn};

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
    let until = Instant::now() + Duration::from_secs(30);
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
        let agent = start(&settings);
        refused(&agent);
        accept(&settings);
        // It had served nobody yet, so it has nothing in memory that is of the state before.
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
