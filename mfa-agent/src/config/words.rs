//! The values that are one of a few words.

use std::str::FromStr;

use mfa_core::words::word;

use crate::delivery::Security;

impl FromStr for Security {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        word(text, [("starttls", Self::StartTls), ("tls", Self::Tls)])
    }
}

/// The word of `[delivery.sms] provider`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProviderName {
    Vonage,
    Webhook,
    Command,
}

impl ProviderName {
    const ALL: [Self; 3] = [Self::Vonage, Self::Webhook, Self::Command];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Vonage => "vonage",
            Self::Webhook => "webhook",
            Self::Command => "command",
        }
    }
}

impl FromStr for ProviderName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        word(text, Self::ALL.map(|provider| (provider.name(), provider)))
    }
}

/// The word of a rule's `action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ActionName {
    Ask,
    Skip,
    Deny,
}

impl FromStr for ActionName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        word(
            text,
            [
                ("ask", Self::Ask),
                ("skip", Self::Skip),
                ("deny", Self::Deny),
            ],
        )
    }
}
