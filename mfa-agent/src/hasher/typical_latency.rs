//! How long a hash takes on this machine.
//!
//! A moving average. One hash that took long, because the machine was suspended or swapped, counts for
//! no more than twice the average, one that took no time for no less than half of it.

use std::time::Duration;

pub(super) struct TypicalLatency(Duration);

impl TypicalLatency {
    /// A pace that is known from one hash.
    pub(super) fn new(first: Duration) -> Self {
        Self(first)
    }

    /// Takes account of a hash that took this long: one part in eight.
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
    fn the_first_hash_sets_the_pace_and_one_outlier_hardly_moves_it() {
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
