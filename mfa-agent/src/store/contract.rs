//! The promises of every store, checked for each implementation.

use std::time::{Duration, Instant};

use super::{Change, Guard, Store, Swap};

/// Runs all checks on an empty store.
pub(super) fn check(store: &dyn Store) {
    a_swap_needs_the_revision_that_was_loaded(store);
    each_change_of_a_list_stands_for_itself(store);
    changes_are_made_only_while_their_guard_holds(store);
    what_is_loaded_for_a_swap_is_current_after_a_conflict(store);
    pages_come_in_the_order_of_keys(store);
    many_changes_are_made_at_once(store);
    a_snapshot_does_not_change(store);
    sixty_four_threads_lose_no_increment(store);
}

fn a_snapshot_does_not_change(store: &dyn Store) {
    let put = |key: &[u8], new: Option<&[u8]>| put(store, key, new);
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

/// Puts `new` under `key`, whatever is there.
fn put(store: &dyn Store, key: &[u8], new: Option<&[u8]>) {
    let old = store.load(key).unwrap();
    let change = Change {
        key,
        expected: old.as_ref().map(|old| &old.revision),
        new,
        line: None,
    };
    assert_eq!(store.swap(change).unwrap(), Swap::Done);
}

fn changes_are_made_only_while_their_guard_holds(store: &dyn Store) {
    let change = |key, new| Change {
        key,
        expected: None,
        new: Some(new),
        line: None,
    };
    let guarded = |expected| Guard {
        key: b"g/state",
        expected,
    };
    let absent = guarded(None);
    let swaps = store.swap_all_if(&[absent], &[change(b"g/a", b"1"), change(b"g/a", b"2")]);
    assert_eq!(swaps.unwrap(), Some(vec![Swap::Done, Swap::Conflict]));
    put(store, b"g/state", Some(b"1"));
    let first = store.load(b"g/state").unwrap().unwrap();
    let swaps = store.swap_all_if(&[absent], &[change(b"g/b", b"1")]);
    assert_eq!(swaps.unwrap(), None);
    assert_eq!(store.load(b"g/b").unwrap(), None);
    let present = guarded(Some(&first.revision));
    let swaps = store.swap_all_if(&[present], &[change(b"g/b", b"1")]);
    assert_eq!(swaps.unwrap(), Some(vec![Swap::Done]));
    let none = Guard {
        key: b"g/none",
        expected: None,
    };
    for guards in [[present, absent], [absent, present]] {
        let swaps = store.swap_all_if(&guards, &[change(b"g/d", b"1")]);
        assert_eq!(swaps.unwrap(), None, "one of two does not hold");
    }
    let swaps = store.swap_all_if(&[present, none], &[change(b"g/d", b"1")]);
    assert_eq!(swaps.unwrap(), Some(vec![Swap::Done]));
    put(store, b"g/state", Some(b"2"));
    let swaps = store.swap_all_if(&[present], &[change(b"g/c", b"1")]);
    assert_eq!(swaps.unwrap(), None);
    assert_eq!(store.load(b"g/c").unwrap(), None);
    for key in [b"g/state".as_slice(), b"g/a", b"g/b", b"g/d"] {
        put(store, key, None);
    }
}

fn what_is_loaded_for_a_swap_is_current_after_a_conflict(store: &dyn Store) {
    assert_eq!(store.load_for_swap(b"f/a").unwrap(), None);
    put(store, b"f/a", Some(b"1"));
    let known = store.load_for_swap(b"f/a").unwrap();
    put(store, b"f/a", Some(b"2"));
    let stale = known.unwrap_or_else(|| store.load(b"f/a").unwrap().unwrap());
    let change = |revision| Change {
        key: b"f/a",
        expected: Some(revision),
        new: Some(b"3"),
        line: None,
    };
    if stale.bytes == b"1" {
        assert_eq!(store.swap(change(&stale.revision)).unwrap(), Swap::Conflict);
    }
    let current = store.load_for_swap(b"f/a").unwrap().unwrap();
    assert_eq!(current.bytes, b"2");
    assert_eq!(store.swap(change(&current.revision)).unwrap(), Swap::Done);
    assert_eq!(store.load_for_swap(b"f/a").unwrap().unwrap().bytes, b"3");
    put(store, b"f/a", None);
    assert_eq!(store.load_for_swap(b"f/a").unwrap(), None);
}

/// More records than a store reads or writes at once.
fn many_keys() -> Vec<Vec<u8>> {
    (0..700)
        .map(|number| format!("m/{number:05}").into_bytes())
        .collect()
}

fn many_changes_are_made_at_once(store: &dyn Store) {
    let (keys, large) = (many_keys(), [7; 4 << 10]);
    let new: Vec<_> = keys
        .iter()
        .map(|key| Change {
            key,
            expected: None,
            new: Some(&large),
            line: None,
        })
        .collect();
    assert_eq!(store.swap_all(&new).unwrap(), vec![Swap::Done; 700]);
    assert_eq!(store.swap_all(&new).unwrap(), vec![Swap::Conflict; 700]);
    let page = store.page(b"m/", None, usize::MAX).unwrap();
    let found: Vec<_> = page.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(found, keys);
    let gone: Vec<_> = page
        .iter()
        .map(|(key, stored)| Change {
            key,
            expected: Some(&stored.revision),
            new: None,
            line: None,
        })
        .collect();
    assert_eq!(store.swap_all(&gone).unwrap(), vec![Swap::Done; 700]);
    assert_eq!(store.page(b"m/", None, 1).unwrap(), []);
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

/// Each change that is made spoils those of all other threads, so what this takes grows with the square of all changes.
fn sixty_four_threads_lose_no_increment(store: &dyn Store) {
    const EACH: u64 = 2;
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| (0..EACH).for_each(|_| increment(store)));
        }
    });
    let count = store.load(b"counter").unwrap().unwrap().bytes;
    assert_eq!(count, (64 * EACH).to_be_bytes());
}

fn increment(store: &dyn Store) {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(
            Instant::now() < until,
            "a thread made no change of the counter for a minute"
        );
        let old = store.load_for_swap(b"counter").unwrap();
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
