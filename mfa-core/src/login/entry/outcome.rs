//! The possible outcomes of the decision, as values.

use jiff::Timestamp;

use crate::account::{NewSession, Session};
use crate::factors::FactorCombination;
use crate::factors::address::{Channel, Recipient};
use crate::factors::security_key::PublicKey;
use crate::login::{AskTerms, FallbackRecipients};

/// What happens to a login that the policy asks for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry<'a> {
    /// It is denied: one answer holds password and code, and more than a code is required.
    NoRoom,
    /// The user gets in without being asked.
    LetIn(LetIn<'a>),
    /// The user has nothing enrolled and enrols all of this now.
    Enroll(SetUp),
    /// The user is asked for what they have, or for what others have.
    Ask(Asked),
}

impl Entry<'_> {
    /// Whether the user can get in, by what they have or what they can set up in the login.
    #[must_use]
    pub fn can_be_passed(&self) -> bool {
        match self {
            Self::NoRoom => false,
            Self::LetIn(_) | Self::Enroll(_) => true,
            Self::Ask(asked) => !asked.is_unenrolled,
        }
    }
}

/// Why a user is accepted without a prompt although the policy asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetIn<'a> {
    /// A session lasts.
    Session(&'a Session),
    /// An administrator has stopped asking them until then.
    Suspended(Timestamp),
    /// They have set up nothing, and need not.
    Unenrolled,
    /// They have set up nothing yet, and have days of grace left.
    Grace(Grace),
}

/// What the policy alone decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PolicyEnd {
    /// The login is denied.
    Denied,
    /// The login is asked for nothing.
    Skipped,
}

/// Days of grace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grace {
    /// How many are left, the present one included.
    pub days: u32,
    /// When they end; `None` if that is not known before they have begun.
    pub ends: Option<Timestamp>,
    /// Whether the program shows nothing but one prompt.
    pub single: bool,
}

/// The set-up of the first factors in the login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetUp {
    /// What is set up, all of it in this order.
    pub combination: FactorCombination,
    /// The address that the settings make of the user's name; without one the user is asked.
    pub address: Option<Recipient>,
    /// The security key that sshd has verified.
    pub key: Option<PublicKey>,
    /// Whether recovery codes belong to it: where the policy never asks for a code, nothing takes them.
    pub has_codes: bool,
    /// The session that a pass begins.
    pub session: Option<NewSession>,
}

/// A login that is asked for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// On which terms.
    pub terms: AskTerms,
    /// Where codes can go other than to enrolled addresses.
    pub fallback: FallbackRecipients,
    /// Whether what is typed counts on the user's own record even if they have none yet: a code goes to an address that
    /// becomes theirs.
    pub counts_on_own_record: bool,
    /// Whether the account can go none of the ways; for the log, never for the user.
    pub is_unenrolled: bool,
    /// Why a user who can pass nothing has nothing; for the log, never for the user.
    pub hint: Option<Hint>,
    /// Whether a user must enrol a new device after a recovery code.
    pub renews: bool,
    /// The session that a pass begins.
    pub session: Option<NewSession>,
}

/// Why a user can pass nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hint {
    /// What they have enrolled can't be used any more.
    NothingUsable,
    /// What they have needs codes that are turned off.
    TurnedOff(Channel),
    /// They may have an address in the user database, which did not answer.
    ProfileUnread,
    /// What they have needs a security key, which can't be met in this login.
    KeyOutOfReach,
    /// What they have needs a security key, and the settings accept none of theirs.
    KeyOfOtherType,
    /// What they have needs a security key, and theirs may have been copied.
    KeySuspect,
    /// They could set up something, but not where one answer holds password and code.
    NoConversation,
    /// They could set up something, but a login can set up nothing that the policy requires.
    NoCode,
}

impl Hint {
    /// The text for the audit log and `mfactl explain`; `USER` is the user.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::NothingUsable => {
                "nothing that is enrolled can be used any more (a disabled address or device, a security key that may \
                 have been copied, used-up recovery codes, an expired bypass code); for details: mfactl status USER. To \
                 issue a code, where one is asked for: mfactl bypass USER"
            }
            Self::TurnedOff(Channel::Email) => {
                "[delivery.email] active = false, so no code is sent, and no other required factor is enrolled; to \
                 issue a code: mfactl bypass USER"
            }
            Self::TurnedOff(Channel::Sms) => {
                "[delivery.sms] active = false, so no code is sent, and no other required factor is enrolled; to \
                 issue a code: mfactl bypass USER"
            }
            Self::ProfileUnread => {
                "no factor is enrolled, and the user database did not say whether it has an address or number of the \
                 user; see the agent's log: journalctl -u mfa-agent"
            }
            Self::KeyOutOfReach => {
                "the security key that is enrolled can't be used in this login: sshd has verified none that counts ([key] in \
                 agent.toml), and the program reaches no SSH agent of the user; no other required factor is enrolled. To \
                 issue a code, where one is asked for: mfactl bypass USER"
            }
            Self::KeyOfOtherType => {
                "the security key that is enrolled does not count: [key] types in agent.toml does not list its type, or \
                 verification = \"required\" demands a PIN, for which a key in a file never asks"
            }
            Self::KeySuspect => {
                "the security key that is enrolled has counted fewer signatures than before, so it may have been copied, \
                 and counts nowhere. If it was reset: mfactl enable key USER"
            }
            Self::NoConversation => {
                "not enrolled, and no device can be enrolled with one answer for password and \
                 code; enrol one first: mfactl enroll totp USER"
            }
            Self::NoCode => {
                "not enrolled, and what the policy requires can't be enrolled in a login (radius \
                 never can, key only where sshd has just verified one, and email and sms only if [delivery] sends them); to see what is \
                 required: mfactl status USER"
            }
        }
    }
}
