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

/// Whether a security key must show that it has verified its owner: `[key] verification`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyVerification {
    /// A touch is enough.
    Preferred,
    /// It must.
    Required,
}

impl FromStr for KeyVerification {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        word(
            text,
            [("preferred", Self::Preferred), ("required", Self::Required)],
        )
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

/// The word of `[store] engine`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EngineName {
    Sled,
    Etcd,
}

impl FromStr for EngineName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        word(text, [("sled", Self::Sled), ("etcd", Self::Etcd)])
    }
}

/// Where the number of a user is: `[delivery.sms] number_from`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NumberSource {
    /// In the GECOS field of the entry in the name service.
    Gecos(GecosField),
    /// In this field of the record in the user database of systemd.
    Record(String),
}

/// Where the address of a user is: `[delivery.email] address_from`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressSource {
    /// In the record in the user database of systemd.
    Record,
}

/// What names a field of such a record.
const RECORD: &str = "userdb:";

/// The longest name of a field.
const LONGEST_FIELD_NAME: usize = 64;

/// A sub-field of GECOS, as chfn(1) names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GecosField {
    /// The third.
    WorkPhone,
    /// The fourth.
    HomePhone,
    /// The fifth, which only root changes.
    Other,
}

impl GecosField {
    const ALL: [Self; 3] = [Self::WorkPhone, Self::HomePhone, Self::Other];

    /// Its word in the settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WorkPhone => "work-phone",
            Self::HomePhone => "home-phone",
            Self::Other => "other",
        }
    }
}

impl FromStr for NumberSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(field) = text.strip_prefix(RECORD) {
            let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
            let is_name =
                (1..=LONGEST_FIELD_NAME).contains(&field.len()) && field.bytes().all(is_plain);
            return match is_name {
                true => Ok(Self::Record(field.to_owned())),
                false => Err(format!(
                    "{field:?} is not the name of a field; expected such as \"userdb:mobile\""
                )),
            };
        }
        let field = |field: GecosField| (field.name(), Self::Gecos(field));
        word(text, GecosField::ALL.map(field))
    }
}

impl FromStr for AddressSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        word(text, [("userdb", Self::Record)])
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
