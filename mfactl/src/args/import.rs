//! The arguments of `mfactl import`.

use std::path::PathBuf;

use clap::Subcommand;

use super::import_apps::{self, ImportApp};
use super::import_tokens::{self, ImportCsv, ImportPskc};
use super::key::{self, ImportAuthorizedKeys};
use super::name;

/// A format to import.
#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// Import ~/.google_authenticator of one user or of all users
    #[command(after_help = "\
Example: mfactl import google-authenticator --all --dry-run
With --all, mfactl skips and counts users without a file.
Used codes stay used. You can repeat an import.
Exit status 1 if a file was refused; the other files are imported.")]
    GoogleAuthenticator(ImportGoogle),
    /// Import pam_oath's users file
    #[command(after_help = "\
Example: mfactl import oath /etc/users.oath --dry-run
Used codes stay used. You can repeat an import. A PIN of 4 to 8 digits becomes
the user's PIN and is required; a user whose PIN has another form is refused,
except with --without-pins.
Exit status 1 if a line was refused; the other lines are imported.")]
    Oath(ImportOath),
    /// Lines of a user and a URI.
    #[command(
        about = "Import lines of user<TAB>otpauth://… or otpauth-migration://…",
        after_help = "Example: mfactl import uris devices.tsv
mfactl skips blank lines and lines that begin with #. You can repeat an import.
Exit status 1 if a line was refused; the other lines are imported."
    )]
    Uris(ImportUris),
    /// Security keys from an authorized_keys file of OpenSSH
    #[command(after_help = key::AUTHORIZED_KEYS)]
    AuthorizedKeys(ImportAuthorizedKeys),
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
    /// The user's file; - reads standard input
    #[arg(value_name = "FILE", required_unless_present = "all")]
    pub(crate) file: Option<PathBuf>,
    /// Import the files of all users that getent passwd lists
    #[arg(long, conflicts_with_all = ["user", "file"])]
    pub(crate) all: bool,
    /// Path of each user's file, as in the module's secret=: ~, %h, %u, ${HOME}, ${USER}
    #[arg(
        long,
        value_name = "PATTERN",
        requires = "all",
        default_value = "~/.google_authenticator"
    )]
    pub(crate) secret: String,
    /// Show what the import would do, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Import without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

/// A users file.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportOath {
    /// The file; - reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Only this user's lines; adds a device even if the user is already enrolled
    #[arg(long, value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// Import no PINs; the code alone is enough then
    #[arg(long)]
    pub(crate) without_pins: bool,
    /// Show what the import would do, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Import without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

/// A file of otpauth URIs.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportUris {
    /// The file; - reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Show what the import would do, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Import without asking
    #[arg(long)]
    pub(crate) yes: bool,
}
