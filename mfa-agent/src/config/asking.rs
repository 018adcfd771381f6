//! What is asked for, made of what a rule says and of what holds where it says nothing.
//!
//! What makes no sense together is refused here, where both halves are known: a scope without a session, a
//! grace for users who need not set up anything, a lock for good that comes before the first lock.

use std::time::Duration;

use toml::Spanned;

use super::document::{self, List, Ways};
use super::error::{Problem, Source};
use super::merge::set;
use super::reach::FactorAvailability;
use super::values::{Parsed, ServiceName};
use mfa_core::factors::FactorCombination;
use mfa_core::lockout::Limits;
use mfa_core::policy::{Ask, Place, SessionRule, Unenrolled};

const NO_WAY: &str =
    "the list is empty, so that nobody could pass; expected a way such as \"totp\" or \"totp+pin\"";

/// A scope that nothing is shared in.
pub(super) const NO_SESSION: &str = "session_scope shares a session, and there is none; expected \
     session = \"15m\" or the like beside it, or no session_scope";

/// A grace that never ends.
pub(super) const NO_GRACE: &str = "grace has no meaning with unenrolled = \"allow\", which lets in for \
     good; expected unenrolled = \"deny\", which holds when the grace is over, or no grace";

/// What a rule asks for: its own, and `ask` where it says nothing.
pub(super) fn asked(
    ask: &Ask,
    reach: Option<FactorAvailability<'_>>,
    source: &Source,
    rule: &mut document::Rule,
) -> Result<Ask, Problem> {
    let mut ask = ask.clone();
    if let Some(require) = rule.require.take() {
        let ways = ways(source, require)?;
        let mut lacks = reach.into_iter().flat_map(|reach| reach.problems(&ways));
        if let Some(problem) = lacks.next() {
            return Err(problem);
        }
        ask.ways = bare(&ways);
    }
    let prompting = rule.prompting.take();
    set(
        &mut ask.prompting,
        prompting.map(|prompting| prompting.into_inner().0),
    );
    set(
        &mut ask.tries,
        rule.tries.take().map(|tries| tries.into_inner().0),
    );
    ask.session = session(ask.session, source, rule)?;
    grace(&mut ask, source, rule)?;
    if let Some(lockout) = rule.lockout.take() {
        let span = lockout.span();
        overlay(&mut ask.lockout, lockout.into_inner());
        if let Some(mistake) = mistake(&ask.lockout) {
            return Err(source.problem(span, mistake));
        }
    }
    Ok(ask)
}

/// The session of a rule: its `session` and `session_scope`, each from `inherited` where it is not given.
fn session(
    inherited: Option<SessionRule>,
    source: &Source,
    rule: &mut document::Rule,
) -> Result<Option<SessionRule>, Problem> {
    let (mut duration, mut scope) = inherited.map_or_else(Default::default, |session| {
        (session.duration, session.scope)
    });
    set(
        &mut duration,
        rule.session.take().map(|time| time.into_inner().0.0),
    );
    if let Some(list) = rule.session_scope.take() {
        let span = list.span();
        scope = services(list);
        if duration.is_zero() && !scope.is_empty() {
            return Err(source.problem(span, NO_SESSION));
        }
    }
    Ok(session_rule(duration, scope))
}

/// No session, if it takes no time.
pub(super) fn session_rule(duration: Duration, scope: Vec<String>) -> Option<SessionRule> {
    (!duration.is_zero()).then_some(SessionRule { duration, scope })
}

/// The names in a `session_scope`.
pub(super) fn services(list: List<ServiceName>) -> Vec<String> {
    let names = list.into_inner().into_iter();
    names.map(|service| service.0.0).collect()
}

/// Sets `unenrolled` and `grace` of a rule. A grace from elsewhere goes where the rule lets in for good.
fn grace(ask: &mut Ask, source: &Source, rule: &mut document::Rule) -> Result<(), Problem> {
    let unenrolled = rule.unenrolled.take();
    set(
        &mut ask.unenrolled,
        unenrolled.map(|unenrolled| unenrolled.into_inner().0),
    );
    if let Some(grace) = rule.grace.take() {
        let span = grace.span();
        ask.grace = grace_period(grace.into_inner().0.0);
        if ask.unenrolled == Unenrolled::Allow && ask.grace.is_some() {
            return Err(source.problem(span, NO_GRACE));
        }
    }
    if ask.unenrolled == Unenrolled::Allow {
        ask.grace = None;
    }
    Ok(())
}

/// No grace, if it takes no time.
pub(super) fn grace_period(time: Duration) -> Option<Duration> {
    (!time.is_zero()).then_some(time)
}

/// Sets those limits that are written.
pub(super) fn overlay(limits: &mut Limits, written: document::Lockout) {
    let attempts = written.attempts.map(|limit| limit.into_inner().0);
    set(&mut limits.attempts, attempts);
    set(&mut limits.duration, written.duration.map(|time| time.0.0));
    let limit = written.max_consecutive.map(|limit| limit.into_inner().0);
    set(
        &mut limits.max_consecutive,
        limit.map(|limit| (limit != 0).then_some(limit)),
    );
}

/// What is wrong with limits taken together.
pub(super) fn mistake(limits: &Limits) -> Option<String> {
    let attempts = limits.attempts;
    let limit = limits.max_consecutive.filter(|limit| *limit < attempts)?;
    Some(format!(
        "max_consecutive = {limit} is less than attempts = {attempts}; expected at least {attempts}, or 0 \
         to turn it off"
    ))
}

/// A list of ways that somebody can pass.
pub(super) fn ways(
    source: &Source,
    list: Ways,
) -> Result<Vec<(Place, FactorCombination)>, Problem> {
    if list.get_ref().is_empty() {
        return Err(source.problem(list.span(), NO_WAY));
    }
    let placed =
        |way: Spanned<Parsed<FactorCombination>>| (source.place(way.span()), way.into_inner().0);
    Ok(list.into_inner().into_iter().map(placed).collect())
}

/// The ways without their places.
pub(super) fn bare(ways: &[(Place, FactorCombination)]) -> Vec<FactorCombination> {
    ways.iter().map(|(_, way)| way.clone()).collect()
}

/// Refuses a rule that says how to ask and not to ask.
pub(super) fn asks_nothing(
    source: &Source,
    action: &str,
    rule: &document::Rule,
) -> Result<(), Problem> {
    let given = [
        ("require", rule.require.as_ref().map(Spanned::span)),
        ("prompting", rule.prompting.as_ref().map(Spanned::span)),
        ("tries", rule.tries.as_ref().map(Spanned::span)),
        ("session", rule.session.as_ref().map(Spanned::span)),
        (
            "session_scope",
            rule.session_scope.as_ref().map(Spanned::span),
        ),
        ("unenrolled", rule.unenrolled.as_ref().map(Spanned::span)),
        ("grace", rule.grace.as_ref().map(Spanned::span)),
        ("lockout", rule.lockout.as_ref().map(Spanned::span)),
    ];
    let Some((key, span)) = given.into_iter().find_map(|(key, span)| Some((key, span?))) else {
        return Ok(());
    };
    let message = format!("{key} has no meaning with action = {action:?}; expected one of the two");
    Err(source.problem(span, message))
}
