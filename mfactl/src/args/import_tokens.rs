//! The arguments of `mfactl import` for files of makers of tokens.

use std::path::PathBuf;

use clap::ValueEnum;
use mfa_protocol::factor::HashAlgorithm;

use super::name;

/// What is below the options of `import pskc`.
pub(super) const PSKC_HELP: &str = "\
Example: mfactl import pskc alice seeds.xml --serial 1000042 --key-file key
If the file is encrypted, its pre-shared key (in hexadecimal) or password is
asked for on the terminal, or read from --key-file. The serial number becomes
the device's name and its credential ID. Repeating an import changes nothing.
Exit status 1 if a token was refused; the others are stored.";

/// What is below the options of `import csv`.
pub(super) const CSV_HELP: &str = "\
Example: mfactl import csv seeds.csv --user-from login --period 60
The first row names the columns: seed (or secret, key), serial, type, digits,
period, counter, algorithm. Only the seed is needed; a column comes before an
option. The serial number becomes the device's name and its credential ID.
Repeating an import changes nothing. Exit status 1 if a token was refused; the
others are stored.";

/// A file with tokens.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportPskc {
    /// The user that the token is of
    #[arg(value_name = "USER", value_parser = name, required_unless_present = "user_from")]
    pub(crate) user: Option<String>,
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Each token is of the user that the file names so
    #[arg(long, value_name = "WHAT", conflicts_with = "user")]
    pub(crate) user_from: Option<PskcUser>,
    /// Only the token with this serial number
    #[arg(long, value_name = "SERIAL")]
    pub(crate) serial: Option<String>,
    /// The pre-shared key in hexadecimal, or the password, in the first line of this file
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Import without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

/// Where the user of a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PskcUser {
    // UserId of the key or of its device; of a distinguished name the first UID or CN
    UserId,
    // FriendlyName, else the serial number
    Label,
}

/// A table with tokens.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportCsv {
    /// The user that the token is of
    #[arg(value_name = "USER", value_parser = name, required_unless_present = "user_from")]
    pub(crate) user: Option<String>,
    /// The table; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The column with each token's user: its name, or its number from 1
    #[arg(long, value_name = "COLUMN", conflicts_with = "user")]
    pub(crate) user_from: Option<String>,
    /// Only the token with this serial number
    #[arg(long, value_name = "SERIAL")]
    pub(crate) serial: Option<String>,
    /// Names of the columns, for a table whose first row is a token
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) columns: Option<Vec<String>>,
    /// Seeds are in base32, not in hexadecimal
    #[arg(long)]
    pub(crate) base32: bool,
    /// Tokens count their codes (HOTP)
    #[arg(long)]
    pub(crate) hotp: bool,
    /// Length of a code (default: 6)
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(6..=8))]
    pub(crate) digits: Option<u32>,
    /// Seconds that a code is shown (default: 30)
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(5..=300), conflicts_with = "hotp")]
    pub(crate) period: Option<u64>,
    /// SHA1 (default), SHA256 or SHA512
    #[arg(long, value_name = "HASH")]
    pub(crate) algorithm: Option<HashAlgorithm>,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Import without asking
    #[arg(long)]
    pub(crate) yes: bool,
}
