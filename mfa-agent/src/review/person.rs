//! A user of this host, as far as the review of settings looks at people.

use super::samples::EntryPoint;
use mfa_core::account::Account;
use mfa_core::login::entry::KnownUser;
use mfa_core::names::{Groups, UserName};

/// A user of this host.
pub(super) struct Person {
    /// Who.
    pub(super) name: UserName,
    /// As [`mfa_core::policy::Facts::federated`].
    pub(super) federated: bool,
    /// As [`mfa_core::policy::Facts::groups`].
    pub(super) groups: Groups,
    /// What they have set up; none if that can't be known.
    pub(super) account: Option<Account>,
    /// What the host knows of them.
    pub(super) known: KnownUser,
    /// What they may do to this host.
    pub(super) role: Role,
    /// Where they could log in at all, whatever is asked for.
    pub(super) entry_points: Vec<EntryPoint>,
}

/// What a user may do to this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Root,
    /// Is in an `[admin]` group, so that `mfactl` is enough.
    Manager,
    /// Becomes root by sudo or polkit, after a login that asks for a factor again.
    Sudoer,
    /// Becomes root, and is asked for nothing.
    Unasked,
    /// May become root, but has no password to say so with.
    Powerless,
    /// Nothing.
    User,
}
