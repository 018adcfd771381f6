//! The arguments of `mfactl import`.

use std::path::PathBuf;

use clap::Subcommand;

use super::import_apps::{self, ImportApp};
use super::import_tokens::{self, ImportCsv, ImportPskc};
use super::name;

/// A format to import.
#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// A user's ~/.google_authenticator, or those of all users
    #[command(after_help = "\
Example: mfactl import google-authenticator --all --dry-run
With --all, users without a file are counted and passed over. On a terminal the
report of a dry run comes first, and nothing is changed before you type yes.
A used code stays used; repeating an import changes nothing else.
Exit status 1 if a file was refused; the others are taken over.")]
    GoogleAuthenticator(ImportGoogle),
    /// pam_oath's users file
    #[command(after_help = "\
Example: mfactl import oath /etc/users.oath --dry-run
A used code stays used; repeating an import changes nothing else. A PIN of 4 to
8 digits becomes the user's PIN and is required; a user with another PIN is
refused, unless PINs are left out.
Exit status 1 if a line was refused; the others are taken over.")]
    Oath(ImportOath),
    /// Lines of a user and a URI.
    #[command(
        about = "Lines of user<TAB>otpauth://… or otpauth-migration://…",
        after_help = "Example: mfactl import uris devices.tsv
Blank lines and lines that begin with # are passed over. Repeating an import
changes nothing. Exit status 1 if a line was refused; the others are stored."
    )]
    Uris(ImportUris),
    /// Aegis: a vault exported without encryption (JSON)
    #[command(allow_missing_positional = true, after_help = import_apps::HELP)]
    Aegis(ImportApp),
    /// andOTP: a plain-text backup (JSON)
    #[command(name = "andotp", allow_missing_positional = true, after_help = import_apps::HELP)]
    AndOtp(ImportApp),
    /// 2FAS: a backup without a password (.2fas)
    #[command(name = "2fas", allow_missing_positional = true, after_help = import_apps::HELP)]
    TwoFas(ImportApp),
    /// FreeOTP+: an export in JSON
    #[command(name = "freeotp-plus", allow_missing_positional = true, after_help = import_apps::HELP)]
    FreeOtpPlus(ImportApp),
    /// Bitwarden or Vaultwarden: an export in JSON or CSV, not encrypted
    #[command(allow_missing_positional = true, after_help = import_apps::HELP)]
    Bitwarden(ImportApp),
    /// Ente Auth: an export as plain text, a URI a line; FreeOTP+ writes such files too
    #[command(allow_missing_positional = true, after_help = import_apps::HELP)]
    Ente(ImportApp),
    /// KeePassXC: an export in CSV or XML
    #[command(name = "keepassxc", allow_missing_positional = true, after_help = import_apps::HELP)]
    KeePassXc(ImportApp),
    /// Tokens of a maker: PSKC (RFC 6030), plain or encrypted
    #[command(allow_missing_positional = true, after_help = import_tokens::PSKC_HELP)]
    Pskc(ImportPskc),
    /// Tokens of a maker: a table of serial numbers and seeds (CSV)
    #[command(allow_missing_positional = true, after_help = import_tokens::CSV_HELP)]
    Csv(ImportCsv),
}

/// Files of google-authenticator.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportGoogle {
    /// The user
    #[arg(value_name = "USER", value_parser = name, required_unless_present = "all")]
    pub(crate) user: Option<String>,
    /// The user's file; - is standard input
    #[arg(value_name = "FILE", required_unless_present = "all")]
    pub(crate) file: Option<PathBuf>,
    /// The files of all users that `getent passwd` lists
    #[arg(long, conflicts_with_all = ["user", "file"])]
    pub(crate) all: bool,
    /// Where each user's file is, as secret= of the module says it: ~, %h, %u, ${HOME}, ${USER}
    #[arg(
        long,
        value_name = "PATTERN",
        requires = "all",
        default_value = "~/.google_authenticator"
    )]
    pub(crate) secret: String,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Don't ask
    #[arg(long, conflicts_with = "user")]
    pub(crate) yes: bool,
}

/// A users file.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportOath {
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// This user's lines only; a new device is taken even for a user who has been set up here
    #[arg(long, value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// Leave PINs out: the code alone is enough then
    #[arg(long)]
    pub(crate) without_pins: bool,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// A file of otpauth URIs.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportUris {
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Say what would be done, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}
