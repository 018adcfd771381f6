//! What the audit log says of a verdict, before it is committed, and what the login keeps of it after.

use mfa_protocol::login::Outcome;

use super::{Context, Login, QueryingRadius};
use crate::audit::Event;
use mfa_core::account::{Counted, Passed, Verdict};
use mfa_core::login::Consequence;

impl Login {
    /// What is known of the login after `verdict`, and the events that say so. Nothing of the login changes: the
    /// change that `verdict` comes from may be run again.
    pub(super) fn told(
        &self,
        verdict: &Verdict,
        consequence: Consequence,
        is_unenrolled: bool,
    ) -> (Context, Vec<Event>) {
        let context = self.after(verdict, consequence, is_unenrolled);
        let events = match (verdict, consequence) {
            (Verdict::Passed(passed), _) => events_of_pass(&context, passed, consequence),
            (_, Consequence::Ends(outcome)) => vec![context.event(outcome, None)],
            (_, Consequence::GoesOn | Consequence::Renews { .. }) => vec![context.attempt()],
        };
        (context, events)
    }

    /// The same without the events.
    pub(super) fn after(
        &self,
        verdict: &Verdict,
        consequence: Consequence,
        is_unenrolled: bool,
    ) -> Context {
        let mut context = self.context.clone();
        context.note(verdict, is_unenrolled);
        let is_locked =
            context.locked_until.is_some() || matches!(verdict, Verdict::BudgetExhausted);
        if consequence == Consequence::Ends(Outcome::Locked) && !is_locked {
            context.out_of_tries();
        }
        context
    }

    /// The same, for a guess that could have been a bypass or recovery code and that no server verified: the login
    /// continues unless this locks the account.
    pub(super) fn told_unverified(
        &self,
        counted: Counted,
        state: &QueryingRadius,
    ) -> (Context, Vec<Event>) {
        if let Counted::Refused(_) = counted {
            let consequence = state.consequence(counted);
            return self.told(&counted.into(), consequence, state.is_unenrolled());
        }
        let mut context = self.context.clone();
        context.note(&counted.into(), false);
        let attempt = context.attempt();
        (context, vec![attempt])
    }
}

fn events_of_pass(context: &Context, passed: &Passed, consequence: Consequence) -> Vec<Event> {
    let pass = match consequence {
        Consequence::Renews { .. } => context.recovered(),
        Consequence::GoesOn | Consequence::Ends(_) => context.event(Outcome::Passed, None),
    };
    match &passed.enrolled {
        Some(to) => vec![context.address_enrolled(to), pass],
        None => vec![pass],
    }
}
