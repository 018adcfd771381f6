//! The arguments, parsed into types that can't hold a wrong value.
//!
//! From here on, names are bounded and have no control characters, and numbers are in range. No argument takes a
//! secret: every user of a Unix host can read argument lists.

mod address;
mod backup;
mod enroll;
mod factor;
mod import;
mod import_apps;
mod import_tokens;
mod key;
mod logins;
mod mode;
mod sessions;
mod settings;
mod users;
mod word;

use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser, Subcommand};
use mfa_protocol::{DEFAULT_SOCKET, MAX_NAME};

use crate::output::clean;

pub(crate) use address::{
    EnrollAddress, EnrollRadius, NamedAddress, Switched, Target, TestDelivery, address,
};
pub(crate) use backup::{Backup, BackupKey, Repair, Restore, RotateKey, Store};
pub(crate) use enroll::{
    Enroll, EnrollDevice, EnrollHotp, EnrollKnowledge, EnrollRecovery, EnrollTotp,
};
pub(crate) use factor::{Remove, Rename};
pub(crate) use import::{Import, ImportGoogle, ImportOath, ImportUris};
pub(crate) use import_apps::ImportApp;
pub(crate) use import_tokens::{ImportCsv, ImportPskc, PskcUser};
pub(crate) use key::{EnrollKey, ImportAuthorizedKeys};
pub(crate) use logins::{Explain, Verify};
pub(crate) use mode::Mode;
pub(crate) use sessions::{Bypass, Suspend};
pub(crate) use settings::{AllowFrom, Enforce, Prefer, Require, SelfManage, Switch};
pub(crate) use users::Users;

const STATUSES: &str = "\
Examples:
  mfactl                       your state (root: this host's) and the next step
  mfactl enroll                enrol a factor for yourself, step by step
  mfactl status alice          alice's factors, lock and rules
  mfactl unlock alice          unlock alice
  mfactl users --not-enrolled  users who still have to enrol
  mfactl doctor                diagnose this host
Exit status: 0 done, 1 refused or not verified, 2 wrong usage, 3 agent not
reachable.
mfactl reads secrets from a prompt or standard input, never from arguments.";

/// Manage second factors for logins: enrol factors, unlock users, diagnose this host
#[derive(Debug, Parser)]
#[command(name = "mfactl", version, after_help = STATUSES)]
#[command(subcommand_value_name = "COMMAND")]
pub(crate) struct Args {
    /// Socket of the agent
    #[arg(long, global = true, display_order = 100, value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub(crate) socket: PathBuf,
    /// Print the result as one JSON value on standard output
    #[arg(long, global = true, display_order = 101)]
    pub(crate) json: bool,
    /// Folders of PAM stacks, in order of precedence
    #[arg(long, global = true, hide = true, value_name = "DIR", default_values = PAM_FOLDERS)]
    pub(crate) pam_dir: Vec<PathBuf>,
    /// The command; mfactl alone shows your state (root: this host's)
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Args {
    /// Whether a part of the command is missing that only a person may leave out: alone, `mfactl` shows a screen, and
    /// `enroll` asks. `answers` tells whether a person can answer.
    pub(crate) fn needs_a_person(&self, answers: bool) -> bool {
        match &self.command {
            None => self.json,
            Some(Command::Enroll(EnrollWhat { factor: None })) => self.json || !answers,
            Some(_) => false,
        }
    }

    /// The error for a script that leaves it out: the help of the command that it began.
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

/// Adds the right command to the error for `mfactl enroll alice`, where clap only knows that "alice" is no factor.
pub(crate) fn with_tip(mut error: clap::Error) -> clap::Error {
    let usage = error.get(ContextKind::Usage).map(ToString::to_string);
    let is_enroll = usage.is_some_and(|usage| usage.contains("mfactl enroll "));
    if let Some(ContextValue::String(user)) = error.get(ContextKind::InvalidSubcommand)
        && is_enroll
        && error.get(ContextKind::SuggestedSubcommand).is_none()
        && name(user).is_ok()
    {
        let user = clean(user);
        let tip = format!("to enrol a device for {user}: mfactl enroll totp {user}");
        error.insert(
            ContextKind::Suggested,
            ContextValue::StyledStrs(vec![tip.into()]),
        );
    }
    error
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Enrol a factor
    #[command(after_help = "Example: mfactl enroll totp alice --label phone
On a terminal, mfactl enroll alone asks what to enrol, step by step.")]
    Enroll(EnrollWhat),
    /// Import devices and keys from other modules, apps and files
    #[command(
        subcommand,
        after_help = "\
Example: mfactl import google-authenticator --all --dry-run
On a terminal, an import shows the report of a dry run first, and changes
nothing until you type yes. Scripts, --yes and --json are not asked."
    )]
    Import(Import),
    /// Remove a factor
    #[command(after_help = "Example: mfactl remove totp alice --label phone
For one of several addresses:
  mfactl remove email alice --label anna@example.org
For a security key, --label is its name or fingerprint.
Without --label it removes all of this factor. If there are several, it asks
first on a terminal. Scripts, --yes and --json are not asked.")]
    Remove(Remove),
    /// Rename a device or a security key
    #[command(after_help = "Example: mfactl rename totp alice --label phone --to old-phone")]
    Rename(Rename),
    /// Set the primary address for codes
    #[command(after_help = address::PRIMARY)]
    Primary(NamedAddress),
    /// Use a disabled address, device, security key or RADIUS account again
    #[command(after_help = address::ENABLE)]
    Enable(Switched),
    /// Stop using an address, device, security key or RADIUS account without deleting it
    #[command(after_help = address::DISABLE)]
    Disable(Switched),
    /// Show a user's factors, lock and rules
    #[command(after_help = "Example: mfactl status alice")]
    Status(Status),
    /// List the users who have a factor, or those who still have to enrol
    #[command(after_help = users::USERS)]
    Users(Users),
    /// List locked users
    #[command(after_help = "Example: mfactl lockouts")]
    Lockouts,
    /// Unlock a user and reset the failure counters
    #[command(after_help = "Example: mfactl unlock alice")]
    Unlock(Whom),
    /// Require an additional factor in every login of a user that asks for one
    #[command(after_help = settings::REQUIRE)]
    Require(Require),
    /// Set whether a user must have a factor
    #[command(after_help = settings::ENFORCE)]
    Enforce(Enforce),
    /// Set which factor a user is asked for first
    #[command(after_help = settings::PREFER)]
    Prefer(Prefer),
    /// Allow or forbid a user to set their own require and allow-from
    #[command(after_help = settings::SELF_MANAGE)]
    SelfManage(SelfManage),
    /// Limit the networks that a user may log in from
    #[command(after_help = settings::ALLOW_FROM)]
    AllowFrom(AllowFrom),
    /// List active sessions (logins not asked again)
    #[command(after_help = "Example: mfactl sessions alice
Without USER, administrators see all sessions and others see their own.")]
    Sessions(Whose),
    /// End all sessions of a user
    #[command(after_help = "Example: mfactl revoke alice")]
    Revoke(Whom),
    /// Create a one-time code for a user who lost their device
    #[command(after_help = sessions::BYPASS)]
    Bypass(Bypass),
    /// Stop asking a user for a second factor, for some days
    #[command(after_help = sessions::SUSPEND)]
    Suspend(Suspend),
    /// End a suspension: ask the user again
    #[command(after_help = "Example: mfactl resume alice")]
    Resume(Whom),
    /// Run a real login on this terminal
    #[command(after_help = logins::VERIFY)]
    Verify(Verify),
    /// Explain what a login would be asked and why, without changing anything
    #[command(after_help = logins::EXPLAIN)]
    Explain(Explain),
    /// Check the agent's settings
    #[command(subcommand, after_help = "Example: mfactl config check")]
    Config(Config),
    /// Show or change who is asked for a second factor at all
    #[command(after_help = mode::MODE)]
    Mode(Mode),
    /// Write all that is stored to one sealed file, while logins go on
    #[command(after_help = backup::BACKUP)]
    Backup(Backup),
    /// Put the records of a backup in the place of those that are stored
    #[command(after_help = backup::RESTORE)]
    Restore(Restore),
    /// Make a pair of keys for backups that the host itself can't open
    #[command(after_help = backup::BACKUP_KEY)]
    BackupKey(BackupKey),
    /// Make a new key, and seal each record with it while logins go on
    #[command(after_help = backup::ROTATE_KEY)]
    RotateKey(RotateKey),
    /// List the hosts that share the store, and its servers
    #[command(after_help = "\
Example: mfactl hosts
A host that is gone for good:
  mfactl hosts --forget web-7.example.org")]
    Hosts(Hosts),
    /// Print metrics for a monitor, in the format of OpenMetrics
    #[command(after_help = "Example: mfactl metrics")]
    Metrics,
    /// Find damaged records, or drop one
    #[command(subcommand, after_help = "Example: mfactl store check")]
    Store(Store),
    /// Send a test message without a code
    #[command(after_help = address::TEST_DELIVERY)]
    TestDelivery(TestDelivery),
    /// Diagnose this host and suggest fixes
    #[command(after_help = "Example: mfactl doctor
Problems come first, each with its fix. A warning may be intended. A note is
usual: --verbose shows more about it.
Exit status: 0 no problem, 1 problems, 3 agent not reachable.")]
    Doctor(Doctor),
    /// Inspect the PAM stacks without the agent
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
            Self::Primary(it) => it.user.as_deref(),
            Self::Enable(it) | Self::Disable(it) => it.named_user(),
            Self::Status(it) => it.user.as_deref(),
            Self::Sessions(it) => it.user.as_deref(),
            Self::Unlock(it) | Self::Revoke(it) | Self::Resume(it) => Some(&it.user),
            Self::Require(it) => it.user.as_deref(),
            Self::Enforce(it) => Some(&it.user),
            Self::Prefer(it) => it.user.as_deref(),
            Self::SelfManage(it) => Some(&it.user),
            Self::AllowFrom(it) => Some(&it.user),
            Self::Bypass(it) => Some(&it.user),
            Self::Suspend(it) => Some(&it.user),
            Self::Verify(it) => it.user.as_deref(),
            Self::Explain(it) => it.user.as_deref(),
            Self::Import(_)
            | Self::Users(_)
            | Self::Lockouts
            | Self::Config(_)
            | Self::Mode(_)
            | Self::Backup(_)
            | Self::Restore(_)
            | Self::BackupKey(_)
            | Self::RotateKey(_)
            | Self::Hosts(_)
            | Self::Metrics
            | Self::Store(_)
            | Self::TestDelivery(_)
            | Self::Doctor(_)
            | Self::Stacks(_) => None,
        }
    }
}

/// What to enrol.
#[derive(Debug, clap::Args)]
pub(crate) struct EnrollWhat {
    /// The factor; on a terminal you may leave it out
    #[command(subcommand)]
    pub(crate) factor: Option<Enroll>,
}

/// Hosts to list, or one to forget.
#[derive(Debug, clap::Args)]
pub(crate) struct Hosts {
    /// Forget a host that is gone
    #[arg(long, value_name = "HOST", value_parser = name)]
    pub(crate) forget: Option<String>,
}

/// What to check, and how much to show.
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// Show every check and every remedy
    #[arg(long, short)]
    pub(crate) verbose: bool,
    /// The sshd to ask
    #[command(flatten)]
    pub(crate) sshd: Sshd,
}

/// The sshd of this host.
#[derive(Debug, clap::Args)]
pub(crate) struct Sshd {
    /// The sshd program to ask for its settings
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
    /// List each line that names pam_mfa.so, in all files that libpam reads
    #[command(after_help = "Example: mfactl stacks lines")]
    Lines,
    /// Check the services that ask for the code through the line of pam_mfa.so in FILE
    #[command(after_help = "Example: mfactl stacks check common-auth")]
    Check {
        /// The name of a file, such as common-auth
        file: String,
    },
    /// Replace each line that names pam_mfa.so, so that every service still asks for a password
    #[command(hide = true, after_help = "Example: mfactl stacks take-out")]
    TakeOut,
    /// Succeed if nobody can log in through SERVICE without a correct password
    #[command(
        hide = true,
        after_help = "Example: mfactl stacks ask-for-a-password sshd"
    )]
    AskForAPassword {
        /// The name of the service, such as sshd
        service: String,
    },
    /// Succeed if the stack of SERVICE asks for a code
    #[command(hide = true, after_help = "Example: mfactl stacks ask-for-a-code sshd")]
    AskForACode {
        /// The name of the service, such as sshd
        service: String,
    },
}

/// Where libpam looks for stacks, in order of precedence.
const PAM_FOLDERS: [&str; 3] = ["/etc/pam.d", "/usr/lib/pam.d", "/usr/etc/pam.d"];

/// What to do with the agent's settings.
#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Check the settings files without applying them
    #[command(
        after_help = "Example: mfactl config check && systemctl reload mfa-agent
Exit status: 0 valid, and administrators can still log in (warnings are fine);
1 otherwise."
    )]
    Check(Sshd),
}

/// The user whose state is shown.
#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    /// The user (default: yourself)
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// The sshd to ask
    #[command(flatten)]
    pub(crate) sshd: Sshd,
}

/// A user (default: the caller).
#[derive(Debug, clap::Args)]
pub(crate) struct Whose {
    /// The user (default: yourself)
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
        return Err("the name is empty".to_owned());
    }
    if text.len() > MAX_NAME {
        return Err(format!("the name is longer than {MAX_NAME} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("the name contains a control character".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests;
