//! The arguments of `mfactl remove` and `mfactl rename`, and the names of the factors.

use clap::ValueEnum;

use super::{Channel, name};

/// What to remove.
#[derive(Debug, clap::Args)]
pub(crate) struct Remove {
    /// The factor
    #[arg(value_name = "FACTOR")]
    pub(crate) factor: Removable,
    /// The user; yourself if left out
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// One device only, by its name; for email and sms one address only
    #[arg(long, value_parser = name)]
    pub(crate) label: Option<String>,
}

/// What can be taken away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Removable {
    Totp,
    Hotp,
    Pin,
    Questions,
    Email,
    Sms,
    Radius,
    Recovery,
}

impl Removable {
    /// Its name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Totp => Kind::Totp.name(),
            Self::Hotp => Kind::Hotp.name(),
            Self::Pin => Factor::Pin.name(),
            Self::Questions => Factor::Questions.name(),
            Self::Email => Channel::Email.name(),
            Self::Sms => Channel::Sms.name(),
            Self::Radius => Factor::Radius.name(),
            Self::Recovery => "recovery",
        }
    }
}

/// Which device is to be called what.
#[derive(Debug, clap::Args)]
pub(crate) struct Rename {
    /// The device's kind
    #[arg(value_name = "FACTOR")]
    pub(crate) factor: Kind,
    /// The user; yourself if left out
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// Its name until now; may be left out if there is only one of the kind
    #[arg(long, value_name = "OLD", value_parser = name)]
    pub(crate) label: Option<String>,
    /// Its new name
    #[arg(long, value_name = "NEW", value_parser = name)]
    pub(crate) to: String,
}

/// A kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Totp,
    Hotp,
}

impl Kind {
    /// Its name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Hotp => "hotp",
        }
    }
}

/// A factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Factor {
    Totp,
    Pin,
    Questions,
    Email,
    Sms,
    Radius,
}

impl Factor {
    /// Its name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Pin => "pin",
            Self::Questions => "questions",
            Self::Email => Channel::Email.name(),
            Self::Sms => Channel::Sms.name(),
            Self::Radius => "radius",
        }
    }
}
