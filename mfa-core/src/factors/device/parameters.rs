//! What a device's codes are like: digits, period. Each type holds no value that can't be.

use serde::{Deserialize, Serialize};

/// A setting of a device that is out of bounds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// Not 6 to 8.
    #[error("codes of {0} digits are not possible; expected 6 to 8")]
    Digits(u32),
    /// Not 5 to 300 seconds.
    #[error("a period of {0} seconds is not possible; expected 5 to 300")]
    Period(u64),
    /// A counter that has nearly come to its end.
    #[error("the counter {0} leaves no room for further codes; the highest is {MAX_COUNTER}")]
    Counter(u64),
}

/// The highest counter that a device may start with. No device has shown so many codes; a higher counter is a mistake.
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
