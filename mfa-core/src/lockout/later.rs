//! Which of two states of a lockout holds after a restore: a lock is never taken back.

use jiff::Timestamp;

use super::{Burst, Lockout, MAX_PENDING};
use crate::clock::Deadline;

impl Lockout {
    /// This one as a backup has it, and `live` as the replaced record has it. Passes only grow: with more of them `live`
    /// is the later state. Otherwise each counter and lock is the stricter of the two at `now`.
    #[must_use]
    pub fn restored(self, live: &Self, now: Timestamp) -> Self {
        if live.passes > self.passes {
            return live.clone().current(now);
        }
        let (one, live) = (self.current(now), live.clone().current(now));
        let (until, lasts) = one.stricter_end(&live, now);
        let mut pending = one.pending;
        for reserved in &live.pending {
            if pending.len() < MAX_PENDING && !pending.contains(reserved) {
                pending.push(*reserved);
            }
        }
        Self {
            failures: one.failures.max(live.failures),
            consecutive: one.consecutive.max(live.consecutive),
            until,
            lasts,
            at_limit: one.at_limit || live.at_limit,
            refused: one.refused.max(live.refused),
            passes: one.passes,
            burst: Burst {
                passed: one.burst.passed.max(live.burst.passed),
                failed: one.burst.failed.max(live.burst.failed),
            },
            pending,
        }
    }

    /// This one and `other`, of the same user at another place: their passes say nothing of each other. Each counter and
    /// lock is the stricter of the two at `now`, and logins that are going on here are counted on.
    #[must_use]
    pub fn merged(self, other: &Self, now: Timestamp) -> Self {
        let other = Self {
            passes: self.passes,
            burst: Burst::default(),
            pending: Vec::new(),
            ..other.clone()
        };
        self.restored(&other, now)
    }

    /// Without what is over at `now`: of two records, its end would hide the failures or guesses of the other.
    fn current(mut self, now: Timestamp) -> Self {
        self.settle(now);
        self.pending.retain(|pending| pending.is_open(now));
        self
    }

    /// The end of the lock, and how long it lasts. An end from a wrong clock locks nobody, so it must not replace one
    /// that does. `None` for how long means that it is not known, and a bound holds that is longer than any.
    fn stricter_end(&self, other: &Self, now: Timestamp) -> (Option<Deadline>, Option<u64>) {
        let is_locked = |lockout: &Self| lockout.ends(now).is_some();
        match (self.until, other.until) {
            (None, until) => (until, other.lasts),
            (until, None) => (until, self.lasts),
            (until, _) if is_locked(self) && !is_locked(other) => (until, self.lasts),
            (_, until) if is_locked(other) && !is_locked(self) => (until, other.lasts),
            (Some(one), Some(another)) => {
                let lasts = self.lasts.zip(other.lasts);
                (
                    Some(one.later(another)),
                    lasts.map(|(one, another)| one.max(another)),
                )
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::super::{Limits, Lock};
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn limits() -> Limits {
        Limits {
            attempts: 3,
            duration: Duration::from_secs(100),
            max_consecutive: Some(8),
        }
    }

    /// What happened to an account, one event a second.
    fn lived(mut lockout: Lockout, from: i64, events: &[u8]) -> Lockout {
        for (second, event) in (from..).zip(events) {
            let now = at(second);
            match event % 4 {
                0 => lockout.passed(lockout.epoch(), now),
                1 | 2 => lockout.failed(lockout.epoch(), now, &limits()),
                _ => lockout.refused_one(),
            }
        }
        lockout
    }

    fn end(lockout: &Lockout, now: Timestamp) -> i64 {
        match lockout.lock(now) {
            None => 0,
            Some(Lock::Until(until)) => until.as_second(),
            Some(Lock::Administrator) => i64::MAX,
        }
    }

    proptest! {
        #[test]
        fn a_restore_takes_no_lock_and_no_failure_back(
            before in proptest::collection::vec(any::<u8>(), 0..12),
            since in proptest::collection::vec(any::<u8>(), 0..12),
            now in 40..200i64,
        ) {
            let backup = lived(Lockout::default(), 0, &before);
            let live = lived(backup.clone(), 20, &since);
            let now = at(now);
            let restored = backup.restored(&live, now);
            prop_assert!(end(&restored, now) >= end(&live, now));
            prop_assert!(restored.failures(now) >= live.failures(now));
            prop_assert!(restored.consecutive() >= live.consecutive());
            prop_assert!(restored.epoch() == live.epoch());
            // Once more changes nothing.
            prop_assert_eq!(restored.clone().restored(&live, now), restored);
        }

        #[test]
        fn a_lock_of_an_unrelated_account_stays_too(
            before in proptest::collection::vec(any::<u8>(), 0..12),
            other in proptest::collection::vec(any::<u8>(), 0..12),
            clock in prop_oneof![Just(0), Just(1_000_000), Just(-1_000)],
            now in 40..200i64,
        ) {
            // The clock was right, ahead or behind when the backup was made.
            let backup = lived(Lockout::default(), clock, &before);
            let live = lived(Lockout::default(), 20, &other);
            let now = at(now);
            let restored = backup.clone().restored(&live, now);
            prop_assert!(end(&restored, now) >= end(&live, now));
            if live.passes >= backup.passes {
                prop_assert!(restored.failures(now) >= live.failures(now));
            }
        }
    }

    #[test]
    fn a_lock_from_a_wrong_clock_ends_no_lock() {
        let locked = |second| lived(Lockout::default(), second, &[1, 1, 1]);
        let (live, wrong) = (locked(10), locked(1_000_000));
        let now = at(20);
        for restored in [
            wrong.clone().restored(&live, now),
            live.clone().restored(&wrong, now),
        ] {
            assert_eq!(restored.lock(now), live.lock(now));
            assert_eq!(restored.failures(now), 3);
        }
    }

    #[test]
    fn a_lock_that_is_over_hides_no_failures() {
        let over = lived(Lockout::default(), 10, &[1, 1, 1]);
        let live = lived(Lockout::default(), 200, &[1, 1]);
        let now = at(250);
        assert_eq!(over.restored(&live, now).failures(now), 2);
    }
}
