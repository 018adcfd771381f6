//! Servers of different clusters among the endpoints: only the store of this host is used.

use super::*;

/// Takes the store with [`ID`].
struct TakesOurs;

impl Memory for TakesOurs {
    fn admit(&self, looked: &Looked) -> Result<(), String> {
        match looked {
            Looked::Store { id: ID, .. } => Ok(()),
            other => Err(format!("{other:?}")),
        }
    }

    fn keep(&self, _: u64, _: KnownState) -> bool {
        true
    }
}

/// A server of another cluster, whose revision is far ahead.
fn other() -> Node {
    let other = Node::start();
    other.until_it_serves();
    for _ in 0..30 {
        other.etcdctl(&["put", "/other/a", "1"]);
    }
    other
}

fn patient(access: &Access) -> EtcdStore {
    let store = EtcdStore::new(access).unwrap();
    store.core.client.slowness.store(20, Ordering::Relaxed);
    store
}

#[test]
fn a_server_of_another_cluster_decides_nothing_and_its_revision_counts_for_nothing() {
    let Some(_turn) = turn() else {
        return;
    };
    let (other, mut node) = (other(), Node::start());
    drop(open(&access(&[node.url()])));
    let store = patient(&access(&[other.url(), node.url()]));
    let contact = store.contact(&TakesOurs).unwrap();
    assert!(matches!(contact, Contact::Admitted(_)), "{contact:?}");
    assert!(store.core.client.history.reached() < 20);
    assert_eq!(store.swap(new(b"a", b"1")).unwrap(), Swap::Done);
    let down = store.core.client.endpoints()[0].down().unwrap();
    assert!(down.contains("Nothing"), "{down}");
    // While the right one is silent, the other one takes nothing over.
    node.stop();
    let contact = store.contact(&TakesOurs).unwrap();
    assert!(matches!(contact, Contact::Undecided(..)), "{contact:?}");
    assert!(store.core.standing.is_admitted());
    store.core.client.slowness.store(1, Ordering::Relaxed);
    store.load(b"a").unwrap_err();
}

#[test]
fn a_server_of_another_cluster_that_is_faster_at_the_start_does_not_keep_the_store_away() {
    let Some(_turn) = turn() else {
        return;
    };
    let (other, mut node) = (other(), Node::start());
    drop(open(&access(&[node.url()])));
    node.stop();
    let store = patient(&access(&[other.url(), node.url()]));
    let contact = store.contact(&TakesOurs).unwrap();
    let Contact::Undecided(Looked::Nothing, reason) = contact else {
        panic!("{contact:?}");
    };
    for words in ["Nothing", &format!("{}: it can't be reached", node.url())] {
        assert!(reason.contains(words), "{reason}");
    }
    store.start(Arc::new(TakesOurs)).unwrap();
    assert!(store.load(b"a").is_err());
    node.start_again();
    soon("the right one is used", || store.load(b"a").is_ok());
    drop(other);
    assert_eq!(store.swap(new(b"a", b"1")).unwrap(), Swap::Done);
}

#[test]
fn no_store_is_made_where_servers_are_of_different_clusters() {
    let Some(_turn) = turn() else {
        return;
    };
    let (other, node) = (Node::start(), Node::start());
    let store = patient(&access(&[other.url(), node.url()]));
    let error = store.keep_to_one_cluster().unwrap_err().to_string();
    assert!(error.contains("different clusters"), "{error}");
    let store = patient(&access(&[node.url(), "http://127.0.0.1:1".to_owned()]));
    assert!(!store.keep_to_one_cluster().unwrap());
    let store = patient(&access(&[node.url()]));
    assert!(store.keep_to_one_cluster().unwrap());
}
