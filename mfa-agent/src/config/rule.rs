//! A `[[rule]]` as it is written, made into one that decides.

use std::sync::Arc;

use toml::Spanned;

use super::document::{self, List, Tries};
use super::error::{Problem, Source};
use super::merge::set;
use super::values::Parsed;
use super::words::ActionName;
use crate::factors::Way;
use crate::policy::{Action, Ask, Network, Networks, Pattern, Patterns, Prompting, Rule};

const NO_MATCH: &str = "the list is empty, so that the rule could never fit; expected an entry, or no such key for all";
const NO_WAY: &str =
    "the list is empty, so that nobody could pass; expected a way such as \"totp\" or \"totp+pin\"";

/// The rule of that number over all files; `ask` is what holds where it says nothing.
pub(super) fn rule(
    ask: &Ask,
    source: &Source,
    rule: Spanned<document::Rule>,
    number: usize,
) -> Result<Rule, Problem> {
    let place = source.place(rule.span());
    let rule = rule.into_inner();
    let action = match rule
        .action
        .as_ref()
        .map_or(ActionName::Ask, |action| action.0)
    {
        ActionName::Ask => Action::Ask(asked(
            ask,
            source,
            rule.require,
            rule.prompting,
            rule.tries,
        )?),
        ActionName::Skip => asks_nothing(source, "skip", &rule).map(|()| Action::Skip)?,
        ActionName::Deny => asks_nothing(source, "deny", &rule).map(|()| Action::Deny)?,
    };
    Ok(Rule {
        name: rule
            .name
            .map_or_else(|| format!("rule {number}"), |name| name.0.0),
        place,
        users: rule.users.map(|list| patterns(source, list)).transpose()?,
        services: rule
            .services
            .map(|list| patterns(source, list))
            .transpose()?,
        from: rule.from.map(|list| networks(source, list)).transpose()?,
        tty: rule.tty.map(|list| patterns(source, list)).transpose()?,
        action,
    })
}

/// What a rule asks for: its own, and `[policy]` where it says nothing.
fn asked(
    ask: &Ask,
    source: &Source,
    require: Option<List<Way>>,
    prompting: Option<Spanned<Parsed<Prompting>>>,
    tries: Option<Spanned<Tries>>,
) -> Result<Arc<Ask>, Problem> {
    let mut ask = ask.clone();
    set(
        &mut ask.ways,
        require.map(|require| ways(source, require)).transpose()?,
    );
    set(
        &mut ask.prompting,
        prompting.map(|prompting| prompting.into_inner().0),
    );
    set(&mut ask.tries, tries.map(|tries| tries.into_inner().0));
    Ok(Arc::new(ask))
}

/// Refuses a rule that says how to ask and not to ask.
fn asks_nothing(source: &Source, action: &str, rule: &document::Rule) -> Result<(), Problem> {
    let given = [
        ("require", rule.require.as_ref().map(Spanned::span)),
        ("prompting", rule.prompting.as_ref().map(Spanned::span)),
        ("tries", rule.tries.as_ref().map(Spanned::span)),
    ];
    let Some((key, span)) = given.into_iter().find_map(|(key, span)| Some((key, span?))) else {
        return Ok(());
    };
    let message = format!("{key} has no meaning with action = {action:?}; expected one of the two");
    Err(source.problem(span, message))
}

/// A list of ways that somebody can pass.
pub(super) fn ways(source: &Source, list: List<Way>) -> Result<Vec<Way>, Problem> {
    if list.get_ref().is_empty() {
        return Err(source.problem(list.span(), NO_WAY));
    }
    Ok(list.into_inner().into_iter().map(|way| way.0).collect())
}

fn patterns<T: Into<Pattern>>(source: &Source, list: List<T>) -> Result<Patterns, Problem> {
    let span = list.span();
    let entries = list
        .into_inner()
        .into_iter()
        .map(|entry| entry.0.into())
        .collect();
    Patterns::new(entries).ok_or_else(|| source.problem(span, NO_MATCH))
}

fn networks(source: &Source, list: List<Network>) -> Result<Networks, Problem> {
    let span = list.span();
    let entries = list
        .into_inner()
        .into_iter()
        .map(|network| network.0)
        .collect();
    Networks::new(entries).ok_or_else(|| source.problem(span, NO_MATCH))
}
