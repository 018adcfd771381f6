//! One login, as one connection holds it.
//!
//! Begins with the policy's decision, leads the dialogue, has its answers judged, and leaves one audit
//! event whatever happens. It keeps the settings that it began with until it ends.

mod ask;
mod begin;
mod circumstances;
mod enrol;
mod record;

use std::sync::Arc;
use std::time::Instant;

use mfa_protocol::login::{LoginReply, Message, Outcome, Step};
use mfa_protocol::{MAX_ANSWER, Secret};

use super::Agent;
use super::error::Failure;
use super::judge::Bench;
use crate::account::{Instead, Opening, Verdict as Judgement};
use crate::audit::Event;
use crate::config::Settings;
use crate::dialogue::{Dialogue, Given, Next};
use crate::ledger::Key;
use crate::lockout::{Era, Limits};
use crate::names::UserName;
use crate::policy::Ask;
pub(super) use ask::plan;
use begin::Opened;
pub(super) use circumstances::Circumstances;
use enrol::SetUp;
pub(super) use enrol::cannot_enrol;
pub(super) use record::Context;

/// A login under way.
pub(super) struct Login {
    pub(super) context: Context,
    pub(super) deadline: Instant,
    stage: Stage,
    settings: Arc<Settings>,
    key: Key,
    era: Era,
    limits: Limits,
    /// The session that a pass begins.
    opening: Option<Opening>,
    /// Whether a recovery code is to be followed by setting up a new device.
    renews: bool,
    /// Whether the account can go none of the ways; for the log, never for the user.
    unenrolled: bool,
    /// An answer that was wrong, in a login that goes on: to be recorded.
    pub(super) attempt: Option<Event>,
    /// Whether it was begun to prove who wants to change their factors.
    proof: bool,
    /// What the account could be passed with when it was.
    generation: Option<u64>,
    /// Whether it was passed with a recovery code.
    by_recovery: bool,
}

/// Where a login stands.
enum Stage {
    /// The user is asked for what they have.
    Asking(Dialogue),
    /// The user, who has nothing or has lost it, sets something up.
    Enrolling(Box<SetUp>),
}

impl Login {
    fn of(opened: Opened<'_>, ask: &Ask, stage: Stage, opening: Option<Opening>) -> Self {
        // Nobody could unlock a stand-in, and once locked for good it would tell itself.
        let mut limits = Limits {
            max_consecutive: ask
                .lockout
                .max_consecutive
                .filter(|_| opened.key.is_account()),
            ..ask.lockout
        };
        // An ordinary process names the service: it does not choose the rule that lets it guess most.
        if !opened.context.peer.privileged {
            limits = limits.stricter(&opened.settings.lockout);
        }
        Self {
            context: opened.context,
            deadline: Instant::now() + opened.settings.server.login_timeout,
            stage,
            era: opened.account.lockout().era(),
            settings: opened.settings,
            key: opened.key,
            limits,
            opening,
            renews: false,
            unenrolled: false,
            attempt: None,
            proof: opened.proof,
            generation: None,
            by_recovery: false,
        }
    }

    /// If a new device is due before the login has passed: what the account could be passed with when the
    /// recovery code was right.
    fn renewal(&self) -> Option<u64> {
        let is_due = self.renews && self.by_recovery && matches!(self.stage, Stage::Asking(_));
        self.generation.filter(|_| is_due)
    }
}

/// What beginning a login or answering it comes to.
pub(super) enum Progress {
    /// It goes on; the login is kept.
    Open(Box<Login>, LoginReply),
    /// It has ended.
    Ended(Box<Ended>),
}

/// The end of a login.
pub(super) struct Ended {
    pub(super) user: UserName,
    /// The state of the account that the user has proven to be theirs, if that was asked for.
    pub(super) proven: Option<u64>,
    pub(super) reply: LoginReply,
    /// To be recorded.
    pub(super) event: Event,
}

impl Agent {
    /// Takes an answer.
    pub(super) fn answer(
        &self,
        mut login: Box<Login>,
        answer: Secret,
    ) -> Result<Progress, Failure> {
        if answer.expose().len() > MAX_ANSWER || answer.expose().contains('\0') {
            let reason = "an answer was too long or held a NUL";
            return Ok(conclude(&login.context, Outcome::Cancelled, reason));
        }
        if Instant::now() >= login.deadline {
            return Ok(conclude(
                &login.context,
                Outcome::Cancelled,
                "it took too long",
            ));
        }
        let Stage::Asking(dialogue) = &mut login.stage else {
            let context = login.context.clone();
            let answered = self.answer_enrolment(login, &answer);
            return answered.or_else(|failure| self.give_up(&context, failure));
        };
        let next = match dialogue.answer(answer) {
            Next::Judge(given) => match self.judge_answers(&mut login, &given) {
                Ok(next) => next,
                Err(failure) => return self.give_up(&login.context, failure),
            },
            other => other,
        };
        if let Some(generation) = login.renewal() {
            let context = login.context.clone();
            let renewed = self.renew(login, generation);
            return renewed.or_else(|failure| self.give_up(&context, failure));
        }
        Ok(match next {
            Next::End(step, Outcome::Cancelled) => {
                let reason = "no answer was given, or sshd's stand-in for users that it refuses";
                Progress::Ended(end(&login.context, step, Outcome::Cancelled, Some(reason)))
            }
            Next::End(step, outcome) => {
                let proven = login.generation.filter(|_| login.proof);
                let ended = end(&login.context, step, outcome, None);
                Progress::Ended(Box::new(Ended { proven, ..*ended }))
            }
            Next::Ask(step) => {
                let reply = LoginReply {
                    session: login.context.session.clone(),
                    step,
                };
                Progress::Open(login, reply)
            }
            Next::Judge(_) => conclude(&login.context, Outcome::Cancelled, "out of answers"),
        })
    }

    fn judge_answers(&self, login: &mut Login, given: &[Given]) -> Result<Next, Failure> {
        let Stage::Asking(dialogue) = &mut login.stage else {
            return Err(Failure::unavailable("an answer was judged out of turn"));
        };
        login.context.way = dialogue.way().map(ToString::to_string);
        let bench = Bench {
            key: &login.key,
            claim: login.context.claim(),
            era: login.era,
            limits: login.limits,
            windows: login.settings.windows(),
            opening: login.opening.as_ref(),
            renews: login.renews,
        };
        let verdict = self.judge(&bench, given)?;
        login.context.note(&verdict, login.unenrolled);
        if let Judgement::Passed(passed) = &verdict {
            login.generation = Some(passed.generation);
            login.by_recovery = passed.instead == Some(Instead::Recovery);
        }
        let next = dialogue.judged(&verdict);
        let locked = login.context.locked_until.is_some() || matches!(verdict, Judgement::Spent);
        if matches!(next, Next::End(_, Outcome::Locked)) && !locked {
            login.context.out_of_tries();
        }
        if matches!(next, Next::Ask(_)) && !matches!(verdict, Judgement::Passed(_)) {
            login.attempt = Some(login.context.attempt());
        }
        Ok(next)
    }

    /// Ends a login that could not be judged.
    fn give_up(&self, context: &Context, failure: Failure) -> Result<Progress, Failure> {
        let ended = conclude(context, Outcome::Unavailable, failure.reason());
        if !failure.is_busy() {
            return Ok(ended);
        }
        self.note_cancelled(context, failure.reason());
        Err(failure)
    }

    /// A login whose caller went away, or said so: no attempt, but an event.
    pub(super) fn abandon(&self, login: &Login, reason: &str) {
        self.note_cancelled(&login.context, reason);
    }

    fn note_cancelled(&self, context: &Context, reason: &str) {
        let event = context.event(Outcome::Cancelled, Some(reason));
        self.record(event, context.peer);
    }
}

/// Ends a login that asks nothing (more).
fn conclude(context: &Context, outcome: Outcome, reason: &str) -> Progress {
    conclude_with(context, Vec::new(), outcome, reason)
}

/// The same, with something to be shown.
fn conclude_with(
    context: &Context,
    messages: Vec<Message>,
    outcome: Outcome,
    reason: &str,
) -> Progress {
    let step = Step {
        messages,
        outcome: Some(outcome),
        ..Step::default()
    };
    Progress::Ended(end(context, step, outcome, Some(reason)))
}

fn end(context: &Context, step: Step, outcome: Outcome, reason: Option<&str>) -> Box<Ended> {
    Box::new(Ended {
        user: context.user.clone(),
        proven: None,
        reply: LoginReply {
            session: context.session.clone(),
            step,
        },
        event: context.event(outcome, reason),
    })
}
