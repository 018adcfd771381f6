//! Which of two states of a lockout holds after a restore: a lock is never taken back.

use super::{Burst, Lockout, MAX_PENDING};

impl Lockout {
    /// This one as a backup has it, and `live` as the replaced record has it. Passes only grow: with more of them `live`
    /// is the later state. Otherwise each counter and lock is the stricter of the two.
    #[must_use]
    pub fn restored(self, live: &Self) -> Self {
        if live.passes > self.passes {
            return live.clone();
        }
        let until = match (self.until, live.until) {
            (Some(one), Some(other)) => Some(one.later(other)),
            (one, other) => one.or(other),
        };
        let mut pending = self.pending;
        for reserved in &live.pending {
            if pending.len() < MAX_PENDING && !pending.contains(reserved) {
                pending.push(*reserved);
            }
        }
        Self {
            failures: self.failures.max(live.failures),
            consecutive: self.consecutive.max(live.consecutive),
            until,
            lasts: lasts(
                self.lasts,
                live.lasts,
                self.until.is_some(),
                live.until.is_some(),
            ),
            at_limit: self.at_limit || live.at_limit,
            refused: self.refused.max(live.refused),
            passes: self.passes,
            burst: Burst {
                passed: self.burst.passed.max(live.burst.passed),
                failed: self.burst.failed.max(live.burst.failed),
            },
            pending,
        }
    }
}

/// How long the lock lasts: the longer one of two. `None` of a lock means that it is not known, and a bound holds that is
/// longer than any.
fn lasts(one: Option<u64>, other: Option<u64>, is_one: bool, is_other: bool) -> Option<u64> {
    match (is_one, is_other) {
        (true, true) => Some(one?.max(other?)),
        (false, true) => other,
        _ => one,
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
        ) {
            let backup = lived(Lockout::default(), 0, &before);
            let live = lived(backup.clone(), 20, &since);
            let now = at(40);
            let restored = backup.restored(&live);
            prop_assert!(end(&restored, now) >= end(&live, now));
            prop_assert!(restored.failures(now) >= live.failures(now));
            prop_assert!(restored.consecutive() >= live.consecutive());
            prop_assert!(restored.epoch() == live.epoch());
            // Once more changes nothing.
            prop_assert_eq!(restored.clone().restored(&live), restored);
        }

        #[test]
        fn a_lock_of_an_unrelated_account_stays_too(
            before in proptest::collection::vec(any::<u8>(), 0..12),
            other in proptest::collection::vec(any::<u8>(), 0..12),
        ) {
            let backup = lived(Lockout::default(), 0, &before);
            let live = lived(Lockout::default(), 20, &other);
            let restored = backup.restored(&live);
            prop_assert!(end(&restored, at(40)) >= end(&live, at(40)));
        }
    }
}
