//! The arguments, parsed into types that can't hold a wrong value.
//!
//! Names are bounded and free of control characters from here on; numbers are in range. No argument
//! ever takes a secret: argument lists are public on a Unix host.

mod address;
mod enroll;
mod factor;
mod import;
mod import_apps;
mod import_tokens;
mod logins;
mod mode;
mod sessions;
mod settings;
mod word;

use std::path::PathBuf;

use clap::{CommandFactory, Parser, Subcommand};
use mfa_protocol::{DEFAULT_SOCKET, MAX_NAME};

pub(crate) use address::{EnrollAddress, EnrollRadius, NamedAddress, TestDelivery, address};
pub(crate) use enroll::{
    Enroll, EnrollDevice, EnrollHotp, EnrollKnowledge, EnrollRecovery, EnrollTotp,
};
pub(crate) use factor::{Remove, Rename};
pub(crate) use import::{Import, ImportGoogle, ImportOath, ImportUris};
pub(crate) use import_apps::ImportApp;
pub(crate) use import_tokens::{ImportCsv, ImportPskc, PskcUser};
pub(crate) use logins::{Explain, Verify};
pub(crate) use mode::Mode;
pub(crate) use sessions::Bypass;
pub(crate) use settings::{AllowFrom, Enforce, Require, SelfManage, Switch};

const STATUSES: &str = "\
Examples:
  mfactl                       what you have set up, and what you can do next
  mfactl enroll                set up a factor for yourself, step by step
  mfactl status alice          what alice has, and whether she is locked
  mfactl unlock alice          let her try again
  mfactl doctor                what is wrong on this host, and what mends it
Exit status: 0 done, 1 refused or not verified, 2 wrong usage, 3 agent not
reachable.
Secrets come from a prompt or from standard input, never as arguments.";

/// Second factors for logins: enrol them, look at them, unlock them
#[derive(Debug, Parser)]
#[command(name = "mfactl", version, after_help = STATUSES)]
#[command(subcommand_value_name = "COMMAND")]
pub(crate) struct Args {
    /// Where the agent listens
    #[arg(long, global = true, display_order = 100, value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub(crate) socket: PathBuf,
    /// Print one JSON value on standard output, and nothing else there
    #[arg(long, global = true, display_order = 101)]
    pub(crate) json: bool,
    /// What to do; at a terminal, none shows one's own state
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Args {
    /// Whether a command is left out that only a person at a terminal may leave out.
    pub(crate) fn needs_a_person(&self) -> bool {
        matches!(
            self.command,
            None | Some(Command::Enroll(EnrollWhat { factor: None }))
        )
    }

    /// What a script is told that leaves it out: the help of what it began with.
    pub(crate) fn complaint() -> Option<clap::Error> {
        let strict = |command: clap::Command| {
            command
                .subcommand_required(true)
                .arg_required_else_help(true)
        };
        strict(Self::command())
            .mut_subcommand("enroll", strict)
            .try_get_matches()
            .err()
    }
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Give a user a factor
    #[command(after_help = "Example: mfactl enroll totp alice --label phone
At a terminal, mfactl enroll alone asks what to set up, step by step.")]
    Enroll(EnrollWhat),
    /// Take over what users had elsewhere
    #[command(
        subcommand,
        after_help = "Example: mfactl import google-authenticator --all --dry-run"
    )]
    Import(Import),
    /// Take a factor away
    #[command(after_help = "Example: mfactl remove totp alice --label phone
For one of several addresses:
  mfactl remove email alice --label anna@example.org")]
    Remove(Remove),
    /// Give a device another name
    #[command(after_help = "Example: mfactl rename totp alice --label phone --to old-phone")]
    Rename(Rename),
    /// Choose the address that codes go to before others
    #[command(after_help = address::PRIMARY)]
    Primary(NamedAddress),
    /// Use an address again
    #[command(after_help = address::ENABLE)]
    Enable(NamedAddress),
    /// Use an address no longer, but keep it
    #[command(after_help = address::DISABLE)]
    Disable(NamedAddress),
    /// Show a user's factors, lock and rules
    #[command(after_help = "Example: mfactl status alice")]
    Status(Whose),
    /// List the users who have a factor
    #[command(after_help = "Example: mfactl users | wc -l")]
    Users,
    /// List the users who are locked
    #[command(after_help = "Example: mfactl lockouts")]
    Lockouts,
    /// End a lock and clear what was counted
    #[command(after_help = "Example: mfactl unlock alice")]
    Unlock(Whom),
    /// Make a factor part of every login that asks the user for one
    #[command(after_help = settings::REQUIRE)]
    Require(Require),
    /// Say whether a user must have a factor
    #[command(after_help = settings::ENFORCE)]
    Enforce(Enforce),
    /// Let a user set require and allow-from for themselves, or no longer
    #[command(after_help = settings::SELF_MANAGE)]
    SelfManage(SelfManage),
    /// Limit the addresses that a user may log in from
    #[command(after_help = settings::ALLOW_FROM)]
    AllowFrom(AllowFrom),
    /// List the logins after which the same is not asked again for a while
    #[command(after_help = "Example: mfactl sessions alice
Without USER: everybody's for an administrator, your own otherwise.")]
    Sessions(Whose),
    /// End all sessions of a user
    #[command(after_help = "Example: mfactl revoke alice")]
    Revoke(Whom),
    /// Make a code that passes once, for a user whose device is lost
    #[command(after_help = sessions::BYPASS)]
    Bypass(Bypass),
    /// Hold a real login on the terminal
    #[command(after_help = logins::VERIFY)]
    Verify(Verify),
    /// Show what would be decided for a login, and why; nothing is changed
    #[command(after_help = logins::EXPLAIN)]
    Explain(Explain),
    /// Look at the agent's settings
    #[command(subcommand, after_help = "Example: mfactl config check")]
    Config(Config),
    /// Show who is asked for a second factor at all, or change it
    #[command(after_help = mode::MODE)]
    Mode(Mode),
    /// Send a message that holds no code, to see whether it arrives
    #[command(after_help = address::TEST_DELIVERY)]
    TestDelivery(TestDelivery),
    /// Say what is wrong on this host, and what mends it
    #[command(after_help = "Example: mfactl doctor
Exit status 0 when there is no problem, 1 when there is one, 3 when the agent is
not reachable.")]
    Doctor(Doctor),
    /// Look at the PAM stacks, without an agent
    #[command(subcommand, hide = true, after_help = "Example: mfactl stacks lines")]
    Stacks(Stacks),
}

impl Command {
    /// The user that it names, if it names one.
    pub(crate) fn named_user(&self) -> Option<&str> {
        match self {
            Self::Enroll(what) => what.factor.as_ref()?.named_user(),
            Self::Remove(it) => it.user.as_deref(),
            Self::Rename(it) => it.user.as_deref(),
            Self::Primary(it) | Self::Enable(it) | Self::Disable(it) => it.user.as_deref(),
            Self::Status(it) | Self::Sessions(it) => it.user.as_deref(),
            Self::Unlock(it) | Self::Revoke(it) => Some(&it.user),
            Self::Require(it) => it.user.as_deref(),
            Self::Enforce(it) => Some(&it.user),
            Self::SelfManage(it) => Some(&it.user),
            Self::AllowFrom(it) => Some(&it.user),
            Self::Bypass(it) => Some(&it.user),
            Self::Verify(it) => it.user.as_deref(),
            Self::Explain(it) => Some(&it.user),
            Self::Import(_)
            | Self::Users
            | Self::Lockouts
            | Self::Config(_)
            | Self::Mode(_)
            | Self::TestDelivery(_)
            | Self::Doctor(_)
            | Self::Stacks(_) => None,
        }
    }
}

/// What to set up.
#[derive(Debug, clap::Args)]
pub(crate) struct EnrollWhat {
    /// The factor; at a terminal it may be left out
    #[command(subcommand)]
    pub(crate) factor: Option<Enroll>,
}

/// Where to look.
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// Where the stacks are
    #[command(flatten)]
    pub(crate) stacks: Folders,
    /// Whose settings are looked at
    #[command(flatten)]
    pub(crate) sshd: Sshd,
}

/// Which sshd this host has.
#[derive(Debug, clap::Args)]
pub(crate) struct Sshd {
    /// The program whose settings are looked at
    #[arg(
        long = "sshd",
        hide = true,
        value_name = "PROGRAM",
        default_value = "/usr/sbin/sshd"
    )]
    pub(crate) program: PathBuf,
}

/// What mfa-pam asks of the stacks.
#[derive(Debug, Subcommand)]
pub(crate) enum Stacks {
    /// List each line that names pam_mfa.so, in every file that libpam reads
    #[command(after_help = "Example: mfactl stacks lines")]
    Lines(Folders),
    /// Say what is wrong where the line of pam_mfa.so in FILE asks for the code
    #[command(after_help = "Example: mfactl stacks check common-auth")]
    Check {
        /// The name of a file, such as common-auth
        file: String,
        /// Where to look
        #[command(flatten)]
        folders: Folders,
    },
    /// Put another line in the place of each that names pam_mfa.so, so that no service asks for less than a password
    #[command(hide = true, after_help = "Example: mfactl stacks take-out")]
    TakeOut(Folders),
    /// Succeed if nobody gets in by SERVICE without a right password
    #[command(
        hide = true,
        after_help = "Example: mfactl stacks ask-for-a-password sshd"
    )]
    AskForAPassword {
        /// The name of the service, such as sshd
        service: String,
        /// Where to look
        #[command(flatten)]
        folders: Folders,
    },
}

/// Where libpam looks for stacks.
#[derive(Debug, clap::Args)]
pub(crate) struct Folders {
    /// Folders of PAM stacks, the first before the others
    #[arg(long, hide = true, value_name = "DIR", default_values = ["/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d"])]
    pub(crate) pam_dir: Vec<PathBuf>,
}

/// What to do with the agent's settings.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Read the files as they are now, put nothing in force, and say what is wrong or strange
    #[command(
        after_help = "Example: mfactl config check && systemctl reload mfa-agent
Exit status 0 when nothing keeps the settings from being put in force, and
nobody from logging in who has to; warnings don't count."
    )]
    Check(Sshd),
}

/// A user, or the caller.
#[derive(Debug, clap::Args)]
pub(crate) struct Whose {
    /// The user; yourself if left out
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
}

/// A user.
#[derive(Debug, clap::Args)]
pub(crate) struct Whom {
    /// The user
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: String,
}

/// A name as the protocol takes it.
pub(crate) fn name(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err("it is empty".to_owned());
    }
    if text.len() > MAX_NAME {
        return Err(format!("it is longer than {MAX_NAME} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("it has a control character in it".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
