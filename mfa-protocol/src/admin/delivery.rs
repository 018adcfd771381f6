//! Addresses that codes are sent to, accounts at RADIUS servers, and trying out that messages arrive.

use serde::{Deserialize, Serialize};

use crate::Secret;
use crate::factor::Channel;

/// An address that codes are sent to.
pub struct EnrollAddress;
/// The code that proves that what is sent to the address of [`EnrollAddress`] arrives.
pub struct ConfirmAddress;
/// An account at a RADIUS server.
pub struct EnrollRadius;
/// Makes an address the primary one, which codes go to.
pub struct Primary;
/// Says whether an address is used.
pub struct EnableAddress;
/// Sends a message that is no code of a login.
pub struct TestDelivery;

/// An address to be enrolled.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrollAddressParameters {
    /// The user, or none for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How codes get there.
    pub factor: Channel,
    /// The address or number.
    pub address: String,
    /// Whether a code is sent there and awaited before anything is stored. Users may not do without.
    pub confirm: bool,
}

/// The reply to [`EnrollAddress`] and [`ConfirmAddress`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnrollAddressReply {
    /// The canonical name.
    pub user: String,
    /// What is stored, or about to be.
    pub address: Address,
    /// Whether it is stored, or a code is awaited.
    pub stored: bool,
}

/// The code that was sent.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmAddressParameters {
    /// The code.
    pub code: Secret,
}

/// An account at a RADIUS server.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrollRadiusParameters {
    /// The user.
    pub user: String,
    /// The name of a `[[radius]]` of the settings.
    pub server: String,
    /// The user's name there; none: the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_user: Option<String>,
}

/// The reply to [`EnrollRadius`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnrollRadiusReply {
    /// The canonical name.
    pub user: String,
    /// Whether anything was changed.
    pub changed: bool,
    /// What is stored.
    pub radius: Radius,
}

/// Names an address.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrimaryParameters {
    /// The user, or none for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How codes get there.
    pub factor: Channel,
    /// The address, whole or as it is shown.
    pub address: String,
}

/// Names an address, and says whether it is used.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnableAddressParameters {
    /// The user, or none for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How codes get there.
    pub factor: Channel,
    /// The address, whole or as it is shown.
    pub address: String,
    /// Whether codes may go there.
    pub enabled: bool,
}

/// The reply to [`Primary`] and [`EnableAddress`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AddressReply {
    /// The canonical name.
    pub user: String,
    /// Whether anything was changed.
    pub changed: bool,
    /// The address as it is now.
    pub address: Address,
}

/// Where to send a message.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestDeliveryParameters {
    /// How it is sent.
    pub channel: Channel,
    /// The address or number.
    pub address: String,
}

/// The reply to [`TestDelivery`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TestDeliveryReply {
    /// The address as it was understood.
    pub address: String,
    /// Whether the provider accepted the message.
    pub sent: bool,
    /// Why nobody did.
    pub error: Option<String>,
}

/// An address that codes are sent to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// How codes get there.
    pub factor: Channel,
    /// The whole address for root, `a•••@example.org` for others.
    pub address: String,
    /// Whether codes go to this one first.
    pub primary: bool,
    /// Whether codes may go there.
    pub enabled: bool,
    /// When a code that was sent there first came back. RFC 3339, UTC; none if none did.
    pub confirmed_at: Option<String>,
    /// RFC 3339, UTC.
    pub enrolled_at: String,
    /// RFC 3339, UTC; none if it never was.
    pub last_used_at: Option<String>,
}

/// An account at a RADIUS server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Radius {
    /// The name of the server in the settings.
    pub server: String,
    /// The user's name there.
    pub remote_user: String,
    /// Whether the server is asked.
    #[serde(default = "super::yes")]
    pub enabled: bool,
    /// RFC 3339, UTC.
    pub enrolled_at: String,
    /// RFC 3339, UTC; none if it never was.
    pub last_used_at: Option<String>,
}

/// What was sent to a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Messages {
    /// How many messages count towards the limit.
    pub sent: u32,
    /// Until when none is sent. RFC 3339, UTC; none if there is no such pause.
    pub paused_until: Option<String>,
    /// When a message was sent last. RFC 3339, UTC; none if none was.
    pub last_sent_at: Option<String>,
    /// Why the last one could not be sent; none if it could.
    pub last_error: Option<String>,
}
