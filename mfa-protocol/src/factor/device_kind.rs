//! The kinds of device that show codes.

use super::Factor;
use crate::words::{parsed_words, words};

words! {
    /// What moves a device on from one code to the next.
    #[derive(Default)]
    pub enum DeviceKind {
        /// Its clock (RFC 6238).
        #[default]
        Totp = "totp",
        /// Each code that it shows (RFC 4226).
        Hotp = "hotp",
    }
}

parsed_words!(DeviceKind);

impl DeviceKind {
    /// The factor that asks for its codes.
    #[must_use]
    pub const fn factor(self) -> Factor {
        match self {
            Self::Totp | Self::Hotp => Factor::Totp,
        }
    }
}
