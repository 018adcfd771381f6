//! A record for a login: read just now, or remembered.

use std::time::Duration;

use super::Key;
use crate::store::{Moment, Revision, Stored};
use mfa_core::account::Account;
use mfa_core::names::UserName;

/// A user's record, or the placeholder record of a name that has none.
pub struct Found {
    /// Which of both it is.
    pub key: Key,
    /// What it holds.
    pub account: Account,
    /// What is to be proved, if it was not read just now.
    pub remembered: Option<Remembered>,
    /// How long it took to read it from servers; zero if nothing was.
    pub read_in: Duration,
    pub(super) revision: Option<Revision>,
}

/// What a change has to prove of a record from memory.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// The state of all records.
    pub(super) state: Option<Revision>,
    pub(super) revision: Option<Revision>,
    pub(super) user: UserName,
    /// The record that must not exist, since its user was taken for one without.
    pub(super) absent: Option<Key>,
    /// So far the store had come, at least.
    pub(super) moment: Moment,
}

impl Found {
    /// What was read just now.
    pub(super) fn newest(key: Key, stored: Option<&Stored>, account: Account) -> Self {
        Self {
            key,
            account,
            remembered: None,
            read_in: Duration::ZERO,
            revision: stored.map(|stored| stored.revision.clone()),
        }
    }
}
