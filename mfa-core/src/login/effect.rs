//! What is to be done next, each with the state that takes what comes of it.

use mfa_protocol::login::{Outcome, Step};

use super::state::{
    CountingWrongCode, FindingCode, MakingDevice, Prompting, QueryingRadius, SendingCode,
    StoringDevice, Verifying,
};

/// What is to be done next.
#[derive(Debug)]
pub enum Effect {
    /// Show this, and take an answer.
    Prompt(Step, Prompting),
    /// Look whether what was typed is a bypass or recovery code of the user's, with a PIN behind it or without.
    FindCode(FindingCode),
    /// Send a code.
    SendCode(SendingCode),
    /// Have a RADIUS server judge an answer.
    QueryRadius(QueryingRadius),
    /// Verify answers.
    Verify(Verifying),
    /// Draw the key of a new device and its recovery codes.
    MakeDevice(MakingDevice),
    /// Count a wrong first code of a device that is being set up.
    CountWrongCode(CountingWrongCode),
    /// Store a device and its recovery codes.
    StoreDevice(StoringDevice),
    /// The login has ended.
    End(End),
}

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
    /// The code that was sent came back too late.
    CodeExpired,
    /// No RADIUS server has judged the answer.
    ServerSilent,
    /// The password was typed in place of a code.
    Password,
    /// The set-up of a device was given up.
    NotFinished,
    /// A device was set up.
    DeviceStored,
    /// The account was locked before the device could be stored.
    LockedMeanwhile,
    /// The user has something else by now.
    ChangedMeanwhile,
}

impl EndReason {
    /// What the audit log says of it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NoAnswer => "no answer was given, or sshd's stand-in for users that it refuses",
            Self::CodeExpired => "the code that was sent had expired",
            Self::ServerSilent => "no RADIUS server answered",
            Self::Password => {
                "the password was typed in place of the second factor, which costs no attempt; a program that \
                 answers every prompt with it needs the stack config/pam.d/password+code"
            }
            Self::NotFinished => "set-up was not finished; nothing was stored",
            Self::DeviceStored => "a device was set up in this login",
            Self::LockedMeanwhile => "the account was locked meanwhile; not set up",
            Self::ChangedMeanwhile => "a factor was set up elsewhere meanwhile; not set up",
        }
    }
}
