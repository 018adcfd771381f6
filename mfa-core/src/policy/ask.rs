//! What is asked for, and on which terms: one value of it for `[policy]`, one for each rule that asks.
//!
//! All settings have flowed together when one of these exists: what a rule leaves open has been taken from
//! `[policy]`, `[enforcement]` and `[lockout]`, so that whoever carries a decision out looks nowhere else.

use std::time::Duration;

use super::{Prompting, Unenrolled};
use crate::factors::{Factor, FactorCombination};
use crate::lockout::Limits;

/// What is asked for, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The ways to pass: any one of them, the first that the user has. Never empty.
    pub ways: Vec<FactorCombination>,
    /// Whether the program can hold a conversation.
    pub prompting: Prompting,
    /// Answers that are judged within one login, 1 to 5.
    pub tries: u32,
    /// What becomes of users who have set up none of the ways.
    pub unenrolled: Unenrolled,
    /// How long these users are let in all the same, from their first login that met this; up to 365 days.
    /// `None`: not at all. Always `None` with [`Unenrolled::Allow`].
    pub grace: Option<Duration>,
    /// For how long, and where, nobody is asked again; `None`: every login is asked.
    pub session: Option<SessionRule>,
    /// How many wrong answers lock the account, and for how long.
    pub lockout: Limits,
}

/// For how long, and where, somebody who has passed is not asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRule {
    /// For how long, up to 7 days. Never zero.
    pub duration: Duration,
    /// The services that share it, in lower case, as libpam hands them to modules. Empty: the service, or
    /// the operation, of the login alone.
    pub scope: Vec<String>,
}

impl Default for Ask {
    /// Any factor of this host, once, in a conversation, at every login.
    fn default() -> Self {
        Self {
            ways: [Factor::Totp, Factor::Pin, Factor::Questions]
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
