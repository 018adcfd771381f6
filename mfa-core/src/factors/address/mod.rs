//! Where codes are sent to: addresses of mail, numbers of telephones.
//!
//! Pure. A typed or stored text comes in, an address for mail or text messages comes out. It is shown masked; only
//! `as_str` returns the whole address.

mod email;
mod number_template;
mod phone;
mod template;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use email::{AddressError, EmailAddress};
pub use mfa_protocol::factor::{Channel, ChannelError};
pub use number_template::{NumberTemplate, NumberTemplateError};
pub use phone::{LONGEST_NUMBER, NumberError, PhoneNumber, Region};
pub use template::{AddressTemplate, AddressTemplateError};

/// Where a message goes, and by which channel with it. Shown masked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recipient {
    /// By mail.
    Email(EmailAddress),
    /// By text message.
    Phone(PhoneNumber),
}

/// An address that can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    /// Of mail.
    #[error(transparent)]
    Email(#[from] AddressError),
    /// Of a telephone.
    #[error(transparent)]
    Phone(#[from] NumberError),
}

impl Recipient {
    /// An address of a channel, as people type it; numbers without a country code are of `region`.
    ///
    /// # Errors
    ///
    /// [`RecipientError`], with what to type instead.
    pub fn read(
        channel: Channel,
        text: &str,
        region: Option<Region>,
    ) -> Result<Self, RecipientError> {
        Ok(match channel {
            Channel::Email => Self::Email(text.parse()?),
            Channel::Sms => Self::Phone(PhoneNumber::parse(text, region)?),
        })
    }

    /// By which channel.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Email(_) => Channel::Email,
            Self::Phone(_) => Channel::Sms,
        }
    }

    /// The whole address. The caller is responsible for where it goes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email(address) => address.as_str(),
            Self::Phone(number) => number.as_str(),
        }
    }

    /// For other eyes than its owner's: `a•••@example.org`, `+49•••••42`.
    #[must_use]
    pub fn masked(&self) -> String {
        match self {
            Self::Email(address) => address.masked(),
            Self::Phone(number) => number.masked(),
        }
    }
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_belongs_to_its_channel_and_is_shown_masked() {
        for (channel, text, shown) in [
            (Channel::Email, "anna@example.org", "a•••@example.org"),
            (Channel::Sms, "+49 170 1234542", "+49•••••42"),
        ] {
            let recipient = Recipient::read(channel, text, None).unwrap();
            assert_eq!(recipient.channel(), channel);
            assert_eq!(recipient.to_string(), shown);
            assert_eq!(channel.name().parse(), Ok(channel));
            assert_eq!(Channel::of(channel.factor()), Some(channel));
            let kept = serde_json::to_string(&recipient).unwrap();
            assert_eq!(serde_json::from_str::<Recipient>(&kept).unwrap(), recipient);
        }
        assert!(Recipient::read(Channel::Email, "+49 170 1234542", None).is_err());
        assert!("fax".parse::<Channel>().is_err());
    }
}
