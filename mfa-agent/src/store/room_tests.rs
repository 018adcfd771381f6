//! What takes room waits for it, and gives it back.

use std::io::{Error, ErrorKind};

use super::super::simulated::Step;
use super::tests::{CREATE, folder, simulated};
use super::*;

/// Changes the same records, which fill a journal.
fn fill(store: &SledStore) {
    for number in 0..64u32 {
        let key = number.to_be_bytes();
        let known = store.load(&key).unwrap();
        let byte = known.as_ref().map_or(0, |known| known.bytes[0] + 1);
        let new = vec![byte; 16 << 10];
        let change = Change {
            key: &key,
            expected: known.as_ref().map(|known| &known.revision),
            new: Some(&new),
            line: None,
        };
        assert_eq!(store.swap(change).unwrap(), Swap::Done);
    }
}

fn sorted_files(folder: &Path) -> usize {
    let names = std::fs::read_dir(folder).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name());
    names
        .filter(|name| name.to_string_lossy().starts_with("sorted."))
        .count()
}

#[test]
fn merges_leave_the_room_that_is_left_and_the_ballast_to_logins() {
    let dir = folder();
    let store = SledStore::open(dir.path()).unwrap();
    store.around.ballast.pretend_free(2 << 20);
    while sorted_files(dir.path()) <= 4 {
        fill(&store);
    }
    assert!(dir.path().join("ballast").exists());
    store.around.ballast.pretend_free(64 << 20);
    // Tried again after at most some seconds.
    let until = Instant::now() + Duration::from_secs(60);
    while sorted_files(dir.path()) > 4 {
        assert!(Instant::now() < until, "they are never merged");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(store.page(b"", None, 99).unwrap().len(), 64);
}

#[test]
fn what_a_merge_left_unfinished_on_a_full_disk_is_removed_before_room_is_needed() {
    let (store, disk) = simulated();
    store.swap(CREATE).unwrap();
    drop(store);
    let left = disk.create("sorted.1-9.new").unwrap();
    left.write_at(&[0; 4096], 0).unwrap();
    let mut is_full = true;
    disk.fail(Some(Box::new(move |_, step| {
        if matches!(step, Step::Remove(name) if name == "sorted.1-9.new") {
            is_full = false;
        }
        is_full.then(|| Error::from(ErrorKind::StorageFull))
    })));
    let store = SledStore::open_on(disk.path(), Arc::new(disk.clone())).unwrap();
    assert!(store.load(b"k").unwrap().is_some());
    assert!(disk.path().join("ballast").exists());
}
