//! The arguments of `mfactl remove` and `mfactl rename`.

use mfa_protocol::factor::{Authenticator, DeviceKind};

use super::name;
use super::word::word;

/// What to remove.
#[derive(Debug, clap::Args)]
pub(crate) struct Remove {
    /// The factor
    #[arg(value_name = "FACTOR", value_parser = word::<Authenticator>())]
    pub(crate) factor: Authenticator,
    /// The user; yourself if left out
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// One device only, by its name; for email and sms one address only
    #[arg(long, value_parser = name)]
    pub(crate) label: Option<String>,
}

/// Which device is to be called what.
#[derive(Debug, clap::Args)]
pub(crate) struct Rename {
    /// The device's kind
    #[arg(value_name = "FACTOR", value_parser = word::<DeviceKind>())]
    pub(crate) factor: DeviceKind,
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
