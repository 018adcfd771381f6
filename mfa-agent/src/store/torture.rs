//! Power cuts and faults at every step: whatever is left opens, and holds everything that was
//! acknowledged.
//!
//! A session of a store is recorded step by step ([`super::simulated`]): create, open, fill, sort,
//! merge, close, open again. Then the power is cut after each step in several ways; each image is
//! opened, checked, and cut again during the opening. The tests here take a sample of about a
//! minute; the ignored ones take everything (`make torture`).

mod maintenance;
mod migration;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, RwLock};

use super::simulated::{Anything, Choice, Cut, Everything, Image, Nothing, Simulated, Step, Truth};
use super::sled::create_in;
use super::{Change, SledStore, Store, StoreId, Swap};

/// The size of a session: users, bytes of a record, changes after all users are there.
#[derive(Clone, Copy, Debug)]
struct Size {
    users: u32,
    record: usize,
    changes: u32,
}

/// Here few users have large records, so that journals are full often enough.
const SIZES: [Size; 4] = [
    Size {
        users: 1,
        record: 19_000,
        changes: 160,
    },
    Size {
        users: 3,
        record: 19_000,
        changes: 160,
    },
    Size {
        users: 100,
        record: 8_000,
        changes: 300,
    },
    Size {
        users: 10_000,
        record: 150,
        changes: 2_000,
    },
];

struct Session {
    disk: Simulated,
    random: u64,
    /// Held by running changes: acknowledged changes are recorded before lines are settled.
    pending: Arc<RwLock<u32>>,
}

impl Session {
    fn new(base: Image) -> Self {
        Self {
            disk: Simulated::new(base),
            random: 0x9E37_79B9_7F4A_7C15,
            pending: Arc::default(),
        }
    }

    fn open(&self) -> Result<SledStore, String> {
        let disk = Arc::new(self.disk.clone());
        let store = SledStore::open_on(self.disk.path(), disk).map_err(|e| e.to_string())?;
        let (disk, pending) = (self.disk.clone(), Arc::clone(&self.pending));
        store.before_forgetting(Box::new(move || {
            let _none_pending = pending.write().unwrap();
            disk.note(Step::Audited);
            true
        }));
        Ok(store)
    }

    /// Changes several keys at once; returns whether that was acknowledged.
    fn put(&self, store: &SledStore, changes: &[(Vec<u8>, Option<Vec<u8>>)]) -> bool {
        let Ok(old) = changes
            .iter()
            .map(|(key, _)| store.load(key))
            .collect::<Result<Vec<_>, _>>()
        else {
            return false;
        };
        for (key, value) in changes {
            self.disk.note(Step::Attempt(key.clone(), value.clone()));
        }
        let pending = self.pending.read().unwrap();
        let line = format!("a line after {} steps\n", self.disk.tried());
        let swaps: Vec<_> = changes
            .iter()
            .zip(&old)
            .map(|((key, value), old)| Change {
                key,
                expected: old.as_ref().map(|old| &old.revision),
                new: value.as_deref(),
                line: Some(line.as_bytes()),
            })
            .collect();
        let swapped = store.swap_all(&swaps);
        let acknowledged = match swapped {
            Ok(outcomes) => {
                assert!(outcomes.iter().all(|outcome| *outcome == Swap::Done));
                for (key, value) in changes {
                    let step = Step::Acknowledged(key.clone(), value.clone());
                    self.disk.note(step);
                }
                self.disk.note(Step::Line(line.into_bytes()));
                true
            }
            Err(_) => false,
        };
        drop(pending);
        acknowledged
    }

    /// The records that the store must hold.
    fn truth(&self) -> Truth {
        let mut truth = Truth::default();
        for step in &self.disk.steps() {
            truth.follow(step);
        }
        truth
    }

    fn next(&mut self) -> u32 {
        self.random = self
            .random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.random >> 33) as u32
    }

    fn fill(&mut self, store: &SledStore, size: Size) {
        let users: Vec<u32> = (0..size.users).collect();
        for some in users.chunks(500) {
            let changes: Vec<_> = some
                .iter()
                .map(|user| (key(*user), Some(vec![*user as u8; size.record])))
                .collect();
            self.put(store, &changes);
        }
    }

    fn change(&mut self, store: &SledStore, size: Size) {
        for _ in 0..size.changes {
            let user = self.next() % size.users;
            let kind = self.next() % 10;
            let value = (kind > 0).then(|| vec![self.next() as u8; size.record]);
            self.put(store, &[(key(user), value)]);
        }
    }
}

fn key(user: u32) -> Vec<u8> {
    format!("account/user{user:05}").into_bytes()
}

/// A whole life of a store, recorded.
fn recorded(size: Size) -> Simulated {
    let mut session = Session::new(Image::new());
    create_in(Arc::new(session.disk.clone()), StoreId([1; 16])).unwrap();
    for round in 0..3 {
        let store = session.open().unwrap();
        if round == 0 {
            session.fill(&store, size);
        }
        session.change(&store, size);
    }
    session.disk
}

fn all(store: &SledStore) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let page = store.page(b"", None, usize::MAX).unwrap();
    page.into_iter()
        .map(|(key, stored)| (key, stored.bytes))
        .collect()
}

/// Opens an image that `cut` may leave, and checks it. Returns the disk that it was opened on.
fn open_cut(cut: &Cut, truth: &Truth, choice: &mut dyn Choice, way: &str) -> Simulated {
    let image = cut.image(choice);
    let names: Vec<_> = image.keys().cloned().collect();
    let session = Session::new(image);
    let store = session
        .open()
        .unwrap_or_else(|e| panic!("{way}, {names:?}: {e}"));
    let found = all(&store);
    if let Err(wrong) = truth.check(&found) {
        panic!("{way}, {names:?}: {wrong}");
    }
    let missing = truth.missing_lines(&store.lines().unwrap());
    assert!(missing.is_empty(), "{way}, {names:?}: {missing:?}");
    for (key, value) in found {
        session.disk.note(Step::Acknowledged(key, Some(value)));
    }
    assert!(session.put(&store, &[(b"account/after".to_vec(), Some(b"1".to_vec()))]));
    drop(store);
    session.disk
}

/// Calls `at` for every step of `disk` once there is a store, with the cut after it.
fn every_cut(disk: &Simulated, mut at: impl FnMut(usize, &Step, &Cut)) {
    let mut cut = disk.cut_before_all();
    let mut is_made = disk.begins_with_a_store();
    for (number, step) in disk.steps().iter().enumerate() {
        cut.follow(step);
        is_made |= matches!(step, Step::SyncFolder);
        // Steps that the test only announces change nothing on the disk.
        if is_made && !matches!(step, Step::Attempt(..)) {
            at(number, step, &cut);
        }
    }
}

/// How many cuts to skip.
#[derive(Clone, Copy)]
struct Stride {
    /// Between steps that create, rename or remove files: starts, sorting, merging and the end.
    between_names: usize,
    /// Between writes to the journal.
    between_writes: usize,
}

impl Stride {
    fn takes(&self, number: usize, step: &Step) -> bool {
        let stride = match step {
            Step::Create(..) | Step::Rename(..) | Step::Remove(_) | Step::SyncFolder => {
                self.between_names
            }
            _ => self.between_writes,
        };
        number.is_multiple_of(stride)
    }
}

/// Cuts `disk`, and opens possible images. Returns how many there were.
fn cut_everywhere(disk: &Simulated, stride: Stride, seed: u64) -> usize {
    let mut images = 0;
    every_cut(disk, |number, step, cut| {
        if !stride.takes(number, step) {
            return;
        }
        let way = |choice| format!("cut after step {number}, {choice}");
        let seed = seed.wrapping_mul(31).wrapping_add(number as u64 * 7919);
        let truth = &cut.truth;
        open_cut(cut, truth, &mut Nothing, &way("nothing unsynced"));
        open_cut(cut, truth, &mut Everything, &way("everything unsynced"));
        open_cut(cut, truth, &mut Anything(seed), &way("some of it"));
        images += 3;
    });
    images
}

/// Cuts again during the opening after a cut.
fn cut_twice(disk: &Simulated, stride: Stride, seed: u64) -> usize {
    let mut images = 0;
    every_cut(disk, |number, step, cut| {
        if !stride.takes(number, step) {
            return;
        }
        let seed = seed.wrapping_add(number as u64 * 104_729);
        let opened = open_cut(cut, &cut.truth, &mut Anything(seed), "before a second cut");
        every_cut(&opened, |again, _, second| {
            let way = format!("cut after step {number}, and after step {again} of the opening");
            let mut choice = Anything(seed + again as u64);
            open_cut(second, &second.truth.after(&cut.truth), &mut choice, &way);
            images += 1;
        });
    });
    images
}

/// Disk errors, as the system reports them.
const ERRORS: [i32; 4] = [
    nix::libc::EIO,
    nix::libc::ENOSPC,
    nix::libc::EDQUOT,
    nix::libc::EROFS,
];

/// A session in which `count` steps fail, from the step `at` on; then the disk works again.
fn with_faults(base: &Image, truth: &Truth, at: usize, count: usize, errno: i32) -> usize {
    let mut session = Session::new(base.clone());
    session.disk.fail(Some(Box::new(move |number, _| {
        let fails = (at..at + count).contains(&number);
        fails.then(|| io::Error::from_raw_os_error(errno))
    })));
    let way = format!("step {at} and {count} in all fail with {errno}");
    // Whether it opens depends on the fault; nothing may be lost either way.
    if let Ok(store) = session.open() {
        session.change(&store, FAULTY);
        drop(store);
    }
    let tried = session.disk.tried();
    session.disk.fail(None);
    let mut last = None;
    every_cut(&session.disk, |_, _, cut| {
        last = Some((
            cut.image(&mut Anything((at as u64).wrapping_mul(31) + 7)),
            cut.truth.after(truth),
        ));
    });
    if let Some((image, truth)) = last {
        let session = Session::new(image);
        let store = session
            .open()
            .unwrap_or_else(|e| panic!("{way}, then a cut: {e}"));
        if let Err(wrong) = truth.check(&all(&store)) {
            panic!("{way}, then a cut: {wrong}");
        }
    }
    // The same without a cut: the next process finds what the kernel shows.
    let truth = session.truth().after(truth);
    let store = session.open().unwrap_or_else(|e| panic!("{way}: {e}"));
    if let Err(wrong) = truth.check(&all(&store)) {
        panic!("{way}: {wrong}");
    }
    tried
}

const FAULTY: Size = Size {
    users: 3,
    record: 19_000,
    changes: 130,
};

/// Makes every `stride`th step of a session fail. Returns how many sessions there were.
fn fail_everywhere(stride: usize) -> usize {
    let mut session = Session::new(Image::new());
    create_in(Arc::new(session.disk.clone()), StoreId([1; 16])).unwrap();
    let store = session.open().unwrap();
    session.fill(&store, FAULTY);
    drop(store);
    let truth = session.truth();
    let base = session.disk.now();
    let steps = with_faults(&base, &truth, 0, 0, 0);
    let mut sessions = 0;
    for at in (0..steps).step_by(stride) {
        for errno in ERRORS {
            for count in [1, 3] {
                with_faults(&base, &truth, at, count, errno);
                sessions += 1;
            }
        }
    }
    sessions
}

#[test]
fn a_cut_at_any_step_leaves_a_store_that_opens_with_everything_acknowledged() {
    let strides = [(4, 61), (5, 67), (6, 151), (9, 1501)];
    for (size, (between_names, between_writes)) in SIZES.into_iter().zip(strides) {
        let stride = Stride {
            between_names,
            between_writes,
        };
        let images = cut_everywhere(&recorded(size), stride, u64::from(size.users));
        assert!(images > 20, "{size:?}: {images}");
    }
}

#[test]
fn a_second_cut_during_the_opening_loses_nothing_either() {
    let stride = Stride {
        between_names: 41,
        between_writes: 1009,
    };
    let images = cut_twice(&recorded(SIZES[1]), stride, 5);
    assert!(images > 10, "{images}");
}

#[test]
fn failing_steps_lose_nothing_that_was_acknowledged() {
    assert!(fail_everywhere(97) > 20);
}

#[test]
#[ignore = "takes minutes: make torture"]
fn thousands_of_cuts_all_open_and_lose_nothing() {
    let mut images = 0;
    let strides = [(1, 7), (1, 7), (1, 23), (1, 401)];
    for (size, (between_names, between_writes)) in SIZES.into_iter().zip(strides) {
        let stride = Stride {
            between_names,
            between_writes,
        };
        let twice = Stride {
            between_names: 17,
            between_writes: 211,
        };
        let disk = recorded(size);
        let opened = cut_everywhere(&disk, stride, 99) + cut_twice(&disk, twice, 98);
        println!("{size:?}: {opened} images, all open, nothing lost");
        images += opened;
    }
    assert!(images >= 1000, "{images}");
}

#[test]
#[ignore = "takes minutes: make torture"]
fn every_step_fails_once_in_every_way_and_nothing_is_lost() {
    let sessions = fail_everywhere(3);
    println!("{sessions} sessions with faults, nothing lost");
    assert!(sessions > 1000);
}
