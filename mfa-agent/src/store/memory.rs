//! A store in memory, for tests.
//!
//! It keeps all promises of [`Store`] except durability. Failures can be injected, because the
//! agent's behaviour with a broken store matters most.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::fleet::{Fleet, MemoryFleet};
use super::{
    Change, Guard, Moment, Record, Revision, Snapshot, Store, StoreError, Stored, Swap, WriteOut,
};

/// The store; empty and working at first.
#[derive(Default)]
pub struct MemoryStore {
    inner: Mutex<Inner>,
    write_out: Mutex<Option<WriteOut>>,
    fleet: Option<MemoryFleet>,
}

#[derive(Debug, Default)]
struct Inner {
    records: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The number of the swap that changed each record last.
    changed: BTreeMap<Vec<u8>, u64>,
    lines: Vec<Vec<u8>>,
    failure: StoreFailure,
    swaps: u64,
}

/// What fails from now on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreFailure {
    /// Nothing.
    #[default]
    None,
    /// Every call fails.
    Everything,
    /// Swaps fail and change nothing; reading works.
    Swaps,
    /// Swaps fail although the change was made, like a failed flush.
    AfterSwaps,
    /// This number of swaps meets a conflict.
    Conflicts(u32),
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that many hosts share.
    #[must_use]
    pub fn shared() -> Self {
        Self {
            fleet: Some(MemoryFleet::default()),
            ..Self::default()
        }
    }

    /// From now on `failure` happens.
    pub fn fail(&self, failure: StoreFailure) {
        self.lock().failure = failure;
    }

    /// Number of changes that took place.
    #[must_use]
    pub fn swaps(&self) -> u64 {
        self.lock().swaps
    }

    /// Drops the lines of earlier changes, if they are written out. Returns whether it did.
    pub fn forget_lines(&self) -> bool {
        let count = self.lock().lines.len();
        let write_out = self
            .write_out
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let forgets = write_out.as_ref().is_some_and(|write_out| write_out());
        if forgets {
            self.lock().lines.drain(..count);
        }
        forgets
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn load(&self, key: &[u8]) -> Result<Option<Stored>, StoreError> {
        let inner = self.lock();
        inner.readable()?;
        Ok(inner.records.get(key).map(|bytes| stored(bytes)))
    }

    fn swap_all_if(
        &self,
        guards: &[Guard<'_>],
        changes: &[Change<'_>],
    ) -> Result<Option<Vec<Swap>>, StoreError> {
        let mut inner = self.lock();
        inner.readable()?;
        if inner.failure == StoreFailure::Swaps {
            return Err(injected());
        }
        if !guards
            .iter()
            .all(|guard| inner.is_at(guard.key, guard.expected))
        {
            return Ok(None);
        }
        let outcomes = changes.iter().map(|change| inner.apply(change)).collect();
        if inner.failure == StoreFailure::AfterSwaps {
            return Err(injected());
        }
        Ok(Some(outcomes))
    }

    fn moment(&self) -> Result<Moment, StoreError> {
        let inner = self.lock();
        inner.readable()?;
        Ok(Moment(inner.swaps))
    }

    fn changed_since(
        &self,
        since: Moment,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Stored)>, StoreError> {
        let page = self.page(prefix, after, usize::MAX)?;
        let inner = self.lock();
        let is_later = |(key, _): &(Vec<u8>, Stored)| inner.changed.get(key) > Some(&since.0);
        Ok(page.into_iter().filter(is_later).take(limit).collect())
    }

    fn fleet(&self) -> Option<&dyn Fleet> {
        self.fleet.as_ref().map(|fleet| fleet as &dyn Fleet)
    }

    fn page(
        &self,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Stored)>, StoreError> {
        let inner = self.lock();
        inner.readable()?;
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        Ok(inner
            .records
            .range::<[u8], _>((start, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit)
            .map(|(key, bytes)| (key.clone(), stored(bytes)))
            .collect())
    }

    fn snapshot(&self) -> Result<Box<dyn Snapshot>, StoreError> {
        let inner = self.lock();
        inner.readable()?;
        Ok(Box::new(Copied(inner.records.clone())))
    }

    fn lines(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let inner = self.lock();
        inner.readable()?;
        Ok(inner.lines.clone())
    }

    fn before_forgetting(&self, write_out: WriteOut) {
        *self
            .write_out
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(write_out);
    }
}

/// A copy of all records.
struct Copied(BTreeMap<Vec<u8>, Vec<u8>>);

impl Snapshot for Copied {
    fn next(&mut self, bytes: usize) -> Result<Vec<Record>, StoreError> {
        let mut records = Vec::new();
        let mut size = 0;
        while size < bytes {
            let Some((key, record)) = self.0.pop_first() else {
                break;
            };
            size += key.len() + record.len();
            records.push((key, record));
        }
        Ok(records)
    }
}

impl Inner {
    fn readable(&self) -> Result<(), StoreError> {
        if self.failure == StoreFailure::Everything {
            Err(injected())
        } else {
            Ok(())
        }
    }

    fn is_at(&self, key: &[u8], expected: Option<&Revision>) -> bool {
        let current = self.records.get(key).map(Vec::as_slice);
        current == expected.map(|revision| revision.0.as_slice())
    }

    fn apply(&mut self, change: &Change<'_>) -> Swap {
        if let StoreFailure::Conflicts(left @ 1..) = self.failure {
            self.failure = StoreFailure::Conflicts(left - 1);
            return Swap::Conflict;
        }
        if !self.is_at(change.key, change.expected) {
            return Swap::Conflict;
        }
        match change.new {
            Some(new) => self.records.insert(change.key.to_vec(), new.to_vec()),
            None => self.records.remove(change.key),
        };
        self.lines.extend(change.line.map(<[u8]>::to_vec));
        self.swaps += 1;
        self.changed.insert(change.key.to_vec(), self.swaps);
        Swap::Done
    }
}

fn stored(bytes: &[u8]) -> Stored {
    Stored {
        bytes: bytes.to_vec(),
        revision: Revision(bytes.to_vec()),
    }
}

fn injected() -> StoreError {
    StoreError::new("a failure was injected by a test")
}

#[cfg(test)]
mod tests {
    use super::super::contract;
    use super::*;

    #[test]
    fn it_keeps_the_promises_of_a_store() {
        contract::check(&MemoryStore::new());
        contract::check(&MemoryStore::shared());
    }

    #[test]
    fn a_failed_flush_may_have_changed_the_record() {
        let store = MemoryStore::new();
        store.fail(StoreFailure::AfterSwaps);
        store
            .swap(Change {
                key: b"k",
                expected: None,
                new: Some(b"1"),
                line: None,
            })
            .unwrap_err();
        store.fail(StoreFailure::None);
        assert_eq!(store.load(b"k").unwrap().unwrap().bytes, b"1");
    }

    #[test]
    fn a_broken_store_neither_reads_nor_writes() {
        let store = MemoryStore::new();
        store.fail(StoreFailure::Everything);
        store.load(b"k").unwrap_err();
        store.page(b"", None, 1).unwrap_err();
        store
            .swap(Change {
                key: b"k",
                expected: None,
                new: Some(b"1"),
                line: None,
            })
            .unwrap_err();
        store.fail(StoreFailure::Swaps);
        store
            .swap(Change {
                key: b"k",
                expected: None,
                new: Some(b"1"),
                line: None,
            })
            .unwrap_err();
        assert_eq!(store.load(b"k").unwrap(), None);
    }

    #[test]
    fn lines_are_forgotten_only_once_they_are_written_out() {
        let store = MemoryStore::new();
        let change = Change {
            key: b"k",
            expected: None,
            new: Some(b"1"),
            line: Some(b"made\n"),
        };
        assert_eq!(store.swap(change).unwrap(), Swap::Done);
        assert_eq!(store.swap(change).unwrap(), Swap::Conflict);
        assert!(!store.forget_lines());
        store.before_forgetting(Box::new(|| false));
        assert!(!store.forget_lines());
        assert_eq!(store.lines().unwrap(), [b"made\n"]);
        store.before_forgetting(Box::new(|| true));
        assert!(store.forget_lines());
        assert!(store.lines().unwrap().is_empty());
    }

    #[test]
    fn injected_conflicts_end() {
        let store = MemoryStore::new();
        store.fail(StoreFailure::Conflicts(2));
        let change = Change {
            key: b"k",
            expected: None,
            new: Some(b"1"),
            line: None,
        };
        let outcomes: Vec<_> = (0..3).map(|_| store.swap(change).unwrap()).collect();
        assert_eq!(outcomes, [Swap::Conflict, Swap::Conflict, Swap::Done]);
    }
}
