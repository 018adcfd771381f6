//! What holds for every policy, login and user.

use std::fmt::Write;
use std::sync::Arc;

use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use super::{Action, Facts, Mode, Policy, Request, Verdict, remote_address};
use crate::config::Settings;
use crate::names::{Groups, UserName};

/// The fields of a rule, each as a line; few values, so that rules often fit.
type Fields = Vec<String>;

fn list(
    key: &'static str,
    entries: &'static [&'static str],
) -> impl Strategy<Value = Option<String>> {
    let line = subsequence(entries, 1..=entries.len().min(3))
        .prop_map(move |list| format!("{key} = {list:?}"));
    prop::option::of(line)
}

fn fields() -> impl Strategy<Value = Fields> {
    (
        list(
            "users",
            &["anna", "bob", "@staff", "@admin", "*", "!anna", "!@staff"],
        ),
        list("services", &["sshd", "sudo", "*", "!sshd"]),
        list("from", &["192.0.2.0/24", "0.0.0.0/0", "::/0"]),
        list("tty", &["tty1", "*", "!tty1"]),
        select(vec![
            "action = 'skip'",
            "action = 'deny'",
            "require = ['totp']",
            "require = ['pin']",
        ]),
    )
        .prop_map(|(users, services, from, tty, says)| {
            [users, services, from, tty]
                .into_iter()
                .flatten()
                .chain([says.to_owned()])
                .collect()
        })
}

fn rules() -> impl Strategy<Value = Vec<Fields>> {
    prop::collection::vec(fields(), 0..6)
}

fn mode() -> impl Strategy<Value = Mode> {
    select(vec![Mode::None, Mode::LocalUsers, Mode::All])
}

/// A login, and what the host knows of the user.
#[derive(Clone, Debug)]
struct Login {
    user: UserName,
    service: &'static str,
    rhost: &'static str,
    tty: Option<&'static str>,
    federated: bool,
    groups: Groups,
}

impl Login {
    fn request(&self) -> Request<'_> {
        Request {
            user: &self.user,
            service: self.service,
            rhost: remote_address(self.rhost),
            tty: self.tty,
        }
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            federated: self.federated,
            groups: &self.groups,
        }
    }
}

fn login() -> impl Strategy<Value = Login> {
    (
        select(vec!["anna", "bob", "carl"]),
        select(vec!["sshd", "sudo", "login"]),
        select(vec![
            "192.0.2.7",
            "198.51.100.1",
            "2001:db8::1",
            "host.example.org",
            "",
        ]),
        select(vec![
            None,
            Some(""),
            Some("tty1"),
            Some("/dev/tty1"),
            Some("pts/3"),
        ]),
        any::<bool>(),
        subsequence(&["staff", "admin"][..], 0..=2),
    )
        .prop_map(|(user, service, rhost, tty, federated, groups)| Login {
            user: user.parse().unwrap(),
            service,
            rhost,
            tty,
            federated,
            groups: groups.into_iter().map(str::to_owned).collect(),
        })
}

fn policy(mode: Mode, rules: &[Fields]) -> Policy {
    let mut text = format!("[enforcement]\nmode = {:?}\n", mode.name());
    for (i, rule) in rules.iter().enumerate() {
        writeln!(text, "[[rule]]\nname = 'r{i}'\n{}", rule.join("\n")).unwrap();
    }
    Settings::parse(vec![("agent.toml".into(), text)])
        .unwrap()
        .policy
}

proptest! {
    #[test]
    fn rules_after_the_one_that_fits_change_nothing(
        mode in mode(), rules in rules(), more in rules(), login in login()
    ) {
        let before = policy(mode, &rules);
        let (request, facts) = (login.request(), login.facts());
        prop_assume!(before.consider(&request, &facts).last().is_some_and(|rule| rule.fits));
        let after = policy(mode, &[rules, more].concat());
        prop_assert_eq!(before.decide(&request, &facts), after.decide(&request, &facts));
        prop_assert_eq!(before.consider(&request, &facts), after.consider(&request, &facts));
    }

    #[test]
    fn a_rule_that_does_not_fit_changes_no_verdict(
        mode in mode(), rules in rules(), at: Index, login in login()
    ) {
        prop_assume!(!rules.is_empty());
        let (request, facts) = (login.request(), login.facts());
        let all = policy(mode, &rules);
        let at = at.index(rules.len());
        prop_assume!(all.rules[at].misfit(&request, &facts).is_some());
        let mut fewer = all.clone();
        fewer.rules.remove(at);
        prop_assert_eq!(all.decide(&request, &facts), fewer.decide(&request, &facts));
    }

    #[test]
    fn the_order_of_fields_in_a_rule_changes_nothing(
        mode in mode(),
        rules in rules(),
        turn in 0_usize..5,
        login in login(),
    ) {
        let turned: Vec<Fields> = rules
            .iter()
            .map(|rule| {
                let mut rule = rule.clone();
                let by = turn % rule.len();
                rule.rotate_left(by);
                rule
            })
            .collect();
        let (one, other) = (policy(mode, &rules), policy(mode, &turned));
        let (request, facts) = (login.request(), login.facts());
        prop_assert_eq!(one.decide(&request, &facts).verdict, other.decide(&request, &facts).verdict);
    }

    #[test]
    fn no_mode_turns_a_deny_into_anything_else_or_asks_more_than_a_stricter_one(
        rules in rules(), login in login()
    ) {
        let (request, facts) = (login.request(), login.facts());
        let [none, local, all] = [Mode::None, Mode::LocalUsers, Mode::All]
            .map(|mode| policy(mode, &rules).decide(&request, &facts).verdict);
        let denied = [&none, &local, &all].map(|verdict| *verdict == Verdict::Deny);
        prop_assert!(denied == [true; 3] || denied == [false; 3]);
        prop_assert!(none.ask().is_none());
        prop_assert!(local.ask().is_none() || local == all);
        prop_assert!(login.federated || local == all);
    }

    #[test]
    fn a_skip_comes_from_a_rule_that_skips_or_from_the_mode(
        rules in rules(), login in login()
    ) {
        let decision = policy(Mode::All, &rules).decide(&login.request(), &login.facts());
        let skips = decision.rule().is_some_and(|rule| rule.action == Action::Skip);
        prop_assert_eq!(decision.verdict == Verdict::Skip, skips);
    }

    #[test]
    fn what_need_not_be_looked_up_changes_nothing(mode in mode(), rules in rules(), login in login()) {
        let policy = policy(mode, &rules);
        let (request, facts) = (login.request(), login.facts());
        let nothing = Groups::new();
        if !policy.needs_groups(&request) {
            let blind = Facts { groups: &nothing, ..facts };
            prop_assert_eq!(policy.decide(&request, &blind), policy.decide(&request, &facts));
        }
        if !policy.needs_locality() {
            let blind = Facts { federated: !facts.federated, ..facts };
            prop_assert_eq!(policy.decide(&request, &blind), policy.decide(&request, &facts));
        }
    }

    #[test]
    fn an_explanation_says_what_is_decided(mode in mode(), rules in rules(), login in login()) {
        let policy = policy(mode, &rules);
        let (request, facts) = (login.request(), login.facts());
        let (decision, told) = (policy.decide(&request, &facts), policy.explain(&request, &facts));
        prop_assert_eq!(told.action, decision.verdict.name());
        prop_assert_eq!(told.reason, decision.reason());
        let (last, passed_over) = match told.considered.split_last() {
            Some((last, passed_over)) if last.fits => (Some(last), passed_over),
            _ => (None, &told.considered[..]),
        };
        prop_assert!(passed_over.iter().all(|rule| !rule.fits && rule.field.is_some() && rule.reason.is_some()));
        prop_assert!(told.rule.is_none() || told.rule.as_ref() == last.map(|rule| &rule.name));
    }

    #[test]
    fn the_rules_of_a_user_hold_every_rule_that_decides_for_them(
        mode in mode(), rules in rules(), login in login()
    ) {
        let policy = policy(mode, &rules);
        let shown = policy.rules_for_user(&login.user, &login.facts());
        let decision = policy.decide(&login.request(), &login.facts());
        if let Some(rule) = decision.rule().map(Arc::as_ref) {
            let of_rule = shown.iter().find(|shown| shown.name == rule.name);
            prop_assert_eq!(of_rule.map(|shown| shown.action.as_str()), Some(decision.verdict.name()));
        }
        prop_assert!(shown.last().is_some_and(|last| last.services.is_empty() && last.from.is_empty()));
    }
}
