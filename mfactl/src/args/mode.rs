//! The arguments of `mfactl mode`.

use mfa_protocol::policy::EnforcementMode;

use super::word::word;

pub(super) const MODE: &str = "\
Example: mfactl mode local-users
none         nobody is asked for a second factor
local-users  only users of this host are asked, not users of a directory
all          the rules decide for every user
The mode is [enforcement] mode of agent.toml. Without MODE, mfactl shows it. To
change it you must be root: mfactl writes agent.d/zzz-mode.toml beside
agent.toml, and the agent applies it at once.";

/// The enforcement mode.
#[derive(Debug, clap::Args)]
pub(crate) struct Mode {
    /// The new mode (default: show the mode)
    #[arg(value_name = "MODE", value_parser = word::<EnforcementMode>())]
    pub(crate) mode: Option<EnforcementMode>,
}
