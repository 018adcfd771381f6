//! Performs what a login asks for, and hands what comes of it to the state that takes it.
//!
//! Answers are verified at once; a message and a RADIUS server are waited for outside of the call.

use jiff::Timestamp;
use mfa_protocol::login::LoginReply;

use super::super::Agent;
use super::super::error::Failure;
use super::following::{EndNote, Following};
use super::post::{LateMessage, LearnedLate, Posted};
use super::radius::Queried;
use super::{
    Ended, Login, LoginWait, Progress, PromptedLogin, QueryingLogin, ResumedLogin, SendingLogin,
    end,
};
use mfa_core::account::Verdict;
use mfa_core::factors::Factor;
use mfa_core::factors::device::DeviceKind;
use mfa_core::lockout::Admission;
use mfa_core::login::{Answer, Effect, End, EndReason, FindingCode, Verifying};

impl Agent {
    /// The first step, which goes out at once: silence would look like an agent that hangs. A message is waited for
    /// afterwards.
    pub(super) fn first_step(
        &self,
        mut login: Box<Login>,
        effect: Effect,
    ) -> Result<Progress, Failure> {
        let Effect::SendCode(state) = effect else {
            return self.carry_on(login, effect);
        };
        let (result, late) = match self.post(&mut login, state.request())? {
            Posted::Waiting(wait, sending) => {
                (sending.so_far(), Some(LateMessage { wait, sending }))
            }
            Posted::AtOnce(result) => (result, None),
        };
        match (self.carry_on(login, state.sent(result))?, late) {
            (Progress::Open(prompted, reply), Some(late)) => {
                Ok(Progress::Ahead(prompted, reply, late))
            }
            (progress, _) => Ok(progress),
        }
    }

    /// Takes what became of the message of [`Progress::Ahead`].
    pub(in crate::server) fn learn_late(
        &self,
        prompted: &mut PromptedLogin,
        learned: LearnedLate,
    ) -> Result<(), Failure> {
        let LearnedLate { delivery, sending } = learned;
        let result = self.posted(&prompted.login, sending, &delivery)?;
        prompted.state.learn_late(result.news);
        Ok(())
    }

    /// Goes on with what came of a wait.
    pub(super) fn go_on(&self, resumed: ResumedLogin) -> Result<Progress, Failure> {
        match resumed {
            ResumedLogin::Message(delivery, sending) => {
                let SendingLogin {
                    login,
                    state,
                    sending,
                } = *sending;
                let result = self.posted(&login, sending, &delivery)?;
                self.carry_on(login, state.sent(result))
            }
            ResumedLogin::Radius(outcome, querying) => {
                let QueryingLogin {
                    mut login,
                    state,
                    guess,
                } = *querying;
                let following = self.replied(&mut login, state, &guess, outcome)?;
                self.carry_on(login, following)
            }
        }
    }

    /// Performs one effect after the other, until the login must wait for another party.
    pub(super) fn carry_on(
        &self,
        mut login: Box<Login>,
        following: impl Into<Following>,
    ) -> Result<Progress, Failure> {
        let mut following = following.into();
        loop {
            following = match following.effect {
                Effect::Prompt(step, state) => {
                    let session = login.context.session.clone();
                    let reply = LoginReply::of(session, step);
                    return Ok(Progress::Open(PromptedLogin { login, state }, reply));
                }
                Effect::FindCode(state) => {
                    let found = self.find_code(&login, &state)?;
                    state.found(found).into()
                }
                Effect::SendCode(state) => match self.post(&mut login, state.request())? {
                    Posted::AtOnce(result) => state.sent(result).into(),
                    Posted::Waiting(wait, sending) => {
                        let sending = SendingLogin {
                            login,
                            state,
                            sending,
                        };
                        let wait = LoginWait::Message(wait, Box::new(sending));
                        return Ok(Progress::Waiting(wait));
                    }
                },
                Effect::QueryRadius(state) => match self.query(&mut login, state)? {
                    Queried::AtOnce(following) => following,
                    Queried::Waiting(wait, state, guess) => {
                        let querying = QueryingLogin {
                            login,
                            state,
                            guess,
                        };
                        let wait = LoginWait::Radius(wait, Box::new(querying));
                        return Ok(Progress::Waiting(wait));
                    }
                },
                Effect::Verify(state) => self.verify_answers(&mut login, state)?,
                Effect::MakeDevice(state) => self.make_device(&mut login, state)?.into(),
                Effect::CountWrongCode(state) => self.count_wrong_code(&mut login, state)?,
                Effect::StoreDevice(state) => self.store_device(&mut login, state)?,
                Effect::End(end) => {
                    return Ok(Progress::Ended(ended(&login, end, &following.note)));
                }
            };
        }
    }

    /// Which of the candidates is a bypass or recovery code. A user whose answer is not verified is told nothing.
    fn find_code(&self, login: &Login, state: &FindingCode) -> Result<Option<usize>, Failure> {
        let Some(account) = self.repository.load(&login.key)? else {
            return Ok(None);
        };
        let now = Timestamp::now();
        let admission = account.lockout().admit(login.epoch, now, &login.limits);
        if admission != Admission::Open {
            return Ok(None);
        }
        let pepper = self.repository.pepper();
        let mut candidates = state.candidates();
        Ok(candidates.position(|typed| account.has_or_had_other_code(typed, now, pepper)))
    }

    fn verify_answers(&self, login: &mut Login, state: Verifying) -> Result<Following, Failure> {
        let combination = state.combination().map(ToString::to_string);
        login.context.set_combination(combination);
        let verdict = self.verify(login, &state)?;
        let consequence = state.consequence(&verdict);
        let (context, events) = login.told(&verdict, consequence, state.is_unenrolled());
        if verdict == Verdict::Stale {
            for event in events {
                self.record(event, login.context.peer);
            }
        }
        let beliefs = std::mem::take(&mut login.beliefs);
        if verdict != Verdict::Password {
            for belief in beliefs {
                self.passwords.forget(&login.context.user, belief);
            }
        }
        self.watch_clock(login, state.answers(), &verdict);
        login.context = context;
        let generation = match &verdict {
            Verdict::Passed(passed) => Some(passed.generation),
            _ => None,
        };
        let mut following = Following::recorded(state.verified(&verdict));
        following.note.generation = generation;
        Ok(following)
    }

    /// What codes say about this host's clock, after they are verified.
    fn watch_clock(&self, login: &Login, given: &[Answer], verdict: &Verdict) {
        match verdict {
            Verdict::Passed(passed) if passed.kind == Some(DeviceKind::Totp) => {
                self.clock_watch.right()
            }
            Verdict::Wrong { .. } => {
                let typed = given.iter().find(|given| given.factor == Factor::Totp);
                let account = typed.and_then(|_| self.repository.load(&login.key).ok().flatten());
                if let (Some(typed), Some(account)) = (typed, account) {
                    let user = login.context.user.as_str();
                    self.clock_watch.look_at(user, &account, Timestamp::now());
                    self.clock_watch.wrong(user, &account, &typed.typed);
                }
            }
            _ => {}
        }
    }
}

/// The end of a login.
fn ended(login: &Login, last: End, note: &EndNote) -> Box<Ended> {
    let silence = note.silence.as_deref();
    let reason = match last.reason {
        Some(EndReason::ServerSilent) => silence.or(Some(EndReason::ServerSilent.words())),
        other => other.map(EndReason::words),
    };
    let ended = end(&login.context, last.step, last.outcome, reason);
    Box::new(Ended {
        proven: note.generation.filter(|_| login.is_proof),
        event: ended.event.filter(|_| !note.is_recorded),
        ..*ended
    })
}
