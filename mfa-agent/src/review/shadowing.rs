//! Rules that never decide, since an earlier rule matches every login that they match.
//!
//! One rule covers another if each of its fields is missing, or certainly includes the same field of the other.
//! Uncertain cases count as not included: groups can have any members, and two rules that only together cover a third
//! are not found.

use std::collections::BTreeMap;

use jiff::civil::{Time, Weekday};

use super::lists::{is_empty, taken_out, takes_out_group, wanted};
use mfa_core::names::Groups;
use mfa_core::policy::{Action, Days, Fit, Hours, Networks, Pattern, Patterns, Policy, Rule};

/// The rules that never decide, each with the first rule that covers it, by their numbers from 0. Rules that match
/// nothing by themselves are not included.
pub(super) fn covered(policy: &Policy) -> BTreeMap<usize, usize> {
    let rules: Vec<Outline<'_>> = policy.rules.iter().map(|rule| Outline::of(rule)).collect();
    let covering = |(number, rule): (usize, &Outline<'_>)| {
        let earlier = rules.get(..number)?;
        let by = earlier.iter().position(|earlier| earlier.covers(rule))?;
        Some((number, by))
    };
    let rules = rules.iter().enumerate();
    let able = rules.filter(|(_, rule)| !is_dead(rule.rule));
    able.filter_map(covering).collect()
}

/// Whether the rule matches no login, because one of its lists excludes everything that it names.
pub(super) fn is_dead(rule: &Rule) -> bool {
    let Rule {
        users,
        services,
        hosts,
        operations,
        tty,
        after,
        ..
    } = rule;
    let lists = [users, services, hosts, operations, tty, after];
    lists.into_iter().flatten().any(is_empty)
}

/// A rule, and when it holds in a form that compares quickly; none: always.
struct Outline<'a> {
    rule: &'a Rule,
    minutes: Option<Vec<bool>>,
    days: Option<[bool; 7]>,
}

impl<'a> Outline<'a> {
    fn of(rule: &'a Rule) -> Self {
        Self {
            rule,
            minutes: rule
                .hours
                .as_ref()
                .map(minutes)
                .filter(|all| is_limited(all)),
            days: rule.days.as_ref().map(days).filter(|all| is_limited(all)),
        }
    }

    /// Whether this rule matches every login that `later` matches.
    fn covers(&self, later: &Self) -> bool {
        let (own, other) = (self.rule, later.rule);
        let of_names = |own: &Option<Patterns>, other: &Option<Patterns>| match (own, other) {
            (None, _) => true,
            (Some(own), Some(other)) => includes(own, other),
            (Some(own), None) => is_everyone(own),
        };
        own.source.is_none_or(|source| other.source == Some(source))
            && covers(&own.from, &other.from, includes_networks)
            // Only a rule that denies matches a host that is known only by name.
            && (own.from.is_none() || own.action == Action::Deny || other.action != Action::Deny)
            && of_names(&own.services, &other.services)
            && of_names(&own.users, &other.users)
            // Rules without these fields also match logins where the value is not known.
            && covers(&own.hosts, &other.hosts, includes_hosts)
            && covers(&own.operations, &other.operations, includes)
            && covers(&own.tty, &other.tty, includes)
            && covers(&own.after, &other.after, includes_sets)
            && covers(&self.minutes, &later.minutes, |own, other| holds_all(own, other))
            && covers(&self.days, &later.days, |own, other| holds_all(own, other))
    }
}

fn covers<T>(own: &Option<T>, other: &Option<T>, includes: impl Fn(&T, &T) -> bool) -> bool {
    match (own, other) {
        (None, _) => true,
        (Some(own), Some(other)) => includes(own, other),
        (Some(_), None) => false,
    }
}

fn is_everyone(list: &Patterns) -> bool {
    taken_out(list).next().is_none() && wanted(list).any(is_any)
}

/// Whether `own` certainly matches every name that `other` matches, for any group membership.
fn includes(own: &Patterns, other: &Patterns) -> bool {
    let never_fits = |entry: &Pattern| match (entry.name(), entry.group()) {
        (Some(name), _) => other.fit_without_groups(name) == Some(false),
        (None, Some(group)) => takes_out_group(other, group),
        (None, None) => false,
    };
    taken_out(own).all(never_fits) && wants_all(own, other)
}

/// As [`includes`], for the sets of names of `after`. One excluded name excludes the whole set, and sets may be empty.
fn includes_sets(own: &Patterns, other: &Patterns) -> bool {
    let never_fits = |entry: &Pattern| entry.name().is_some_and(|name| is_taken_out(other, name));
    let may_be_empty = wanted(other).next().is_none();
    let needs_one = wanted(own).next().is_some();
    taken_out(own).all(never_fits) && !(needs_one && may_be_empty) && wants_all(own, other)
}

/// As [`includes`], for patterns of hosts. Whether one pattern has all that another has is not worked out, except for a
/// name without `*`, and for `*` alone.
fn includes_hosts(own: &Patterns, other: &Patterns) -> bool {
    let has = |list: &Patterns, entry: &Pattern| list.entries().contains(entry);
    let nobody = Groups::new();
    let is_within = |entry: &Pattern| {
        let is_like = |name| own.fit(name, &nobody) == Fit::Fits;
        has(own, entry) || entry.name().is_some_and(is_like)
    };
    taken_out(own).all(|entry| has(other, entry))
        && (wanted(own).next().is_none()
            || wanted(own).any(|entry| entry.to_string() == "*")
            || wanted(other).next().is_some() && wanted(other).all(is_within))
}

fn is_taken_out(list: &Patterns, name: &str) -> bool {
    matches!(list.fit(name, &Groups::new()), Fit::TakenOut(_))
}

/// Whether the entries without `!` of `own` include everything that the entries of `other` include, except what `other`
/// excludes.
fn wants_all(own: &Patterns, other: &Patterns) -> bool {
    if wanted(own).next().is_none() || wanted(own).any(is_any) {
        return true;
    }
    let stands_for = |entry: &Pattern| match (entry.name(), entry.group()) {
        (Some(name), _) => own.fit(name, &Groups::new()) == Fit::Fits || is_taken_out(other, name),
        (None, Some(group)) => wanted(own).any(|entry| entry.group() == Some(group)),
        (None, None) => false,
    };
    wanted(other).next().is_some() && wanted(other).all(stands_for)
}

fn is_any(entry: &Pattern) -> bool {
    entry.name().is_none() && entry.group().is_none()
}

fn includes_networks(own: &Networks, other: &Networks) -> bool {
    let inside = |net| own.entries().iter().any(|own| own.net().contains(&net));
    other.entries().iter().all(|network| inside(network.net()))
}

fn is_limited(times: &[bool]) -> bool {
    times.contains(&false)
}

fn holds_all(own: &[bool], other: &[bool]) -> bool {
    own.iter().zip(other).all(|(own, other)| *own || !*other)
}

/// For each minute of a day whether it lies in `hours`.
pub(super) fn minutes(hours: &Hours) -> Vec<bool> {
    let hour = |hour| (0..60).map(move |minute| Time::constant(hour, minute, 0, 0));
    (0..24)
        .flat_map(hour)
        .map(|time| hours.contain(time))
        .collect()
}

fn days(days: &Days) -> [bool; 7] {
    WEEK.map(|day| days.contain(day))
}

const WEEK: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];
