//! Findings about a list of names without looking the names up.

use mfa_core::policy::{Pattern, Patterns};

/// Whether the list matches nothing: it excludes everything that it names.
pub(super) fn is_empty(list: &Patterns) -> bool {
    let mut wanted = wanted(list).peekable();
    wanted.peek().is_some()
        && wanted.all(|entry| match (entry.name(), entry.group()) {
            (Some(name), _) => list.fit_without_groups(name) == Some(false),
            (None, Some(group)) => takes_out_group(list, group),
            (None, None) => false,
        })
}

/// The names that the list matches, if it matches no others.
pub(super) fn only(list: &Patterns) -> Option<Vec<&str>> {
    let names: Option<Vec<&str>> = wanted(list).map(Pattern::name).collect();
    let mut names = names.filter(|names| !names.is_empty())?;
    names.retain(|name| list.fit_without_groups(name) != Some(false));
    Some(names)
}

/// The entries without `!`.
pub(super) fn wanted(list: &Patterns) -> impl Iterator<Item = &Pattern> {
    list.entries().iter().filter(|entry| !entry.is_negated())
}

/// The entries with `!`.
pub(super) fn taken_out(list: &Patterns) -> impl Iterator<Item = &Pattern> {
    list.entries().iter().filter(|entry| entry.is_negated())
}

pub(super) fn takes_out_group(list: &Patterns, group: &str) -> bool {
    taken_out(list).any(|entry| entry.group() == Some(group))
}
