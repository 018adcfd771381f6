//! Grace: for some days after the first login that needs a factor, a user without one can still log in.

use std::time::Duration;

use jiff::Timestamp;

use super::Account;
use crate::clock::has_begun;
use crate::policy::GracePeriod;

const DAY: u64 = 24 * 60 * 60;

impl Account {
    /// When the grace of the user began; `None` if it has not. A beginning after `now` is void:
    /// grace would last until then.
    #[must_use]
    pub fn grace_since(&self, now: Timestamp) -> Option<Timestamp> {
        self.grace_since.filter(|since| has_begun(*since, now))
    }

    /// When `grace` ends; `None` if that is not known before it has begun.
    #[must_use]
    pub fn grace_ends(&self, grace: GracePeriod, now: Timestamp) -> Option<Timestamp> {
        match grace {
            GracePeriod::Lasting(_) => {
                let since = self.grace_since(now)?;
                Some(grace.end_from(since))
            }
            GracePeriod::Through { end, .. } => Some(end),
        }
    }

    /// The remaining days of `grace` at `now`, including the present one; `None` when it is over.
    /// It begins now if it has not begun.
    #[must_use]
    pub fn grace_days_left(&self, grace: GracePeriod, now: Timestamp) -> Option<u32> {
        let ends = grace.end_from(self.grace_since(now).unwrap_or(now));
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
    const GRACE: GracePeriod = GracePeriod::Lasting(Duration::from_secs(14 * DAY));

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

    #[test]
    fn grace_through_a_day_ends_then_whenever_it_began() {
        let grace = GracePeriod::Through {
            day: jiff::civil::date(1970, 1, 15),
            end: at(DAYS(15)),
        };
        let mut late = Account::default();
        late.begin_grace(at(DAYS(14)));
        for account in [Account::default(), late] {
            assert_eq!(account.grace_days_left(grace, at(DAYS(14))), Some(1));
            assert_eq!(account.grace_days_left(grace, at(DAYS(15) - 1)), Some(1));
            assert_eq!(account.grace_days_left(grace, at(DAYS(15))), None);
        }
    }
}
