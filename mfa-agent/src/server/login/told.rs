//! What the audit log says of a verdict, before it is committed, and what the login keeps of it after.

use mfa_protocol::login::Outcome;

use super::{Context, Login, Stage};
use crate::audit::Event;
use mfa_core::account::{FallbackCode, Passed, Verdict};

impl Login {
    /// What is known of the login after `verdict`, and the events that say so. Nothing of the login changes: the
    /// change that `verdict` comes from may be run again.
    pub(super) fn told(&self, verdict: &Verdict) -> (Context, Vec<Event>) {
        let mut context = self.context.clone();
        let is_asked = matches!(self.stage, Stage::Asking(_));
        context.note(verdict, self.unenrolled && is_asked);
        let end = match &self.stage {
            Stage::Asking(dialogue) => dialogue.end_by(verdict),
            // A wrong first code may be typed again until the account is locked.
            Stage::Enrolling(_) => match verdict {
                Verdict::Wrong { lock: None, .. } => None,
                _ => Some(Outcome::Locked),
            },
        };
        let is_locked =
            context.locked_until.is_some() || matches!(verdict, Verdict::BudgetExhausted);
        if end == Some(Outcome::Locked) && !is_locked {
            context.out_of_tries();
        }
        let events = match (verdict, end) {
            (Verdict::Passed(passed), _) => self.events_of_pass(&context, passed),
            (_, Some(outcome)) => vec![context.event(outcome, None)],
            (_, None) => vec![context.attempt()],
        };
        (context, events)
    }

    /// The same, for a guess that might have been a bypass or recovery code and that no server has judged: the
    /// login goes on unless that locks the account.
    pub(super) fn told_unjudged(&self, verdict: &Verdict) -> (Context, Vec<Event>) {
        if matches!(verdict, Verdict::Wrong { lock: Some(_), .. }) {
            return self.told(verdict);
        }
        let mut context = self.context.clone();
        context.note(verdict, false);
        let attempt = context.attempt();
        (context, vec![attempt])
    }

    fn events_of_pass(&self, context: &Context, passed: &Passed) -> Vec<Event> {
        let enrolled = passed.enrolled.as_ref();
        let mut events: Vec<Event> = enrolled
            .map(|to| context.address_enrolled(to))
            .into_iter()
            .collect();
        events.push(match self.is_followed_by_renewal(passed) {
            true => context.recovered(),
            false => context.event(Outcome::Passed, None),
        });
        events
    }

    /// Whether a new device is to be set up before the login has passed.
    pub(super) fn is_followed_by_renewal(&self, passed: &Passed) -> bool {
        let by_recovery = passed.instead == Some(FallbackCode::Recovery);
        self.renews && by_recovery && matches!(self.stage, Stage::Asking(_))
    }
}
