//! The arguments of `mfactl enroll`.

use clap::Subcommand;
use clap::builder::RangedU64ValueParser;
use mfa_protocol::factor::HashAlgorithm;

use super::word::word;
use super::{EnrollAddress, EnrollRadius, address, name};

/// A factor to enrol.
#[derive(Debug, Subcommand)]
pub(crate) enum Enroll {
    /// A device that shows codes by its clock, such as an app (RFC 6238)
    #[command(after_help = TOTP)]
    Totp(EnrollTotp),
    /// A device that counts its codes, such as a token with a button (RFC 4226)
    #[command(after_help = HOTP)]
    Hotp(EnrollHotp),
    /// A PIN of 4 to 8 digits
    #[command(after_help = "Example: mfactl enroll pin alice
With --stdin: printf '%s\\n' \"$PIN\" | mfactl enroll pin alice --stdin")]
    Pin(EnrollKnowledge),
    /// Three security questions
    #[command(after_help = "Example: mfactl enroll questions alice
With --stdin, three lines: question<TAB>answer")]
    Questions(EnrollKnowledge),
    /// Recovery codes, in place of those that there are
    #[command(after_help = "Example: mfactl enroll recovery alice
Each code lets its user in once, wherever a code is asked for. They are shown
once; print them, or write them down.")]
    Recovery(EnrollRecovery),
    /// An e-mail address that codes are sent to
    #[command(after_help = address::EMAIL)]
    Email(EnrollAddress),
    /// A mobile number that codes are sent to by text message
    #[command(
        after_help = address::SMS,
        mut_arg("address", |number| number.value_name("NUMBER"))
    )]
    Sms(EnrollAddress),
    /// An authenticator behind a RADIUS server, such as a VIP gateway (RFC 2865)
    #[command(after_help = address::RADIUS)]
    Radius(EnrollRadius),
}

impl Enroll {
    /// The user that it names, if it names one.
    pub(super) fn named_user(&self) -> Option<&str> {
        match self {
            Self::Totp(it) => it.device.user.as_deref(),
            Self::Hotp(it) => it.device.user.as_deref(),
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
    /// The user; yourself if left out
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// How many
    #[arg(long, value_name = "1..20", default_value = "10")]
    #[arg(value_parser = RangedU64ValueParser::<u32>::new().range(1..=20))]
    pub(crate) count: u32,
}

const TOTP: &str = "\
Example: mfactl enroll totp --label phone
In scripts: mfactl --json enroll totp alice --no-confirm
A code is asked for before anything is stored. When standard input is no
terminal, it is the next line there, after that of --secret-stdin or
--uri-stdin.";

const HOTP: &str = "\
Example: mfactl enroll hotp alice --label token --secret-stdin --counter 12
In scripts: mfactl --json enroll hotp alice --no-confirm
For hardware tokens with a button. A code is asked for before anything is
stored. When standard input is no terminal, it is the next line there, after
that of --secret-stdin or --uri-stdin.";

/// A device with a clock.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct EnrollTotp {
    /// What every device has.
    #[command(flatten)]
    pub(crate) device: EnrollDevice,
    /// How long a code is good for
    #[arg(long, value_name = "SECONDS", value_parser = RangedU64ValueParser::<u64>::new().range(1..))]
    #[arg(conflicts_with = "uri_stdin")]
    pub(crate) period: Option<u64>,
}

/// A device that counts its codes.
#[derive(Debug, clap::Args)]
pub(crate) struct EnrollHotp {
    /// What every device has.
    #[command(flatten)]
    pub(crate) device: EnrollDevice,
    /// The counter of its next code; 0 if left out
    #[arg(long, value_name = "N", conflicts_with = "uri_stdin")]
    pub(crate) counter: Option<u64>,
}

/// A device that shows codes.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct EnrollDevice {
    /// The user; yourself if left out
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// The device's name, to tell several apart
    #[arg(long, value_parser = name)]
    pub(crate) label: Option<String>,
    /// The hash; many authenticator apps know SHA1 only
    #[arg(long, ignore_case = true, conflicts_with = "uri_stdin")]
    #[arg(value_parser = word::<HashAlgorithm>())]
    pub(crate) algorithm: Option<HashAlgorithm>,
    /// How long a code is
    #[arg(long, value_parser = RangedU64ValueParser::<u32>::new().range(6..=8))]
    #[arg(conflicts_with = "uri_stdin", value_name = "6..8")]
    pub(crate) digits: Option<u32>,
    /// Take the base32 key from the first line of standard input
    #[arg(long, conflicts_with = "uri_stdin")]
    pub(crate) secret_stdin: bool,
    /// Take an otpauth URI from the first line of standard input
    #[arg(long)]
    pub(crate) uri_stdin: bool,
    /// The maker's ID of a hardware token, for show and audit
    #[arg(long, value_name = "ID", value_parser = name)]
    pub(crate) credential_id: Option<String>,
    /// Store at once, without asking for a code
    #[arg(long)]
    pub(crate) no_confirm: bool,
}

/// A PIN, or questions.
#[derive(Debug, clap::Args)]
pub(crate) struct EnrollKnowledge {
    /// The user; yourself if left out
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// Take it from standard input
    #[arg(long)]
    pub(crate) stdin: bool,
}
