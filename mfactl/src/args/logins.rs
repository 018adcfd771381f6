//! The arguments of `mfactl verify` and `mfactl explain`: a login to run, or to explain.

use super::{Sshd, name};
use crate::context::OWN_SERVICE;

pub(super) const VERIFY: &str = "\
Example: mfactl verify alice --service sshd
The login counts, locks and is logged like any other.
In a script that continues only after a second factor:
  mfactl verify --quiet --operation collect-evidence || exit 1
For a device that is out of sync, so that its codes are refused:
  mfactl verify --resync
Exit status: 0 passed, or the policy asks for nothing here; 1 not verified;
3 agent not reachable. If standard input is not a terminal, its lines are the
answers.";

pub(super) const EXPLAIN: &str = "\
Example: mfactl explain --user alice --service sshd --from 192.0.2.7
After a key:
  mfactl explain --user alice --service sshd --after publickey
On Monday morning:
  mfactl explain --user alice --service sudo --at 2026-11-23T09:30
For mfactl verify --operation:
  mfactl explain --user alice --operation collect-evidence
By the rules of another host of the fleet:
  mfactl explain --user alice --service sshd --host web-7";

/// A login to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// The user (default: yourself)
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// The PAM service whose rules apply
    #[arg(long, value_parser = name, default_value = OWN_SERVICE)]
    pub(crate) service: String,
    /// The operation, for rules on operations
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) operation: Option<String>,
    /// Show only the prompts; the exit status is the result
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Resynchronise a device by two consecutive codes
    #[arg(long, conflicts_with_all = ["service", "operation"])]
    pub(crate) resync: bool,
    /// With --resync: the device (default: the one that the codes match)
    #[arg(long, value_parser = name, requires = "resync")]
    pub(crate) label: Option<String>,
}

/// A login to explain.
#[derive(Debug, clap::Args)]
#[command(override_usage = "mfactl explain [OPTIONS] <--service <SERVICE>|--operation <NAME>>")]
pub(crate) struct Explain {
    /// The user who would log in (default: yourself)
    #[arg(long, value_parser = name)]
    pub(crate) user: Option<String>,
    /// The PAM service, such as sshd or sudo (default with --operation: mfactl)
    #[arg(long, value_parser = name, required_unless_present = "operation")]
    service: Option<String>,
    /// The remote address of the login
    #[arg(long, value_name = "ADDRESS", value_parser = name)]
    pub(crate) from: Option<String>,
    /// The terminal, such as tty1
    #[arg(long, value_parser = name)]
    pub(crate) tty: Option<String>,
    /// The user on the remote host, or the user who calls sudo
    #[arg(long, value_name = "USER", value_parser = name)]
    pub(crate) ruser: Option<String>,
    /// What sshd has already verified, such as publickey; may be repeated
    #[arg(long, value_name = "METHOD", value_parser = name, value_delimiter = ',')]
    pub(crate) after: Vec<String>,
    /// The operation of mfactl verify --operation
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) operation: Option<String>,
    /// The time of this host, such as 2026-11-23T09:30 (default: now)
    #[arg(long, value_name = "TIME", value_parser = name)]
    pub(crate) at: Option<String>,
    /// Another host of a fleet, for its rules (default: this host)
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) host: Option<String>,
    /// The sshd to ask
    #[command(flatten)]
    pub(crate) sshd: Sshd,
}

impl Explain {
    /// The PAM service: the one given, else the one that `mfactl verify` logs in to.
    pub(crate) fn service(&self) -> &str {
        self.service.as_deref().unwrap_or(OWN_SERVICE)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::args::{Args, Command};

    fn explain(line: &str) -> Result<super::Explain, String> {
        match Args::try_parse_from(line.split(' ')) {
            Ok(Args {
                command: Some(Command::Explain(login)),
                ..
            }) => Ok(login),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn an_operation_stands_in_for_a_service() {
        let login = explain("mfactl explain --user a --operation wipe").unwrap();
        assert_eq!(login.service(), "mfactl");
        let login = explain("mfactl explain --user a --operation wipe --service sudo").unwrap();
        assert_eq!(login.service(), "sudo");
        assert!(explain("mfactl explain --user a").is_err());
        let own = explain("mfactl explain --service sudo").unwrap();
        assert_eq!(own.user, None, "the caller");
    }

    #[test]
    fn methods_are_repeated_or_parted_by_commas() {
        for line in [
            "mfactl explain --user a --service sshd --after publickey,password",
            "mfactl explain --user a --service sshd --after publickey --after password",
        ] {
            assert_eq!(explain(line).unwrap().after, ["publickey", "password"]);
        }
    }
}
