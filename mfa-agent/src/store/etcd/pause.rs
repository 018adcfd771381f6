//! Pauses between attempts, longer and longer, and at random: a cluster without a leader gets well sooner if ten thousand
//! hosts do not ask it in step.

use std::time::{Duration, Instant};

/// The first pause, at most. Each is twice as long as the one before.
const FIRST: Duration = Duration::from_millis(500);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(8);

/// Of one thing that is tried again and again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pauses(Option<Pause>);

#[derive(Clone, Copy, Debug)]
struct Pause {
    /// The actual one is between a half of this and this.
    most: Duration,
    until: Instant,
}

impl Pauses {
    /// Whether it is time to try.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.0.is_none_or(|pause| pause.until <= now)
    }

    /// An attempt failed: the next one comes after a pause.
    pub(super) fn failed(&mut self, now: Instant) {
        let most = match self.0 {
            // Another attempt that began at the same time.
            Some(pause) if pause.until > now => return,
            Some(pause) => (pause.most * 2).min(LONGEST),
            None => FIRST,
        };
        let mut random = [0; 1];
        let _ = getrandom::fill(&mut random);
        let part = most / 2 * u32::from(random[0]) / 255;
        self.0 = Some(Pause {
            most,
            until: now + most - part,
        });
    }

    /// It went well: the next pause is the first one again.
    pub(super) fn end(&mut self) {
        self.0 = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_differ_by_chance() {
        let start = Instant::now();
        let mut ends = std::collections::BTreeSet::new();
        for _ in 0..20 {
            let (mut pauses, mut now) = (Pauses::default(), start);
            assert!(pauses.is_over(now));
            for most in [500, 1000, 2000, 4000, 8000, 8000].map(Duration::from_millis) {
                pauses.failed(now);
                assert!(!pauses.is_over(now + most / 2 - Duration::from_millis(1)));
                assert!(pauses.is_over(now + most));
                // Others that waited for the same server.
                pauses.failed(now);
                assert!(pauses.is_over(now + most));
                now += most;
            }
            pauses.failed(now);
            ends.insert(pauses.0.unwrap().until);
            pauses.end();
            assert!(pauses.is_over(now));
        }
        assert!(ends.len() > 1, "{ends:?}");
    }
}
