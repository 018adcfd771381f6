//! The values that are one of a few words.

use std::str::FromStr;

use mfa_core::factors::device::HashAlgorithm;

use mfa_core::words::word;

use super::values::Text;
use crate::delivery::Security;
use mfa_core::policy::{Mode, Prompting, Source, Unenrolled};

impl Text for Mode {
    const EXPECTED: &str = "\"none\", \"local-users\" or \"all\"";
}

impl Text for Prompting {
    const EXPECTED: &str = "\"dialogue\" or \"single\"";
}

impl Text for Unenrolled {
    const EXPECTED: &str = "\"deny\", \"allow\" or \"enroll\"";
}

impl Text for Source {
    const EXPECTED: &str = "\"local\" or \"federated\"";
}

impl Text for HashAlgorithm {
    const EXPECTED: &str = "\"SHA1\", \"SHA256\" or \"SHA512\"";
}

impl Text for Security {
    const EXPECTED: &str = "\"starttls\" or \"tls\"";
}

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

impl Text for ProviderName {
    const EXPECTED: &str = "\"vonage\", \"webhook\" or \"command\"";
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

impl Text for ActionName {
    const EXPECTED: &str = "\"ask\", \"skip\" or \"deny\"";
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
