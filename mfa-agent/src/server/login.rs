//! One login, as one connection holds it.
//!
//! Begins with the policy's decision, leads the dialogue, has its answers judged, and leaves one audit
//! event whatever happens. It keeps the settings that it began with until it ends.

mod admit_without_prompt;
mod ask;
mod begin;
mod enrol;
mod flow;
mod login_context;
mod post;
mod radius;
mod reach;
mod record;
mod tickets;
mod told;

use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use mfa_protocol::login::{LoginReply, Message, Outcome, Step};
use mfa_protocol::{MAX_ANSWER, Secret};
use mfa_radius::Challenge;

use super::Agent;
use super::effect::{Effect, EffectResult};
use super::error::Failure;
use super::limits::OpenLogin;
use crate::audit::Event;
use crate::config::Settings;
use crate::repository::Key;
pub(super) use ask::plan;
pub(super) use begin::Purpose;
use begin::ResolvedLogin;
use enrol::SetUp;
pub(super) use enrol::cannot_enrol;
pub(super) use login_context::LoginContext;
use mfa_core::account::{NewSession, Remote, Verdict};
use mfa_core::factors::address::Recipient;
use mfa_core::lockout::{Limits, LoginEpoch};
use mfa_core::login::{Dialogue, Next};
use mfa_core::names::UserName;
use mfa_core::policy::Ask;
use post::Sending;
use radius::PendingQuery;
pub(super) use reach::{FallbackRecipients, asks_number_first};
pub(super) use record::Context;
pub(super) use tickets::{Bearer, Tickets};

/// A login under way.
pub(super) struct Login {
    pub(super) context: Context,
    pub(super) deadline: Instant,
    stage: Stage,
    settings: Arc<Settings>,
    key: Key,
    epoch: LoginEpoch,
    limits: Limits,
    /// The session that a pass begins.
    opening: Option<NewSession>,
    /// Whether a recovery code is to be followed by setting up a new device.
    renews: bool,
    /// Whether the account can go none of the ways; for the log, never for the user.
    unenrolled: bool,
    /// Whether the audit log has its end already: it was committed with the verdict.
    is_end_recorded: bool,
    /// Whether it was begun to prove who wants to change their factors.
    proof: bool,
    /// What the account could be passed with when it was.
    generation: Option<u64>,
    /// Whether it was passed with a recovery code that is to be followed by setting up a new device.
    is_renewal_due: bool,
    /// What the account could be passed with when it began.
    generation_at_begin: u64,
    /// Where codes go by mail if the user has enrolled no address.
    template: Option<Recipient>,
    /// The message that is waited for.
    sending: Option<Sending>,
    /// The answer that a RADIUS server is judging.
    asking: Option<PendingQuery>,
    /// What a RADIUS server has asked back.
    challenge: Option<Challenge>,
    /// The account at the server that was asked last.
    remote: Option<Remote>,
    /// The note on the record of the guess that it rejected.
    rejected: Option<u64>,
    /// Why no RADIUS server answered the last question.
    silence: Option<String>,
    /// Its place among the open logins of its account.
    _open_login: Option<OpenLogin>,
    /// Whether all answers that wait for their verdict are the password; none without an answer.
    is_password: Option<bool>,
}

/// Where a login stands.
enum Stage {
    /// The user is asked for what they have.
    Asking(Box<Dialogue>),
    /// The user, who has nothing or has lost it, sets something up.
    Enrolling(Box<SetUp>),
}

impl Login {
    fn of(
        resolved: ResolvedLogin<'_>,
        ask: &Ask,
        stage: Stage,
        opening: Option<NewSession>,
    ) -> Self {
        // Nobody could unlock a stand-in, and once locked for good it would tell itself.
        let mut limits = Limits {
            max_consecutive: ask
                .lockout
                .max_consecutive
                .filter(|_| resolved.key.is_account()),
            ..ask.lockout
        };
        // An ordinary process names the service: it does not choose the rule that lets it guess most.
        if !resolved.context.peer.privileged {
            limits = limits.stricter(&resolved.settings.lockout);
        }
        Self {
            context: resolved.context,
            deadline: Instant::now() + resolved.settings.server.login_timeout,
            stage,
            epoch: resolved.account.lockout().epoch(),
            generation_at_begin: resolved.account.generation(),
            template: None,
            sending: None,
            asking: None,
            challenge: None,
            remote: None,
            rejected: None,
            silence: None,
            _open_login: resolved.open_login,
            is_password: None,
            settings: resolved.settings,
            key: resolved.key,
            limits,
            opening,
            renews: false,
            unenrolled: false,
            is_end_recorded: false,
            proof: resolved.proof,
            generation: None,
            is_renewal_due: false,
        }
    }

    /// Lets the login live for this long at least.
    fn outlive(&mut self, time: Duration) {
        self.deadline = self.deadline.max(Instant::now() + time);
    }

    /// Until when the code that was sent in it is good.
    fn code_expires(&self) -> Option<Timestamp> {
        match &self.stage {
            Stage::Asking(dialogue) => dialogue.code_expires(),
            Stage::Enrolling(_) => None,
        }
    }

    fn has_code_expired(&self) -> bool {
        let expires = self.code_expires();
        expires.is_some_and(|expires| Timestamp::now() >= expires)
    }

    /// The dialogue with a user who is asked for what they have.
    fn dialogue(&mut self) -> Result<&mut Dialogue, Failure> {
        match &mut self.stage {
            Stage::Asking(dialogue) => Ok(dialogue),
            Stage::Enrolling(_) => Err(Failure::unavailable("an answer was judged out of turn")),
        }
    }

    /// What follows a verdict that needed no judging.
    fn judged(&mut self, verdict: &Verdict) -> Result<Next, Failure> {
        self.context.note(verdict, self.unenrolled);
        Ok(self.dialogue()?.judged(verdict))
    }

    /// If a new device is due before the login has passed: what the account could be passed with when the
    /// recovery code was right.
    fn renewal(&self) -> Option<u64> {
        let is_due = self.is_renewal_due && matches!(self.stage, Stage::Asking(_));
        self.generation.filter(|_| is_due)
    }
}

/// What beginning a login or answering it comes to.
pub(super) enum Progress {
    /// It goes on; the login is kept.
    Open(Box<Login>, LoginReply),
    /// The same, and this is carried out once the reply is out ([`Agent::take_late_report`]).
    Ahead(Box<Login>, LoginReply, Effect),
    /// It goes on once this is carried out ([`Agent::resume`]).
    Waiting(Box<Login>, Effect),
    /// It has ended.
    Ended(Box<Ended>),
}

impl Progress {
    /// The same, where the event of its end was committed with what ended it.
    fn recorded(self) -> Self {
        match self {
            Self::Ended(ended) => Self::Ended(Box::new(Ended {
                event: None,
                ..*ended
            })),
            open => open,
        }
    }
}

/// The end of a login.
pub(super) struct Ended {
    pub(super) user: UserName,
    /// The state of the account that the user has proven to be theirs, if that was asked for.
    pub(super) proven: Option<u64>,
    pub(super) reply: LoginReply,
    /// To be recorded; none if it was committed with what ended the login.
    pub(super) event: Option<Event>,
}

impl Agent {
    /// Takes an answer.
    pub(super) fn answer(
        &self,
        mut login: Box<Login>,
        answer: Secret,
        is_password: Option<bool>,
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
        let context = login.context.clone();
        let is_free = is_password == Some(true) && self.is_no_guess(&context, &answer);
        login.is_password = Some(login.is_password.unwrap_or(true) && is_free);
        let progress = match &login.stage {
            Stage::Asking(_) => self.take_answer(login, answer),
            Stage::Enrolling(_) => self.answer_enrolment(login, &answer),
        };
        progress.or_else(|failure| self.give_up(&context, failure))
    }

    /// Whether an answer of which the caller says that it is the password guesses nothing. An ordinary process has checked
    /// no password.
    fn is_no_guess(&self, context: &Context, answer: &Secret) -> bool {
        let now = Instant::now();
        context.peer.privileged
            && self
                .passwords
                .is_no_guess(&context.user, answer.expose(), now)
    }

    /// Goes on with what came of an errand.
    pub(super) fn resume(
        &self,
        login: Box<Login>,
        report: EffectResult,
    ) -> Result<Progress, Failure> {
        let context = login.context.clone();
        let progress = self.take_report(login, report);
        progress.or_else(|failure| self.give_up(&context, failure))
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
        reply: LoginReply::of(context.session.clone(), step),
        event: Some(context.event(outcome, reason)),
    })
}
