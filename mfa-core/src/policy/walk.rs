//! The order of the rules: they are asked one after the other, and the first that fits decides.

use std::iter;
use std::sync::Arc;

use super::{Decision, Facts, Personal, Policy, Rule};
use crate::names::UserName;

/// The rules that may decide, in order, up to the first of which it is sure that it does. Nothing at the end is `[policy]`,
/// where no rule surely decides.
pub fn in_order<T>(
    rules: impl IntoIterator<Item = T>,
    may_decide: impl Fn(&T) -> bool,
    decides: impl Fn(&T) -> bool,
) -> impl Iterator<Item = Option<T>> {
    let mut rules = rules.into_iter().filter(may_decide);
    let mut is_decided = false;
    iter::from_fn(move || {
        if is_decided {
            return None;
        }
        let rule = rules.next();
        is_decided = rule.as_ref().is_none_or(&decides);
        Some(rule)
    })
}

impl Policy {
    /// What may become of a user's logins on a host by a PAM service that name no operation, wherever they come from.
    #[must_use]
    pub fn decisions_at(
        &self,
        (host, service): (Option<&str>, &str),
        user: &UserName,
        facts: &Facts<'_>,
        personal: &Personal,
    ) -> Vec<Decision> {
        let may_decide = |rule: &&Arc<Rule>| {
            rule.misfit_of_user(user, facts).is_none()
                && rule.misfit_of_host(host).is_none()
                && rule.is_for_service(service)
        };
        in_order(&self.rules, may_decide, |rule| {
            rule.is_for_all_circumstances()
        })
        .map(|rule| self.decision(rule, facts, personal))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_asked_up_to_the_one_that_surely_decides_and_then_policy() {
        let order = |sure: u32| -> Vec<Option<u32>> {
            in_order(1..=4, |rule| rule % 2 == 0, |rule| *rule == sure).collect()
        };
        assert_eq!(order(2), [Some(2)]);
        assert_eq!(order(4), [Some(2), Some(4)]);
        assert_eq!(order(3), [Some(2), Some(4), None], "3 can't decide");
        assert_eq!(order(9), [Some(2), Some(4), None]);
    }
}
