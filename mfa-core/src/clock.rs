//! Stored times.
//!
//! A clock can be wrong for a while, and times stored meanwhile must not stay valid until they
//! come. So a stored end is valid only if it is ahead by at most its own duration, and a stored
//! beginning only if it is not ahead at all.
//!
//! In whole seconds, as records store them: a time means the same before and after it is stored.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How far the clock of another host may be ahead of this one. What is strict, such as a lock, holds all the same: a fleet
/// whose clocks differ must not verify more guesses than one host.
pub const AHEAD: Duration = Duration::from_secs(10 * 60);

/// A stored end. It can be compared with a time only by [`Self::in_force`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Deadline(#[serde(with = "jiff::fmt::serde::timestamp::second::required")] Timestamp);

impl Deadline {
    /// The end of something that lasts for `duration` from `now` on.
    #[must_use]
    pub fn after(now: Timestamp, duration: Duration) -> Self {
        let end = after(now, duration);
        Self(Timestamp::from_second(end.as_second()).unwrap_or(end))
    }

    /// This end, if it is in the future at `now`. An end farther ahead than `longest` was stored
    /// while the clock was wrong, and is void.
    #[must_use]
    pub fn in_force(self, now: Timestamp, longest: Duration) -> Option<Timestamp> {
        let left = seconds_between(now, self.0)?;
        (left > 0 && left <= whole_seconds(longest)).then_some(self.0)
    }

    /// The same for what is strict: a host whose clock is ahead by [`AHEAD`] may have stored it.
    #[must_use]
    pub fn binds(self, now: Timestamp, longest: Duration) -> Option<Timestamp> {
        self.in_force(now, longest.saturating_add(AHEAD))
    }

    /// Whether it has passed at `now`.
    #[must_use]
    pub fn is_over(self, now: Timestamp) -> bool {
        self.0.as_second() <= now.as_second()
    }

    /// The later of two ends.
    #[must_use]
    pub fn later(self, other: Self) -> Self {
        if other.0 > self.0 { other } else { self }
    }

    /// The end, for display.
    #[must_use]
    pub fn shown(self) -> Timestamp {
        self.0
    }
}

/// Whether `since` is less than `longest` ago at `now`. A time in the future was stored while the
/// clock was wrong, and is void.
#[must_use]
pub fn is_within(since: Timestamp, now: Timestamp, longest: Duration) -> bool {
    seconds_between(since, now).is_some_and(|age| age < whole_seconds(longest))
}

/// The time that limits count with: `now`, or the latest of `stored` if that is ahead. A host whose clock is ahead by
/// [`AHEAD`] may have stored it; what is farther ahead was stored while the clock was wrong.
pub fn shared_now(now: Timestamp, stored: impl Iterator<Item = Timestamp>) -> Timestamp {
    let can_be = |at: &Timestamp| {
        seconds_between(now, *at).is_some_and(|ahead| ahead <= whole_seconds(AHEAD))
    };
    stored
        .filter(can_be)
        .max()
        .map_or(now, |latest| latest.max(now))
}

/// Whether `since` is now or in the past. A time in the future was stored while the clock was
/// wrong, and is void.
#[must_use]
pub fn has_begun(since: Timestamp, now: Timestamp) -> bool {
    seconds_between(since, now).is_some()
}

/// `duration` after `now`, or the last possible time.
#[must_use]
pub fn after(now: Timestamp, duration: Duration) -> Timestamp {
    let signed = SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX);
    now.checked_add(signed).unwrap_or(Timestamp::MAX)
}

/// Rounds up: an end that was cut to whole seconds may be up to a second farther ahead.
#[must_use]
pub fn whole_seconds(duration: Duration) -> u64 {
    let begun = u64::from(duration.subsec_nanos() > 0);
    duration.as_secs().saturating_add(begun)
}

/// `None` if `later` is earlier.
fn seconds_between(earlier: Timestamp, later: Timestamp) -> Option<u64> {
    let between = later.as_second().saturating_sub(earlier.as_second());
    u64::try_from(between).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_end_is_valid_while_it_is_ahead_by_at_most_its_duration() {
        let end = Deadline::after(at(1000), HOUR);
        for (second, holds) in [
            (999, false),
            (1000, true),
            (4599, true),
            (4600, false),
            (-1_000_000, false),
        ] {
            let expected = holds.then_some(at(4600));
            assert_eq!(end.in_force(at(second), HOUR), expected, "{second}");
        }
    }

    #[test]
    fn what_is_strict_binds_also_a_host_whose_clock_is_behind() {
        let end = Deadline::after(at(1000), HOUR);
        for (second, binds) in [(399, false), (400, true), (4599, true), (4600, false)] {
            let expected = binds.then_some(at(4600));
            assert_eq!(end.binds(at(second), HOUR), expected, "{second}");
        }
    }

    #[test]
    fn a_beginning_in_the_future_is_void() {
        for (second, holds) in [(999, false), (1000, true), (4599, true), (4600, false)] {
            assert_eq!(is_within(at(1000), at(second), HOUR), holds, "{second}");
        }
    }

    #[test]
    fn limits_count_with_the_clock_that_is_ahead_unless_it_was_wrong() {
        for (stored, expected) in [(999, 1000), (1000, 1000), (1600, 1600), (1601, 1000)] {
            let shared = shared_now(at(1000), [at(stored), at(10)].into_iter());
            assert_eq!(shared, at(expected), "{stored}");
        }
        assert_eq!(shared_now(at(5), std::iter::empty()), at(5));
    }

    /// Any valid time, also between seconds.
    fn any_time() -> impl Strategy<Value = Timestamp> {
        let seconds = Timestamp::MIN.as_second() + 1..=Timestamp::MAX.as_second() - 1;
        (seconds, 0..1_000_000_000)
            .prop_map(|(second, nanos)| Timestamp::new(second, nanos).unwrap())
    }

    proptest! {
        #[test]
        fn an_end_holds_at_once_and_means_the_same_once_it_is_stored(
            now in any_time(), asked in any_time(), seconds in 1u64..400_000_000, nanos in 0u32..1_000_000_000,
        ) {
            let lasts = Duration::new(seconds, nanos);
            let end = Deadline::after(now, lasts);
            let far_from_the_end = Timestamp::MAX.as_second() - now.as_second() > 400_000_001;
            prop_assert!(!far_from_the_end || end.in_force(now, lasts).is_some());
            let stored: Deadline = serde_json::from_str(&serde_json::to_string(&end).unwrap()).unwrap();
            prop_assert_eq!(stored, end);
            if let Some(end) = end.in_force(asked, lasts) {
                prop_assert!(end.as_second() - asked.as_second() <= 1 + i64::try_from(seconds).unwrap());
            }
        }

        #[test]
        fn no_time_is_too_early_or_too_late(now in any_time(), other in any_time(), length in any::<u64>()) {
            let lasts = Duration::from_secs(length);
            let end = Deadline::after(now, lasts);
            let _ = (end.in_force(other, lasts), end.is_over(other), is_within(now, other, lasts));
        }
    }
}
