//! The arguments of `mfactl import` for exports of apps.

use std::path::PathBuf;

use clap::ValueEnum;

use super::name;

/// What is below the options, for every app.
pub(super) const HELP: &str = "\
Example: mfactl import aegis alice vault.json --only vpn.example.org
An export holds the accounts of many services. Take only those of this host:
--only, or --all if there are no others. --dry-run says what would be stored.
An encrypted export is refused, and the refusal says how to export without.
Repeating an import changes nothing. Exit status 1 if an account was refused;
the others are stored. Shred the file afterwards.";

/// An export of an app.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportApp {
    /// The user that the accounts are of
    #[arg(value_name = "USER", value_parser = name, required_unless_present = "user_from")]
    pub(crate) user: Option<String>,
    /// The export; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Each account is of the user whose name it has
    #[arg(long, value_name = "WHAT", conflicts_with = "user")]
    pub(crate) user_from: Option<AppUser>,
    /// Only accounts whose name or service contains TEXT, in any case
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Option<String>,
    /// All accounts of the file for this user
    #[arg(long, conflicts_with = "user_from")]
    pub(crate) all: bool,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Import without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Where the user of an account is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AppUser {
    // The account's name. Not documented for clap: other commands name their values only.
    Label,
}
