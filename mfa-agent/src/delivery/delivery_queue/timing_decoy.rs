//! The timing of a message that is not sent.
//!
//! Nobody else may learn whether a user has an address. So without an address, the login shows what
//! the last message of the channel would have shown, after the same time. If the provider hangs, a
//! message takes as long as the oldest one in transit so far.

use std::time::{Duration, Instant};

use super::Delivery;
use crate::delivery::SendError;

/// What most providers take.
const USUAL: Duration = Duration::from_millis(300);

/// A message that is not sent: after `time`, report `delivery`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimingDecoy {
    /// From submission to the end of the first attempt.
    pub time: Duration,
    /// How the attempt ended; never [`Delivery::Pending`].
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
    /// For a channel without a transport.
    pub(super) fn out_of_order(error: SendError) -> Self {
        Self {
            time: Duration::ZERO,
            delivery: Delivery::Failed(error),
        }
    }

    /// A decoy at `now`; `submitted` are the times of the messages whose first attempt is running.
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
    fn while_a_message_hangs_decoys_take_as_long() {
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
