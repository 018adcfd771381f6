//! Turns a `[[rule]]` into a rule that decides.

use std::sync::Arc;

use super::asking::Asking;
use super::availability::FactorAvailability;
use crate::config::keys::{Enforcement, Keys, Lockout, Part, Policy, Rule};
use crate::config::tree::{Data, Layers};
use crate::config::values::Findings;
use crate::config::words::ActionName;
use mfa_core::policy::{self, Action};

/// Reads the keys of rules that other sections have too. What is wrong goes to `findings`.
pub(super) fn read_inherited(root: &Layers<'_>, findings: &mut Findings) {
    for (_, table) in root.tables(Rule::SECTION.name) {
        let rule = Layers::of(table);
        // A rule that does not ask must not have these keys at all.
        let mut action = rule.nodes("action").into_iter();
        if action.all(|node| matches!(&node.data, Data::Text(name) if name == "ask")) {
            Policy::read(&rule, findings);
            Enforcement::read(&rule, findings);
            Lockout::read(&rule.table("lockout"), findings);
        }
    }
}

/// The rule of that number over all files; `available` is what there is to ask with, if that is known.
pub(super) fn rule(
    asking: &Asking<'_>,
    available: Option<FactorAvailability<'_>>,
    part: Part<'_, Rule>,
    number: usize,
    findings: &mut Findings,
) -> Option<policy::Rule> {
    let action = match part.keys.action.unwrap_or(ActionName::Ask) {
        ActionName::Ask => Action::Ask(Arc::new(asking.of_rule(&part, available, findings)?)),
        ActionName::Skip => asks_nothing(&part, "skip", Action::Skip, findings)?,
        ActionName::Deny => asks_nothing(&part, "deny", Action::Deny, findings)?,
    };
    let keys = part.keys;
    Some(policy::Rule {
        name: keys.name.unwrap_or_else(|| format!("rule {number}")),
        place: part.whole?.clone(),
        users: keys.users,
        source: keys.source,
        services: keys.services,
        hosts: keys.hosts,
        operations: keys.operations,
        from: keys.from,
        tty: keys.tty,
        after: keys.after,
        hours: keys.hours,
        days: keys.days,
        action,
    })
}

/// Refuses a rule that says how to ask and not to ask.
fn asks_nothing(
    part: &Part<'_, Rule>,
    name: &str,
    action: Action,
    findings: &mut Findings,
) -> Option<Action> {
    let keys = &part.keys;
    let given = [
        ("require", &keys.require),
        ("prompting", &keys.prompting),
        ("tries", &keys.tries),
        ("session", &keys.session),
        ("session_scope", &keys.session_scope),
        ("session_hosts", &keys.session_hosts),
        ("unenrolled", &keys.unenrolled),
        ("grace", &keys.grace),
        ("lockout", &keys.lockout),
    ];
    let mut given = given.into_iter();
    let Some((key, place)) = given.find_map(|(key, place)| Some((key, place.as_ref()?))) else {
        return Some(action);
    };
    let message = format!("{key} has no effect with action = {name:?}; expected one of the two");
    findings.problem(place, message);
    None
}
