//! The factors that a login must pass, and the conditions: one value for `[policy]`, one for each
//! rule that asks.
//!
//! Values that a rule leaves open come from `[policy]`, `[enforcement]` and `[lockout]` already, so
//! nothing else needs to be looked up.

use std::time::Duration;

use super::{Prompting, Unenrolled};
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
    /// How long these users can still log in, from their first such login; up to 365 days. `None`: not at all. Always
    /// `None` with [`Unenrolled::Allow`].
    pub grace: Option<Duration>,
    /// How long and where a user who passed is not asked again; `None`: every login is asked.
    pub session: Option<SessionRule>,
    /// The limits of the lockout.
    pub lockout: Limits,
}

/// How long and where a user who passed is not asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRule {
    /// Up to 7 days. Never zero.
    pub duration: Duration,
    /// The services that share it, in lower case, as libpam passes them to modules. Empty: only the
    /// login's own service or operation.
    pub scope: Vec<String>,
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
