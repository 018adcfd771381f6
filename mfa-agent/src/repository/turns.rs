//! Changes of one record of a shared store take turns on this host.
//!
//! Without that, of many who change a record at once all but one find it changed, and ask the servers again, each as often
//! as there are others before it. In its turn each finds what the one before has made, and asks once. Other hosts know
//! nothing of it: the swap alone decides. Nobody holds two turns at once, and nobody waits for one without an end.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Who changes which record, and who waits for it.
#[derive(Default)]
pub(super) struct Turns {
    lines: Mutex<Lines>,
    moved: Condvar,
}

#[derive(Default)]
struct Lines {
    /// Who waits for a record that somebody changes, the first one first.
    waiting: HashMap<Vec<u8>, VecDeque<u64>>,
    next: u64,
}

/// The right to change a record, until it is dropped.
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    key: Vec<u8>,
}

impl Turns {
    /// Waits until nobody else changes this record; none if that takes longer than `patience`.
    pub(super) fn take(&self, key: &[u8], patience: Duration) -> Option<Turn<'_>> {
        let turn = || Turn {
            turns: self,
            key: key.to_vec(),
        };
        let mut lines = self.lock();
        let ticket = lines.next;
        lines.next += 1;
        let Some(line) = lines.waiting.get_mut(key) else {
            lines.waiting.insert(key.to_vec(), VecDeque::from([ticket]));
            return Some(turn());
        };
        line.push_back(ticket);
        let until = Instant::now() + patience;
        loop {
            let line = lines.waiting.get_mut(key)?;
            if line.front() == Some(&ticket) {
                return Some(turn());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                line.retain(|waiting| *waiting != ticket);
                return None;
            }
            lines = self
                .moved
                .wait_timeout(lines, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut lines = self.turns.lock();
        if let Some(line) = lines.waiting.get_mut(&self.key) {
            line.pop_front();
            match line.is_empty() {
                true => drop(lines.waiting.remove(&self.key)),
                false => self.turns.moved.notify_all(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn one_at_a_time_changes_a_record_and_nothing_is_kept_afterwards() {
        let (turns, inside) = (Turns::default(), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _turn = turns.take(b"a", LONG).unwrap();
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(turns.lock().waiting.is_empty());
    }

    #[test]
    fn other_records_wait_for_nobody_and_who_gives_up_holds_up_nobody() {
        let turns = Turns::default();
        let first = turns.take(b"a", LONG).unwrap();
        assert!(turns.take(b"a", Duration::ZERO).is_none());
        drop(turns.take(b"b", Duration::ZERO).unwrap());
        drop(first);
        drop(turns.take(b"a", Duration::ZERO).unwrap());
        assert!(turns.lock().waiting.is_empty());
    }
}
