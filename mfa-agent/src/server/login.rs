//! One login, as one connection holds it.
//!
//! Begins with the policy's decision, performs what the states of [`mfa_core::login`] ask for, and leaves one audit event
//! whatever happens. It keeps the settings that it began with until it ends.

mod admit_without_prompt;
mod again;
mod ask;
mod begin;
mod driver;
mod enroll;
mod following;
mod login_context;
mod post;
mod push;
mod radius;
mod recall;
mod record;
mod tickets;
mod told;
mod verify;
mod waiting;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use jiff::Timestamp;
use mfa_protocol::login::{LoginReply, MAX_SIGNED, Message, Outcome, Step, Unsigned};
use mfa_protocol::{MAX_ANSWER, Secret};
use mfa_radius::Challenge;

use super::Agent;
use super::error::Failure;
use super::limits::OpenLogin;
use super::passwords::Belief;
use super::random;
use crate::audit::Event;
use crate::config::Settings;
use crate::repository::Key;
use again::Unproven;
pub(super) use ask::{plan, wording};
pub(super) use begin::Purpose;
use begin::ResolvedLogin;
use following::Following;
pub(super) use login_context::LoginContext;
use mfa_core::account::{Account, NewSession, NoticeKind};
use mfa_core::factors::recovery::Pepper;
use mfa_core::lockout::{Limits, LoginEpoch};
use mfa_core::login::{AgentReply, AnswerEvent, AskingAgent, DeliveryStatus, Prompting};
use mfa_core::names::UserName;
use mfa_core::policy::{Ask, Guesses, LoginOrigin};
use post::FailedRecipients;
pub(super) use post::{LateMessage, LearnedLate};
pub(super) use record::Context;
pub(super) use tickets::{Bearer, Tickets};
use verify::HashedAnswer;
pub(super) use waiting::{LoginWait, ResumedLogin};
use waiting::{QueryingLogin, SendingLogin};

/// What a login keeps from its beginning to its end, whatever its state.
pub(super) struct Login {
    pub(super) context: Context,
    pub(super) deadline: Instant,
    settings: Arc<Settings>,
    key: Key,
    epoch: LoginEpoch,
    limits: Limits,
    /// The session that a pass begins.
    new_session: Option<NewSession>,
    /// Where it comes from, if logins from new networks are told.
    network: Option<IpAddr>,
    /// Whether it was begun to prove who wants to change their factors.
    is_proof: bool,
    /// What the account could be passed with when it began.
    generation_at_begin: u64,
    /// Answers since the last verdict that were believed to be the password.
    beliefs: Vec<Belief>,
    /// Whether the last message was sent, perhaps at a second try.
    has_arrived: Arc<AtomicBool>,
    /// Addresses that a message could not be sent to, the last failure at the end.
    failed: FailedRecipients,
    /// Why no RADIUS server verified an answer; none unless that happened.
    silence: Option<String>,
    /// What it began with, until a change has proved that.
    unproven: Option<Box<Unproven>>,
    /// Answers that were hashed for a record that was not the newest.
    hashed: Vec<HashedAnswer>,
    /// Its place among the open logins of its account.
    open_login: OpenLogin,
}

/// What a login asks for, with the challenges of this agent's RADIUS servers.
type Effect = mfa_core::login::Effect<Challenge>;

/// A login whose answer a RADIUS server judges.
type QueryingRadius = mfa_core::login::QueryingRadius<Challenge>;

/// A login whose user is asked, or the user's SSH agent.
pub(super) struct PromptedLogin {
    pub(super) login: Box<Login>,
    state: Asked,
}

/// Who is asked.
enum Asked {
    User(Prompting<Challenge>),
    Agent(AskingAgent),
}

/// What a caller answers.
pub(super) enum Answered {
    /// What was typed, and whether that is the password.
    Typed(Secret, Option<bool>),
    /// What came of a message for the user's SSH agent: its reply in base64, or why there is none.
    ByAgent(Result<String, Unsigned>),
}

impl Asked {
    fn learn_late(&mut self, news: DeliveryStatus) {
        match self {
            Self::User(state) => state.learn_late(news),
            Self::Agent(state) => state.learn_late(news),
        }
    }
}

impl Login {
    fn of(
        resolved: ResolvedLogin<'_>,
        open_login: OpenLogin,
        ask: &Ask,
        new_session: Option<NewSession>,
    ) -> Box<Self> {
        let is_ordinary = !resolved.context.peer.privileged;
        let limits = ask.limits_for(Guesses {
            on_own_record: resolved.key.is_account(),
            at_most: is_ordinary.then_some(&resolved.settings.lockout),
        });
        let network = told_network(&resolved);
        let unproven = Unproven::of(&resolved);
        Box::new(Self {
            context: resolved.context,
            deadline: Instant::now() + resolved.settings.server.login_timeout,
            epoch: resolved.account.lockout().epoch(),
            generation_at_begin: resolved.account.generation(),
            beliefs: Vec::new(),
            has_arrived: Arc::default(),
            failed: FailedRecipients::default(),
            silence: None,
            unproven,
            hashed: Vec::new(),
            open_login,
            settings: resolved.settings,
            key: resolved.key,
            limits,
            new_session,
            network,
            is_proof: resolved.proof,
        })
    }

    /// Remembers on a record that a login has passed from here.
    fn note_network(&self, account: &mut Account, pepper: &Pepper) {
        if let Some(address) = self.network {
            account.note_network(self.context.user.as_str(), address, pepper);
        }
    }

    /// Why it was given up. The audit log says it if a server was silent before: the user may have had no choice.
    fn given_up(&self, reason: &str) -> String {
        match &self.silence {
            Some(silence) => format!("{reason}; before that, {silence}"),
            None => reason.to_owned(),
        }
    }

    /// Lets the login live for this long at least.
    fn outlive(&mut self, time: Duration) {
        self.deadline = self.deadline.max(Instant::now() + time);
    }
}

/// The address that is compared with the networks of earlier logins.
fn told_network(resolved: &ResolvedLogin<'_>) -> Option<IpAddr> {
    let is_told = resolved
        .settings
        .notify
        .events
        .contains(&NoticeKind::NewNetwork);
    match resolved.login_context.origin {
        LoginOrigin::Address(address) if is_told => Some(address),
        _ => None,
    }
}

/// What beginning a login or answering it comes to.
pub(super) enum Progress {
    /// It goes on; the login is kept.
    Open(PromptedLogin, LoginReply),
    /// The same, and this message is waited for once the reply is out ([`Agent::learn_late`]).
    Ahead(PromptedLogin, LoginReply, LateMessage),
    /// It goes on once this is over ([`Agent::resume`]).
    Waiting(LoginWait),
    /// It has ended.
    Ended(Box<Ended>),
}

impl From<Box<Ended>> for Progress {
    fn from(ended: Box<Ended>) -> Self {
        Self::Ended(ended)
    }
}

/// The end of a login.
pub(super) struct Ended {
    pub(super) user: UserName,
    /// The state of the account that the user has proven to be theirs, if that was asked for.
    pub(super) proven: Option<u64>,
    pub(super) reply: LoginReply,
    pub(super) record: Record,
}

/// Whether the audit log has the end of a login.
pub(super) enum Record {
    /// It has: the event was committed with what ended the login.
    Committed,
    /// This event is to be recorded.
    Due(Box<Event>),
}

impl Ended {
    /// The same, and its event for the change that ends the login.
    fn into_committed(mut self: Box<Self>) -> (Box<Self>, Vec<Event>) {
        match std::mem::replace(&mut self.record, Record::Committed) {
            Record::Committed => (self, Vec::new()),
            Record::Due(event) => (self, vec![*event]),
        }
    }
}

impl Agent {
    /// Takes an answer.
    pub(super) fn answer(
        &self,
        prompted: PromptedLogin,
        answered: Answered,
    ) -> Result<Progress, Failure> {
        let PromptedLogin {
            mut login,
            mut state,
        } = prompted;
        if Instant::now() >= login.deadline {
            let reason = login.given_up("it took too long");
            return Ok(conclude(&login.context, Outcome::Cancelled, &reason).into());
        }
        let context = login.context.clone();
        if login.has_arrived.load(Ordering::SeqCst) {
            // That its first try failed is no news any more.
            state.learn_late(DeliveryStatus::OnItsWay);
        }
        let effect = match (state, answered) {
            (Asked::User(state), Answered::Typed(answer, is_password)) => {
                if answer.expose().len() > MAX_ANSWER || answer.expose().contains('\0') {
                    let reason = "an answer was too long or contained a NUL";
                    return Ok(conclude(&context, Outcome::Cancelled, reason).into());
                }
                let typed = self.typed(&mut login, &state, answer, is_password);
                if let Some(unproven) = &mut login.unproven {
                    unproven.typed(&typed);
                }
                state.answer(typed)
            }
            (Asked::Agent(state), Answered::ByAgent(reply)) => state.answered(agent_reply(reply)?),
            // An older caller is never asked for its SSH agent, so this one talks nonsense or has given up.
            (Asked::Agent(_), Answered::Typed(..)) => {
                let reason = "the user's SSH agent was not asked";
                return Ok(conclude(&context, Outcome::Cancelled, reason).into());
            }
            (Asked::User(_), Answered::ByAgent(_)) => {
                let reason = "an SSH agent's reply came where none was asked";
                return Ok(conclude(&context, Outcome::Cancelled, reason).into());
            }
        };
        let progress = self.carry_on(login, Following::due(effect));
        progress.or_else(|failure| self.give_up(&context, failure))
    }

    /// What was typed, and whether it is believed to be the password.
    fn typed(
        &self,
        login: &mut Login,
        state: &Prompting<Challenge>,
        answer: Secret,
        is_password: Option<bool>,
    ) -> AnswerEvent {
        let is_claimed = is_password == Some(true) && !answer.expose().trim().is_empty();
        // In a set-up the claim alone refuses the answer: a password must not become a PIN.
        let believe = || self.believe(&login.context, &answer);
        let belief = (is_claimed && !state.is_set_up()).then(believe);
        let belief = belief.flatten();
        login.beliefs.extend(belief);
        AnswerEvent {
            is_password: belief.is_some() || is_claimed && state.is_set_up(),
            text: answer,
            now: Timestamp::now(),
            windows: login.settings.windows(),
        }
    }

    /// Whether an answer of which the caller says that it is the password guesses nothing. An ordinary process, such as a
    /// screen locker, asks for its own user only: the few that are believed are fewer guesses than it has anyway.
    fn believe(&self, context: &Context, answer: &Secret) -> Option<Belief> {
        let now = Instant::now();
        self.passwords.believe(&context.user, answer.expose(), now)
    }

    /// Goes on with what came of a wait.
    pub(super) fn resume(&self, resumed: ResumedLogin) -> Result<Progress, Failure> {
        let context = resumed.login().context.clone();
        let progress = self.go_on(resumed);
        progress.or_else(|failure| self.give_up(&context, failure))
    }

    /// Ends a login that could not be verified.
    fn give_up(&self, context: &Context, failure: Failure) -> Result<Progress, Failure> {
        let ended = conclude(context, Outcome::Unavailable, failure.reason());
        if !failure.is_busy() {
            return Ok(ended.into());
        }
        self.note_cancelled(context, failure.reason());
        Err(failure)
    }

    /// A login whose caller went away, or said so: no attempt, but an event.
    pub(super) fn abandon(&self, login: &Login, reason: &str) {
        self.note_cancelled(&login.context, &login.given_up(reason));
    }

    fn note_cancelled(&self, context: &Context, reason: &str) {
        let event = context.event(Outcome::Cancelled, Some(reason));
        self.record(event, context.peer);
    }
}

/// What an SSH agent has replied, with the randomness of the next challenge. What is no base64 is no reply.
fn agent_reply(reply: Result<String, Unsigned>) -> Result<AgentReply, Failure> {
    let reply = reply.and_then(|text| match BASE64.decode(text.as_bytes()) {
        Ok(bytes) if bytes.len() > MAX_SIGNED => Err(Unsigned::TooLong),
        Ok(bytes) => Ok(bytes),
        Err(_) => Ok(Vec::new()),
    });
    Ok(AgentReply {
        reply,
        now: Timestamp::now(),
        nonce: random()?,
    })
}

/// Ends a login that asks nothing (more).
fn conclude(context: &Context, outcome: Outcome, reason: &str) -> Box<Ended> {
    conclude_with(context, Vec::new(), outcome, reason)
}

/// The same, with something to be shown.
fn conclude_with(
    context: &Context,
    messages: Vec<Message>,
    outcome: Outcome,
    reason: &str,
) -> Box<Ended> {
    let step = Step {
        messages,
        outcome: Some(outcome),
        ..Step::default()
    };
    end(context, step, outcome, Some(reason))
}

fn end(context: &Context, step: Step, outcome: Outcome, reason: Option<&str>) -> Box<Ended> {
    Box::new(Ended {
        user: context.user.clone(),
        proven: None,
        reply: LoginReply::of(context.session.clone(), step),
        record: Record::Due(context.event(outcome, reason).into()),
    })
}
