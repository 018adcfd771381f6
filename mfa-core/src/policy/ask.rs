//! The factors that a login must pass, and the conditions: one value for `[policy]`, one for each
//! rule that asks.
//!
//! Values that a rule leaves open come from `[policy]`, `[enforcement]` and `[lockout]` already, so
//! nothing else needs to be looked up.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Prompting, SessionHosts, Unenrolled};
use crate::clock::after;
use crate::factors::{Factor, FactorCombination};
use crate::lockout::Limits;

/// What a login is asked for, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The combinations: the first that the user has is enough. Never empty.
    pub combinations: Vec<FactorCombination>,
    /// Whether the program can hold a conversation.
    pub prompting: Prompting,
    /// Answers that are verified within one login, 1 to 5.
    pub tries: u32,
    /// What happens to users who have enrolled none of the combinations.
    pub unenrolled: Unenrolled,
    /// How long these users can still log in. `None`: not at all. Always `None` with [`Unenrolled::Allow`].
    pub grace: Option<GracePeriod>,
    /// How long and where a user who passed is not asked again; `None`: every login is asked.
    pub session: Option<SessionRule>,
    /// The limits of the lockout.
    pub lockout: Limits,
}

/// How long users who have enrolled nothing are let in all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GracePeriod {
    /// From the first such login of each user; up to 365 days.
    Lasting(Duration),
    /// Until the end of a day, the same for all users.
    Through {
        /// The last day, by the calendar of the host.
        day: Date,
        /// When it ends.
        end: Timestamp,
    },
}

impl GracePeriod {
    /// When it ends for a user for whom it began at `since`.
    #[must_use]
    pub fn end_from(self, since: Timestamp) -> Timestamp {
        match self {
            Self::Lasting(length) => after(since, length),
            Self::Through { end, .. } => end,
        }
    }
}

/// How long and where a user who passed is not asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRule {
    /// Up to 7 days. Never zero.
    pub duration: Duration,
    /// The services that share it, in lower case, as libpam passes them to modules. Empty: only the
    /// login's own service or operation.
    pub scope: Vec<String>,
    /// The hosts of a fleet where it holds.
    pub hosts: SessionHosts,
}

/// Who guesses, and at what.
#[derive(Clone, Copy, Debug)]
pub struct Guesses<'a> {
    /// Whether they count on the user's own record, not on one that names without a record share.
    pub on_own_record: bool,
    /// `[lockout]`, where an ordinary process has begun the login: it names the service, and does not choose the rule that
    /// lets it guess most. `None` for a program that guards logins.
    pub at_most: Option<&'a Limits>,
}

impl Guesses<'static> {
    /// At an account, by a program that guards logins.
    pub const OF_GUARDED_LOGINS: Self = Self {
        on_own_record: true,
        at_most: None,
    };
}

impl Ask {
    /// The limits of the lockout that hold for such a login.
    #[must_use]
    pub fn limits_for(&self, guesses: Guesses<'_>) -> Limits {
        let limits = match guesses.at_most {
            Some(at_most) => self.lockout.stricter(at_most),
            None => self.lockout,
        };
        // Nobody could unlock a placeholder record, and once locked for good it would tell itself.
        let max_consecutive = limits.max_consecutive.filter(|_| guesses.on_own_record);
        Limits {
            max_consecutive,
            ..limits
        }
    }
}

impl Default for Ask {
    /// Any factor of this host, once, in a conversation, at every login.
    fn default() -> Self {
        Self {
            combinations: [Factor::Totp, Factor::Pin, Factor::Questions]
                .map(FactorCombination::from)
                .into(),
            prompting: Prompting::default(),
            tries: 1,
            unenrolled: Unenrolled::default(),
            grace: None,
            session: None,
            lockout: Limits::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stand_in_is_never_locked_for_good_and_an_ordinary_process_chooses_no_limits() {
        let of_rule = Limits {
            attempts: 50,
            duration: Duration::from_secs(60),
            max_consecutive: Some(9),
        };
        let ask = Ask {
            lockout: of_rule,
            ..Ask::default()
        };
        assert_eq!(ask.limits_for(Guesses::OF_GUARDED_LOGINS), of_rule);
        let stand_in = Guesses {
            on_own_record: false,
            at_most: None,
        };
        assert_eq!(ask.limits_for(stand_in).max_consecutive, None);
        let usual = Limits::default();
        let ordinary = Guesses {
            on_own_record: true,
            at_most: Some(&usual),
        };
        let limits = ask.limits_for(ordinary);
        assert_eq!((limits.attempts, limits.duration), (5, usual.duration));
        assert_eq!(limits.max_consecutive, Some(9));
        let both = Guesses {
            on_own_record: false,
            ..ordinary
        };
        assert_eq!(
            ask.limits_for(both).max_consecutive,
            None,
            "whatever [lockout] says"
        );
    }
}
