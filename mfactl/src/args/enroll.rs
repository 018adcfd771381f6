//! The arguments of `mfactl enroll`.

use clap::Subcommand;
use clap::builder::RangedU64ValueParser;
use mfa_protocol::factor::HashAlgorithm;

use super::word::word;
use super::{EnrollAddress, EnrollKey, EnrollRadius, address, key, name};

/// A factor to enrol.
#[derive(Debug, Subcommand)]
pub(crate) enum Enroll {
    /// Enrol an authenticator app or other time-based device (RFC 6238)
    #[command(after_help = TOTP)]
    Totp(EnrollTotp),
    /// Enrol a counter-based device, such as a token with a button (RFC 4226)
    #[command(after_help = HOTP)]
    Hotp(EnrollHotp),
    /// Enrol a security key by its OpenSSH public key, read from standard input
    #[command(after_help = key::KEY)]
    Key(EnrollKey),
    /// Set a PIN of 4 to 8 digits
    #[command(after_help = "Example: mfactl enroll pin alice
In scripts: printf '%s\\n' \"$PIN\" | mfactl enroll pin alice --stdin")]
    Pin(EnrollKnowledge),
    /// Set three security questions
    #[command(after_help = "Example: mfactl enroll questions alice
With --stdin, mfactl reads three lines: question<TAB>answer")]
    Questions(EnrollKnowledge),
    /// Create new recovery codes; earlier codes no longer work
    #[command(after_help = "Example: mfactl enroll recovery alice
Each code works once, wherever a code is asked for. mfactl shows them only now:
print them or write them down. On a terminal, earlier codes work until you type
yes. In scripts and with --json, the new codes replace them at once.")]
    Recovery(EnrollRecovery),
    /// Enrol an e-mail address for codes
    #[command(after_help = address::EMAIL)]
    Email(EnrollAddress),
    /// Enrol a mobile number for codes by text message
    #[command(
        after_help = address::SMS,
        mut_arg("address", |number| number.value_name("NUMBER"))
    )]
    Sms(EnrollAddress),
    /// Use a third-party authenticator behind a RADIUS server (RFC 2865)
    #[command(after_help = address::RADIUS)]
    Radius(EnrollRadius),
}

impl Enroll {
    /// The user that it names, if it names one.
    pub(super) fn named_user(&self) -> Option<&str> {
        match self {
            Self::Totp(it) => it.device.user.as_deref(),
            Self::Hotp(it) => it.device.user.as_deref(),
            Self::Key(it) => it.user.as_deref(),
            Self::Pin(it) | Self::Questions(it) => it.user.as_deref(),
            Self::Recovery(it) => it.user.as_deref(),
            Self::Email(it) | Self::Sms(it) => it.user.as_deref(),
            Self::Radius(it) => Some(&it.user),
        }
    }
}

/// Recovery codes.
#[derive(Debug, clap::Args)]
pub(crate) struct EnrollRecovery {
    /// The user (default: yourself)
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// How many codes
    #[arg(long, value_name = "1..20", default_value = "10")]
    #[arg(value_parser = RangedU64ValueParser::<u32>::new().range(1..=20))]
    pub(crate) count: u32,
}

const TOTP: &str = "\
Example: mfactl enroll totp --label phone
In scripts: mfactl --json enroll totp alice --no-confirm
mfactl asks for a code of the device before it stores the device. If standard
input is not a terminal, mfactl reads the code from its next line, after the
line of --secret-stdin or --uri-stdin.
If the user has no recovery codes, mfactl shows new ones at the end, on a
terminal, and stores them when you type yes. In scripts: mfactl enroll recovery";

const HOTP: &str = "\
Example: mfactl enroll hotp alice --label token --secret-stdin --counter 12
In scripts: mfactl --json enroll hotp alice --no-confirm
For hardware tokens with a button. mfactl asks for a code of the device before
it stores the device. If standard input is not a terminal, mfactl reads the code
from its next line, after the line of --secret-stdin or --uri-stdin.";

/// A time-based device.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct EnrollTotp {
    /// What every device has.
    #[command(flatten)]
    pub(crate) device: EnrollDevice,
    /// How long a code is valid
    #[arg(long, value_name = "SECONDS", value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    #[arg(conflicts_with = "uri_stdin")]
    pub(crate) period: Option<u64>,
}

/// A counter-based device.
#[derive(Debug, clap::Args)]
pub(crate) struct EnrollHotp {
    /// What every device has.
    #[command(flatten)]
    pub(crate) device: EnrollDevice,
    /// The counter of the next code (default: 0)
    #[arg(long, value_name = "N", conflicts_with = "uri_stdin")]
    pub(crate) counter: Option<u64>,
}

/// A device that shows codes.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct EnrollDevice {
    /// The user (default: yourself)
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// The device's name (default: device-1, device-2, …)
    #[arg(long, value_parser = name)]
    pub(crate) label: Option<String>,
    /// The hash algorithm (default: SHA1; many apps support only SHA1)
    #[arg(long, ignore_case = true, conflicts_with = "uri_stdin")]
    #[arg(value_parser = word::<HashAlgorithm>())]
    pub(crate) algorithm: Option<HashAlgorithm>,
    /// Digits of a code
    #[arg(long, value_parser = RangedU64ValueParser::<u32>::new().range(6..=8))]
    #[arg(conflicts_with = "uri_stdin", value_name = "6..8")]
    pub(crate) digits: Option<u32>,
    /// Read the base32 key from the first line of standard input
    #[arg(long, conflicts_with = "uri_stdin")]
    pub(crate) secret_stdin: bool,
    /// Read an otpauth URI from the first line of standard input
    #[arg(long)]
    pub(crate) uri_stdin: bool,
    /// The vendor's ID of a hardware token, for status and audit log
    #[arg(long, value_name = "ID", value_parser = name)]
    pub(crate) credential_id: Option<String>,
    /// Store the device without asking for a code
    #[arg(long)]
    pub(crate) no_confirm: bool,
    /// Create no recovery codes at the end
    #[arg(long)]
    pub(crate) no_recovery: bool,
}

/// A PIN, or questions.
#[derive(Debug, clap::Args)]
pub(crate) struct EnrollKnowledge {
    /// The user (default: yourself)
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// Read it from standard input
    #[arg(long)]
    pub(crate) stdin: bool,
}
