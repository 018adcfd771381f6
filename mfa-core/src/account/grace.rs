//! Grace: for some days after the first login that needs a factor, a user without one can still log in.

use std::time::Duration;

use jiff::Timestamp;

use super::Account;
use crate::clock::{after, has_begun};

const DAY: u64 = 24 * 60 * 60;

impl Account {
    /// When the grace of the user began; `None` if it has not. A beginning after `now` is void:
    /// grace would last until then.
    #[must_use]
    pub fn grace_since(&self, now: Timestamp) -> Option<Timestamp> {
        self.grace_since.filter(|since| has_begun(*since, now))
    }

    /// The remaining days of `grace` at `now`, including the present one; `None` when it is over.
    /// It begins now if it has not begun.
    #[must_use]
    pub fn grace_days_left(&self, grace: Duration, now: Timestamp) -> Option<u32> {
        let since = self.grace_since(now).unwrap_or(now);
        let ends = after(since, grace);
        let left = Duration::try_from(ends.duration_since(now)).ok()?;
        let days = left.as_secs().div_ceil(DAY);
        (!left.is_zero()).then(|| u32::try_from(days.max(1)).unwrap_or(u32::MAX))
    }

    /// Begins grace. Returns whether it had not begun before.
    pub fn begin_grace(&mut self, now: Timestamp) -> bool {
        let first = self.grace_since(now).is_none();
        if first {
            self.grace_since = Some(now);
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::at;
    use super::*;

    const DAYS: fn(i64) -> i64 = |days| days * 24 * 60 * 60;
    const GRACE: Duration = Duration::from_secs(14 * DAY);

    #[test]
    fn grace_counts_from_the_first_login_and_ends() {
        let mut account = Account::default();
        assert_eq!(account.grace_days_left(GRACE, at(0)), Some(14));
        assert!(account.begin_grace(at(0)));
        assert!(!account.begin_grace(at(DAYS(3))));
        for (day, left) in [
            (0, Some(14)),
            (1, Some(13)),
            (13, Some(1)),
            (14, None),
            (99, None),
        ] {
            assert_eq!(account.grace_days_left(GRACE, at(DAYS(day))), left, "{day}");
        }
        assert_eq!(account.grace_days_left(GRACE, at(DAYS(14) - 1)), Some(1));
    }
}
