//! Factors and what goes with them, as settings, records, commands and messages name them.
//!
//! Only names are here. What a factor is worth, asks for and stores is the core's business
//! (`mfa-core/src/factors/registry.rs`).

mod authenticator;
mod channel;
mod combination;
mod device_kind;
mod hash_algorithm;

use std::str::FromStr;

use crate::words::{Word, words};
pub use authenticator::Authenticator;
pub use channel::{Channel, ChannelError};
pub use combination::FactorCombination;
pub use device_kind::DeviceKind;
pub use hash_algorithm::{HashAlgorithm, HashAlgorithmError};

words! {
    /// A kind of proof that a user can give.
    pub enum Factor {
        /// A code of a device, with a clock (RFC 6238) or a counter (RFC 4226).
        Totp = "totp",
        /// 4 to 8 digits that the user knows.
        Pin = "pin",
        /// The answer to one of three questions.
        Questions = "questions",
        /// A code that is sent by mail.
        Email = "email",
        /// A code that is sent by text message.
        Sms = "sms",
        /// Whatever a RADIUS server asks for.
        Radius = "radius",
    }
}

/// A name that no factor has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactorError {
    /// Not a factor.
    #[error("{0:?} is not a factor; there are {names}", names = names())]
    Unknown(String),
    /// A kind of device, which policy does not tell from the other.
    #[error(
        "\"hotp\" is not asked for by that name: \"totp\" takes the codes of all devices, those that \
         count among them"
    )]
    Counter,
    /// A combination that asks for the same factor twice.
    #[error("{0:?} asks for the same factor twice")]
    Repeated(String),
}

/// `"totp", "pin" and "radius"`
fn names() -> String {
    let names: Vec<String> = Factor::ALL
        .iter()
        .map(|factor| format!("{:?}", factor.name()))
        .collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

impl FromStr for Factor {
    type Err = FactorError;

    fn from_str(name: &str) -> Result<Self, FactorError> {
        if name == DeviceKind::Hotp.name() {
            return Err(FactorError::Counter);
        }
        Self::from_word(name).map_err(|_| FactorError::Unknown(name.to_owned()))
    }
}
