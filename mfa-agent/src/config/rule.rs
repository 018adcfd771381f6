//! A `[[rule]]` as it is written, made into one that decides.

use std::sync::Arc;

use toml::Spanned;

use super::asking::{asked, asks_nothing};
use super::document::{self, List};
use super::error::{Problem, Source};
use super::reach::FactorAvailability;
use super::words::ActionName;
use mfa_core::policy::{Action, Ask, Days, Hours, Networks, Pattern, Patterns, Rule};

const NO_MATCH: &str = "the list is empty, so that the rule could never fit; expected an entry, or no such key for all";

/// The rule of that number over all files; `ask` is what holds where it says nothing,
/// `reach` what there is to ask with, if that is known.
pub(super) fn rule(
    ask: &Ask,
    reach: Option<FactorAvailability<'_>>,
    source: &Source,
    rule: Spanned<document::Rule>,
    number: usize,
) -> Result<Rule, Problem> {
    let place = source.place(rule.span());
    let mut rule = rule.into_inner();
    let action = action(ask, reach, source, &mut rule)?;
    Ok(Rule {
        name: rule
            .name
            .map_or_else(|| format!("rule {number}"), |name| name.0.0),
        place,
        users: patterns(source, rule.users)?,
        source: rule.source.map(|source| source.0),
        services: patterns(source, rule.services)?,
        operations: patterns(source, rule.operations)?,
        from: list(source, rule.from, Networks::new)?,
        tty: patterns(source, rule.tty)?,
        after: patterns(source, rule.after)?,
        hours: list(source, rule.hours, Hours::new)?,
        days: list(source, rule.days, Days::new)?,
        action,
    })
}

fn action(
    ask: &Ask,
    reach: Option<FactorAvailability<'_>>,
    source: &Source,
    rule: &mut document::Rule,
) -> Result<Action, Problem> {
    let action = rule.action.as_ref();
    match action.map_or(ActionName::Ask, |action| action.0) {
        ActionName::Ask => asked(ask, reach, source, rule).map(|ask| Action::Ask(Arc::new(ask))),
        ActionName::Skip => asks_nothing(source, "skip", rule).map(|()| Action::Skip),
        ActionName::Deny => asks_nothing(source, "deny", rule).map(|()| Action::Deny),
    }
}

fn patterns<T: Into<Pattern>>(
    source: &Source,
    entries: Option<List<T>>,
) -> Result<Option<Patterns>, Problem> {
    list(source, entries, |entries: Vec<T>| {
        Patterns::new(entries.into_iter().map(Into::into).collect())
    })
}

/// A list that is given, made by `new`, which refuses an empty one.
fn list<T, L>(
    source: &Source,
    entries: Option<List<T>>,
    new: impl Fn(Vec<T>) -> Option<L>,
) -> Result<Option<L>, Problem> {
    let Some(entries) = entries else {
        return Ok(None);
    };
    let span = entries.span();
    let entries = entries.into_inner().into_iter().map(|entry| entry.0);
    match new(entries.collect()) {
        Some(list) => Ok(Some(list)),
        None => Err(source.problem(span, NO_MATCH)),
    }
}
