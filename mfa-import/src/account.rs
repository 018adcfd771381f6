//! What is taken over for one user.
//!
//! Plain values, for whoever sends them on. Keys, codes and PINs are wiped when dropped.

use data_encoding::BASE32_NOPAD;
use mfa_protocol::Secret;
pub use mfa_protocol::factor::HashAlgorithm;

/// What is taken over for one user.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// In the order of the file.
    pub devices: Vec<Device>,
    /// Codes of eight digits that are good once each and not used yet; none at all where there are no such
    /// codes.
    pub scratch_codes: Option<Vec<Secret>>,
    /// What had to be typed before the code.
    pub pin: Option<Secret>,
    /// What is not taken over, and what holds in its place; a sentence each.
    pub notes: Vec<String>,
}

/// A device.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its name, where it had one.
    pub label: Option<String>,
    /// The key in base32, upper case, without padding.
    pub secret: Secret,
    /// The hash function.
    pub algorithm: HashAlgorithm,
    /// The length of a code, 6 to 8.
    pub digits: u32,
    /// By time or by counter.
    pub kind: Kind,
    /// The last step or counter whose code was used: neither it nor one before it counts any more.
    pub used: Option<u64>,
}

/// What a device counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Steps of time (RFC 6238).
    Time {
        /// The length of a step in seconds.
        period: u64,
        /// How many steps the device's clock is ahead of the host's; negative if behind.
        offset: i64,
    },
    /// Codes (RFC 4226).
    Counter,
}

/// A key as it is sent on.
pub(crate) fn base32(key: &[u8]) -> Secret {
    Secret::new(BASE32_NOPAD.encode(key))
}
