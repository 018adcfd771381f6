//! Running changes, whose lines may be durable in the store but are not queued for the file yet.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// The running changes; at most one for each thread.
#[derive(Default)]
pub(super) struct Pending {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    next: u64,
    inside: BTreeSet<u64>,
    /// Number of threads that wait for changes to end.
    waiting: u32,
}

/// One change; dropping this ends it.
pub(super) struct Change<'a> {
    pending: &'a Pending,
    number: u64,
}

impl Pending {
    pub(super) fn enter(&self) -> Change<'_> {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.inside.insert(number);
        Change {
            pending: self,
            number,
        }
    }

    /// Waits for the changes that began earlier; returns whether all of them ended by `deadline`.
    pub(super) fn await_earlier(&self, deadline: Instant) -> bool {
        let next = self.lock().next;
        self.await_before(next, deadline)
    }

    fn await_before(&self, end: u64, deadline: Instant) -> bool {
        let mut state = self.lock();
        state.waiting += 1;
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = self
            .changed
            .wait_timeout_while(state, left, |state| state.is_inside_before(end));
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        !state.is_inside_before(end)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_inside_before(&self, end: u64) -> bool {
        self.inside.first().is_some_and(|number| *number < end)
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        let mut state = self.pending.lock();
        state.inside.remove(&self.number);
        let is_awaited = state.waiting > 0;
        drop(state);
        if is_awaited {
            self.pending.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn earlier_changes_are_awaited_and_later_ones_are_not() {
        let pending = Pending::default();
        assert!(pending.await_earlier(Instant::now()));
        let early = pending.enter();
        let _late = pending.enter();
        assert!(!pending.await_before(1, Instant::now()));
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| pending.await_before(1, Instant::now() + LONG));
            drop(early);
            assert!(waiting.join().unwrap());
        });
        assert!(!pending.await_earlier(Instant::now()));
    }
}
