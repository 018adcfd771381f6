//! From what a caller wants a new device to be to the device.

use jiff::Timestamp;
use mfa_protocol::Secret;
use mfa_protocol::admin::EnrollDeviceParameters;

use super::super::super::drawn::device_key;
use super::super::super::error::Failure;
use crate::config::Settings;
use mfa_core::account::{Account, Device, Label};
use mfa_core::factors::device::{DeviceKind, Generator, MovingFactor, with_room};
use mfa_core::factors::key::Key as SecretKey;
use mfa_core::factors::uri::from_uri;

/// The parameters of a new device; missing ones get the configured default.
pub(super) struct DeviceRequest<'a> {
    kind: DeviceKind,
    parameters: &'a EnrollDeviceParameters,
}

impl<'a> DeviceRequest<'a> {
    /// A request for a device of a kind, which has no parameter of the other kind.
    pub(super) fn new(
        kind: DeviceKind,
        parameters: &'a EnrollDeviceParameters,
    ) -> Result<Self, Failure> {
        let foreign = match kind {
            DeviceKind::Totp => parameters.counter.map(|_| "counter"),
            DeviceKind::Hotp => parameters.period.map(|_| "period"),
        };
        match foreign {
            Some(field) => Err(Failure::Parameter(field.to_owned())),
            None => Ok(Self { kind, parameters }),
        }
    }

    /// The device.
    pub(super) fn device(&self, settings: &Settings, account: &Account) -> Result<Device, Failure> {
        let (generator, next) = self.generator(settings)?;
        let known = account.devices().iter().find(|d| d.generator == generator);
        let label = match (&self.parameters.label, known) {
            (Some(label), _) => label.parse().map_err(Failure::refused)?,
            (None, Some(same)) => same.label.clone(),
            (None, None) => account.free_label(),
        };
        let credential_id = self.parameters.credential_id.as_deref();
        let credential_id: Result<Option<Label>, _> = credential_id.map(str::parse).transpose();
        let mut device = Device::new(label, generator, Timestamp::now());
        device.credential_id =
            credential_id.map_err(|e| Failure::refused(format!("the credential ID: {e}")))?;
        device.last_step = next.checked_sub(1);
        Ok(device)
    }

    /// What it computes its codes from, and the counter of the next one.
    fn generator(&self, settings: &Settings) -> Result<(Generator, u64), Failure> {
        let parameters = self.parameters;
        if let Some(uri) = &parameters.uri {
            return self.by_uri(uri);
        }
        let key = match &parameters.secret {
            Some(secret) => SecretKey::from_base32(secret).map_err(Failure::refused)?,
            None => device_key()?,
        };
        let totp = &settings.totp;
        let moves = match (self.kind, parameters.period) {
            (DeviceKind::Hotp, _) => MovingFactor::Counter,
            (DeviceKind::Totp, None) => MovingFactor::Time(totp.period),
            (DeviceKind::Totp, Some(seconds)) => {
                MovingFactor::Time(seconds.try_into().map_err(Failure::refused)?)
            }
        };
        let generator = Generator {
            key,
            algorithm: parameters.algorithm.unwrap_or(totp.algorithm),
            digits: match parameters.digits {
                Some(digits) => digits.try_into().map_err(Failure::refused)?,
                None => totp.digits,
            },
            moves,
        };
        let next = with_room(parameters.counter.unwrap_or(0)).map_err(Failure::refused)?;
        Ok((generator, next))
    }

    fn by_uri(&self, uri: &Secret) -> Result<(Generator, u64), Failure> {
        let parameters = self.parameters;
        let extra = parameters.secret.is_some()
            || parameters.algorithm.is_some()
            || parameters.digits.is_some()
            || parameters.period.is_some()
            || parameters.counter.is_some();
        if extra {
            return Err(Failure::refused(
                "the URI contains all parameters; leave out key, algorithm, digits, period and \
                 counter",
            ));
        }
        let read = from_uri(uri).map_err(Failure::refused)?;
        let kind = read.generator.moves.kind();
        if kind != self.kind {
            return Err(Failure::refused(format!(
                "this is the URI of a {kind} device; enrol it with: mfactl enroll {kind} USER \
                 --uri-stdin"
            )));
        }
        Ok((read.generator, read.next))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_moves_the_other_kind_of_device_is_no_parameter() {
        let refused = |kind, parameters: &EnrollDeviceParameters| {
            let request = DeviceRequest::new(kind, parameters);
            request.err().map(|failure| failure.reason().to_owned())
        };
        let counted = EnrollDeviceParameters {
            counter: Some(0),
            ..EnrollDeviceParameters::default()
        };
        let timed = EnrollDeviceParameters {
            period: Some(30),
            ..EnrollDeviceParameters::default()
        };
        assert_eq!(
            refused(DeviceKind::Totp, &counted).as_deref(),
            Some("counter")
        );
        assert_eq!(refused(DeviceKind::Hotp, &timed).as_deref(), Some("period"));
        assert_eq!(refused(DeviceKind::Hotp, &counted), None);
        assert_eq!(refused(DeviceKind::Totp, &timed), None);
    }
}
