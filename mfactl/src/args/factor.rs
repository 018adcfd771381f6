//! The arguments of `mfactl remove`, and the names of the factors.

use clap::ValueEnum;

use super::name;

/// What to remove.
#[derive(Debug, clap::Args)]
pub(crate) struct Remove {
    /// The factor
    #[arg(value_name = "FACTOR")]
    pub(crate) factor: Removable,
    /// The user; yourself if left out
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// One device only, by its name
    #[arg(long, value_parser = name)]
    pub(crate) label: Option<String>,
}

/// What can be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Removable {
    Totp,
    Pin,
    Questions,
    Recovery,
}

impl Removable {
    /// Its name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Totp => Factor::Totp.name(),
            Self::Pin => Factor::Pin.name(),
            Self::Questions => Factor::Questions.name(),
            Self::Recovery => "recovery",
        }
    }
}

/// A factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Factor {
    Totp,
    Pin,
    Questions,
}

impl Factor {
    /// Its name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Pin => "pin",
            Self::Questions => "questions",
        }
    }
}
