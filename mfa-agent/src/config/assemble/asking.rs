//! What is asked for: by `[policy]`, `[enforcement]` and `[lockout]`, and by a rule, whose keys override them.
//!
//! Refuses contradicting keys: a scope without a session, grace for users who need not enrol anything, a permanent lock
//! before the first lock.

use super::availability::FactorAvailability;
use crate::config::keys::{Enforcement, Keys, Lockout, Part, Policy, Rule};
use crate::config::tree::Layers;
use crate::config::values::{Findings, Grace};
use jiff::tz::TimeZone;
use mfa_core::lockout::Limits;
use mfa_core::policy::{Ask, GracePeriod, SessionHosts, SessionRule, Unenrolled};

/// A scope that nothing is shared in.
const NO_SESSION: &str = "session_scope shares a session, but session is not set; expected a \
                          session such as session = \"15m\", or no session_scope";

/// Hosts that share no session.
const NO_SESSION_TO_SHARE: &str = "session_hosts = \"all\" shares a session, but session is not set; expected a \
                                   session such as session = \"15m\", or no session_hosts";

/// A grace that never ends.
const NO_GRACE: &str = "grace has no effect with unenrolled = \"allow\", which never ends; \
                        expected unenrolled = \"deny\", which applies after the grace, or no grace";

/// The defaults of all rules.
pub(super) struct Asking<'a> {
    policy: Layers<'a>,
    enforcement: Layers<'a>,
    lockout: Layers<'a>,
}

impl<'a> Asking<'a> {
    pub(super) fn of(
        policy: &Part<'a, Policy>,
        enforcement: &Part<'a, Enforcement>,
        lockout: &Part<'a, Lockout>,
    ) -> Self {
        Self {
            policy: policy.layers.clone(),
            enforcement: enforcement.layers.clone(),
            lockout: lockout.layers.clone(),
        }
    }

    /// What is asked for if no rule matches.
    pub(super) fn default(
        &self,
        available: Option<FactorAvailability<'_>>,
        findings: &mut Findings,
    ) -> Option<Ask> {
        self.ask(&self.policy.under(&self.enforcement), available, findings)
    }

    /// What a rule asks for.
    pub(super) fn of_rule(
        &self,
        rule: &Part<'_, Rule>,
        available: Option<FactorAvailability<'_>>,
        findings: &mut Findings,
    ) -> Option<Ask> {
        let over = Asking {
            policy: self.policy.under(&rule.layers),
            enforcement: self.enforcement.under(&rule.layers),
            lockout: self.lockout.under(&rule.layers.table("lockout")),
        };
        over.ask(&rule.layers, available, findings)
    }

    /// What these layers ask for. Session scope and grace are checked only if `own` sets them: a rule may inherit
    /// values that it does not use.
    fn ask(
        &self,
        own: &Layers<'_>,
        available: Option<FactorAvailability<'_>>,
        findings: &mut Findings,
    ) -> Option<Ask> {
        // That a rule has a list that [policy] has too is no mistake.
        let mut read = Findings::default();
        let policy = Policy::read(&self.policy, &mut read)?;
        let enforcement = Enforcement::read(&self.enforcement, &mut read)?;
        let lockout = limits(&Lockout::read(&self.lockout, &mut read)?);
        let lacks = available.map(|available| available.problems(&policy.require));
        findings.problems.extend(lacks.into_iter().flatten());
        let lets_in_for_good = enforcement.unenrolled == Unenrolled::Allow;
        let grace = grace_period(enforcement.grace);
        let checks = [
            (
                "session_scope",
                policy.session.is_zero() && !policy.session_scope.is_empty(),
                NO_SESSION,
            ),
            (
                "session_hosts",
                policy.session.is_zero() && policy.session_hosts == SessionHosts::All,
                NO_SESSION_TO_SHARE,
            ),
            ("grace", lets_in_for_good && grace.is_some(), NO_GRACE),
        ];
        for (key, is_wrong, message) in checks {
            if let Some(place) = own.place(key).filter(|_| is_wrong) {
                findings.problem(place, message);
            }
        }
        let place = self.lockout.last_place(&["attempts", "max_consecutive"]);
        if let (Some(place), Some(message)) = (place, mistake(&lockout)) {
            findings.problem(place, message);
        }
        Some(Ask {
            combinations: policy
                .require
                .into_iter()
                .map(|(_, combination)| combination)
                .collect(),
            prompting: policy.prompting,
            tries: policy.tries,
            unenrolled: enforcement.unenrolled,
            grace: grace.filter(|_| !lets_in_for_good),
            session: (!policy.session.is_zero()).then_some(SessionRule {
                duration: policy.session,
                scope: policy.session_scope,
                hosts: policy.session_hosts,
            }),
            lockout,
        })
    }
}

/// A last day ends by the calendar of this host.
fn grace_period(grace: Grace) -> Option<GracePeriod> {
    match grace {
        Grace::Lasting(length) => (!length.is_zero()).then_some(GracePeriod::Lasting(length)),
        Grace::Through(day) => {
            let end = day.tomorrow().ok()?.to_zoned(TimeZone::system()).ok()?;
            let end = end.timestamp();
            Some(GracePeriod::Through { day, end })
        }
    }
}

/// The bounds of a lockout; 0 failures in a row are none that lock for good.
pub(super) fn limits(keys: &Lockout) -> Limits {
    Limits {
        attempts: keys.attempts,
        duration: keys.duration,
        max_consecutive: Some(keys.max_consecutive).filter(|limit| *limit != 0),
    }
}

/// Mistakes in the limits, checked together.
fn mistake(limits: &Limits) -> Option<String> {
    let attempts = limits.attempts;
    let limit = limits.max_consecutive.filter(|limit| *limit < attempts)?;
    Some(format!(
        "max_consecutive = {limit} is less than attempts = {attempts}; expected at least {attempts}, or 0 \
         to turn it off"
    ))
}
