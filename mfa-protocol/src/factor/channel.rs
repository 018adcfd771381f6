//! The ways to send a code.

use std::str::FromStr;

use super::Factor;
use crate::words::{Word, words};

words! {
    /// A way to send a message.
    #[derive(Default)]
    pub enum Channel {
        /// By mail.
        #[default]
        Email = "email",
        /// By text message.
        Sms = "sms",
    }
}

/// A name that no channel has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a channel for codes; expected \"email\" or \"sms\"")]
pub struct ChannelError(String);

impl Channel {
    /// The factor whose codes it carries.
    #[must_use]
    pub const fn factor(self) -> Factor {
        match self {
            Self::Email => Factor::Email,
            Self::Sms => Factor::Sms,
        }
    }

    /// The channel that carries the codes of `factor`, if they are sent.
    #[must_use]
    pub fn of(factor: Factor) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|channel| channel.factor() == factor)
    }
}

impl FromStr for Channel {
    type Err = ChannelError;

    fn from_str(name: &str) -> Result<Self, ChannelError> {
        Self::from_word(name).map_err(|_| ChannelError(name.to_owned()))
    }
}
