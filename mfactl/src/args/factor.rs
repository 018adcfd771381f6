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
    /// The user (default: yourself)
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// Only the device of this name; for email and sms, only this address
    #[arg(long, value_parser = name)]
    pub(crate) label: Option<String>,
    /// Remove several devices or addresses without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

/// A device and its new name.
#[derive(Debug, clap::Args)]
pub(crate) struct Rename {
    /// The device's kind
    #[arg(value_name = "FACTOR", value_parser = word::<DeviceKind>())]
    pub(crate) factor: DeviceKind,
    /// The user (default: yourself)
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// Its present name; not needed if the user has one device of the kind
    #[arg(long, value_name = "OLD", value_parser = name)]
    pub(crate) label: Option<String>,
    /// Its new name
    #[arg(long, value_name = "NEW", value_parser = name)]
    pub(crate) to: String,
}
