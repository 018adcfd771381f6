//! The arguments of `mfactl mode`.

use clap::ValueEnum;

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
    #[arg(value_name = "MODE")]
    pub(crate) mode: Option<ModeName>,
}

/// Who is asked at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ModeName {
    None,
    LocalUsers,
    All,
}

impl ModeName {
    /// Its name in the settings.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::LocalUsers => "local-users",
            Self::All => "all",
        }
    }
}
