//! What somebody sees to whom nothing is sent.
//!
//! Whether a user has an address is nobody's business but theirs. Who has none sees what the last message
//! of the lane would have shown: it took as long, and ended as it did. While the provider hangs, a message
//! takes as long as the one that hangs the longest has taken so far.

use std::time::{Duration, Instant};

use super::Delivery;
use crate::delivery::SendError;

/// What most providers take.
const USUAL: Duration = Duration::from_millis(300);

/// A message that nobody sends: after `time`, say that it ended as `delivery`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimingDecoy {
    /// From submitting to the end of the first try.
    pub time: Duration,
    /// How that ended; never [`Delivery::Pending`].
    pub delivery: Delivery,
}

impl Default for TimingDecoy {
    fn default() -> Self {
        Self {
            time: USUAL,
            delivery: Delivery::Sent,
        }
    }
}

impl TimingDecoy {
    /// For a lane that takes nothing.
    pub(super) fn out_of_order(error: SendError) -> Self {
        Self {
            time: Duration::ZERO,
            delivery: Delivery::Failed(error),
        }
    }

    /// A pretence at `now`, when the first tries under way are those of messages submitted at `submitted`.
    pub(super) fn at(&self, now: Instant, submitted: impl Iterator<Item = Instant>) -> Self {
        let longest = submitted.map(|at| now.saturating_duration_since(at)).max();
        Self {
            time: self.time.max(longest.unwrap_or_default()),
            delivery: self.delivery.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_a_message_hangs_others_seem_to_take_as_long() {
        let submitted = Instant::now();
        let after = |seconds| submitted + Duration::from_secs(seconds);
        let usual = TimingDecoy::default();
        assert_eq!(usual.at(after(9), std::iter::empty()), usual);
        let hanging = [after(2), submitted, after(9)].into_iter();
        assert_eq!(usual.at(after(7), hanging).time, Duration::from_secs(7));
        let recent = [submitted].into_iter();
        assert_eq!(usual.at(submitted, recent), usual);
    }
}
