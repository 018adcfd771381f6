//! What is asked for where no rule says otherwise, gathered from all files.
//!
//! Session and scope, `unenrolled` and grace are kept apart until the end: one file may give the first, and
//! another the second.

use std::time::Duration;

use crate::config::asking::{
    NO_GRACE, NO_SESSION, bare, grace_period, services, session_rule, ways,
};
use crate::config::document;
use crate::config::error::{Problem, Source};
use crate::config::merge::set;
use crate::config::reach::FactorAvailability;
use mfa_core::factors::FactorCombination;
use mfa_core::lockout::Limits;
use mfa_core::policy::{Ask, Place, Unenrolled};

/// `[policy]` and what `[enforcement]` says of asking.
#[derive(Default)]
pub(super) struct Terms {
    /// All but session, grace and lockout.
    ask: Ask,
    /// Those of `require`, where they stand.
    ways: Vec<(Place, FactorCombination)>,
    session: Duration,
    scope: Vec<String>,
    scope_place: Option<Place>,
    grace: Duration,
    grace_place: Option<Place>,
}

impl Terms {
    pub(super) fn enforcement(&mut self, written: document::Enforcement, source: &Source) {
        let unenrolled = written.unenrolled.map(|unenrolled| unenrolled.0);
        set(&mut self.ask.unenrolled, unenrolled);
        if let Some(grace) = written.grace {
            self.grace_place = Some(source.place(grace.span()));
            self.grace = grace.into_inner().0.0;
        }
    }

    pub(super) fn policy(
        &mut self,
        written: document::Policy,
        source: &Source,
    ) -> Result<(), Problem> {
        let prompting = written.prompting.map(|prompting| prompting.0);
        set(&mut self.ask.prompting, prompting);
        set(&mut self.ask.tries, written.tries.map(|tries| tries.0));
        set(&mut self.session, written.session.map(|time| time.0.0));
        if let Some(scope) = written.session_scope {
            self.scope_place = Some(source.place(scope.span()));
            self.scope = services(scope);
        }
        if let Some(require) = written.require {
            self.ways = ways(source, require)?;
            self.ask.ways = bare(&self.ways);
        }
        Ok(())
    }

    /// What is wrong in the end.
    pub(super) fn check(&self, reach: Option<FactorAvailability<'_>>) -> Vec<Problem> {
        let lonely_scope = self.session.is_zero() && !self.scope.is_empty();
        let endless = self.ask.unenrolled == Unenrolled::Allow && !self.grace.is_zero();
        let found = [
            (lonely_scope, &self.scope_place, NO_SESSION),
            (endless, &self.grace_place, NO_GRACE),
        ];
        let problem = |(wrong, place, message): (bool, &Option<Place>, &str)| {
            let place = place.clone().filter(|_| wrong)?;
            let message = message.to_owned();
            Some(Problem { place, message })
        };
        let mut problems: Vec<Problem> = found.into_iter().filter_map(problem).collect();
        problems.extend(
            reach
                .into_iter()
                .flat_map(|reach| reach.problems(&self.ways)),
        );
        problems
    }

    /// What holds where no rule says otherwise.
    pub(super) fn ask(self, lockout: Limits) -> Ask {
        Ask {
            session: session_rule(self.session, self.scope),
            grace: grace_period(self.grace),
            lockout,
            ..self.ask
        }
    }
}
