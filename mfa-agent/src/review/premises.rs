//! What the logins of a review are decided by.

use jiff::Timestamp;

use mfa_core::login::entry::EntryFacts;
use mfa_core::policy::Policy;

/// What logins are decided by.
#[derive(Clone, Copy)]
pub(super) struct Premises<'a> {
    pub(super) policy: &'a Policy,
    /// The name of this host.
    pub(super) host: Option<&'a str>,
    pub(super) facts: EntryFacts<'a>,
    pub(super) now: Timestamp,
}
