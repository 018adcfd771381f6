//! How soon the first prompt of a login comes, where a record may be read from servers or remembered: as late for those
//! whose record is remembered as for the others (rule 8 of the architecture).
//!
//! Both wait for the longest of the last reads, which fades. An average would do for one of both only: where most logins
//! begin from memory it would stay what it was when the servers were slow.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Before the first read.
const FIRST: Duration = Duration::from_millis(2);

/// Nobody waits longer. While reads take longer than this, how long a prompt takes tells whether its record was read.
const LONGEST: Duration = Duration::from_millis(250);

/// In this time what is waited for halves.
const HALF_LIFE: Duration = Duration::from_secs(20);

/// The longest of the last reads.
pub(super) struct Pace(Mutex<(Duration, Instant)>);

impl Default for Pace {
    fn default() -> Self {
        Self(Mutex::new((FIRST, Instant::now())))
    }
}

impl Pace {
    /// A read took so long.
    pub(super) fn note(&self, took: Duration, now: Instant) {
        let mut longest = self.lock();
        *longest = (faded(*longest, now).max(took.min(LONGEST)), now);
    }

    /// How long a prompt waits, its read included.
    pub(super) fn at(&self, now: Instant) -> Duration {
        faded(*self.lock(), now)
    }

    fn lock(&self) -> MutexGuard<'_, (Duration, Instant)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn faded((longest, since): (Duration, Instant), now: Instant) -> Duration {
    let half_lives = now.saturating_duration_since(since).as_secs_f64() / HALF_LIFE.as_secs_f64();
    longest.mul_f64(0.5_f64.powf(half_lives)).max(FIRST)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_longest_of_the_last_reads_counts_and_fades() {
        let (pace, start) = (Pace::default(), Instant::now());
        assert_eq!(pace.at(start), FIRST);
        pace.note(40 * MS, start);
        pace.note(5 * MS, start);
        assert_eq!(pace.at(start), 40 * MS);
        let later = start + HALF_LIFE;
        assert!(pace.at(later).abs_diff(20 * MS) < MS);
        pace.note(30 * MS, later);
        assert_eq!(pace.at(later), 30 * MS);
        assert_eq!(pace.at(later + HALF_LIFE * 60), FIRST);
    }

    #[test]
    fn a_store_that_is_very_slow_makes_nobody_wait_for_as_long() {
        let (pace, now) = (Pace::default(), Instant::now());
        pace.note(Duration::from_secs(3), now);
        assert_eq!(pace.at(now), LONGEST);
    }
}
