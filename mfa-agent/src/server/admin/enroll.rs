//! Enrolling a device: made, shown, confirmed by a code, and only then stored.

mod device_request;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use mfa_protocol::admin::{ConfirmParameters, EnrollDeviceParameters, Enrollment, EnrollmentReply};

use super::super::connection::Connection;
use super::super::error::Failure;
use super::super::pending::PendingDevice;
use super::{Change, factor_event};
use crate::audit::Event;
use device_request::DeviceRequest;
use mfa_core::account::Added;
use mfa_core::factors::Factor;
use mfa_core::factors::device::{DeviceKind, Match, unspaced};

/// Wrong codes that are taken before the enrolment has to be begun again.
const CONFIRMATIONS: u32 = 10;

/// How long an enrolment may take.
pub(super) const CONFIRMATION: Duration = Duration::from_secs(600);

impl Connection {
    pub(super) fn enroll_device(
        &mut self,
        kind: DeviceKind,
        parameters: &EnrollDeviceParameters,
    ) -> Result<EnrollmentReply, Failure> {
        let request = DeviceRequest::new(kind, parameters)?;
        let user = parameters.user.as_deref();
        self.pending = None;
        let settings = self.agent.settings();
        let what = Change::Enroll(Factor::Totp);
        let (subject, permit) = self.changing(user, &settings, what)?;
        let account = self.agent.repository.account(&subject.user)?;
        permit.check(&account)?;
        let device = request.device(&settings, &account)?;
        // What would be refused after the code is refused before the QR code is drawn.
        account
            .clone()
            .add_device(device.clone())
            .map_err(Failure::refused)?;
        let issuer = self.agent.issuer(&settings);
        let pending = PendingDevice {
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
    ) -> Result<EnrollmentReply, Failure> {
        let in_time = |pending: &PendingDevice| pending.begun.elapsed() < CONFIRMATION;
        let mut pending = self.pending.take().filter(in_time).ok_or_else(|| {
            Failure::refused(
                "there is nothing to confirm on this connection; start the enrolment \
                              again",
            )
        })?;
        let windows = self.agent.settings().windows();
        let code = unspaced(parameters.code.expose());
        let now = Timestamp::now();
        match pending.device.check(&code, now, &windows) {
            Match::Unused { step } => pending.device.last_step = Some(step),
            Match::Used | Match::None => return Err(self.wrong_code(pending)),
        }
        pending.permit = self.permit_now(&pending.subject, &pending.permit)?;
        let generation = self.store(&pending)?;
        if pending.permit.is_unproven() {
            self.prove(&pending.subject.user, generation);
        }
        pending.reply(true)
    }

    fn wrong_code(&mut self, mut pending: PendingDevice) -> Failure {
        pending.tries_left -= 1;
        if pending.tries_left == 0 {
            return Failure::refused(
                "too many wrong codes; nothing was stored. Start the \
                                     enrolment again",
            );
        }
        self.pending = Some(pending);
        Failure::refused(
            "unexpected code; check that the key was entered correctly and that both clocks are \
             right, then type the next code",
        )
    }

    /// Stores the device. Returns what the account can be passed with then.
    fn store(&mut self, pending: &PendingDevice) -> Result<u64, Failure> {
        let PendingDevice {
            subject,
            permit,
            device,
            ..
        } = pending;
        let (kind, label) = (device.kind(), device.label.to_string());
        let event = Event {
            credential_id: device.credential_id.as_ref().map(ToString::to_string),
            ..factor_event("enroll", (subject, self.peer), kind, Some(label))
        };
        let (_, generation) = self.change_factors(subject, permit, |account| {
            let added = account
                .add_device(device.clone())
                .map_err(Failure::refused)?;
            let event = (added == Added::Stored).then(|| event.clone());
            Ok((event, account.generation()))
        })?;
        Ok(generation)
    }
}

impl PendingDevice {
    fn reply(&self, stored: bool) -> Result<EnrollmentReply, Failure> {
        let user = self.subject.user.to_string();
        let uri = self
            .device
            .generator
            .uri(&self.issuer, &user, self.device.next())
            .ok_or_else(|| {
                Failure::refused(
                    "this user name and issuer can't be put into a URI; check [totp] issuer",
                )
            })?;
        let enrollment = Enrollment {
            user,
            factor: self.device.kind(),
            label: self.device.label.to_string(),
            secret: self.device.generator.key.to_base32(),
            uri,
            stored,
        };
        Ok(EnrollmentReply { enrollment })
    }
}
