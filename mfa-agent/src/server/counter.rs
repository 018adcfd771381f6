//! Counts active guards, by key, until each is dropped.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many are inside. Open when made.
pub(super) struct Counter<K> {
    counts: Mutex<Counts<K>>,
    left: Condvar,
}

/// The counts at one moment.
pub(super) struct Counts<K> {
    /// Only what is held is in here, so it can't outgrow those inside.
    held: HashMap<K, u32>,
    closed: bool,
    /// How many wait until nobody is inside.
    waiting: u32,
}

/// The right to be inside. Given back when dropped.
pub(super) struct Held<K: Eq + Hash> {
    counter: Arc<Counter<K>>,
    counted_for: Vec<K>,
}

impl<K> Default for Counter<K> {
    fn default() -> Self {
        let counts = Counts {
            held: HashMap::new(),
            closed: false,
            waiting: 0,
        };
        Self {
            counts: Mutex::new(counts),
            left: Condvar::new(),
        }
    }
}

impl<K: Eq + Hash> Counts<K> {
    /// How many are counted for `key`.
    pub(super) fn of(&self, key: &K) -> u32 {
        self.held.get(key).copied().unwrap_or(0)
    }

    fn add(&mut self, keys: &[K])
    where
        K: Clone,
    {
        for key in keys {
            *self.held.entry(key.clone()).or_default() += 1;
        }
    }

    fn remove(&mut self, keys: &[K]) {
        for key in keys {
            if let Some(count) = self.held.get_mut(key) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    self.held.remove(key);
                }
            }
        }
    }
}

impl<K: Eq + Hash> Counter<K> {
    /// Goes in and is counted for `key`; none once it is closed.
    pub(super) fn enter(self: &Arc<Self>, key: K) -> Option<Held<K>>
    where
        K: Clone,
    {
        self.enter_with(|_| Some((vec![key], ())))
            .map(|(held, ())| held)
    }

    /// Goes in if `decide` says what to be counted for, under the lock, with what else it says; none otherwise, and none
    /// once it is closed.
    pub(super) fn enter_with<T>(
        self: &Arc<Self>,
        decide: impl FnOnce(&Counts<K>) -> Option<(Vec<K>, T)>,
    ) -> Option<(Held<K>, T)>
    where
        K: Clone,
    {
        let mut counts = self.lock();
        if counts.closed {
            return None;
        }
        let (keys, said) = decide(&counts)?;
        // Nothing is counted before all is decided, and what is counted is held at once.
        let held = Held {
            counter: Arc::clone(self),
            counted_for: keys,
        };
        counts.add(&held.counted_for);
        drop(counts);
        Some((held, said))
    }

    /// Admits no more, and waits until none is active, but no longer than `limit`. Returns whether none is active.
    pub(super) fn close(&self, limit: Duration) -> bool {
        self.lock().closed = true;
        self.await_none(limit)
    }

    /// Waits until none is active, but no longer than `limit`. Returns whether none is active.
    pub(super) fn await_none(&self, limit: Duration) -> bool {
        let mut counts = self.lock();
        counts.waiting += 1;
        let waited = self
            .left
            .wait_timeout_while(counts, limit, |counts| !counts.held.is_empty());
        let (mut counts, _) = waited.unwrap_or_else(PoisonError::into_inner);
        counts.waiting -= 1;
        counts.held.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Counts<K>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Eq + Hash> Drop for Held<K> {
    fn drop(&mut self) {
        let mut counts = self.counter.lock();
        counts.remove(&self.counted_for);
        let is_awaited = counts.waiting > 0;
        drop(counts);
        // Waking is a system call, whether or not there is anybody to wake.
        if is_awaited {
            self.counter.left.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn nobody_is_waited_for_where_nobody_is_and_the_last_one_ends_the_wait() {
        let counter = Arc::new(Counter::default());
        assert!(counter.await_none(LONG));
        let (first, second) = (counter.enter(()), counter.enter(()));
        assert!(!counter.await_none(Duration::ZERO));
        drop(first);
        assert!(!counter.await_none(Duration::ZERO));
        let waiting = Arc::clone(&counter);
        let thread = std::thread::spawn(move || waiting.await_none(LONG));
        drop(second);
        assert!(thread.join().unwrap());
    }

    #[test]
    fn closing_waits_for_those_inside_and_lets_nobody_else_in() {
        let counter = Arc::new(Counter::default());
        let inside = counter.enter(());
        assert!(
            !counter.close(Duration::from_millis(1)),
            "somebody is inside"
        );
        assert!(counter.enter(()).is_none());
        std::thread::scope(|scope| {
            let closing = scope.spawn(|| counter.close(LONG));
            drop(inside);
            assert!(closing.join().unwrap());
        });
    }

    #[test]
    fn each_is_counted_for_all_that_it_is_and_leaves_nothing_behind() {
        let counter = Arc::new(Counter::default());
        let enter = |keys: &[&'static str], most| {
            let fits = |counts: &Counts<_>| keys.iter().all(|key| counts.of(key) < most);
            counter.enter_with(|counts| fits(counts).then(|| (keys.to_vec(), ())))
        };
        let held = [enter(&["all", "anna"], 2), enter(&["all", "bert"], 2)];
        assert!(held.iter().all(Option::is_some));
        assert!(enter(&["all"], 2).is_none());
        assert_eq!(counter.lock().of(&"anna"), 1);
        drop(held);
        assert!(counter.await_none(Duration::ZERO));
        assert!(enter(&["all"], 2).is_some());
    }
}
