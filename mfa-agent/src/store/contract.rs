//! The promises of every store, checked for each implementation.

use super::{Change, Store, Swap};

/// Runs all checks on an empty store.
pub(super) fn check(store: &dyn Store) {
    a_swap_needs_the_revision_that_was_loaded(store);
    each_change_of_a_list_stands_for_itself(store);
    pages_come_in_the_order_of_keys(store);
    a_snapshot_does_not_change(store);
    sixty_four_threads_lose_no_increment(store);
}

fn a_snapshot_does_not_change(store: &dyn Store) {
    let put = |key: &[u8], new: Option<&[u8]>| {
        let old = store.load(key).unwrap();
        let change = Change {
            key,
            expected: old.as_ref().map(|old| &old.revision),
            new,
            line: None,
        };
        assert_eq!(store.swap(change).unwrap(), Swap::Done);
    };
    put(b"s/a", Some(b"1"));
    put(b"s/b", Some(b"1"));
    let before = store.page(b"", None, usize::MAX).unwrap();
    let mut snapshot = store.snapshot().unwrap();
    put(b"s/a", Some(b"2"));
    put(b"s/b", None);
    put(b"s/c", Some(b"1"));
    let mut found = Vec::new();
    loop {
        let some = snapshot.next(3).unwrap();
        if some.is_empty() {
            break;
        }
        found.extend(some);
    }
    let before: Vec<_> = before
        .into_iter()
        .map(|(key, stored)| (key, stored.bytes))
        .collect();
    assert_eq!(found, before);
    put(b"s/a", None);
    put(b"s/c", None);
}

fn a_swap_needs_the_revision_that_was_loaded(store: &dyn Store) {
    assert_eq!(store.load(b"a").unwrap(), None);
    assert_eq!(store.page(b"", None, 1).unwrap(), []);
    let create = Change {
        key: b"a",
        expected: None,
        new: Some(b"1"),
        line: None,
    };
    assert_eq!(store.swap(create).unwrap(), Swap::Done);
    assert_eq!(store.swap(create).unwrap(), Swap::Conflict);
    assert_eq!(store.page(b"", None, 1).unwrap().len(), 1);
    let first = store.load(b"a").unwrap().unwrap();
    let update = Change {
        key: b"a",
        expected: Some(&first.revision),
        new: Some(b"2"),
        line: None,
    };
    assert_eq!(store.swap(update).unwrap(), Swap::Done);
    assert_eq!(store.swap(update).unwrap(), Swap::Conflict);
    let remove = Change {
        key: b"a",
        expected: Some(&first.revision),
        new: None,
        line: None,
    };
    assert_eq!(store.swap(remove).unwrap(), Swap::Conflict);
    let second = store.load(b"a").unwrap().unwrap();
    assert_eq!(second.bytes, b"2");
    let remove = Change {
        key: b"a",
        expected: Some(&second.revision),
        new: None,
        line: None,
    };
    assert_eq!(store.swap(remove).unwrap(), Swap::Done);
    assert_eq!(store.load(b"a").unwrap(), None);
}

fn each_change_of_a_list_stands_for_itself(store: &dyn Store) {
    let new = |key| Change {
        key,
        expected: None,
        new: Some(b"x"),
        line: None,
    };
    let outcomes = store
        .swap_all(&[new(b"l1"), new(b"l1"), new(b"l2")])
        .unwrap();
    assert_eq!(outcomes, [Swap::Done, Swap::Conflict, Swap::Done]);
    assert_eq!(store.swap_all(&[]).unwrap(), []);
}

fn pages_come_in_the_order_of_keys(store: &dyn Store) {
    for key in ["p/b", "p/a", "p/c", "q/a", "o/z"] {
        store
            .swap(Change {
                key: key.as_bytes(),
                expected: None,
                new: Some(b"x"),
                line: None,
            })
            .unwrap();
    }
    let keys = |after: Option<&str>, limit| {
        let page = store.page(b"p/", after.map(str::as_bytes), limit).unwrap();
        page.into_iter()
            .map(|(key, _)| String::from_utf8(key).unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(None, 2), ["p/a", "p/b"]);
    assert_eq!(keys(Some("p/b"), 2), ["p/c"]);
    assert_eq!(keys(Some("p/aa"), 1), ["p/b"]);
    assert_eq!(keys(Some("a"), 9), ["p/a", "p/b", "p/c"]);
    assert_eq!(keys(Some("z"), 9), [""; 0]);
}

fn sixty_four_threads_lose_no_increment(store: &dyn Store) {
    const EACH: u64 = 8;
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| (0..EACH).for_each(|_| increment(store)));
        }
    });
    let count = store.load(b"counter").unwrap().unwrap().bytes;
    assert_eq!(count, (64 * EACH).to_be_bytes());
}

fn increment(store: &dyn Store) {
    loop {
        let old = store.load(b"counter").unwrap();
        let count = old.as_ref().map_or(0, |old| {
            u64::from_be_bytes(old.bytes.as_slice().try_into().unwrap())
        });
        let next = (count + 1).to_be_bytes();
        let change = Change {
            key: b"counter",
            expected: old.as_ref().map(|old| &old.revision),
            new: Some(&next),
            line: None,
        };
        if store.swap(change).unwrap() == Swap::Done {
            return;
        }
    }
}
