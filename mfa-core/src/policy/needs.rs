//! What must be looked up before a decision, so that a login does not pay for look-ups that it does
//! not need.

use std::sync::Arc;

use super::{Pattern, Patterns, Policy, Request, Rule, Source, in_order};
use crate::names::Groups;

impl Policy {
    /// Whether the decision depends on the user's groups. It does not if an earlier rule decides,
    /// or if rules with groups are for other services and addresses.
    #[must_use]
    pub fn needs_groups(&self, request: &Request<'_>) -> bool {
        self.candidates(request)
            .any(|rule| matches_user(rule, request).is_none())
    }

    /// Whether the decision depends on the source of the user's entry.
    #[must_use]
    pub fn needs_locality(&self, request: &Request<'_>) -> bool {
        self.mode_goes_by_source() || self.candidates(request).any(|rule| rule.source.is_some())
    }

    /// Whether decisions depend on anything from the name service.
    #[must_use]
    pub fn needs_names(&self) -> bool {
        let has_group =
            |users: &Patterns| users.entries().iter().any(|entry| entry.group().is_some());
        let asks =
            |rule: &Arc<Rule>| rule.source.is_some() || rule.users.as_ref().is_some_and(has_group);
        self.mode_goes_by_source() || self.rules.iter().any(asks)
    }

    /// The groups in rules, without duplicates.
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        let lists = self.rules.iter().filter_map(|rule| rule.users.as_ref());
        let groups: Groups = lists
            .flat_map(Patterns::entries)
            .filter_map(Pattern::group)
            .map(str::to_owned)
            .collect();
        groups.into_iter().collect()
    }

    /// The rules that may decide, as far as can be told without facts: all possible matches, up to
    /// the first certain one.
    fn candidates(&self, request: &Request<'_>) -> impl Iterator<Item = &Arc<Rule>> {
        let may_decide = |rule: &&Arc<Rule>| {
            rule.misfit_of_login(request).is_none() && matches_user(rule, request) != Some(false)
        };
        let decides =
            |rule: &&Arc<Rule>| rule.source.is_none() && matches_user(rule, request) == Some(true);
        in_order(&self.rules, may_decide, decides).flatten()
    }

    fn mode_goes_by_source(&self) -> bool {
        self.passes_over(Source::Local) != self.passes_over(Source::Federated)
    }
}

/// Whether `users` matches; `None` when that depends on groups.
fn matches_user(rule: &Rule, request: &Request<'_>) -> Option<bool> {
    rule.users.as_ref().map_or(Some(true), |users| {
        users.fit_without_groups(request.user.as_str())
    })
}
