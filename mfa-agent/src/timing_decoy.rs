//! What those see who have nothing to wait for: it takes as long as for others, and ends as it did for them (rule 8 of
//! the architecture).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long something takes that is not done, and how it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimingDecoy<E> {
    /// From beginning to end.
    pub time: Duration,
    /// How it ends.
    pub end: E,
}

/// A decoy that all threads share.
#[derive(Debug)]
pub(crate) struct SharedDecoy<E>(Mutex<TimingDecoy<E>>);

impl<E: Clone> TimingDecoy<E> {
    /// A decoy that takes so long and ends so.
    #[must_use]
    pub const fn new(time: Duration, end: E) -> Self {
        Self { time, end }
    }

    /// Follows a moving average, by one part in eight. An outlier (the machine was suspended or swapped) counts for no
    /// more than twice the average and no less than half of it.
    pub(crate) fn follow(&mut self, took: Duration) {
        let took = took.clamp(self.time / 2, self.time * 2);
        self.time = (self.time * 7 + took) / 8;
    }

    /// The same at `now`, with others running since `begun`: at least as long as the longest has taken so far.
    pub(crate) fn at(&self, now: Instant, begun: impl Iterator<Item = Instant>) -> Self {
        let longest = begun.map(|at| now.saturating_duration_since(at)).max();
        Self {
            time: self.time.max(longest.unwrap_or_default()),
            end: self.end.clone(),
        }
    }
}

impl<E: Clone> SharedDecoy<E> {
    pub(crate) const fn new(decoy: TimingDecoy<E>) -> Self {
        Self(Mutex::new(decoy))
    }

    /// It took so long, and ended so; the next decoy does the same.
    pub(crate) fn note(&self, time: Duration, end: E) {
        *self.lock() = TimingDecoy { time, end };
    }

    /// See [`TimingDecoy::follow`].
    pub(crate) fn follow(&self, took: Duration) {
        self.lock().follow(took);
    }

    pub(crate) fn time(&self) -> Duration {
        self.lock().time
    }

    pub(crate) fn end(&self) -> E {
        self.lock().end.clone()
    }

    fn lock(&self) -> MutexGuard<'_, TimingDecoy<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_first_time_sets_the_pace_and_one_outlier_hardly_moves_it() {
        let mut decoy = TimingDecoy::new(80 * MS, ());
        decoy.follow(Duration::from_secs(3600));
        assert_eq!(decoy.time, 90 * MS);
        let mut decoy = TimingDecoy::new(80 * MS, ());
        decoy.follow(Duration::ZERO);
        assert_eq!(decoy.time, 75 * MS);
    }

    #[test]
    fn a_machine_that_stays_slow_or_fast_is_followed() {
        for lasting in [10 * MS, 400 * MS] {
            let mut decoy = TimingDecoy::new(80 * MS, ());
            for _ in 0..100 {
                decoy.follow(lasting);
            }
            assert!(decoy.time.abs_diff(lasting) < MS);
        }
    }

    #[test]
    fn while_one_hangs_others_seem_to_take_as_long() {
        let begun = Instant::now();
        let after = |seconds| begun + Duration::from_secs(seconds);
        let usual = TimingDecoy::new(300 * MS, "sent");
        assert_eq!(usual.at(after(9), std::iter::empty()), usual);
        let hanging = [after(2), begun, after(9)].into_iter();
        assert_eq!(usual.at(after(7), hanging).time, Duration::from_secs(7));
        let recent = [begun].into_iter();
        assert_eq!(usual.at(begun, recent), usual);
    }

    #[test]
    fn the_next_decoy_does_what_the_last_one_did() {
        let shared = SharedDecoy::new(TimingDecoy::new(20 * MS, false));
        shared.note(50 * MS, true);
        assert_eq!((shared.time(), shared.end()), (50 * MS, true));
    }
}
