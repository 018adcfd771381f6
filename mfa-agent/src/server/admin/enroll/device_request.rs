//! From what a caller wants a new device to be to the device.

use jiff::Timestamp;
use mfa_protocol::Secret;
use mfa_protocol::admin::{EnrollHotpParameters, EnrollTotpParameters};

use super::super::super::error::Failure;
use super::super::super::random;
use crate::config::Settings;
use mfa_core::account::{Account, Device, Label};
use mfa_core::factors::device::{Generator, Kind, MovingFactor, with_room};
use mfa_core::factors::key::{Key as SecretKey, NEW_KEY};
use mfa_core::factors::uri::from_uri;

/// What a new device is to be; what is left out takes the configured default.
pub(super) struct DeviceRequest<'a> {
    label: Option<&'a str>,
    algorithm: Option<&'a str>,
    digits: Option<u32>,
    moves: Wanted,
    secret: Option<&'a Secret>,
    uri: Option<&'a Secret>,
    credential_id: Option<&'a str>,
    /// Whether a code is to be awaited.
    pub(super) confirm: bool,
}

/// What is to move it on.
#[derive(Clone, Copy)]
enum Wanted {
    Time { period: Option<u64> },
    Counter { next: Option<u64> },
}

impl<'a> DeviceRequest<'a> {
    pub(super) fn totp(parameters: &'a EnrollTotpParameters) -> Self {
        Self {
            label: parameters.label.as_deref(),
            algorithm: parameters.algorithm.as_deref(),
            digits: parameters.digits,
            moves: Wanted::Time {
                period: parameters.period,
            },
            secret: parameters.secret.as_ref(),
            uri: parameters.uri.as_ref(),
            credential_id: parameters.credential_id.as_deref(),
            confirm: parameters.confirm,
        }
    }

    pub(super) fn hotp(parameters: &'a EnrollHotpParameters) -> Self {
        Self {
            label: parameters.label.as_deref(),
            algorithm: parameters.algorithm.as_deref(),
            digits: parameters.digits,
            moves: Wanted::Counter {
                next: parameters.counter,
            },
            secret: parameters.secret.as_ref(),
            uri: parameters.uri.as_ref(),
            credential_id: parameters.credential_id.as_deref(),
            confirm: parameters.confirm,
        }
    }

    /// The device.
    pub(super) fn device(&self, settings: &Settings, account: &Account) -> Result<Device, Failure> {
        let (generator, next) = self.generator(settings)?;
        let known = account.devices().iter().find(|d| d.generator == generator);
        let label = match (self.label, known) {
            (Some(label), _) => label.parse().map_err(Failure::refused)?,
            (None, Some(same)) => same.label.clone(),
            (None, None) => account.free_label(),
        };
        let credential_id: Result<Option<Label>, _> =
            self.credential_id.map(str::parse).transpose();
        let mut device = Device::new(label, generator, Timestamp::now());
        device.credential_id =
            credential_id.map_err(|e| Failure::refused(format!("the credential ID: {e}")))?;
        device.last_step = next.checked_sub(1);
        Ok(device)
    }

    /// What it computes its codes from, and the counter of the next one.
    fn generator(&self, settings: &Settings) -> Result<(Generator, u64), Failure> {
        if let Some(uri) = self.uri {
            return self.by_uri(uri);
        }
        let key = match self.secret {
            Some(secret) => SecretKey::from_base32(secret).map_err(Failure::refused)?,
            None => fresh_key()?,
        };
        let totp = &settings.totp;
        let (moves, next) = match self.moves {
            Wanted::Counter { next } => {
                let next = with_room(next.unwrap_or(0)).map_err(Failure::refused)?;
                (MovingFactor::Counter, next)
            }
            Wanted::Time { period: None } => (MovingFactor::Time(totp.period), 0),
            Wanted::Time {
                period: Some(seconds),
            } => (
                MovingFactor::Time(seconds.try_into().map_err(Failure::refused)?),
                0,
            ),
        };
        let generator = Generator {
            key,
            algorithm: match self.algorithm {
                Some(name) => name.parse().map_err(Failure::refused)?,
                None => totp.algorithm,
            },
            digits: match self.digits {
                Some(digits) => digits.try_into().map_err(Failure::refused)?,
                None => totp.digits,
            },
            moves,
        };
        Ok((generator, next))
    }

    fn by_uri(&self, uri: &Secret) -> Result<(Generator, u64), Failure> {
        let of_moves = match self.moves {
            Wanted::Time { period } => period.is_some(),
            Wanted::Counter { next } => next.is_some(),
        };
        let extra =
            self.secret.is_some() || self.algorithm.is_some() || self.digits.is_some() || of_moves;
        if extra {
            return Err(Failure::refused(
                "an URI says all by itself; leave out key, algorithm, digits, period and counter",
            ));
        }
        let read = from_uri(uri).map_err(Failure::refused)?;
        let (kind, wanted) = (read.generator.moves.kind(), self.kind());
        if kind != wanted {
            return Err(Failure::refused(format!(
                "this is the URI of a {} device; its command is: mfactl enroll {} USER --uri-stdin",
                kind.name(),
                kind.name()
            )));
        }
        Ok((read.generator, read.next))
    }

    fn kind(&self) -> Kind {
        match self.moves {
            Wanted::Time { .. } => Kind::Totp,
            Wanted::Counter { .. } => Kind::Hotp,
        }
    }
}

fn fresh_key() -> Result<SecretKey, Failure> {
    let random = zeroize::Zeroizing::new(random::<NEW_KEY>()?);
    Ok(SecretKey::fresh(*random))
}
