//! Setting up a device inside the login: the first one, where the policy lets users do that (`unenrolled =
//! "enroll"`), or a new one after a recovery code (`[recovery] new_device`).
//!
//! The dialogue says what to show and when to store; here the key and the codes are drawn, wrong codes
//! are counted on the record like any others, and device, codes and pass are stored in one change.

use std::time::Instant;

use jiff::Timestamp;
use mfa_protocol::Secret;
use mfa_protocol::login::{LoginReply, Outcome, Step};

use super::super::Agent;
use super::super::error::Failure;
use super::super::random;
use super::ask::wording;
use super::begin::ResolvedLogin;
use super::record::PASSWORD_TYPED;
use super::{Context, Login, Progress, Stage, conclude, conclude_with, end};
use crate::audit::Event;
use crate::config::Settings;
use crate::repository::{After, Key};
use mfa_core::account::{Account, Device, Enrolled, Label};
use mfa_core::factors::device::{Generator, MovingFactor};
use mfa_core::factors::key::{Key as SecretKey, NEW_KEY};
use mfa_core::factors::random_code::RandomCode;
use mfa_core::factors::recovery::{RECOVERY_CODES, RECOVERY_DIGITS};
use mfa_core::factors::{Factor, FactorCombination};
use mfa_core::login::{EnrolNext, Enrolment, Next, Occasion, Plan};
use mfa_core::policy::Ask;
use mfa_core::texts::Wording;

/// What the explanation, the key and the prompt leave of a usual terminal.
const ROWS: usize = mfa_qr::USUAL_ROWS - 5;

/// How many times longer than a login without it.
const PATIENCE: u32 = 5;

const SET_UP: &str = "a device was set up in this login";

const NO_CONVERSATION: &str = "not enrolled, and a device can't be set up where one answer holds password and \
                               code; set one up first: mfactl enroll totp USER";

const NO_CODE: &str = "not enrolled, and what the policy requires can't be set up in a login, as only totp \
                       can; see what is required: mfactl status USER";

/// A device that is being set up.
pub(super) struct SetUp {
    enrolment: Enrolment,
    /// What the account could be passed with when a recovery code was right; none: the user had nothing.
    renews: Option<u64>,
}

impl Agent {
    /// Begins to set up a first device.
    pub(super) fn enrol(
        &self,
        mut resolved: ResolvedLogin<'_>,
        ask: &Ask,
        plan: Plan,
    ) -> Result<Progress, Failure> {
        // What goes wrong is counted where the device will stand, not on the record that names without one
        // share.
        resolved.key = Key::account(&resolved.subject.user);
        let set_up = (Occasion::First, Label::numbered(1), plan.wording, None);
        let (stage, step) = self.set_up(&resolved.settings, &resolved.context, set_up)?;
        let session = resolved.context.session.clone();
        let opening = self.opening(&resolved, ask);
        let mut login = Login::of(resolved, ask, stage, opening);
        login.context.set_way(Some(Factor::Totp.to_string()));
        Ok(patient(login.into(), LoginReply::of(session, step)))
    }

    /// Goes on, after a recovery code was right, with setting up a new device.
    pub(super) fn renew(
        &self,
        mut login: Box<Login>,
        generation: u64,
    ) -> Result<Progress, Failure> {
        let label = self.repository.account(&login.context.user)?.free_label();
        let wording = wording(&login.settings, login.context.screen());
        let set_up = (Occasion::Lost, label, wording, Some(generation));
        let (stage, step) = self.set_up(&login.settings, &login.context, set_up)?;
        login.stage = stage;
        login.context.forget_failures();
        let session = login.context.session.clone();
        Ok(patient(login, LoginReply::of(session, step)))
    }

    fn set_up(
        &self,
        settings: &Settings,
        context: &Context,
        (occasion, label, wording, renews): (Occasion, Label, Wording, Option<u64>),
    ) -> Result<(Stage, Step), Failure> {
        let device = fresh_device(label, settings)?;
        let codes = RandomCode::set(&random_codes()?, RECOVERY_DIGITS);
        let codes: Vec<_> = codes.iter().map(RandomCode::text).collect();
        let issuer = self.issuer(settings);
        let uri = device.generator.uri(&issuer, context.user.as_str(), 0);
        let picture = uri.and_then(|uri| mfa_qr::draw(uri.expose(), false, ROWS));
        let picture = picture.as_deref().map(String::as_str);
        let shown = (context.screen(), wording);
        let (enrolment, step) = Enrolment::begin(occasion, (device, codes), picture, shown);
        let set_up = SetUp { enrolment, renews };
        Ok((Stage::Enrolling(Box::new(set_up)), step))
    }

    /// Takes an answer.
    pub(super) fn answer_enrolment(
        &self,
        mut login: Box<Login>,
        typed: &Secret,
    ) -> Result<Progress, Failure> {
        let windows = login.settings.windows();
        let is_password = login.is_password.take() == Some(true);
        let Stage::Enrolling(set_up) = &mut login.stage else {
            return Ok(conclude(&login.context, Outcome::Cancelled, "out of turn"));
        };
        let step = match set_up.enrolment.answer(typed, Timestamp::now(), &windows) {
            EnrolNext::Ask(step) => step,
            EnrolNext::Wrong if is_password => {
                return Ok(conclude(&login.context, Outcome::Cancelled, PASSWORD_TYPED));
            }
            EnrolNext::Wrong => match self.count_wrong(&mut login)? {
                Next::Ask(step) => step,
                Next::End(step, outcome) => {
                    let ended = Progress::Ended(end(&login.context, step, outcome, None));
                    return Ok(ended.recorded());
                }
                Next::Judge(_) | Next::Send(_) | Next::Inquire(_) => {
                    return Ok(conclude(&login.context, Outcome::Cancelled, "out of turn"));
                }
            },
            EnrolNext::Store => return self.store_enrolment(&login),
            EnrolNext::End(step, outcome) => {
                let reason = "set-up was not finished; nothing was stored";
                return Ok(Progress::Ended(end(
                    &login.context,
                    step,
                    outcome,
                    Some(reason),
                )));
            }
        };
        let session = login.context.session.clone();
        Ok(Progress::Open(login, LoginReply::of(session, step)))
    }

    fn count_wrong(&self, login: &mut Login) -> Result<Next, Failure> {
        let verdict = self.commit(&login.key, login.context.peer, |account| {
            let mut account = account.unwrap_or_default();
            let verdict = account.wrong_first_code(login.epoch, Timestamp::now(), &login.limits);
            let (_, events) = login.told(&verdict);
            Ok((After::Put(account.into()), events, verdict))
        })?;
        login.context = login.told(&verdict).0;
        let locked = login.context.locked_until.is_some();
        let Stage::Enrolling(set_up) = &login.stage else {
            return Err(Failure::unavailable("out of turn"));
        };
        Ok(set_up.enrolment.wrong(locked || !verdict.is_wrong()))
    }

    fn store_enrolment(&self, login: &Login) -> Result<Progress, Failure> {
        let Stage::Enrolling(set_up) = &login.stage else {
            return Err(Failure::unavailable("out of turn"));
        };
        let (device, codes) = set_up.enrolment.made();
        let pepper = self.repository.pepper();
        let digests: Vec<_> = codes
            .iter()
            .map(|code| pepper.digest(code.expose()))
            .collect();
        let mut context = login.context.clone();
        context.forget_failures();
        let key = Key::account(&login.context.user);
        let stored = self.commit(&key, context.peer, |account| {
            let mut account: Account = account.unwrap_or_default();
            let (device, digests) = (device.clone(), digests.clone());
            let now = Timestamp::now();
            let opening = login.opening.as_ref();
            let events = vec![
                enrolment_event(&context, &device, set_up.renews.is_some()),
                context.event(Outcome::Passed, Some(SET_UP)),
            ];
            let stored = match set_up.renews {
                None => account.enroll_in_login(device, digests, opening, now),
                Some(was) => account.renew_in_login(device, digests, was, opening, now),
            };
            Ok(match stored {
                Enrolled::Stored => (After::Put(account.into()), events, stored),
                Enrolled::Locked | Enrolled::Otherwise => (After::Same, Vec::new(), stored),
            })
        })?;
        let (outcome, reason) = match stored {
            Enrolled::Stored => (Outcome::Passed, SET_UP),
            Enrolled::Locked => (
                Outcome::Locked,
                "the account was locked meanwhile; not set up",
            ),
            Enrolled::Otherwise => (
                Outcome::Cancelled,
                "a factor was set up elsewhere meanwhile; not set up",
            ),
        };
        let messages = match stored {
            Enrolled::Stored => vec![set_up.enrolment.done()],
            Enrolled::Locked | Enrolled::Otherwise => Vec::new(),
        };
        let ended = conclude_with(&context, messages, outcome, reason);
        Ok(match stored {
            Enrolled::Stored => ended.recorded(),
            Enrolled::Locked | Enrolled::Otherwise => ended,
        })
    }
}

fn enrolment_event(context: &Context, device: &Device, renewed: bool) -> Event {
    let instead = match renewed {
        true => ", in place of the devices that were there",
        false => "",
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

/// Scanning a code and writing down others takes longer than typing one.
fn patient(mut login: Box<Login>, reply: LoginReply) -> Progress {
    login.deadline = Instant::now() + PATIENCE * login.settings.server.login_timeout;
    Progress::Open(login, reply)
}

fn fresh_device(label: Label, settings: &Settings) -> Result<Device, Failure> {
    let totp = &settings.totp;
    let key = zeroize::Zeroizing::new(random::<NEW_KEY>()?);
    let generator = Generator {
        key: SecretKey::fresh(*key),
        algorithm: totp.algorithm,
        digits: totp.digits,
        moves: MovingFactor::Time(totp.period),
    };
    Ok(Device::new(label, generator, Timestamp::now()))
}

/// Why a device can't be set up in such a login, if it can't.
pub(in crate::server) fn cannot_enrol(plan: &Plan) -> Option<&'static str> {
    if plan.single {
        return Some(NO_CONVERSATION);
    }
    let by_code_alone = plan.ways.contains(&FactorCombination::from(Factor::Totp));
    (!by_code_alone).then_some(NO_CODE)
}

fn random_codes() -> Result<Vec<[u8; 16]>, Failure> {
    (0..RECOVERY_CODES).map(|_| random::<16>()).collect()
}
