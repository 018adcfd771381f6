//! Patterns of hosts that match no host.

use mfa_protocol::admin::Finding;

use super::lists::wanted;
use super::warning;
use mfa_core::names::Groups;
use mfa_core::policy::{Fit, Pattern, Patterns, Policy, Rule};

/// Where hosts share a store, `known` are their names, and each pattern is checked. Otherwise only this host is known: it
/// is strange that no rule is for it where rules are for hosts.
pub(super) fn of_hosts(
    policy: &Policy,
    own: Option<&str>,
    known: Option<&[String]>,
) -> Vec<Finding> {
    match known.filter(|known| !known.is_empty()) {
        Some(known) => unknown_hosts(policy, own, known),
        None => not_this_host(policy, own).into_iter().collect(),
    }
}

fn unknown_hosts(policy: &Policy, own: Option<&str>, known: &[String]) -> Vec<Finding> {
    let hosts: Vec<&str> = known.iter().map(String::as_str).chain(own).collect();
    let mut findings = Vec::new();
    for (rule, list) in rules_for_hosts(policy) {
        let mut entries = list.entries().iter();
        let unknown = entries.find(|entry| !hosts.iter().any(|host| matches(entry, host)));
        findings.extend(unknown.map(|entry| of_unknown(rule, entry)));
    }
    findings
}

fn of_unknown(rule: &Rule, entry: &Pattern) -> Finding {
    let message = format!(
        "rule {:?}: \"{entry}\" in hosts fits no host of this fleet; check the spelling, or see the hosts: mfactl hosts",
        rule.name
    );
    warning(Some(&rule.place), message)
}

fn not_this_host(policy: &Policy, own: Option<&str>) -> Option<Finding> {
    let own = own?;
    let (first, _) = rules_for_hosts(policy).next()?;
    let names_it = |list: &Patterns| list.entries().iter().any(|entry| matches(entry, own));
    let leaves_it_out = |list: &Patterns| wanted(list).next().is_some() && !names_it(list);
    let message = || {
        format!(
            "no rule with hosts is for this host, which is called {own:?}; if one should be, check the spelling in hosts"
        )
    };
    rules_for_hosts(policy)
        .all(|(_, list)| leaves_it_out(list))
        .then(|| warning(Some(&first.place), message()))
}

fn rules_for_hosts(policy: &Policy) -> impl Iterator<Item = (&Rule, &Patterns)> {
    let rules = policy.rules.iter();
    rules.filter_map(|rule| Some((&**rule, rule.hosts.as_ref()?)))
}

/// Whether the entry is about this host, whether it includes or excludes it.
fn matches(entry: &Pattern, host: &str) -> bool {
    let alone = Patterns::new(vec![entry.clone()]);
    let fit = alone.as_ref().map(|list| list.fit(host, &Groups::new()));
    match entry.is_negated() {
        true => matches!(fit, Some(Fit::TakenOut(_))),
        false => fit == Some(Fit::Fits),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::settings;
    use super::*;

    fn found(text: &str, own: &str, known: Option<&[&str]>) -> Vec<String> {
        let known: Option<Vec<String>> =
            known.map(|known| known.iter().map(|&name| name.to_owned()).collect());
        let policy = settings(text).policy;
        let findings = of_hosts(&policy, Some(own), known.as_deref());
        findings
            .into_iter()
            .map(|finding| finding.message)
            .collect()
    }

    fn rules(lists: &[&str]) -> String {
        lists
            .iter()
            .map(|list| format!("[[rule]]\nhosts = [{list}]\naction = 'skip'\n"))
            .collect()
    }

    #[test]
    fn a_pattern_that_fits_no_host_of_the_fleet_is_named() {
        let known: &[&str] = &["web-1.example.org", "db-1"];
        for (lists, expected) in [
            (&["'web-*'"][..], &[][..]),
            (&["'WEB-1'", "'db-*', '!db-1'", "'bastion'"], &[]),
            (&["'wbe-*'"], &["\"wbe-*\""]),
            (&["'web-*', '!web-canary'"], &["\"!web-canary\""]),
            (
                &["'*'", "'x', 'y'", "'*.example.com'"],
                &["\"x\"", "\"*.example.com\""],
            ),
        ] {
            let told = found(&rules(lists), "bastion", Some(known));
            assert_eq!(told.len(), expected.len(), "{lists:?}: {told:?}");
            for (told, pattern) in told.iter().zip(expected) {
                assert!(
                    told.contains(pattern) && told.contains("mfactl hosts"),
                    "{told}"
                );
            }
        }
    }

    #[test]
    fn where_no_store_is_shared_the_name_of_this_host_is_told_if_no_rule_is_for_it() {
        for (lists, is_told) in [
            (&[][..], false),
            (&["'web-*'"], true),
            (&["'web-*'", "'db-1'"], true),
            (&["'web-*'", "'mail'"], false),
            (&["'!web-*'"], false),
            (&["'mail*', '!mail'"], false),
        ] {
            let told = found(&rules(lists), "mail.example.org", None);
            assert_eq!(!told.is_empty(), is_told, "{lists:?}: {told:?}");
            assert!(
                told.iter()
                    .all(|told| told.contains("\"mail.example.org\"")),
                "{told:?}"
            );
        }
    }
}
