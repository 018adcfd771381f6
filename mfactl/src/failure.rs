//! Why a command did not do what it was asked, and the exit status for it.

use mfa_protocol::client::ClientError;
use mfa_protocol::login::Outcome;
use mfa_protocol::message::ErrorKind;
use nix::errno::Errno;

/// Every way in which a command ends without having done its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The arguments or the lines of standard input have the wrong form.
    #[error("{0}")]
    Usage(String),
    /// The agent refused, or is not there.
    #[error(transparent)]
    Agent(#[from] ClientError),
    /// systemd starts the agent again and again, and no call gets a reply.
    #[error("the agent does not start")]
    DoesNotStart,
    /// The agent's reply is valid, but makes no sense.
    #[error(
        "can't use the agent's reply: {0}. Check that agent and mfactl have the same version: mfactl doctor"
    )]
    Garbled(String),
    /// The caller did not pass the factor that a change asks for.
    #[error("nothing changed, because you did not pass a factor first: {}", words(*.0))]
    NotVerified(Outcome),
    /// The same before a resynchronisation: the device may be the only factor.
    #[error("nothing changed, because you did not pass a factor first: {}", words(*.0))]
    NotVerifiedForDevice(Outcome),
    /// The person gave up.
    #[error("cancelled; nothing changed")]
    Cancelled,
    /// The input is wrong, and nothing was sent.
    #[error("{0}")]
    Rejected(String),
    /// A file, a terminal or standard output failed.
    #[error("can't {what}: {}", plain(reason))]
    Io {
        /// What was being done, as in "can't …".
        what: String,
        /// What the system said.
        reason: std::io::Error,
    },
    /// The same, with what to run next.
    #[error("can't {what}: {reason}. {next}")]
    File {
        /// What was being done, as in "can't …".
        what: String,
        /// What the system said.
        reason: String,
        /// What to run next.
        next: String,
    },
    /// An import that ended in the middle.
    #[error(
        "stopped at {place}: {source}. {taken} entries before it are imported. Fix the cause and repeat the command: \
         it changes nothing that is already imported"
    )]
    Import {
        /// The first line or user without a known result.
        place: String,
        /// How many entries are imported.
        taken: u64,
        /// What happened.
        source: Box<Failure>,
    },
}

impl Failure {
    /// 1 refused or not verified, 2 wrong usage, 3 agent not reachable.
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Garbled(_) | Self::DoesNotStart => 3,
            Self::Agent(error) if error.is_unreachable() => 3,
            Self::Import { source, .. } => source.exit_status(),
            _ => 1,
        }
    }

    /// One word for scripts, as `error` in the JSON object.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Usage(_) => "Usage",
            Self::Agent(ClientError::Unreachable { .. }) | Self::DoesNotStart => "Unreachable",
            Self::Agent(ClientError::Untrusted { .. }) => "Untrusted",
            Self::Agent(ClientError::Busy) => "Busy",
            Self::Agent(ClientError::TimedOut) => "TimedOut",
            Self::Agent(ClientError::Connection(_)) => "Connection",
            Self::Agent(ClientError::Garbled(_)) | Self::Garbled(_) => "Garbled",
            Self::Agent(ClientError::Refused {
                kind: Some(kind), ..
            }) => kind.name(),
            Self::Agent(ClientError::Refused { kind: None, .. }) | Self::Rejected(_) => "Refused",
            Self::NotVerified(_) | Self::NotVerifiedForDevice(_) => "NotVerified",
            Self::Cancelled => "Cancelled",
            Self::Io { .. } | Self::File { .. } => "Io",
            Self::Import { source, .. } => source.word(),
        }
    }

    /// Whether the agent refused what was typed, so that typing something else may help.
    pub(crate) fn is_correctable(&self) -> bool {
        matches!(
            self,
            Self::Agent(ClientError::Refused {
                kind: Some(ErrorKind::Refused),
                ..
            })
        )
    }

    /// Whether the agent wants the caller to pass a factor first.
    pub(crate) fn wants_proof(&self) -> bool {
        matches!(
            self,
            Self::Agent(ClientError::Refused {
                kind: Some(ErrorKind::NotVerified),
                ..
            })
        )
    }

    /// What to run next, if the message does not say it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Agent(ClientError::Unreachable { .. }) => Some(START_IT),
            Self::Agent(ClientError::TimedOut) => Some(RESTART_IT),
            Self::DoesNotStart => Some(SEE_WHY),
            Self::NotVerifiedForDevice(_) => Some(ASK_FOR_IT),
            Self::Import { source, .. } => source.hint(),
            _ => None,
        }
    }

    /// An I/O error of a file, with what to run next.
    pub(crate) fn file(what: String, reason: &std::io::Error, next: String) -> Self {
        Self::File {
            what,
            reason: plain(reason),
            next,
        }
    }

    /// For `map_err`: an I/O error with what was being done.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        move |reason| Self::Io {
            what: what.into(),
            reason,
        }
    }
}

/// What the system said, without its number.
fn plain(reason: &std::io::Error) -> String {
    let known = reason.raw_os_error().map(Errno::from_raw);
    known.map_or_else(|| reason.to_string(), |known| known.desc().to_owned())
}

const START_IT: &str = "\
Start it:            systemctl start mfa-agent
Why it does not run: journalctl -u mfa-agent
Check its settings:  mfa-agent --check
If it listens elsewhere ([server] socket in /etc/mfa/agent.toml), add --socket PATH.";

const ASK_FOR_IT: &str = "\
A recovery code works too. If you have none left, ask an administrator to run:
  mfactl verify --resync USER";

const SEE_WHY: &str = "\
Why:      mfactl doctor
Its log:  journalctl -u mfa-agent";

const RESTART_IT: &str = "\
Why:                mfactl doctor
Its log:            journalctl -u mfa-agent
If it runs, but hangs, restart it: systemctl restart mfa-agent   (no counter is lost)";

/// An outcome, for the person who was asked.
pub(crate) fn words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "passed",
        Outcome::Skipped => "the policy requires no second factor here",
        Outcome::Wrong => {
            "wrong, or none of the required factors is set up or in reach (see: mfactl status)"
        }
        Outcome::Locked => {
            "locked after too many wrong codes, or out of tries (see: mfactl status)"
        }
        Outcome::Denied => "the policy denies this login",
        Outcome::Unavailable => "the agent can't verify it now (see: journalctl -u mfa-agent)",
        Outcome::Cancelled => "cancelled; no attempt is counted",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_agent_that_said_no_counts_as_refused() {
        let refused = ClientError::Refused {
            kind: Some(ErrorKind::NotAllowed),
            reason: "no".to_owned(),
        };
        assert_eq!(Failure::from(refused).exit_status(), 1);
        assert_eq!(Failure::from(ClientError::TimedOut).exit_status(), 3);
        assert_eq!(Failure::Usage(String::new()).exit_status(), 2);
    }

    #[test]
    fn an_import_that_stops_has_the_status_of_its_cause() {
        let failure = Failure::Import {
            place: "line 301".to_owned(),
            taken: 300,
            source: Box::new(Failure::Agent(ClientError::TimedOut)),
        };
        assert_eq!((failure.exit_status(), failure.word()), (3, "TimedOut"));
        assert!(failure.to_string().contains("line 301"), "{failure}");
    }
}
