//! A login that began with what this host remembers of its user begins again, if that was old.
//!
//! Its first change proves what it began with, or finds something newer; then nothing was changed, and the login is decided
//! again from what is there now. What the user has typed counts as far as the same is asked; if something else is asked
//! now, they see that. What is sent, or asked elsewhere, waits for no such proof: the record is read before.

use std::time::{Duration, Instant};

use mfa_protocol::login::Step;

use super::super::Agent;
use super::super::error::Failure;
use super::super::peer::Subject;
use super::begin::{Resolved, ResolvedLogin};
use super::login_context::LoginContext;
use super::recall::Recall;
use super::{Context, Effect, Login, Progress};
use crate::repository::Remembered;
use mfa_core::login::AnswerEvent;
use mfa_core::login::entry::{Entry, LetIn};
use mfa_core::policy::{Ask, SessionHosts};

/// An answer that took so long is not decided again: whoever waits for it may have left, and a code would be used up.
const LONGEST: Duration = Duration::from_secs(2);

/// What a login keeps until a change has proved what it began with.
pub(super) struct Unproven {
    pub(super) remembered: Remembered,
    subject: Subject,
    login_context: LoginContext,
    /// The prompt that is shown.
    shown: Option<Step>,
    /// What was typed, at which prompts.
    typed: Vec<(Step, AnswerEvent)>,
    /// When the last of it came.
    typed_at: Option<Instant>,
    /// Whether it has begun again already.
    is_again: bool,
    /// Whether it may have begun before the last pass.
    is_from_before: bool,
}

/// How it goes on.
pub(super) enum Again {
    /// With this, after what was typed.
    With(Box<Login>, Box<Effect>),
    /// Otherwise.
    Otherwise(Box<Progress>),
}

impl Unproven {
    /// What `resolved` began with, if that was remembered.
    pub(super) fn of(resolved: &ResolvedLogin<'_>) -> Option<Box<Self>> {
        let remembered = resolved.remembered.clone()?;
        Some(Box::new(Self {
            remembered,
            subject: resolved.subject.clone(),
            login_context: resolved.login_context.clone(),
            shown: None,
            typed: Vec::new(),
            typed_at: None,
            is_again: false,
            is_from_before: false,
        }))
    }

    /// Keeps what is shown.
    pub(super) fn show(&mut self, step: &Step) {
        self.shown = Some(step.clone());
    }

    /// Keeps what was typed there.
    pub(super) fn typed(&mut self, answer: &AnswerEvent) {
        let shown = self.shown.take();
        self.typed.extend(shown.map(|step| (step, answer.clone())));
        self.typed_at = Some(Instant::now());
    }
}

/// Whether what follows from an entry is a change, which proves what it was decided by. Nothing else may be decided by
/// what is remembered: also not that no session began on another host that holds here, so that the user has to be asked.
pub(super) fn ends_in_a_change(entry: &Entry<'_>, ask: &Ask) -> bool {
    let shares_sessions =
        matches!(&ask.session, Some(session) if session.hosts == SessionHosts::All);
    match entry {
        Entry::Ask(_) if shares_sessions => false,
        // What counts on another record than the one that was remembered is not proved by a change of it.
        Entry::Ask(asked) => !asked.counts_on_own_record,
        Entry::LetIn(LetIn::Session(_)) => true,
        Entry::LetIn(_) | Entry::NoRoom | Entry::Enroll(_) => false,
    }
}

/// Whether an effect of a login is done only for a record that was read, since it is no change of it.
pub(super) fn needs_proof(effect: &Effect) -> bool {
    !matches!(
        effect,
        Effect::Prompt(..) | Effect::Verify(_) | Effect::End(_)
    )
}

impl Agent {
    /// Decides a login again that has proved nothing yet.
    pub(super) fn begin_again(&self, login: Login, recall: Recall) -> Result<Again, Failure> {
        let Some(unproven) = login.unproven else {
            return Err(Failure::unavailable("a login began again that was proved"));
        };
        let Unproven {
            remembered,
            subject,
            login_context,
            typed,
            typed_at,
            is_again,
            is_from_before,
            ..
        } = *unproven;
        if typed_at.is_some_and(|at| at.elapsed() > LONGEST) {
            // Others who log in as the same user can cause that.
            return Err(Failure::busy(
                "the record was changed meanwhile, and too much time has passed to decide the login again; try again",
            ));
        }
        let recall = match recall {
            Recall::AfterAChange if is_again => Recall::Newest,
            recall => recall,
        };
        let found = self.recalled(&subject.user, recall)?;
        // A login that may have begun before the last pass has the guesses that were left then, and no new ones.
        let is_from_before = is_from_before || !self.repository.was_there(&found, &remembered);
        let epoch = is_from_before.then_some(login.epoch);
        let session = login.context.session;
        let peer = login.context.peer;
        let context = Context::new(session, &subject.user, &login_context, (peer, "login"));
        let known = (&subject, Some(found));
        let resolved = self.resolve(
            context,
            login.settings,
            known,
            &login_context,
            login.is_proof,
        )?;
        let (resolved, ask) = match resolved {
            Resolved::Asks(resolved, ask) => (*resolved, ask),
            Resolved::Ended(ended) => return Ok(Again::Otherwise(Box::new(ended.into()))),
        };
        let asked = match self.entry(&resolved, &ask)? {
            Entry::Ask(asked) if resolved.remembered.is_none() || !asked.counts_on_own_record => {
                asked
            }
            _ => {
                let progress = self.ask(resolved, login.open_login, &ask)?;
                return Ok(Again::Otherwise(Box::new(progress)));
            }
        };
        let (mut again, effect) = self.begin_asking(resolved, login.open_login, &ask, asked);
        again.deadline = login.deadline;
        again.beliefs = login.beliefs;
        again.hashed = login.hashed;
        again.epoch = epoch.unwrap_or(again.epoch);
        if let Some(unproven) = &mut again.unproven {
            unproven.is_again = true;
            unproven.is_from_before = is_from_before;
        }
        let effect = type_again(&mut again, effect, typed);
        if let Some(unproven) = &mut again.unproven {
            unproven.typed_at = typed_at;
        }
        Ok(Again::With(again, Box::new(effect)))
    }
}

/// Answers the prompts of a login as they were answered before, until another one is shown.
fn type_again(login: &mut Login, effect: Effect, typed: Vec<(Step, AnswerEvent)>) -> Effect {
    let mut effect = effect;
    for (shown, answer) in typed {
        effect = match effect {
            Effect::Prompt(step, state) if step == shown => {
                if let Some(unproven) = &mut login.unproven {
                    unproven.show(&step);
                    unproven.typed(&answer);
                }
                state.answer(answer)
            }
            other => return other,
        };
    }
    effect
}
