//! The arguments of `mfactl mode`.

use mfa_protocol::policy::EnforcementMode;

use super::word::word;

pub(super) const MODE: &str = "\
Example: mfactl mode local-users
none         nobody is asked
local-users  users of this host are asked, those of a directory are not
all          everybody is asked, as the rules say
It is [enforcement] mode of agent.toml. Without MODE it is shown. Changing it
takes root, who writes agent.d/zzz-mode.toml beside agent.toml; the agent loads
it at once.";

/// Who is asked at all.
#[derive(Debug, clap::Args)]
pub(crate) struct Mode {
    /// Who is to be asked; without it the mode is shown
    #[arg(value_name = "MODE", value_parser = word::<EnforcementMode>())]
    pub(crate) mode: Option<EnforcementMode>,
}
