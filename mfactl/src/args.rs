//! The arguments, parsed into types that can't hold a wrong value.
//!
//! Names are bounded and free of control characters from here on; numbers are in range. No argument
//! ever takes a secret: argument lists are public on a Unix host.

mod enroll;

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use mfa_protocol::{DEFAULT_SOCKET, MAX_NAME};

pub(crate) use enroll::{Enroll, EnrollKnowledge, EnrollTotp};

const STATUSES: &str = "\
Examples:
  mfactl enroll totp           set up a device that shows codes, for yourself
  mfactl status alice          what alice has, and whether she is locked
  mfactl unlock alice          let her try again
Exit status: 0 done, 1 refused or not verified, 2 wrong usage, 3 agent not reachable.
Secrets come from a prompt or from standard input, never as arguments.";

/// Second factors for logins: enrol them, look at them, unlock them
#[derive(Debug, Parser)]
#[command(name = "mfactl", version, after_help = STATUSES)]
#[command(arg_required_else_help = true, subcommand_value_name = "COMMAND")]
pub(crate) struct Args {
    /// Where the agent listens
    #[arg(long, global = true, display_order = 100, value_name = "PATH", default_value = DEFAULT_SOCKET)]
    pub(crate) socket: PathBuf,
    /// Print one JSON value on standard output, and nothing else there
    #[arg(long, global = true, display_order = 101)]
    pub(crate) json: bool,
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Give a user a factor
    #[command(
        subcommand,
        after_help = "Example: mfactl enroll totp alice --label phone"
    )]
    Enroll(Enroll),
    /// Take over many devices from a file
    #[command(subcommand, after_help = "Example: mfactl import uris devices.tsv")]
    Import(Import),
    /// Take a factor away
    #[command(after_help = "Example: mfactl remove totp alice --label phone")]
    Remove(Remove),
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
    /// Hold a real login on the terminal
    #[command(after_help = VERIFY)]
    Verify(Verify),
    /// Show what would be decided for a login, and why; nothing is changed
    #[command(after_help = "Example: mfactl explain --user alice --service sshd --from 192.0.2.7")]
    Explain(Explain),
}

const VERIFY: &str = "\
Example: mfactl verify alice --service sshd
When standard input is no terminal, its lines are the answers.";

/// A format to import.
#[derive(Debug, Subcommand)]
pub(crate) enum Import {
    /// Lines of user<TAB>otpauth://…
    #[command(after_help = "Example: mfactl import uris devices.tsv
Blank lines and lines that begin with # are passed over. Repeating an import
changes nothing. Exit status 1 if a line was refused; the others are stored.")]
    Uris(ImportUris),
}

/// A file of otpauth URIs.
#[derive(Debug, clap::Args)]
pub(crate) struct ImportUris {
    /// The file; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// What to remove.
#[derive(Debug, clap::Args)]
pub(crate) struct Remove {
    /// The factor
    #[arg(value_name = "FACTOR")]
    pub(crate) factor: Factor,
    /// The user; yourself if left out
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// One device only, by its name
    #[arg(long, value_parser = name)]
    pub(crate) label: Option<String>,
}

/// A factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Factor {
    Totp,
    Pin,
    Questions,
}

impl Factor {
    /// Its name on the wire.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::Pin => "pin",
            Self::Questions => "questions",
        }
    }
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

/// A login to hold.
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// The user; yourself if left out
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// The PAM service whose rules are to hold
    #[arg(long, value_parser = name, default_value = crate::context::OWN_SERVICE)]
    pub(crate) service: String,
}

/// A login to explain.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// Who would log in
    #[arg(long, value_parser = name)]
    pub(crate) user: String,
    /// The PAM service, such as sshd or sudo
    #[arg(long, value_parser = name)]
    pub(crate) service: String,
    /// The address that the login would come from
    #[arg(long, value_name = "ADDRESS", value_parser = name)]
    pub(crate) from: Option<String>,
    /// The terminal, such as tty1
    #[arg(long, value_parser = name)]
    pub(crate) tty: Option<String>,
}

/// A name as the protocol takes it.
fn name(text: &str) -> Result<String, String> {
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
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_command_s_help_has_an_example() {
        fn check(command: &clap::Command) {
            let own: Vec<_> = command.get_subcommands().collect();
            own.iter().for_each(|sub| check(sub));
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                !own.is_empty() || help.starts_with("Example: mfactl "),
                "{}",
                command.get_name()
            );
        }
        check(&Args::command());
    }

    #[test]
    fn global_options_stand_before_or_after_the_command() {
        for line in [
            "mfactl --json --socket /s users",
            "mfactl users --json --socket /s",
        ] {
            let args = Args::try_parse_from(line.split(' ')).unwrap();
            assert!(args.json && args.socket.as_os_str() == "/s");
        }
    }

    #[test]
    fn a_wrong_value_is_named_with_what_would_be_right() {
        let error = |line: &str| {
            Args::try_parse_from(line.split(' '))
                .unwrap_err()
                .to_string()
        };
        assert!(error("mfactl enroll totp --digits 9").contains("6..=8"));
        assert!(error("mfactl remove topt").contains("'totp'"));
        assert!(error("mfactl enroll totp --period 0").contains("'0'"));
        assert!(error("mfactl unlock \u{1b}x").contains("control character"));
        assert!(error("mfactl enroll totp --uri-stdin --digits 6").contains("cannot be used"));
    }
}
