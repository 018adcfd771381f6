//! The factors: what can be typed, and how it is verified.
//!
//! Pure: a factor compares the typed answer with the account, with the time passed in. Nothing here reads a clock,
//! hashes slowly or stores; the agent's `hasher` does the slow part. A [`Row`] has the properties of a factor, and the
//! registry finds it ([`Factor::row`](FactorRow::row)), so no other code asks which factor it is.

pub mod address;
pub mod bypass;
mod counter_uri;
pub mod device;
pub mod key;
pub mod pin;
pub mod questions;
pub mod radius;
pub mod random_code;
pub mod recovery;
mod registry;
pub mod security_key;
pub mod sent_code;
pub mod totp;
pub mod uri;

pub use mfa_protocol::factor::{Factor, FactorCombination, FactorError};
pub use registry::FactorRow;

use address::Channel;
use mfa_protocol::Secret;

/// The properties of a factor.
#[derive(Debug)]
pub struct Row {
    /// The text of the catalogue that asks for it; none where the account holds the question, or nothing is typed.
    pub prompt: Option<&'static str>,
    /// The text of the catalogue that names it in a list of combinations.
    pub choice: &'static str,
    /// The text of the catalogue that names it in a notice about a change.
    pub in_notice: &'static str,
    /// What an answer looks like.
    pub form: AnswerForm,
    /// How an answer is verified.
    pub verification: Verification,
    /// Where an account keeps it.
    pub stored: Stored,
    /// What it needs outside of the account.
    pub needs: Need,
    /// What follows the user in the command that enrols it; an address or a server can't be known.
    pub enroll_arguments: &'static str,
    /// What there is to say of how much of it has to be set up.
    pub enroll_note: &'static str,
    /// Whether an administrator may require it of a user who has not set it up yet.
    pub may_be_required_first: bool,
    /// Whether one answer holds it behind a password (`prompting = "single"`).
    pub fits_one_answer: bool,
    /// Whether it can be set up inside a login, where the host has what it [needs](Self::needs).
    pub enrolls_in_login: bool,
}

/// What an answer looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerForm {
    /// As many digits as the codes of the user's devices have.
    DeviceCode,
    /// As many digits as the codes that are sent have.
    SentCode,
    /// Digits.
    Digits,
    /// Words.
    Words,
    /// Whatever another server takes.
    Anything,
    /// Nothing: the user touches something.
    Nothing,
}

/// How an answer is verified.
#[derive(Clone, Copy, Debug)]
pub enum Verification {
    /// As the code of any device, within the change of the record.
    Device,
    /// By a slow hash of this form of it, before the change.
    Hash(fn(&Secret) -> Secret),
    /// As the code that was sent in this login.
    Sent,
    /// By a RADIUS server.
    Radius,
    /// By sshd, or by the signature of a key.
    Key,
}

/// Where an account keeps a factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Among the devices.
    Devices,
    /// As the PIN.
    Pin,
    /// As the set of questions.
    Questions,
    /// Among the addresses, those of a channel.
    Contacts(Channel),
    /// As the account at a RADIUS server.
    Remote,
    /// Among the security keys.
    Keys,
}

/// What a factor needs outside of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing.
    Nothing,
    /// A way to send codes.
    Delivery(Channel),
    /// A RADIUS server.
    RadiusServer,
}
