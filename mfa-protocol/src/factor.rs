//! Factors and what goes with them, as settings, records, commands and messages name them.
//!
//! Names only. What a factor asks for and stores is defined in the core (`mfa-core/src/factors/mod.rs`).

mod authenticator;
mod channel;
mod combination;
mod device_kind;
mod hash_algorithm;
mod names;

use std::str::FromStr;

use crate::words::Word;
pub use channel::{Channel, ChannelError};
pub use combination::FactorCombination;
pub use device_kind::DeviceKind;
pub use hash_algorithm::{HashAlgorithm, HashAlgorithmError};
pub use names::{Authenticator, Factor};

/// The most devices of a user.
pub const MAX_DEVICES: usize = 5;

/// The most security keys of a user.
pub const MAX_KEYS: usize = 5;

/// How many security questions a user has.
pub const QUESTIONS: usize = 3;

/// How many recovery codes a user gets unless something else is asked for.
pub const RECOVERY_CODES: u32 = 10;

/// A name that no factor has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FactorError {
    /// Not a factor.
    #[error("{0:?} is not a factor; expected {names}", names = names())]
    Unknown(String),
    /// A kind of device, which policy does not tell from the other.
    #[error(
        "\"hotp\" can't be required by itself: \"totp\" accepts the codes of all devices, HOTP \
         devices included"
    )]
    Counter,
    /// A combination that asks for the same factor twice.
    #[error("{0:?} asks for the same factor twice")]
    Repeated(String),
}

/// `"totp", "pin" or "radius"`
fn names() -> String {
    let names: Vec<String> = Factor::ALL
        .iter()
        .map(|factor| format!("{:?}", factor.name()))
        .collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
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
