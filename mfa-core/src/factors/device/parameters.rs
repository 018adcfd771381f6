//! What a device's codes are like: hash function, digits, period. Each type holds no value that can't be.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The hash function of a device (RFC 6238 §1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// HMAC-SHA-1, what nearly every app uses.
    #[default]
    Sha1,
    /// HMAC-SHA-256
    Sha256,
    /// HMAC-SHA-512
    Sha512,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(totp_rs::Algorithm::from(*self).as_str())
    }
}

impl From<Algorithm> for totp_rs::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha1 => Self::SHA1,
            Algorithm::Sha256 => Self::SHA256,
            Algorithm::Sha512 => Self::SHA512,
        }
    }
}

impl FromStr for Algorithm {
    type Err = ParameterError;

    fn from_str(name: &str) -> Result<Self, ParameterError> {
        match name.to_ascii_uppercase().replace('-', "").as_str() {
            "SHA1" => Ok(Self::Sha1),
            "SHA256" => Ok(Self::Sha256),
            "SHA512" => Ok(Self::Sha512),
            _ => Err(ParameterError::Algorithm(name.to_owned())),
        }
    }
}

/// A setting of a device that is out of bounds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// Not one of the three.
    #[error("{0:?} is not an algorithm; there are SHA1, SHA256 and SHA512")]
    Algorithm(String),
    /// Not 6 to 8.
    #[error("codes of {0} digits are not possible; 6 to 8 are")]
    Digits(u32),
    /// Not 5 to 300 seconds.
    #[error("a period of {0} seconds is not possible; 5 to 300 are")]
    Period(u64),
    /// A counter that has nearly come to its end.
    #[error(
        "the counter {0} leaves no room for further codes; the highest that is taken is {MAX_COUNTER}"
    )]
    Counter(u64),
}

/// The highest counter that a device may begin with. No device has shown so many codes; one that says so is set up wrong.
pub const MAX_COUNTER: u64 = u64::MAX - 1_000_000;

/// The counter of the next code, if there is room for further ones.
///
/// # Errors
///
/// [`ParameterError::Counter`].
pub const fn with_room(next: u64) -> Result<u64, ParameterError> {
    match next {
        0..=MAX_COUNTER => Ok(next),
        _ => Err(ParameterError::Counter(next)),
    }
}

/// How many digits a code has: 6 to 8 (RFC 4226 §5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Digits(u8);

impl Default for Digits {
    fn default() -> Self {
        Self(6)
    }
}

impl Digits {
    /// As the library takes it.
    pub(super) const fn small(self) -> u8 {
        self.0
    }
}

impl TryFrom<u32> for Digits {
    type Error = ParameterError;

    fn try_from(digits: u32) -> Result<Self, ParameterError> {
        match u8::try_from(digits) {
            Ok(small @ 6..=8) => Ok(Self(small)),
            _ => Err(ParameterError::Digits(digits)),
        }
    }
}

impl From<Digits> for u32 {
    fn from(digits: Digits) -> Self {
        digits.0.into()
    }
}

/// How long a step lasts: 5 to 300 seconds (RFC 6238 §5.2 recommends 30).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Period(u64);

impl Default for Period {
    fn default() -> Self {
        Self(30)
    }
}

impl TryFrom<u64> for Period {
    type Error = ParameterError;

    fn try_from(seconds: u64) -> Result<Self, ParameterError> {
        match seconds {
            5..=300 => Ok(Self(seconds)),
            _ => Err(ParameterError::Period(seconds)),
        }
    }
}

impl From<Period> for u64 {
    fn from(period: Period) -> Self {
        period.0
    }
}
