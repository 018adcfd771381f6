//! With what a login begins: what this host remembers of its user, or what the store says now.

use super::super::Agent;
use super::super::error::Failure;
use crate::repository::Found;
use mfa_core::names::UserName;

/// With what a login begins again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recall {
    /// With what is remembered.
    Remembered,
    /// With that, since the change that failed has brought it; if one has failed before, with what is read now.
    AfterAChange,
    /// With what is read now.
    Newest,
}

impl Agent {
    /// What is known of a user: from memory if that is enough for `recall`.
    pub(super) fn recalled(&self, user: &UserName, recall: Recall) -> Result<Found, Failure> {
        let remembered = match recall {
            Recall::Remembered | Recall::AfterAChange => self.repository.remembered(user),
            Recall::Newest => None,
        };
        match remembered {
            Some(found) => Ok(found),
            None => self.account_or_placeholder(user),
        }
    }
}
