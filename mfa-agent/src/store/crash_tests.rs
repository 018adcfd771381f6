//! Random sessions compared with the store in memory, and damage that must be refused.

use proptest::prelude::*;

use super::super::MemoryStore;
use super::super::disk::UNFINISHED;
use super::super::simulated::{Anything, Choice, Everything, Image, Nothing, Simulated};
use super::*;

fn on(image: Image) -> (Simulated, SledStore) {
    let disk = Simulated::new(image);
    let store = SledStore::open_on(disk.path(), Arc::new(disk.clone())).unwrap();
    (disk, store)
}

fn empty() -> Image {
    let disk = Simulated::new(Image::new());
    create_in(Arc::new(disk.clone()), StoreId([1; 16])).unwrap();
    disk.now()
}

fn put(store: &dyn Store, key: &[u8], value: Option<&[u8]>) {
    let old = store.load(key).unwrap();
    if old.is_none() && value.is_none() {
        return;
    }
    let swapped = store.swap(Change {
        key,
        expected: old.as_ref().map(|old| &old.revision),
        new: value,
        line: None,
    });
    assert_eq!(swapped.unwrap(), Swap::Done);
}

fn all(store: &dyn Store) -> Vec<(Vec<u8>, Vec<u8>)> {
    let page = store.page(b"", None, usize::MAX).unwrap();
    page.into_iter()
        .map(|(key, stored)| (key, stored.bytes))
        .collect()
}

/// An image that a power cut after all steps of `disk` may leave.
fn cut(disk: &Simulated, choice: &mut dyn Choice) -> Image {
    let mut cut = disk.cut_before_all();
    for step in &disk.steps() {
        cut.follow(step);
    }
    cut.image(choice)
}

#[derive(Clone, Debug)]
enum Act {
    Put(u8, u8, usize),
    Remove(u8),
    Reopen,
    PowerCut(Option<u64>),
}

fn act() -> impl Strategy<Value = Act> {
    // Large values fill journals, so that these are sorted and merged in between.
    let size = prop_oneof![1 => 1..200usize, 3 => Just(MAX_RECORD)];
    prop_oneof![
        30 => (0..6u8, any::<u8>(), size).prop_map(|(k, v, size)| Act::Put(k, v, size)),
        4 => (0..6u8).prop_map(Act::Remove),
        1 => Just(Act::Reopen),
        1 => any::<Option<u64>>().prop_map(Act::PowerCut),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn it_does_what_the_store_in_memory_does_through_restarts_and_power_cuts(
        acts in proptest::collection::vec(act(), 1..250)
    ) {
        let model = MemoryStore::new();
        let (mut disk, mut store) = on(empty());
        for act in acts {
            match act {
                Act::Put(key, value, size) => {
                    let value = vec![value; size];
                    put(&model, &[key], Some(&value));
                    put(&store, &[key], Some(&value));
                }
                Act::Remove(key) => {
                    put(&model, &[key], None);
                    put(&store, &[key], None);
                }
                Act::Reopen => {
                    drop(store);
                    (disk, store) = on(disk.now());
                }
                Act::PowerCut(seed) => {
                    let image = match seed {
                        None => cut(&disk, &mut Nothing),
                        Some(seed) if seed % 8 == 0 => cut(&disk, &mut Everything),
                        Some(seed) => cut(&disk, &mut Anything(seed)),
                    };
                    drop(store);
                    (disk, store) = on(image);
                }
            }
            prop_assert_eq!(all(&store), all(&model));
        }
    }
}

#[test]
fn after_a_power_cut_no_acknowledged_increment_of_sixty_four_threads_is_lost() {
    let (disk, store) = on(empty());
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| (0..32).for_each(|_| increment(&store)));
        }
    });
    for choice in [&mut Nothing as &mut dyn Choice, &mut Anything(3)] {
        let (_disk, store) = on(cut(&disk, choice));
        assert_eq!(count(store.load(b"counter").unwrap().as_ref()), 64 * 32);
    }
}

/// The value is large, so that journals become full often.
fn increment(store: &dyn Store) {
    loop {
        let old = store.load(b"counter").unwrap();
        let mut new = vec![0; 2000];
        new[..8].copy_from_slice(&(count(old.as_ref()) + 1).to_be_bytes());
        let change = Change {
            key: b"counter",
            expected: old.as_ref().map(|old| &old.revision),
            new: Some(&new),
            line: None,
        };
        if store.swap(change).unwrap() == Swap::Done {
            return;
        }
    }
}

fn count(stored: Option<&Stored>) -> u64 {
    stored.map_or(0, |stored| {
        u64::from_be_bytes(stored.bytes[..8].try_into().unwrap())
    })
}

/// A store with records in sorted files and in its journal.
fn filled() -> Image {
    let (disk, store) = on(empty());
    for i in 0..300u32 {
        put(&store, format!("account/{i}").as_bytes(), Some(&[7; 9000]));
    }
    // A journal grows beyond its size until the next one exists, and is sorted at the first change after that.
    let has_spare = |image: &Image| {
        let last_journal = image.iter().rfind(|(name, _)| name.starts_with("journal."));
        last_journal.is_some_and(|(_, bytes)| is_spare(bytes))
    };
    let is_sorted = |image: &Image| {
        let unfinished = image.keys().any(|name| name.ends_with(UNFINISHED));
        !unfinished && image.keys().any(|name| name.starts_with("sorted."))
    };
    loop {
        let image = disk.now();
        match (has_spare(&image), is_sorted(&image)) {
            (true, true) => break,
            (true, false) => put(&store, b"account/299", Some(&[7; 9000])),
            (false, _) => {}
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(store);
    let image = disk.now();
    let journals = image.keys().filter(|name| name.starts_with("journal."));
    assert!(journals.count() > 0 && image.keys().any(|name| name.starts_with("sorted.")));
    image
}

/// Whether nothing was written to this journal.
fn is_spare(journal: &[u8]) -> bool {
    journal[64..].iter().all(|byte| *byte == 0)
}

/// All records are there, or the error says how to recover. Returns whether it was refused. Damage to the last batch of
/// a journal can't be told from a power cut in the middle of its write, so that the last change alone may be missing.
fn refused_or_whole(image: Image) -> bool {
    let disk = Simulated::new(image.clone());
    match SledStore::open_on(disk.path(), Arc::new(disk.clone())) {
        Ok(store) => {
            let all = all(&store);
            let is_last_missing =
                all.len() == 299 && all.iter().all(|(key, _)| key != b"account/299");
            assert!(
                all.len() == 300 || is_last_missing,
                "opened with {}",
                all.len()
            );
            assert!(all.iter().all(|(_, value)| *value == [7; 9000]));
            false
        }
        Err(error) => {
            assert!(
                error.to_string().contains("restored from a backup"),
                "{error}"
            );
            assert_eq!(disk.now(), image, "a store that is refused was changed");
            true
        }
    }
}

#[test]
fn a_store_without_one_of_its_files_is_refused() {
    let image = filled();
    for name in image.keys() {
        let mut without = image.clone();
        without.remove(name);
        // The last journal may be the empty spare one.
        assert!(
            refused_or_whole(without) || is_spare(&image[name]),
            "{name}"
        );
    }
}

#[test]
fn a_cut_off_file_is_refused() {
    let image = filled();
    for (name, bytes) in &image {
        for length in [0, 1, 4096, bytes.len() / 2] {
            let mut cut = image.clone();
            cut.insert(name.clone(), bytes[..length].to_vec());
            assert!(refused_or_whole(cut), "{name}, {length} bytes");
        }
    }
}

#[test]
fn a_file_with_a_flipped_bit_or_a_hole_is_whole_or_refused() {
    let image = filled();
    let mut refused = 0;
    for (name, bytes) in &image {
        for at in (0..bytes.len()).step_by(bytes.len() / 23) {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            let mut holed = bytes.clone();
            holed[at..].iter_mut().take(4096).for_each(|byte| *byte = 0);
            for damaged in [flipped, holed] {
                let mut image = image.clone();
                image.insert(name.clone(), damaged);
                refused += u32::from(refused_or_whole(image));
            }
        }
    }
    assert!(refused > 20, "{refused}");
}

#[test]
fn a_file_of_another_store_is_refused() {
    let image = filled();
    let other = Simulated::new(Image::new());
    create_in(Arc::new(other.clone()), StoreId([2; 16])).unwrap();
    let foreign = other.now()["journal.1-1"].clone();
    for name in image.keys() {
        let mut mixed = image.clone();
        mixed.insert(name.clone(), foreign.clone());
        assert!(refused_or_whole(mixed), "{name}");
    }
}

#[test]
fn a_batch_larger_than_a_journal_is_durable() {
    let (disk, store) = on(empty());
    let keys: Vec<_> = (0..20_000u32).map(u32::to_be_bytes).collect();
    let changes: Vec<_> = keys
        .iter()
        .map(|key| Change {
            key,
            expected: None,
            new: Some(&[1; 300]),
            line: None,
        })
        .collect();
    store.swap_all(&changes).unwrap();
    let (_disk, store) = on(cut(&disk, &mut Nothing));
    assert_eq!(all(&store).len(), 20_000);
}
