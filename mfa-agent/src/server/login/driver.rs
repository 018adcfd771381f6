//! Performs what a login asks for, and hands what comes of it to the state that takes it.
//!
//! Answers are verified at once; a message and a RADIUS server are waited for outside of the call.

use jiff::Timestamp;
use mfa_protocol::login::{LoginReply, Step};

use super::super::Agent;
use super::super::error::Failure;
use super::again::{Again, needs_proof};
use super::following::{EndNote, Following};
use super::post::{LateMessage, LearnedLate, Posted};
use super::radius::Queried;
use super::recall::Recall;
use super::{
    Asked, Effect, Ended, Login, LoginWait, Progress, PromptedLogin, QueryingLogin, Record,
    ResumedLogin, SendingLogin, end,
};
use crate::log;
use mfa_core::account::Verdict;
use mfa_core::factors::device::DeviceKind;
use mfa_core::factors::{FactorRow, Verification};
use mfa_core::lockout::Admission;
use mfa_core::login::{Answer, End, EndReason, FindingCode, Verifying};

impl Agent {
    /// The first step, which goes out at once: silence would look like an agent that hangs. A message is waited for
    /// afterwards.
    pub(super) fn first_step(
        &self,
        mut login: Box<Login>,
        effect: Effect,
    ) -> Result<Progress, Failure> {
        let Effect::SendCode(state) = effect else {
            return self.carry_on(login, Following::due(effect));
        };
        let (result, late) = match self.post(&mut login, state.request())? {
            Posted::Waiting(wait, sending) => {
                (sending.so_far(), Some(LateMessage { wait, sending }))
            }
            Posted::AtOnce(result) => (result, None),
        };
        match (
            self.carry_on(login, Following::due(state.sent(result)))?,
            late,
        ) {
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
        let terms = sending.terms();
        let result = self.posted(&prompted.login, sending, &delivery)?;
        prompted.state.learn_late(result.news);
        let elsewhere = self.send_elsewhere(&mut prompted.login, terms, &delivery)?;
        match (
            elsewhere.and_then(|result| result.code),
            &mut prompted.state,
        ) {
            (Some(code), Asked::User(state)) => state.sent_elsewhere(code),
            (Some(code), Asked::Agent(state)) => state.sent_elsewhere(code),
            (None, _) => {}
        }
        Ok(())
    }

    /// Goes on with what came of a wait.
    pub(super) fn go_on(&self, resumed: ResumedLogin) -> Result<Progress, Failure> {
        match resumed {
            ResumedLogin::Message(delivery, sending) => {
                let SendingLogin {
                    mut login,
                    state,
                    sending,
                } = *sending;
                let terms = sending.terms();
                let result = self.posted(&login, sending, &delivery)?;
                let elsewhere = self.send_elsewhere(&mut login, terms, &delivery)?;
                let result = elsewhere.unwrap_or(result);
                self.carry_on(login, Following::due(state.sent(result)))
            }
            ResumedLogin::Radius(outcome, querying) => {
                let QueryingLogin {
                    mut login,
                    state,
                    guess,
                } = *querying;
                let following = self.replied(&mut login, state, guess, outcome)?;
                self.carry_on(login, following)
            }
        }
    }

    /// Performs one effect after the other, until the login must wait for another party.
    pub(super) fn carry_on(
        &self,
        mut login: Box<Login>,
        mut following: Following,
    ) -> Result<Progress, Failure> {
        loop {
            if login.unproven.is_some() && needs_proof(&following.effect) {
                match self.begin_again(*login, Recall::Newest)? {
                    Again::With(again, effect) => {
                        (login, following) = (again, Following::due(*effect));
                    }
                    Again::Otherwise(progress) => return Ok(*progress),
                }
            }
            following = match following.effect {
                Effect::Prompt(step, state) => return Ok(open(login, step, Asked::User(state))),
                Effect::AskAgent(step, state) => return Ok(open(login, step, Asked::Agent(state))),
                Effect::FindCode(state) => {
                    let found = self.find_code(&login, &state)?;
                    Following::due(state.found(found))
                }
                Effect::SendCode(state) => match self.post(&mut login, state.request())? {
                    Posted::AtOnce(result) => Following::due(state.sent(result)),
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
                Effect::Verify(state) => match self.verify_answers(&mut login, state)? {
                    Some(following) => following,
                    None => match self.begin_again(*login, Recall::AfterAChange)? {
                        Again::With(again, effect) => {
                            login = again;
                            Following::due(*effect)
                        }
                        Again::Otherwise(progress) => return Ok(*progress),
                    },
                },
                Effect::MakeDevice(state) => Following::due(self.make_device(&mut login, state)?),
                Effect::CountWrongCode(state) => self.count_wrong_code(&mut login, state)?,
                Effect::StoreFactors(state) => self.store_factors(&mut login, state)?,
                Effect::End(end) => {
                    return Ok(Progress::Ended(ended(&login, end, following.note)));
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
        Ok(candidates.position(|typed| account.has_or_had_other_code(typed, now, &pepper)))
    }

    /// None if the login began with a record that is not the newest.
    fn verify_answers(
        &self,
        login: &mut Login,
        state: Verifying,
    ) -> Result<Option<Following>, Failure> {
        let combination = state.combination().map(ToString::to_string);
        login.context.set_combination(combination);
        let Some(verdict) = self.verify(login, &state)? else {
            return Ok(None);
        };
        login.unproven = None;
        login.hashed.clear();
        let consequence = state.consequence(&verdict);
        let is_unenrolled = state.is_unenrolled();
        if verdict == Verdict::Stale {
            let (_, events) = login.told(&verdict, consequence, is_unenrolled);
            for event in events {
                self.record(event, login.context.peer);
            }
        }
        let context = login.after(&verdict, consequence, is_unenrolled);
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
        let effect = state.verified(&verdict);
        Ok(Some(Following::judged(effect, generation)))
    }

    /// What codes say about this host's clock, after they are verified.
    fn watch_clock(&self, login: &Login, given: &[Answer], verdict: &Verdict) {
        match verdict {
            Verdict::Passed(passed) if passed.kind == Some(DeviceKind::Totp) => {
                self.clock_watch.right()
            }
            Verdict::Wrong { .. } => {
                let is_of_device = |given: &&Answer| {
                    matches!(given.factor.row().verification, Verification::Device)
                };
                let Some(typed) = given.iter().find(is_of_device) else {
                    return;
                };
                let user = login.context.user.as_str();
                match self.repository.load_for_change(&login.key) {
                    Ok(Some(account)) => {
                        self.clock_watch.look_at(user, &account, Timestamp::now());
                        self.clock_watch.wrong(user, &account, &typed.typed);
                    }
                    Ok(None) => {}
                    // The verdict is durable already, so the login goes on.
                    Err(error) => log::limited(
                        "clock",
                        format_args!("{user}: the clock was not checked by a wrong code: {error}"),
                    ),
                }
            }
            _ => {}
        }
    }
}

/// The login goes on with what comes back.
fn open(mut login: Box<Login>, step: Step, state: Asked) -> Progress {
    if let Some(unproven) = &mut login.unproven {
        unproven.show(&step);
    }
    let reply = LoginReply::of(login.context.session.clone(), step);
    Progress::Open(PromptedLogin { login, state }, reply)
}

/// The end of a login.
fn ended(login: &Login, last: End, note: EndNote) -> Box<Ended> {
    let reason = match (last.reason, &note) {
        (Some(EndReason::ServerSilent), EndNote::Silence(why)) => Some(why.clone()),
        (reason, _) => reason.map(|reason| login.given_up(reason.words())),
    };
    let mut ended = end(&login.context, last.step, last.outcome, reason.as_deref());
    if let EndNote::Committed { generation } = note {
        ended.record = Record::Committed;
        ended.proven = generation.filter(|_| login.is_proof);
    }
    ended
}
