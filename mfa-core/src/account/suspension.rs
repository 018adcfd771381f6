//! Suspension: for some days an administrator stops asking one user, and deletes nothing.
//!
//! It ends by itself. Denying rules and the user's networks still hold, and so does a lock once it is over.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Account;
use crate::clock::{Deadline, whole_seconds};

/// The shortest suspension.
pub const SHORTEST_SUSPENSION: Duration = Duration::from_secs(60);
/// The longest suspension. Who needs no second factor for longer gets a rule, which others can read.
pub const LONGEST_SUSPENSION: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Until when a user is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Suspension {
    until: Deadline,
    /// In seconds.
    lasts: u64,
}

impl Suspension {
    fn until(self, now: Timestamp) -> Option<Timestamp> {
        let longest = Duration::from_secs(self.lasts).min(LONGEST_SUSPENSION);
        self.until.in_force(now, longest)
    }
}

impl Account {
    /// Stops asking the user for `lasts` from `now` on, instead of any earlier time. Returns the end.
    pub fn suspend(&mut self, lasts: Duration, now: Timestamp) -> Timestamp {
        let until = Deadline::after(now, lasts);
        self.suspension = Some(Suspension {
            until,
            lasts: whole_seconds(lasts),
        });
        until.shown()
    }

    /// Asks the user again. Returns whether they were not asked at `now`.
    pub fn resume(&mut self, now: Timestamp) -> bool {
        let was_suspended = self.suspended_until(now).is_some();
        self.suspension = None;
        was_suspended
    }

    /// Until when the user is not asked, if they are not asked at `now`.
    #[must_use]
    pub fn suspended_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.suspension?.until(now)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::at;
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_suspension_ends_by_itself_and_by_resume() {
        let mut account = Account::default();
        assert!(!account.resume(at(0)));
        assert_eq!(account.suspend(HOUR, at(0)), at(3600));
        assert_eq!(account.suspended_until(at(3599)), Some(at(3600)));
        assert_eq!(account.suspended_until(at(3600)), None);
        assert!(!account.resume(at(3600)));
        account.suspend(HOUR, at(0));
        assert!(account.resume(at(1)));
        assert_eq!(account.suspended_until(at(1)), None);
    }

    #[test]
    fn a_later_suspension_replaces_an_earlier_one_also_with_a_shorter_one() {
        let mut account = Account::default();
        account.suspend(2 * HOUR, at(0));
        account.suspend(HOUR, at(0));
        assert_eq!(account.suspended_until(at(1)), Some(at(3600)));
    }

    #[test]
    fn a_suspension_of_a_wrong_clock_is_void() {
        let mut account = Account::default();
        account.suspend(HOUR, at(1_000_000));
        assert_eq!(account.suspended_until(at(0)), None);
    }

    #[test]
    fn a_suspended_user_who_has_nothing_is_still_a_newcomer() {
        let mut account = Account::default();
        account.suspend(HOUR, at(0));
        assert!(account.has_never_enrolled());
    }
}
