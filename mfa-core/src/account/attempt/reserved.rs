//! Guesses that a RADIUS server verifies: they count before it answers.

use std::time::Duration;

use jiff::Timestamp;

use super::{Account, Counted};
use crate::lockout::{Admission, Limits, LoginEpoch};

impl Account {
    /// Records that a RADIUS server is about to verify a guess ([`Lockout::reserve`]).
    ///
    /// [`Lockout::reserve`]: crate::lockout::Lockout::reserve
    pub fn reserve(
        &mut self,
        id: u64,
        wait: Duration,
        epoch: LoginEpoch,
        now: Timestamp,
        limits: &Limits,
    ) -> Admission {
        self.lockout.reserve(id, wait, epoch, now, limits)
    }

    /// What was sent to a server could have been a bypass or recovery code but was not: this counts as a guess, even if
    /// the server does not verify it.
    pub fn missed_other_code(
        &mut self,
        id: u64,
        epoch: LoginEpoch,
        now: Timestamp,
        limits: &Limits,
    ) -> Counted {
        self.lockout.settle_reserved(id);
        self.count_guess(epoch, now, limits)
    }

    /// The guess is no longer being verified, or it was right.
    pub fn settle_reserved(&mut self, id: u64) -> bool {
        self.lockout.settle_reserved(id)
    }
}
