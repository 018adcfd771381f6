//! How long a hash takes on this machine, as a moving average.
//!
//! One slow hash (the machine was suspended or swapped) counts for at most twice the average, one
//! fast hash for at least half of it.

use std::time::Duration;

pub(super) struct TypicalLatency(Duration);

impl TypicalLatency {
    /// A first value, from one hash.
    pub(super) fn new(first: Duration) -> Self {
        Self(first)
    }

    /// Adds a hash that took this long, with a weight of one in eight.
    pub(super) fn add(&mut self, took: Duration) {
        let took = took.clamp(self.0 / 2, self.0 * 2);
        self.0 = (self.0 * 7 + took) / 8;
    }

    pub(super) fn typical(&self) -> Duration {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn the_first_hash_sets_the_latency_and_one_outlier_hardly_changes_it() {
        let mut typical_latency = TypicalLatency::new(80 * MS);
        assert_eq!(typical_latency.typical(), 80 * MS);
        typical_latency.add(Duration::from_secs(3600));
        assert_eq!(typical_latency.typical(), 90 * MS);
        let mut typical_latency = TypicalLatency::new(80 * MS);
        typical_latency.add(Duration::ZERO);
        assert_eq!(typical_latency.typical(), 75 * MS);
    }

    #[test]
    fn a_machine_that_stays_slow_or_fast_is_followed() {
        for lasting in [10 * MS, 400 * MS] {
            let mut typical_latency = TypicalLatency::new(80 * MS);
            for _ in 0..100 {
                typical_latency.add(lasting);
            }
            assert!(typical_latency.typical().abs_diff(lasting) < MS);
        }
    }
}
