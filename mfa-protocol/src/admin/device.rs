//! What is done with a device that is there already.

use serde::{Deserialize, Serialize};

use crate::Secret;
use crate::factor::{Authenticator, DeviceKind};

/// Another name for a device or a security key.
pub struct Rename;
/// Two consecutive codes that resynchronise a device that is out of sync.
pub struct Resync;
/// Devices that are out of sync, a page at a time.
pub struct Drifts;

/// Says whether a device, a security key, or the account at a RADIUS server, is used.
pub struct EnableFactor;

/// See [`EnableFactor`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnableFactorParameters {
    /// The user, or none for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// A kind of device, a security key, or RADIUS.
    pub factor: Authenticator,
    /// The device or key, or the fingerprint of a key; may be left out if there is only one of its kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether it is used.
    pub enabled: bool,
}

/// The reply to [`EnableFactor`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnableFactorReply {
    /// The canonical name.
    pub user: String,
    /// The device, the key, or the RADIUS server.
    pub label: String,
    /// Whether anything was changed.
    pub changed: bool,
    /// What an administrator should know, if there is something.
    pub note: Option<String>,
}

/// See [`Rename`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenameParameters {
    /// The user, or none for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Which kind of thing it is. None, as in earlier versions, and a kind of device mean a device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<Authenticator>,
    /// The device or key, or the fingerprint of a key; may be left out if there is only one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its new name.
    pub to: String,
}

/// The reply to [`Rename`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RenameReply {
    /// The canonical name.
    pub user: String,
    /// Its name now.
    pub label: String,
    /// Whether it was another before.
    pub changed: bool,
}

/// See [`Resync`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResyncParameters {
    /// The user, or none for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The device; none: whichever the codes are of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// A code that the device showed.
    pub first: Secret,
    /// The code that it showed next.
    pub second: Secret,
}

/// The reply to [`Resync`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResyncReply {
    /// The canonical name.
    pub user: String,
    /// The kind of device.
    pub factor: DeviceKind,
    /// The device's name.
    pub label: String,
    /// Seconds that its clock is ahead of this host's, as it is reckoned with from now on; none for a
    /// device without a clock.
    pub clock_offset: Option<i64>,
    /// Codes that were passed over; none for a device with a clock.
    pub skipped: Option<u64>,
}

/// The reply to [`Drifts`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DriftsReply {
    /// Those of this stretch of the list; may be none although `next` is there.
    pub drifts: Vec<Drift>,
    /// What to pass as `after` for the next page; none at the end.
    #[serde(default)]
    pub next: Option<String>,
}

/// A device whose code was refused because it came too far from where it was expected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// The canonical name.
    pub user: String,
    /// The kind of device.
    pub factor: DeviceKind,
    /// The device's name.
    pub label: String,
    /// Seconds that its clock is ahead of what is reckoned with, negative if it is behind; none for a
    /// device without a clock.
    pub seconds: Option<i64>,
    /// Codes that it is ahead; none for a device with a clock.
    pub codes: Option<u64>,
    /// When that was seen, RFC 3339 in UTC.
    pub seen_at: String,
    /// Seconds from now until the time at which it was last used, if that is still to come; then it is this host's
    /// clock that is or was wrong.
    #[serde(default)]
    pub used_ahead: Option<i64>,
}
