//! What a user sets up and takes away.

use super::{Authenticator, Channel, DeviceKind, Factor};
use crate::words::parsed_words;

parsed_words!(Authenticator);

impl Authenticator {
    /// The factor that it passes by itself; none for recovery codes.
    #[must_use]
    pub fn factor(self) -> Option<Factor> {
        match self.device_kind() {
            Some(kind) => Some(kind.factor()),
            None => Factor::ALL
                .into_iter()
                .find(|factor| factor.name() == self.name()),
        }
    }

    /// The kind of device, if it is one.
    #[must_use]
    pub fn device_kind(self) -> Option<DeviceKind> {
        DeviceKind::ALL
            .into_iter()
            .find(|kind| kind.name() == self.name())
    }

    /// The channel, if it is an address.
    #[must_use]
    pub fn channel(self) -> Option<Channel> {
        self.factor().and_then(Channel::of)
    }
}

impl From<DeviceKind> for Authenticator {
    fn from(kind: DeviceKind) -> Self {
        match kind {
            DeviceKind::Totp => Self::Totp,
            DeviceKind::Hotp => Self::Hotp,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_factor_has_something_to_set_up_and_every_device_is_a_totp() {
        for factor in Factor::ALL {
            assert!(
                Authenticator::ALL
                    .iter()
                    .any(|it| it.factor() == Some(factor)),
                "{factor}"
            );
        }
        for kind in DeviceKind::ALL {
            let device = Authenticator::from(kind);
            assert_eq!(device.device_kind(), Some(kind));
            assert_eq!(device.factor(), Some(Factor::Totp));
        }
        assert_eq!(Authenticator::Recovery.factor(), None);
        assert_eq!(Authenticator::Sms.channel(), Some(Channel::Sms));
        assert_eq!(Authenticator::Pin.channel(), None);
    }
}
