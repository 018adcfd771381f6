//! How a login ends, and whether it does.

use mfa_protocol::login::{Outcome, Step};

use crate::account::Refused;

/// The end of a login.
#[derive(Clone, Debug)]
pub struct End {
    /// What is shown.
    pub step: Step,
    /// How it ends.
    pub outcome: Outcome,
    /// Why, for the log; none where a verdict says so.
    pub reason: Option<EndReason>,
}

/// Why a login ends without a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// Nothing was typed.
    NoAnswer,
    /// More was typed than a login takes.
    TooManyAnswers,
    /// The code that was sent came back too late.
    CodeExpired,
    /// No RADIUS server verified the answer.
    ServerSilent,
    /// A RADIUS server asked too many questions.
    TooManyChallenges,
    /// The password was typed instead of a code.
    Password,
    /// No security key of the user's could be asked, or none has signed, and nothing else is accepted.
    KeyOutOfReach,
    /// The user did not wait for the security key.
    Interrupted,
    /// The set-up was given up.
    NotFinished,
    /// A device was set up.
    DeviceStored,
    /// Something else was set up, or several factors.
    FactorsStored,
    /// The account was locked before what was set up could be stored.
    LockedMeanwhile,
    /// The user has something else by now.
    ChangedMeanwhile,
}

impl EndReason {
    /// What the audit log says of it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoAnswer => {
                "no answer was given, or sshd refused the user and sent a placeholder"
            }
            Self::TooManyAnswers => "too many answers in one login",
            Self::CodeExpired => "the code that was sent had expired",
            Self::ServerSilent => "no RADIUS server answered",
            Self::TooManyChallenges => {
                "the RADIUS server asked too many questions (see [push] in agent.toml)"
            }
            Self::Password => {
                "the password was typed instead of the second factor, which is not counted; a \
                 program that answers every prompt with the password needs the stack \
                 /usr/share/doc/pam-mfa/examples/pam.d/password+code"
            }
            Self::KeyOutOfReach => {
                "no security key of the user has signed, and nothing else is accepted: sshd has verified none that is \
                 enrolled, and the user's SSH agent has none, or did not sign"
            }
            Self::Interrupted => "the user did not wait for the security key",
            Self::NotFinished => "the enrolment was not finished; nothing was stored",
            Self::DeviceStored => "a device was enrolled in this login",
            Self::FactorsStored => "what is required was enrolled in this login",
            Self::LockedMeanwhile => "the account was locked meanwhile; nothing was enrolled",
            Self::ChangedMeanwhile => {
                "a factor was enrolled elsewhere meanwhile; nothing was \
                                       enrolled here"
            }
        }
    }
}

/// What follows from a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consequence {
    /// The login goes on.
    GoesOn,
    /// It ends.
    Ends(Outcome),
    /// A new device is set up before the login has passed.
    Renews {
        /// What the account could be passed with when the recovery code was right.
        generation: u64,
    },
}

/// How a refused guess ends its login.
pub(super) const fn outcome_of(refused: Refused) -> Outcome {
    match refused {
        Refused::Wrong { .. } => Outcome::Wrong,
        Refused::Locked(_) | Refused::BudgetExhausted => Outcome::Locked,
    }
}
