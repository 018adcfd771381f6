//! The arguments of `mfactl users`.

use super::{Sshd, name};

pub(super) const USERS: &str = "\
Example: mfactl users | wc -l
Before and during a roll-out, the users who still have to enrol:
  mfactl users --not-enrolled
  mfactl users --not-enrolled --service sudo --json
The users who are not asked for some days (mfactl suspend):
  mfactl users --suspended
mfactl checks root, and each user of getent passwd with a login shell and a user
id of at least UID_MIN (login.defs). It explains a login of each, as mfactl
explain does without --from. Users in grace are let in without a factor until it
ends; users without a factor, but with recovery or bypass codes, until those are
used up. Users that getent does not list (sssd without enumerate) are missing.";

/// Which users to list.
#[derive(Debug, clap::Args)]
pub(crate) struct Users {
    /// List the users of this host who still have to enrol: refused now, or once their grace ends
    #[arg(long)]
    pub(crate) not_enrolled: bool,
    /// List the users whose second factor is suspended
    #[arg(long, conflicts_with = "not_enrolled")]
    pub(crate) suspended: bool,
    /// With --not-enrolled: the PAM service that they log in to
    #[arg(long, value_parser = name, default_value = "sshd", requires = "not_enrolled")]
    pub(crate) service: String,
    /// The sshd to ask
    #[command(flatten)]
    pub(crate) sshd: Sshd,
}
