//! Setting up a device inside the login: the first one, where the policy lets users do that (`unenrolled =
//! "enroll"`), or a new one after a recovery code (`[recovery] new_device`).
//!
//! The dialogue says what to show and when to store; here the key and the codes are drawn, wrong codes
//! are counted on the record like any others, and device, codes and pass are stored in one change.

use std::time::Instant;

use jiff::Timestamp;
use mfa_protocol::login::Outcome;

use super::super::Agent;
use super::super::drawn::{device_key, recovery_codes};
use super::super::error::Failure;
use super::super::limits::OpenLogin;
use super::ask::wording;
use super::begin::ResolvedLogin;
use super::following::Following;
use super::{Context, Effect, Login, Progress};
use crate::audit::Event;
use crate::config::Settings;
use crate::repository::{After, Key};
use mfa_core::account::{Account, Counted, Device, Enrolled, Label};
use mfa_core::factors::device::{Generator, MovingFactor};
use mfa_core::factors::recovery::RECOVERY_CODES;
use mfa_core::login::entry::NewDevice;
use mfa_core::login::{
    CountingWrongCode, EndReason, FreshDevice, MakingDevice, Occasion, StoringDevice, enroll,
};
use mfa_core::names::UserName;
use mfa_core::policy::Ask;

/// What the explanation, the key and the prompt leave of a usual terminal.
const ROWS: usize = mfa_qr::USUAL_ROWS - 5;

/// How many times longer than a login without it.
const PATIENCE: u32 = 5;

impl Agent {
    /// Begins to set up a first device.
    pub(super) fn enroll(
        &self,
        mut resolved: ResolvedLogin<'_>,
        open_login: OpenLogin,
        ask: &Ask,
        new: NewDevice,
    ) -> Result<Progress, Failure> {
        // Wrong codes are counted on the record that will hold the device, not on the shared record of names without
        // one.
        resolved.key = Key::account(&resolved.subject.user);
        let (settings, screen) = (&resolved.settings, resolved.context.screen());
        let made = self.fresh_device(settings, &resolved.context.user, Label::numbered(1))?;
        let factor = made.device.kind().factor();
        let effect = enroll(Occasion::First, made, screen, wording(settings, screen));
        let mut login = Login::of(resolved, open_login, ask, new.session);
        login.context.set_combination(Some(factor.to_string()));
        login.be_patient();
        self.carry_on(login, Following::due(effect))
    }

    /// Goes on, after a recovery code was right, with setting up a new device.
    pub(super) fn make_device(
        &self,
        login: &mut Login,
        state: MakingDevice,
    ) -> Result<Effect, Failure> {
        let user = &login.context.user;
        let account = self.repository.account(user)?;
        let label = account.free_label();
        // The recovery code is correct, so earlier failures no longer count.
        login.epoch = account.lockout().epoch();
        let made = self.fresh_device(&login.settings, user, label)?;
        login.context.forget_failures();
        login.be_patient();
        Ok(state.made(made, login.context.screen()))
    }

    fn fresh_device(
        &self,
        settings: &Settings,
        user: &UserName,
        label: Label,
    ) -> Result<FreshDevice, Failure> {
        let device = fresh_device(label, settings)?;
        let codes = recovery_codes(RECOVERY_CODES)?;
        let issuer = self.issuer(settings);
        let uri = device.generator.uri(&issuer, user.as_str(), 0);
        let picture = uri.and_then(|uri| mfa_qr::draw(uri.expose(), false, ROWS));
        Ok(FreshDevice {
            device,
            codes,
            picture,
        })
    }

    /// Counts a wrong first code like any other wrong answer.
    pub(super) fn count_wrong_code(
        &self,
        login: &mut Login,
        state: CountingWrongCode,
    ) -> Result<Following, Failure> {
        let told = |login: &Login, counted: Counted| {
            login.told(&counted.into(), state.consequence(counted), false)
        };
        let counted = self.commit(&login.key, login.context.peer, |account| {
            let mut account = account.unwrap_or_default();
            let counted = account.wrong_first_code(login.epoch, Timestamp::now(), &login.limits);
            let (_, events) = told(login, counted);
            Ok((After::Put(account.into()), events, counted))
        })?;
        login.context = told(login, counted).0;
        Ok(Following::committed(state.counted(counted)))
    }

    pub(super) fn store_device(
        &self,
        login: &mut Login,
        state: StoringDevice,
    ) -> Result<Following, Failure> {
        let (device, codes) = state.made();
        let pepper = self.repository.pepper();
        let digests: Vec<_> = codes
            .iter()
            .map(|code| pepper.digest(code.expose()))
            .collect();
        login.context.forget_failures();
        let (context, session) = (&login.context, login.new_session.as_ref());
        let key = Key::account(&context.user);
        let stored = self.commit(&key, context.peer, |account| {
            let mut account: Account = account.unwrap_or_default();
            let (device, digests) = (device.clone(), digests.clone());
            let now = Timestamp::now();
            let events = vec![
                enrollment_event(context, &device, state.occasion()),
                context.event(Outcome::Passed, Some(EndReason::DeviceStored.words())),
            ];
            let stored = match state.occasion() {
                Occasion::First => account.enroll_in_login(device, digests, session, now),
                Occasion::Lost { generation } => {
                    account.renew_in_login(device, digests, generation, session, now)
                }
            };
            login.note_network(&mut account, &pepper);
            Ok(match stored {
                Enrolled::Stored => (After::Put(account.into()), events, stored),
                Enrolled::Locked | Enrolled::Otherwise => (After::Same, Vec::new(), stored),
            })
        })?;
        let effect = state.stored(stored);
        Ok(match stored {
            Enrolled::Stored => Following::committed(effect),
            Enrolled::Locked | Enrolled::Otherwise => Following::due(effect),
        })
    }
}

impl Login {
    /// Scanning a code and writing down others takes longer than typing one.
    fn be_patient(&mut self) {
        self.deadline = Instant::now() + PATIENCE * self.settings.server.login_timeout;
    }
}

fn enrollment_event(context: &Context, device: &Device, occasion: Occasion) -> Event {
    let instead = match occasion {
        Occasion::Lost { .. } => ", instead of the earlier devices",
        Occasion::First => "",
    };
    let reason = format!("in a login, with {RECOVERY_CODES} recovery codes{instead}");
    Event {
        event: "enroll",
        result: "done",
        reason: Some(reason),
        label: Some(device.label.to_string()),
        ..context.event(Outcome::Passed, None)
    }
}

fn fresh_device(label: Label, settings: &Settings) -> Result<Device, Failure> {
    let totp = &settings.totp;
    let generator = Generator {
        key: device_key()?,
        algorithm: totp.algorithm,
        digits: totp.digits,
        moves: MovingFactor::Time(totp.period),
    };
    Ok(Device::new(label, generator, Timestamp::now()))
}
