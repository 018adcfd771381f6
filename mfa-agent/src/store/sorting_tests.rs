use std::sync::atomic::{AtomicU64, Ordering};

use super::tests::{create, folder};
use super::*;

#[test]
fn a_record_that_was_looked_for_is_found_as_it_is_after_each_of_its_journals_was_sorted() {
    let dir = folder();
    let store = SledStore::open(dir.path()).unwrap();
    let newest_file = || {
        let open = store.slot.read().unwrap();
        let layers = open.as_ref().unwrap().layers();
        let newest = layers.sorted.first().map(|file| file.number());
        (newest, layers.in_tables(b"k").unwrap().is_none())
    };
    let filler = vec![7; MAX_RECORD];
    let number = AtomicU64::new(0);
    let change_and_sort = |value: &[u8], expected: Option<&Revision>| {
        let (before, _) = newest_file();
        let change = Change {
            expected,
            new: Some(value),
            ..create(b"k")
        };
        assert_eq!(store.swap(change).unwrap(), Swap::Done);
        while newest_file().0 == before || !newest_file().1 {
            let key = number.fetch_add(1, Ordering::SeqCst).to_be_bytes();
            let change = Change {
                new: Some(&filler),
                ..create(&key)
            };
            store.swap(change).unwrap();
        }
    };
    let mut expected = None;
    for value in [b"one".to_vec(), b"two".to_vec(), b"three".to_vec()] {
        // On another thread: each remembers what it has found.
        std::thread::scope(|scope| {
            scope.spawn(|| change_and_sort(&value, expected.as_ref()));
        });
        let found = store.load(b"k").unwrap().unwrap();
        assert_eq!(found.bytes, value);
        expected = Some(found.revision);
    }
}
