//! The result of an import for one user. Keys, codes and PINs are wiped when dropped.

use data_encoding::BASE32_NOPAD;
use mfa_protocol::Secret;
pub use mfa_protocol::factor::HashAlgorithm;

/// The devices, codes and PIN of one user, as read from another program's file.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// In the order of the file.
    pub devices: Vec<Device>,
    /// Unused one-time codes of eight digits; `None` if the file type has no such codes.
    pub scratch_codes: Option<Vec<Secret>>,
    /// The PIN that was typed before the code.
    pub pin: Option<Secret>,
    /// One sentence for each setting that can't be imported, and what applies here.
    pub notes: Vec<String>,
}

/// A TOTP or HOTP device.
#[derive(Clone, Debug)]
pub struct Device {
    /// The device's name, if the file has one.
    pub label: Option<String>,
    /// The maker's ID of a token.
    pub credential_id: Option<String>,
    /// The key in base32, upper case, without padding.
    pub secret: Secret,
    /// The hash function.
    pub algorithm: HashAlgorithm,
    /// The length of a code, 6 to 8.
    pub digits: u32,
    /// TOTP or HOTP.
    pub kind: Kind,
    /// The last time step or counter that was used. Codes up to and including it are refused.
    pub used: Option<u64>,
}

/// The moving factor of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// TOTP (RFC 6238).
    Time {
        /// The length of a step in seconds.
        period: u64,
        /// Steps that the device's clock is ahead of the host's; negative if it is behind.
        offset: i64,
    },
    /// HOTP (RFC 4226).
    Counter,
}

/// A key as it is sent on.
pub(crate) fn base32(key: &[u8]) -> Secret {
    Secret::new(BASE32_NOPAD.encode(key))
}
