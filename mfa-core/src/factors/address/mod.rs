//! Where codes are sent to: addresses of mail, numbers of telephones.
//!
//! Pure. What a person typed or a record holds comes in, an address that mail or a message can be sent to
//! comes out. It is shown masked; the whole of it leaves by `as_str` only.

mod email;
mod phone;
mod template;

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Factor;
pub use email::{AddressError, EmailAddress};
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

/// A way to send a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Channel {
    /// By mail.
    #[default]
    Email,
    /// By text message.
    Sms,
}

/// A name that no channel has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no way to send a code; there are \"email\" and \"sms\"")]
pub struct ChannelError(String);

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

impl Channel {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Email, Self::Sms];

    /// The name in settings, commands and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.factor().name()
    }

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
    pub const fn of(factor: Factor) -> Option<Self> {
        match factor {
            Factor::Email => Some(Self::Email),
            Factor::Sms => Some(Self::Sms),
            Factor::Totp | Factor::Pin | Factor::Questions | Factor::Radius => None,
        }
    }

    /// An address of this channel, as people type it; numbers without a country code are of `region`.
    ///
    /// # Errors
    ///
    /// [`RecipientError`], with what to type instead.
    pub fn recipient(
        self,
        text: &str,
        region: Option<Region>,
    ) -> Result<Recipient, RecipientError> {
        Ok(match self {
            Self::Email => Recipient::Email(text.parse()?),
            Self::Sms => Recipient::Phone(PhoneNumber::parse(text, region)?),
        })
    }
}

impl std::str::FromStr for Channel {
    type Err = ChannelError;

    fn from_str(name: &str) -> Result<Self, ChannelError> {
        let mut all = Self::ALL.into_iter();
        all.find(|channel| channel.name() == name)
            .ok_or_else(|| ChannelError(name.to_owned()))
    }
}

impl Recipient {
    /// By which channel.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Email(_) => Channel::Email,
            Self::Phone(_) => Channel::Sms,
        }
    }

    /// The whole address. Whoever calls this answers for where it goes.
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
            let recipient = channel.recipient(text, None).unwrap();
            assert_eq!(recipient.channel(), channel);
            assert_eq!(recipient.to_string(), shown);
            assert_eq!(channel.name().parse(), Ok(channel));
            assert_eq!(Channel::of(channel.factor()), Some(channel));
            let kept = serde_json::to_string(&recipient).unwrap();
            assert_eq!(serde_json::from_str::<Recipient>(&kept).unwrap(), recipient);
        }
        assert!(Channel::Email.recipient("+49 170 1234542", None).is_err());
        assert!("fax".parse::<Channel>().is_err());
    }
}
