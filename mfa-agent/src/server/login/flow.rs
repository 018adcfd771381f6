//! From an answer, or what came of an errand, to what happens next.
//!
//! The dialogue orders, and is told what came of it: answers are judged at once, a message and a RADIUS
//! server are waited for outside of the call.

use std::sync::atomic::Ordering;

use jiff::Timestamp;
use mfa_protocol::Secret;
use mfa_protocol::login::{LoginReply, Outcome, Step};

use super::super::Agent;
use super::super::effect::EffectResult;
use super::super::error::Failure;
use super::super::verify::VerifyContext;
use super::{Ended, Login, Progress, end};
use mfa_core::account::Verdict;
use mfa_core::factors::Factor;
use mfa_core::lockout::Admission;
use mfa_core::login::{Answer, DeliveryStatus, Next};

impl Agent {
    pub(super) fn take_answer(
        &self,
        mut login: Box<Login>,
        answer: Secret,
    ) -> Result<Progress, Failure> {
        let (now, key) = (Timestamp::now(), login.key.clone());
        let (epoch, limits) = (login.epoch, login.limits);
        login.silence = None;
        if login.has_arrived.load(Ordering::SeqCst) {
            // That its first try failed is no news any more.
            login.dialogue()?.learned_late(DeliveryStatus::OnItsWay);
        }
        // Looked up only where it matters. A store that can't be read is met again by the judge.
        let is_other_code = |typed: &str| {
            let account = self.repository.load(&key).ok().flatten();
            let pepper = self.repository.pepper();
            account.is_some_and(|account| {
                // Whoever is not judged is told nothing.
                let admission = account.lockout().admit(epoch, now, &limits);
                admission == Admission::Open && account.has_or_had_other_code(typed, now, pepper)
            })
        };
        let next = login.dialogue()?.answer(answer, now, &is_other_code);
        self.carry_on(login, next)
    }

    pub(super) fn take_report(
        &self,
        mut login: Box<Login>,
        report: EffectResult,
    ) -> Result<Progress, Failure> {
        let next = match report {
            EffectResult::Message(delivery) => {
                let dispatch = self.posted(&mut login, &delivery)?;
                login.dialogue()?.dispatched(dispatch)
            }
            EffectResult::Radius(answer, took) => self.answered(&mut login, answer, took)?,
            EffectResult::Rested => self.rested(&mut login)?,
        };
        self.carry_on(login, next)
    }

    /// The first step, which goes out at once: silence would look like an agent that hangs. A message is waited for
    /// afterwards.
    pub(super) fn first_step(
        &self,
        mut login: Box<Login>,
        next: Next,
    ) -> Result<Progress, Failure> {
        let Next::Send(order) = next else {
            return self.carry_on(login, next);
        };
        let posted = self.post(&mut login, &order)?;
        let (effect, dispatch) = match posted {
            Ok(effect) => (Some(effect), login.sent_so_far()?),
            Err(dispatch) => (None, dispatch),
        };
        let next = login.dialogue()?.dispatched(dispatch);
        match (self.carry_on(login, next)?, effect) {
            (Progress::Open(login, reply), Some(effect)) => {
                Ok(Progress::Ahead(login, reply, effect))
            }
            (progress, _) => Ok(progress),
        }
    }

    /// Takes what became of the message of [`Progress::Ahead`].
    pub(in crate::server) fn take_late_report(
        &self,
        login: &mut Login,
        report: EffectResult,
    ) -> Result<(), Failure> {
        if let EffectResult::Message(delivery) = report {
            let news = self.posted(login, &delivery)?.news;
            login.dialogue()?.learned_late(news);
        }
        Ok(())
    }

    /// Does what the dialogue orders, until somebody else's turn comes.
    pub(super) fn carry_on(
        &self,
        mut login: Box<Login>,
        mut next: Next,
    ) -> Result<Progress, Failure> {
        loop {
            next = match next {
                Next::Judge(given) => {
                    let next = self.judge_answers(&mut login, &given)?;
                    if let Some(generation) = login.renewal() {
                        return self.renew(login, generation);
                    }
                    next
                }
                Next::Send(order) => match self.post(&mut login, &order)? {
                    Ok(effect) => return Ok(Progress::Waiting(login, effect)),
                    Err(dispatch) => login.dialogue()?.dispatched(dispatch),
                },
                Next::Inquire(inquiry) => match self.inquire(&mut login, inquiry)? {
                    Ok(effect) => return Ok(Progress::Waiting(login, effect)),
                    Err(next) => next,
                },
                Next::Ask(step) => {
                    let session = login.context.session.clone();
                    return Ok(Progress::Open(login, LoginReply::of(session, step)));
                }
                Next::End(step, outcome) => {
                    return Ok(Progress::Ended(ended(&login, step, outcome)));
                }
            };
        }
    }

    fn judge_answers(&self, login: &mut Login, given: &[Answer]) -> Result<Next, Failure> {
        let way = login.dialogue()?.way().map(ToString::to_string);
        login.context.set_way(way);
        let rejected = login.rejected.take();
        let is_password = login.is_password.take() == Some(true);
        let told = |verdict: &Verdict| login.told(verdict).1;
        let bench = VerifyContext {
            key: &login.key,
            claim: login.context.claim(),
            epoch: login.epoch,
            limits: login.limits,
            windows: login.settings.windows(),
            opening: login.opening.as_ref(),
            renews: login.renews,
            remote: login.remote.as_ref(),
            rejected,
            is_password,
            peer: login.context.peer,
            told: &told,
        };
        let verdict = self.verify(&bench, given)?;
        if verdict == Verdict::Stale {
            for event in told(&verdict) {
                self.record(event, login.context.peer);
            }
        }
        let beliefs = std::mem::take(&mut login.beliefs);
        if verdict != Verdict::Password {
            for belief in beliefs {
                self.passwords.forget(&login.context.user, belief);
            }
        }
        self.watch_clock(login, given, &verdict);
        login.context = login.told(&verdict).0;
        if let Verdict::Passed(passed) = &verdict {
            login.generation = Some(passed.generation);
            login.is_renewal_due = login.is_followed_by_renewal(passed);
        }
        let came_back = |given: &Answer| {
            let sent = given.sent.as_ref();
            sent.is_some_and(|sent| sent.is(given.typed.expose()))
        };
        let dialogue = login.dialogue()?;
        if given.iter().any(came_back) {
            dialogue.spend_sent_code();
        }
        let next = dialogue.judged(&verdict);
        login.is_end_recorded = matches!(next, Next::End(..));
        Ok(next)
    }
}

impl Agent {
    /// What codes say of this host's clock, once they are judged.
    fn watch_clock(&self, login: &Login, given: &[Answer], verdict: &Verdict) {
        match verdict {
            Verdict::Passed(passed) if passed.device.is_some() => self.clock_watch.right(),
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

/// The end of a dialogue.
fn ended(login: &Login, step: Step, outcome: Outcome) -> Box<Ended> {
    let reason = match outcome {
        Outcome::Cancelled if login.silence.is_some() => login.silence.as_deref(),
        Outcome::Cancelled if !step.messages.is_empty() && login.has_code_expired() => {
            Some("the code that was sent had expired")
        }
        Outcome::Cancelled => {
            Some("no answer was given, or sshd's stand-in for users that it refuses")
        }
        _ => None,
    };
    let proven = login.generation.filter(|_| login.proof);
    let ended = end(&login.context, step, outcome, reason);
    let event = ended.event.filter(|_| !login.is_end_recorded);
    Box::new(Ended {
        proven,
        event,
        ..*ended
    })
}
