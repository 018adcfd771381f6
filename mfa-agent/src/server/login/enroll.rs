//! Setting up factors inside the login: the first ones, where the policy lets users do that (`unenrolled = "enroll"`),
//! or a new device after a recovery code (`[recovery] new_device`).
//!
//! The dialogue says what to show and when to store; here keys and codes are drawn, wrong codes are counted on the
//! record like any others, PINs and answers are hashed, and all that was set up and the pass are stored in one change.

use std::time::Instant;

use jiff::Timestamp;
use mfa_protocol::Secret;
use mfa_protocol::login::Outcome;
use zeroize::Zeroizing;

use super::super::Agent;
use super::super::drawn::{device_key, recovery_codes};
use super::super::error::Failure;
use super::super::limits::OpenLogin;
use super::super::random;
use super::ask::{echo, region, wording};
use super::begin::ResolvedLogin;
use super::following::Following;
use super::{Context, Effect, Login, Progress};
use crate::audit::Event;
use crate::config::Settings;
use crate::repository::{After, Key};
use mfa_core::account::{
    Account, Counted, Device, Enrolled, Label, NewFactor, Question, QuestionSet, SecurityKey,
};
use mfa_core::factors::device::{Generator, MovingFactor};
use mfa_core::factors::recovery::RECOVERY_CODES;
use mfa_core::factors::{Factor, FactorRow, Stored};
use mfa_core::login::entry::SetUp;
use mfa_core::login::{
    AddressChoice, ChosenFactor, CountingWrongCode, FreshDevice, FreshFactor, FreshFactors,
    MakingDevice, Occasion, QuestionChoice, StoringFactors, enroll,
};
use mfa_core::names::UserName;
use mfa_core::policy::Ask;

/// What the explanation, the key and the prompt leave of a usual terminal.
const ROWS: usize = mfa_qr::USUAL_ROWS - 5;

/// How many times longer than a login without it.
const PATIENCE: u32 = 5;

impl Agent {
    /// Begins to set up the first factors.
    pub(super) fn enroll(
        &self,
        mut resolved: ResolvedLogin<'_>,
        open_login: OpenLogin,
        ask: &Ask,
        set_up: SetUp,
    ) -> Result<Progress, Failure> {
        // Wrong codes and messages are counted on the record that will hold the factors, not on the shared record of
        // names without one.
        resolved.key = Key::account(&resolved.subject.user);
        let (settings, screen) = (&resolved.settings, resolved.context.screen());
        let factors = set_up.combination.factors().iter();
        let factors =
            factors.filter_map(|factor| self.fresh_factor(&resolved, &set_up, *factor).transpose());
        let fresh = FreshFactors {
            factors: factors.collect::<Result<_, _>>()?,
            codes: match set_up.has_codes {
                true => recovery_codes(RECOVERY_CODES)?,
                false => Vec::new(),
            },
        };
        let effect = enroll(Occasion::First, fresh, screen, wording(settings, screen));
        let mut login = Login::of(resolved, open_login, ask, set_up.session);
        login
            .context
            .set_combination(Some(set_up.combination.to_string()));
        login.be_patient();
        self.first_step(login, effect)
    }

    /// What the set-up of a factor begins with; none for what a login can't set up.
    fn fresh_factor(
        &self,
        resolved: &ResolvedLogin<'_>,
        set_up: &SetUp,
        factor: Factor,
    ) -> Result<Option<FreshFactor>, Failure> {
        let (settings, user) = (&resolved.settings, &resolved.context.user);
        Ok(Some(match factor.row().stored {
            Stored::Devices => {
                let device = fresh_device(Label::numbered(1), settings)?;
                let picture = self.picture(&device, settings, user);
                FreshFactor::Device(device, picture)
            }
            Stored::Pin => FreshFactor::Pin(settings.pin.banned.clone()),
            Stored::Questions => FreshFactor::Questions(QuestionChoice {
                catalogue: settings.questions.catalogue.clone(),
                own: settings.questions.own,
                user: user.clone(),
            }),
            Stored::Contacts(channel) => FreshFactor::Address(AddressChoice {
                channel,
                to: set_up.address.clone().filter(|to| to.channel() == channel),
                region: region(settings),
                echo: echo(settings, resolved.login_context.echo_code),
            }),
            Stored::Keys => match set_up.key.clone() {
                Some(key) => FreshFactor::Key(key),
                None => return Ok(None),
            },
            Stored::Remote => return Ok(None),
        }))
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
        let picture = self.picture(&device, settings, user);
        Ok(FreshDevice {
            device,
            codes: recovery_codes(RECOVERY_CODES)?,
            picture,
        })
    }

    /// The QR code of a device, if it can be drawn.
    fn picture(
        &self,
        device: &Device,
        settings: &Settings,
        user: &UserName,
    ) -> Option<Zeroizing<String>> {
        let issuer = self.issuer(settings);
        let uri = device.generator.uri(&issuer, user.as_str(), 0);
        uri.and_then(|uri| mfa_qr::draw(uri.expose(), false, ROWS))
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

    /// Stores all that was set up, or nothing.
    pub(super) fn store_factors(
        &self,
        login: &mut Login,
        state: StoringFactors,
    ) -> Result<Following, Failure> {
        let (chosen, codes) = state.made();
        let pepper = self.repository.pepper();
        let digests: Vec<_> = codes
            .iter()
            .map(|code| pepper.digest(code.expose()))
            .collect();
        login.context.forget_failures();
        let factors = self.hashed(login, chosen)?;
        let (context, session) = (&login.context, login.new_session.as_ref());
        let mut events = enrollment_events(context, &factors, codes.len(), state.occasion());
        events.push(context.event(Outcome::Passed, Some(state.reason().words())));
        let key = Key::account(&context.user);
        let stored = self.commit(&key, context.peer, |account| {
            let mut account: Account = account.unwrap_or_default();
            let (factors, digests) = (factors.clone(), digests.clone());
            let now = Timestamp::now();
            let stored = match (state.occasion(), factors.as_slice()) {
                (Occasion::First, _) => account.enroll_in_login(factors, digests, session, now),
                (Occasion::Lost { generation }, [NewFactor::Device(device)]) => {
                    account.renew_in_login(device.clone(), digests, generation, session, now)
                }
                (Occasion::Lost { .. }, _) => Enrolled::Otherwise,
            };
            login.note_network(&mut account, &pepper);
            Ok(match stored {
                Enrolled::Stored => (After::Put(account.into()), events.clone(), stored),
                Enrolled::Locked | Enrolled::Otherwise => (After::Same, Vec::new(), stored),
            })
        })?;
        let effect = state.stored(stored);
        Ok(match stored {
            Enrolled::Stored => Following::committed(effect),
            Enrolled::Locked | Enrolled::Otherwise => Following::due(effect),
        })
    }

    /// What was chosen, as the record keeps it.
    fn hashed(&self, login: &Login, chosen: &[ChosenFactor]) -> Result<Vec<NewFactor>, Failure> {
        let who = login.context.claim();
        let hash = |secret: &Secret| Ok::<_, Failure>(self.hasher.hash(&who, secret, random()?)?);
        let mut factors = Vec::with_capacity(chosen.len());
        for factor in chosen {
            factors.push(match factor {
                ChosenFactor::Device(device) => NewFactor::Device(device.clone()),
                ChosenFactor::Pin(pin) => NewFactor::Pin(hash(pin.secret())?),
                ChosenFactor::Address(to) => NewFactor::Address(to.clone()),
                ChosenFactor::Key(key) => {
                    let label = Label::of_key(1);
                    NewFactor::Key(SecurityKey::new(label, key.clone(), Timestamp::now()))
                }
                ChosenFactor::Questions(set) => {
                    let questions = set.iter().map(|(text, answer)| {
                        let (text, phc) = (text.as_str().to_owned(), hash(answer)?);
                        Ok::<_, Failure>(Question { text, phc })
                    });
                    let questions: Vec<_> = questions.collect::<Result<_, _>>()?;
                    let questions = questions
                        .try_into()
                        .map_err(|_| Failure::unavailable("there are not three questions"))?;
                    let start = u32::from(random::<1>()?[0]);
                    NewFactor::Questions(QuestionSet::new(questions, start, Timestamp::now()))
                }
            });
        }
        Ok(factors)
    }
}

impl Login {
    /// Scanning a code and writing down others takes longer than typing one.
    fn be_patient(&mut self) {
        self.deadline = Instant::now() + PATIENCE * self.settings.server.login_timeout;
    }
}

/// One event for each factor; the first says how many recovery codes there are.
fn enrollment_events(
    context: &Context,
    factors: &[NewFactor],
    codes: usize,
    occasion: Occasion,
) -> Vec<Event> {
    let event = |(number, factor): (usize, &NewFactor)| {
        let mut reason = "in a login".to_owned();
        let label = match factor {
            NewFactor::Device(device) => Some(device.label.to_string()),
            NewFactor::Address(to) => {
                reason += ", confirmed by a code sent there";
                Some(to.masked())
            }
            NewFactor::Key(key) => {
                reason += &format!(", as sshd has verified it: {}", key.key.fingerprint());
                Some(key.label.to_string())
            }
            NewFactor::Pin(_) | NewFactor::Questions(_) => None,
        };
        if number == 0 && codes > 0 {
            reason += &format!(", with {codes} recovery codes");
        }
        if let Occasion::Lost { .. } = occasion {
            reason += ", instead of the earlier devices";
        }
        Event {
            event: "enroll",
            result: "done",
            reason: Some(reason),
            factor: Some(factor.factor().to_string()),
            label,
            ..context.event(Outcome::Passed, None)
        }
    };
    factors.iter().enumerate().map(event).collect()
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
