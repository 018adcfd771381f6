//! Enrolling a device: made, shown, confirmed by a code, and only then stored.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use mfa_protocol::admin::{ConfirmParameters, EnrollTotpParameters, Enrolment, EnrolmentReply};
use mfa_protocol::message::ErrorKind;

use super::super::connection::Connection;
use super::super::error::Failure;
use super::super::peer::Subject;
use super::super::random;
use super::{Change, Permit};
use crate::account::{Account, Added, By, Dates, Device, Label};
use crate::config::Settings;
use crate::factors::Factor;
use crate::factors::device::{Generator, Match};
use crate::factors::key::{Key as SecretKey, NEW_KEY};
use crate::factors::uri::from_uri;

/// Wrong codes that are taken before the enrolment has to be begun again.
const CONFIRMATIONS: u32 = 10;

/// How long an enrolment may take.
const CONFIRMATION: Duration = Duration::from_secs(600);

/// A device that waits for its first code. It lives and dies with its connection.
pub(in crate::server) struct Pending {
    subject: Subject,
    permit: Permit,
    device: Device,
    issuer: String,
    tries_left: u32,
    begun: Instant,
}

impl Connection {
    pub(super) fn enrol_totp(
        &mut self,
        parameters: &EnrollTotpParameters,
    ) -> Result<EnrolmentReply, Failure> {
        self.pending = None;
        let settings = self.agent.settings();
        let what = Change::Enrol(Factor::Totp);
        let (subject, permit) = self.changing(parameters.user.as_deref(), &settings, what)?;
        let account = self.agent.ledger.account(&subject.user)?;
        permit.check(&account)?;
        let device = wanted(parameters, &settings, &account)?;
        // What would be refused after the code is refused before the QR code is drawn.
        account
            .clone()
            .add_device(device.clone())
            .map_err(Failure::refused)?;
        let issuer = self.agent.issuer(&settings);
        let pending = Pending {
            subject,
            permit,
            device,
            issuer,
            tries_left: CONFIRMATIONS,
            begun: Instant::now(),
        };
        let known = account
            .devices()
            .iter()
            .any(|d| d.generator == pending.device.generator);
        if parameters.confirm && !known {
            let reply = pending.reply(false)?;
            self.pending = Some(pending);
            return Ok(reply);
        }
        self.store(&pending)?;
        pending.reply(true)
    }

    pub(super) fn confirm_device(
        &mut self,
        parameters: &ConfirmParameters,
    ) -> Result<EnrolmentReply, Failure> {
        let in_time = |pending: &Pending| pending.begun.elapsed() < CONFIRMATION;
        let mut pending = self.pending.take().filter(in_time).ok_or_else(|| {
            Failure::refused("there is nothing to confirm on this connection; begin to enrol again")
        })?;
        let skew = self.agent.settings().totp.skew;
        let code: String = parameters
            .code
            .expose()
            .chars()
            .filter(|c| !c.is_whitespace())
            .collect();
        let code = mfa_protocol::Secret::new(code);
        match pending
            .device
            .generator
            .check(code.expose(), Timestamp::now(), skew, None)
        {
            Match::Fresh { step } => pending.device.last_step = Some(step),
            Match::Used | Match::None => return Err(self.wrong_code(pending)),
        }
        self.store(&pending)?;
        pending.reply(true)
    }

    fn wrong_code(&mut self, mut pending: Pending) -> Failure {
        pending.tries_left -= 1;
        if pending.tries_left == 0 {
            return Failure::refused("too many wrong codes; nothing was stored, begin again");
        }
        self.pending = Some(pending);
        Failure::refused(
            "that is not the code that the device should show now; check that it took over the key, \
             and that the clocks of the device and of this host are right, and type the next code",
        )
    }

    fn store(&mut self, pending: &Pending) -> Result<(), Failure> {
        let Pending {
            subject,
            permit,
            device,
            ..
        } = pending;
        // Minutes have gone by since it began.
        let settings = self.agent.settings();
        let still = self.agent.require_access(self.peer, &settings, subject)?;
        if permit.by() == By::Administrator && !still {
            return Err(Failure::new(
                ErrorKind::NotAllowed,
                "this is no longer yours to change; begin again",
            ));
        }
        let (stored, ()) = self.change_factors(subject, permit, |account| {
            let added = account
                .add_device(device.clone())
                .map_err(Failure::refused)?;
            Ok((added == Added::Stored, ()))
        })?;
        if stored {
            self.note(
                "enroll",
                subject,
                Factor::Totp,
                Some(device.label.to_string()),
            );
        }
        Ok(())
    }
}

impl Pending {
    fn reply(&self, stored: bool) -> Result<EnrolmentReply, Failure> {
        let user = self.subject.user.to_string();
        let uri = self
            .device
            .generator
            .uri(&self.issuer, &user)
            .ok_or_else(|| {
                Failure::refused(
                    "no URI can be made of this user name and issuer; see [totp] issuer",
                )
            })?;
        let enrolment = Enrolment {
            user,
            factor: Factor::Totp.to_string(),
            label: self.device.label.to_string(),
            secret: self.device.generator.key.to_base32(),
            uri,
            stored,
        };
        Ok(EnrolmentReply { enrolment })
    }
}

/// The device that was asked for.
fn wanted(
    parameters: &EnrollTotpParameters,
    settings: &Settings,
    account: &Account,
) -> Result<Device, Failure> {
    let generator = generator(parameters, settings)?;
    let known = account.devices().iter().find(|d| d.generator == generator);
    let label = match (&parameters.label, known) {
        (Some(label), _) => label.parse().map_err(Failure::refused)?,
        (None, Some(same)) => same.label.clone(),
        (None, None) => account.free_label(),
    };
    let credential_id: Option<Label> = parameters
        .credential_id
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|e| Failure::refused(format!("the credential ID: {e}")))?;
    let dates = Dates::enrolled(Timestamp::now());
    Ok(Device {
        label,
        generator,
        credential_id,
        dates,
        last_step: None,
    })
}

fn generator(parameters: &EnrollTotpParameters, settings: &Settings) -> Result<Generator, Failure> {
    if let Some(uri) = &parameters.uri {
        let extra = parameters.secret.is_some()
            || parameters.algorithm.is_some()
            || parameters.digits.is_some()
            || parameters.period.is_some();
        if extra {
            return Err(Failure::refused(
                "an URI says all by itself; leave out key, algorithm, digits and period",
            ));
        }
        return Ok(from_uri(uri).map_err(Failure::refused)?.generator);
    }
    let key = match &parameters.secret {
        Some(secret) => SecretKey::from_base32(secret).map_err(Failure::refused)?,
        None => fresh_key()?,
    };
    let totp = &settings.totp;
    Ok(Generator {
        key,
        algorithm: match &parameters.algorithm {
            Some(name) => name.parse().map_err(Failure::refused)?,
            None => totp.algorithm,
        },
        digits: match parameters.digits {
            Some(digits) => digits.try_into().map_err(Failure::refused)?,
            None => totp.digits,
        },
        period: match parameters.period {
            Some(seconds) => seconds.try_into().map_err(Failure::refused)?,
            None => totp.period,
        },
    })
}

fn fresh_key() -> Result<SecretKey, Failure> {
    let random = zeroize::Zeroizing::new(random::<NEW_KEY>()?);
    Ok(SecretKey::fresh(*random))
}
