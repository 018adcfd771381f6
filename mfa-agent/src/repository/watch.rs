//! Keys that change while a restore is prepared: what it has made of them is out of date.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Key;

/// The most keys that are remembered.
const MOST: usize = 200_000;

#[derive(Default)]
pub(super) struct Watch {
    is_on: AtomicBool,
    changed: Mutex<Changed>,
}

#[derive(Default)]
struct Changed {
    keys: BTreeSet<Key>,
    /// There were more than can be remembered.
    overflowed: bool,
}

impl Watch {
    pub(super) fn start(&self) {
        *self.lock() = Changed::default();
        self.is_on.store(true, Ordering::SeqCst);
    }

    pub(super) fn stop(&self) {
        self.is_on.store(false, Ordering::SeqCst);
        *self.lock() = Changed::default();
    }

    /// These keys are about to change. Called while the view can't be replaced.
    pub(super) fn note(&self, keys: &[&Key]) {
        if !self.is_on.load(Ordering::SeqCst) {
            return;
        }
        let mut changed = self.lock();
        for key in keys {
            match changed.keys.len() < MOST {
                true => drop(changed.keys.insert((*key).clone())),
                false => changed.overflowed = true,
            }
        }
    }

    /// Up to `limit` keys that changed; none if there were too many to remember.
    pub(super) fn take(&self, limit: usize) -> Option<Vec<Key>> {
        let mut changed = self.lock();
        if changed.overflowed {
            return None;
        }
        let taken = std::iter::from_fn(|| changed.keys.pop_first());
        Some(taken.take(limit).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.lock().keys.len()
    }

    fn lock(&self) -> MutexGuard<'_, Changed> {
        self.changed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
