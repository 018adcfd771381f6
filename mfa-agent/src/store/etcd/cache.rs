//! Sealed records as they were when this host saw them last, for changes that prove by their swap that nothing is newer.
//!
//! It is bounded in bytes: what was not used for long is forgotten. It holds what etcd holds, so nothing in it is secret.

use std::collections::HashMap;
use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::mod_revision;
use crate::store::Stored;

/// What a record costs besides its bytes: its place in the map, its revision.
const OVERHEAD: usize = 128;

/// The records, in two halves: what is used moves to the younger one, and the older one goes when that is full.
pub(super) struct Cache {
    /// The most bytes of one half.
    most: usize,
    halves: Mutex<Halves>,
}

#[derive(Default)]
struct Halves {
    young: HashMap<Vec<u8>, Known>,
    old: HashMap<Vec<u8>, Known>,
    /// The bytes of the younger one.
    size: usize,
}

/// A record, and the revision of the store at which it was so.
#[derive(Clone)]
struct Known {
    at: u64,
    record: Option<Stored>,
    /// The revision of the record from which this process alone has changed it; none without a record.
    since: Option<u64>,
}

/// The revision that a record had at some revision of the store; zero: there was none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Before {
    pub(super) at: u64,
    pub(super) revision: u64,
}

impl Before {
    /// Whether a record can't have this revision at `at`, which is not earlier: a record that differs was changed after that
    /// moment. If it was not, the store is not the one of then.
    pub(super) fn contradicts(self, at: u64, revision: u64) -> bool {
        let is_same = revision == self.revision;
        let is_removed = revision == 0 && at > self.at;
        !is_same && !is_removed && revision <= self.at
    }
}

impl Known {
    /// The revision of the record; zero without one.
    fn revision(&self) -> u64 {
        revision_of(self.record.as_ref())
    }
}

impl Cache {
    /// A cache of at most `bytes`.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            most: bytes / 2,
            halves: Mutex::default(),
        }
    }

    /// What is known of a record; none if nothing is.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<Stored>> {
        let mut halves = self.lock();
        if let Some(known) = halves.young.get(key) {
            return Some(known.record.clone());
        }
        let known = halves.old.remove(key)?;
        halves.insert(key, known.clone(), self.most);
        Some(known.record)
    }

    /// At the revision `at` of the store a record was so. What is known to be newer stays.
    ///
    /// # Errors
    ///
    /// What was known, if both can't be true of one store.
    pub(super) fn note(&self, key: &[u8], at: u64, record: Option<Stored>) -> Result<(), Before> {
        let revision = revision_of(record.as_ref());
        let mut halves = self.lock();
        if let Some(known) = halves.known(key).filter(|known| known.at <= at) {
            let before = Before {
                at: known.at,
                revision: known.revision(),
            };
            let is_same = revision == before.revision;
            if before.contradicts(at, revision) || (is_same && known.record != record) {
                return Err(before);
            }
        }
        halves.note(key, at, revision, record, self.most);
        Ok(())
    }

    /// At the revision `at` of the store a swap made a record so, whose revision was `before`.
    pub(super) fn note_made(&self, key: &[u8], at: u64, before: u64, record: Option<Stored>) {
        self.lock().note(key, at, before, record, self.most);
    }

    /// Whether this process alone has changed a record since it had the revision `from`.
    pub(super) fn is_succession(&self, key: &[u8], from: u64) -> bool {
        let halves = self.lock();
        let known = halves.known(key);
        known.is_some_and(|known| {
            known.since.is_some_and(|since| since <= from) && from <= known.revision()
        })
    }

    /// What is known of a record may be wrong.
    pub(super) fn forget(&self, key: &[u8]) {
        let mut halves = self.lock();
        halves.old.remove(key);
        if let Some(known) = halves.young.remove(key) {
            halves.size -= size(key, &known);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Halves> {
        self.halves.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Halves {
    fn known(&self, key: &[u8]) -> Option<&Known> {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    fn note(&mut self, key: &[u8], at: u64, before: u64, record: Option<Stored>, most: usize) {
        let known = self.known(key);
        if known.is_some_and(|known| known.at > at) {
            return;
        }
        let since = match known {
            // Others may make it again and remove it.
            _ if record.is_none() => None,
            Some(known) if known.revision() == before => known.since,
            _ => Some(before).filter(|before| *before > 0),
        };
        self.old.remove(key);
        self.insert(key, Known { at, record, since }, most);
    }

    fn insert(&mut self, key: &[u8], known: Known, most: usize) {
        self.size += size(key, &known);
        if let Some(before) = self.young.insert(key.to_vec(), known) {
            self.size -= size(key, &before);
        }
        if self.size > most {
            self.old = mem::take(&mut self.young);
            self.size = 0;
        }
    }
}

fn revision_of(record: Option<&Stored>) -> u64 {
    record
        .and_then(|record| mod_revision(&record.revision))
        .unwrap_or(0)
}

fn size(key: &[u8], known: &Known) -> usize {
    let record = known.record.as_ref().map_or(0, |record| record.bytes.len());
    key.len() + record + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::super::revision;
    use super::*;

    fn record(bytes: &[u8]) -> Option<Stored> {
        at_revision(1, bytes)
    }

    fn at_revision(number: u64, bytes: &[u8]) -> Option<Stored> {
        Some(Stored {
            bytes: bytes.to_vec(),
            revision: revision(number),
        })
    }

    #[test]
    fn a_succession_is_what_this_process_alone_has_made_of_a_record() {
        let cache = Cache::new(1 << 20);
        let made = |before, at| cache.note_made(b"a", at, before, at_revision(at, b"x"));
        assert!(!cache.is_succession(b"a", 2), "nothing is known");
        cache.note(b"a", 2, at_revision(2, b"x")).unwrap();
        cache.note(b"a", 3, at_revision(2, b"x")).unwrap();
        made(2, 4);
        made(4, 6);
        let is_one = |from| cache.is_succession(b"a", from);
        assert!(is_one(2) && is_one(4) && is_one(6));
        assert!(!is_one(1) && !is_one(7), "it was not so, or is not yet");
        cache.note(b"a", 9, at_revision(8, b"x")).unwrap();
        assert!(is_one(8) && !is_one(6), "another host has changed it");
        cache.note(b"a", 10, None).unwrap();
        assert!(!is_one(8) && !is_one(0), "it was removed");
        made(0, 11);
        assert!(!is_one(8) && !is_one(0));
        // A swap proves what was before, whatever was remembered.
        made(12, 13);
        assert!(is_one(12) && is_one(13) && !is_one(11));
    }

    #[test]
    fn what_a_removed_record_was_before_is_no_part_of_a_succession() {
        let cache = Cache::new(1 << 20);
        cache.note_made(b"a", 3, 2, at_revision(3, b"x"));
        assert!(cache.is_succession(b"a", 2));
        cache.note_made(b"a", 4, 3, None);
        cache.note_made(b"a", 9, 0, at_revision(9, b"x"));
        assert!(!cache.is_succession(b"a", 3));
    }

    #[test]
    fn a_record_that_differs_without_a_change_since_then_is_of_another_store() {
        let known = || {
            let cache = Cache::new(1 << 20);
            cache.note(b"a", 20, at_revision(10, b"x")).unwrap();
            cache.note(b"none", 20, None).unwrap();
            cache
        };
        let fits = |key: &[u8], at, record| known().note(key, at, record).is_ok();
        // Changed, removed, and as it was.
        assert!(fits(b"a", 22, at_revision(21, b"y")));
        assert!(fits(b"a", 21, None) && fits(b"a", 99, at_revision(10, b"x")));
        assert!(fits(b"none", 99, None) && fits(b"none", 99, at_revision(21, b"x")));
        // An answer that comes late says nothing.
        assert!(fits(b"a", 9, at_revision(8, b"w")) && fits(b"a", 9, None));
        // As it was before, in a store that has come farther since.
        for revision in [9, 11, 20] {
            assert!(!fits(b"a", 99, at_revision(revision, b"w")), "{revision}");
        }
        assert!(!fits(b"a", 20, None));
        assert!(!fits(b"none", 99, at_revision(20, b"w")));
    }

    #[test]
    fn the_newest_is_known_and_an_older_answer_that_comes_late_is_not_noted() {
        let cache = Cache::new(1 << 20);
        assert_eq!(cache.get(b"a"), None);
        cache.note(b"a", 2, record(b"2")).unwrap();
        cache.note(b"a", 1, record(b"1")).unwrap();
        assert_eq!(cache.get(b"a"), Some(record(b"2")));
        cache.note(b"a", 3, None).unwrap();
        assert_eq!(cache.get(b"a"), Some(None));
        cache.forget(b"a");
        assert_eq!(cache.get(b"a"), None);
    }

    #[test]
    fn it_is_bounded_and_what_is_used_stays() {
        let cache = Cache::new(64 << 10);
        cache.note(b"used", 1, record(b"1")).unwrap();
        for number in 0..10_000_u32 {
            cache
                .note(&number.to_be_bytes(), 1, record(&[0; 100]))
                .unwrap();
            assert!(cache.get(b"used").is_some(), "{number}");
            let halves = cache.lock();
            let count = halves.young.len() + halves.old.len();
            assert!(count * (100 + OVERHEAD) <= 66 << 10, "{count}");
        }
        assert_eq!(cache.get(&0_u32.to_be_bytes()), None);
    }
}
