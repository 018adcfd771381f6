//! How fast an ordinary user may call, so that the logs stay readable.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Calls that an ordinary user may make at once.
const BURST: f64 = 60.0;

/// Calls a second that they may make for ever.
const RATE: f64 = 5.0;

/// Users whose calls are counted at a time. One who has not called for a while is forgotten.
const COUNTED: usize = 4096;

/// The calls that users have left.
#[derive(Default)]
pub(super) struct Calls(Mutex<HashMap<u32, Allowance>>);

/// The calls that a user has left (a token bucket).
struct Allowance {
    left: f64,
    as_of: Instant,
}

impl Calls {
    /// Whether a user may make a call at `now`; counts it if so.
    pub(super) fn may_call(&self, uid: u32, now: Instant) -> bool {
        let mut calls = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if calls.len() >= COUNTED {
            calls.retain(|_, allowance| allowance.at(now) < BURST);
            if calls.len() >= COUNTED && !calls.contains_key(&uid) {
                return false;
            }
        }
        let fresh = Allowance {
            left: BURST,
            as_of: now,
        };
        let allowance = calls.entry(uid).or_insert(fresh);
        let left = allowance.at(now);
        if left < 1.0 {
            return false;
        }
        *allowance = Allowance {
            left: left - 1.0,
            as_of: now,
        };
        true
    }
}

impl Allowance {
    fn at(&self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.as_of).as_secs_f64();
        (self.left + passed * RATE).min(BURST)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_ordinary_user_calls_in_bursts_and_not_for_ever() {
        let (users, start) = (Calls::default(), Instant::now());
        let calls = (0..1000).filter(|_| users.may_call(7, start)).count();
        assert_eq!(calls, 60);
        assert!(
            users.may_call(8, start),
            "another user's calls are their own"
        );
        let later = start + Duration::from_secs(1);
        assert_eq!((0..1000).filter(|_| users.may_call(7, later)).count(), 5);
    }

    #[test]
    fn the_table_of_callers_does_not_grow_without_end() {
        let (users, start) = (Calls::default(), Instant::now());
        let counted = (0..10_000)
            .filter(|uid| users.may_call(*uid, start))
            .count();
        assert_eq!(counted, COUNTED);
        let later = start + Duration::from_secs(60);
        assert!(
            users.may_call(9_999, later),
            "those who are quiet make room"
        );
    }
}
