//! What the host knows of the user outside of the account.

use crate::factors::address::{AddressTemplate, Channel, NumberTemplate, Recipient};
use crate::names::UserName;

/// Where codes go for users who have enrolled no address.
#[derive(Clone, Copy, Debug)]
pub enum FallbackSource<'a> {
    /// To the address that a template makes of the name.
    Address(&'a AddressTemplate),
    /// To the number that a template makes of the name.
    Number(&'a NumberTemplate),
    /// To what the user database of the host has for the user.
    Profile(Channel),
}

/// What the host knows of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownUser {
    /// Whether it knows the user by this very name.
    pub is_known: bool,
    /// Where codes can go. Looked up only for [`FallbackSource::Profile`].
    pub profile: Profile,
}

/// What the user database has of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Nothing that a code can be sent to.
    #[default]
    Nothing,
    /// An address or a number.
    Recipient(Recipient),
    /// It did not answer. The user may have one, so they are no newcomer.
    Unread,
}

impl FallbackSource<'_> {
    /// By which channel.
    #[must_use]
    pub const fn channel(self) -> Channel {
        match self {
            Self::Address(_) => Channel::Email,
            Self::Number(_) => Channel::Sms,
            Self::Profile(channel) => channel,
        }
    }

    /// What a template makes of the name.
    pub(super) fn made_of(self, user: &UserName) -> Option<Recipient> {
        match self {
            Self::Address(template) => template.address(user).map(Recipient::Email),
            Self::Number(template) => template.number(user).map(Recipient::Phone),
            Self::Profile(_) => None,
        }
    }
}

impl KnownUser {
    /// A user without an address in the user database.
    #[must_use]
    pub fn by_name(is_known: bool) -> Self {
        Self {
            is_known,
            profile: Profile::Nothing,
        }
    }

    /// Where codes of `channel` can go.
    pub(super) fn recipient(&self, channel: Channel) -> Option<Recipient> {
        match &self.profile {
            Profile::Recipient(to) if to.channel() == channel => Some(to.clone()),
            _ => None,
        }
    }
}
