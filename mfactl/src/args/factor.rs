//! The arguments of `mfactl remove` and `mfactl rename`.

use mfa_protocol::factor::Authenticator;

use super::name;
use super::word::{one_of, word};

/// What to remove.
#[derive(Debug, clap::Args)]
pub(crate) struct Remove {
    /// The factor
    #[arg(value_name = "FACTOR", value_parser = word::<Authenticator>())]
    pub(crate) factor: Authenticator,
    /// The user (default: yourself)
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// Only the device or key of this name; for key also its fingerprint, for email and sms the address
    #[arg(long, value_parser = name)]
    pub(crate) label: Option<String>,
    /// Remove several devices or addresses without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

/// What has names of its own.
const NAMED: [&str; 3] = ["totp", "hotp", "key"];

/// A device or a security key, and its new name.
#[derive(Debug, clap::Args)]
pub(crate) struct Rename {
    /// What it is
    #[arg(value_name = "FACTOR", ignore_case = true, value_parser = one_of::<Authenticator>(&NAMED))]
    pub(crate) factor: Authenticator,
    /// The user (default: yourself)
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// Its present name, or the fingerprint of a key; not needed if the user has one of the kind
    #[arg(long, value_name = "OLD", value_parser = name)]
    pub(crate) label: Option<String>,
    /// Its new name
    #[arg(long, value_name = "NEW", value_parser = name)]
    pub(crate) to: String,
}
