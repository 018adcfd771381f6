//! What moves a device on from one code to the next: its clock, or each code that it shows.

use serde::{Deserialize, Serialize};

use super::{DeviceKind, Period};

/// What moves a device on from one code to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Option<Period>", into = "Option<Period>")]
pub enum MovingFactor {
    /// Its clock; a step lasts this long (TOTP).
    Time(Period),
    /// Each code that it shows (HOTP).
    Counter,
}

impl MovingFactor {
    /// The kind of device.
    #[must_use]
    pub const fn kind(self) -> DeviceKind {
        match self {
            Self::Time(_) => DeviceKind::Totp,
            Self::Counter => DeviceKind::Hotp,
        }
    }

    /// The length of a step, where there is one.
    #[must_use]
    pub const fn period(self) -> Option<Period> {
        match self {
            Self::Time(period) => Some(period),
            Self::Counter => None,
        }
    }
}

impl From<Option<Period>> for MovingFactor {
    fn from(period: Option<Period>) -> Self {
        period.map_or(Self::Counter, Self::Time)
    }
}

impl From<MovingFactor> for Option<Period> {
    fn from(moves: MovingFactor) -> Self {
        moves.period()
    }
}
