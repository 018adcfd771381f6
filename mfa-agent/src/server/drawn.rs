//! What is drawn at random for an account: the key of a device, and recovery codes.

use mfa_protocol::Secret;

use super::error::Failure;
use super::random;
use mfa_core::factors::key::{Key, NEW_KEY};
use mfa_core::factors::random_code::RandomCode;
use mfa_core::factors::recovery::RECOVERY_DIGITS;

/// The key of a new device.
pub(super) fn device_key() -> Result<Key, Failure> {
    let random = zeroize::Zeroizing::new(random::<NEW_KEY>()?);
    Ok(Key::fresh(*random))
}

/// As many recovery codes.
pub(super) fn recovery_codes(count: usize) -> Result<Vec<Secret>, Failure> {
    let drawn: Result<Vec<_>, _> = (0..count).map(|_| random()).collect();
    let codes = RandomCode::set(&drawn?, RECOVERY_DIGITS);
    Ok(codes.iter().map(RandomCode::text).collect())
}
