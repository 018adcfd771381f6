//! What holds for every policy, login and user.

use std::fmt::Write;
use std::sync::Arc;

use jiff::civil::{DateTime, date};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use crate::config::Settings;
use mfa_core::factors::Factor;
use mfa_core::names::{Groups, UserName};
use mfa_core::policy::{
    Action, Enforcement, Facts, LoginOrigin, Mode, Networks, Origin, Personal, Policy,
    PolicyVerdict, Request, remote_address,
};

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
        rarer_fields(),
        says(),
    )
        .prop_map(|(users, services, from, tty, rarer, says)| {
            let fields = [users, services, from, tty].into_iter().flatten();
            fields.chain(rarer).chain(says).collect()
        })
}

fn rarer_fields() -> impl Strategy<Value = Fields> {
    let source = select(vec!["source = 'local'", "source = 'federated'"]);
    (
        prop::option::weighted(0.3, source.prop_map(str::to_owned)),
        list("operations", &["restart", "*", "!restart"]),
        list("hosts", &["web-1", "*-1", "!web-*", "db-1"]),
        list("after", &["publickey", "*", "!password"]),
        list("hours", &["08:00-18:00", "22:00-06:00"]),
        list("days", &["mon-fri", "sun"]),
        any::<[bool; 5]>(),
    )
        .prop_map(|(source, operations, hosts, after, hours, days, given)| {
            let rare = [operations, hosts, after, hours, days]
                .into_iter()
                .zip(given);
            let rare = rare.filter_map(|(field, given)| field.filter(|_| given));
            source.into_iter().chain(rare).collect()
        })
}

/// What a rule says, in one key or several.
fn says() -> impl Strategy<Value = Fields> {
    let says = select(vec![
        &["action = 'skip'"][..],
        &["action = 'deny'"],
        &["require = ['totp']"],
        &["action = 'ask'", "require = ['pin']", "tries = 3"],
        &[
            "session = '15m'",
            "session_scope = ['sudo', 'su']",
            "grace = '14d'",
        ],
        &[
            "lockout = { attempts = 3, duration = '2h' }",
            "unenrolled = 'allow'",
        ],
    ]);
    says.prop_map(|lines| lines.iter().map(|&line| line.to_owned()).collect())
}

fn rules() -> impl Strategy<Value = Vec<Fields>> {
    prop::collection::vec(fields(), 0..6)
}

/// The same rules, the fields of each in any order.
fn shuffled(rules: Vec<Fields>) -> impl Strategy<Value = Vec<Fields>> {
    rules
        .into_iter()
        .map(|rule| Just(rule).prop_shuffle())
        .collect::<Vec<_>>()
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
    host: &'static str,
    operation: Option<&'static str>,
    after: Vec<String>,
    now: DateTime,
}

impl Login {
    fn request(&self) -> Request<'_> {
        Request {
            user: &self.user,
            service: self.service,
            host: Some(self.host),
            operation: self.operation,
            rhost: remote_address(self.rhost),
            tty: self.tty,
            after: &self.after,
            now: self.now,
            origin: LoginOrigin::of(self.service, Some(self.rhost), self.tty),
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
        (
            select(vec!["web-1", "db-1"]),
            select(vec![None, Some("restart"), Some("backup")]),
        ),
        subsequence(&["publickey", "password"][..], 0..=2),
        (1_i8..=14, 0_i8..24),
    )
        .prop_map(
            |(
                user,
                service,
                rhost,
                tty,
                federated,
                groups,
                (host, operation),
                after,
                (day, hour),
            )| Login {
                user: user.parse().unwrap(),
                service,
                rhost,
                tty,
                federated,
                groups: groups.into_iter().map(str::to_owned).collect(),
                host,
                operation,
                after: after.into_iter().map(str::to_owned).collect(),
                now: date(2026, 6, day).at(hour, 30, 0, 0),
            },
        )
}

/// What may be set for a user.
fn personal() -> impl Strategy<Value = Personal> {
    let networks = select(vec!["192.0.2.0/24", "0.0.0.0/0", "::/0"])
        .prop_map(|text| Networks::new(vec![text.parse().unwrap()]).unwrap());
    (
        select(Enforcement::ALL.to_vec()),
        subsequence(&Factor::ALL[..], 0..=3),
        prop::collection::vec(networks, 0..3),
    )
        .prop_map(|(enforce, require, allow_from)| Personal {
            enforce,
            require,
            allow_from,
        })
}

/// Nothing is set.
fn nothing() -> Personal {
    Personal::default()
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
        mode in mode(), mut rules in rules(), for_all in says(), more in rules(), login in login(), personal in personal()
    ) {
        rules.push(for_all);
        let before = policy(mode, &rules);
        let (request, facts) = (login.request(), login.facts());
        let after = policy(mode, &[rules, more].concat());
        prop_assert_eq!(before.decide(&request, &facts, &personal), after.decide(&request, &facts, &personal));
        prop_assert_eq!(before.consider(&request, &facts), after.consider(&request, &facts));
    }

    #[test]
    fn a_rule_that_does_not_fit_changes_no_verdict(
        mode in mode(), rules in prop::collection::vec(fields(), 1..6), at: Index, login in login(), personal in personal()
    ) {
        let (request, facts) = (login.request(), login.facts());
        let all = policy(mode, &rules);
        let at = at.index(rules.len());
        prop_assume!(all.rules[at].misfit(&request, &facts).is_some());
        let mut fewer = all.clone();
        fewer.rules.remove(at);
        prop_assert_eq!(all.decide(&request, &facts, &personal), fewer.decide(&request, &facts, &personal));
    }

    #[test]
    fn the_order_of_fields_in_a_rule_changes_nothing(
        mode in mode(),
        (rules, turned) in rules().prop_flat_map(|rules| (Just(rules.clone()), shuffled(rules))),
        login in login(),
        personal in personal(),
    ) {
        let (one, other) = (policy(mode, &rules), policy(mode, &turned));
        let (request, facts) = (login.request(), login.facts());
        let [one, other] = [one, other].map(|policy| policy.decide(&request, &facts, &personal));
        prop_assert_eq!(one.verdict, other.verdict);
    }

    #[test]
    fn no_mode_turns_a_deny_into_anything_else_or_asks_more_than_a_stricter_one(
        rules in rules(), login in login(), personal in personal()
    ) {
        let (request, facts) = (login.request(), login.facts());
        let [none, local, all] = [Mode::None, Mode::LocalUsers, Mode::All]
            .map(|mode| policy(mode, &rules).decide(&request, &facts, &personal).verdict);
        let denied = [&none, &local, &all].map(|verdict| *verdict == PolicyVerdict::Deny);
        prop_assert!(denied == [true; 3] || denied == [false; 3]);
        prop_assert!(none.ask().is_none());
        prop_assert!(local.ask().is_none() || local == all);
        prop_assert!(login.federated || local == all);
    }

    #[test]
    fn a_skip_comes_from_a_rule_that_skips_or_from_the_mode(
        rules in rules(), login in login()
    ) {
        let decision = policy(Mode::All, &rules).decide(&login.request(), &login.facts(), &nothing());
        let skips = decision.rule().is_some_and(|rule| rule.action == Action::Skip);
        prop_assert_eq!(decision.verdict == PolicyVerdict::Skip, skips);
    }

    #[test]
    fn what_need_not_be_looked_up_changes_nothing(mode in mode(), rules in rules(), login in login(), personal in personal()) {
        let policy = policy(mode, &rules);
        let (request, facts) = (login.request(), login.facts());
        let nothing = Groups::new();
        if !policy.needs_groups(&request) {
            let blind = Facts { groups: &nothing, ..facts };
            prop_assert_eq!(policy.decide(&request, &blind, &personal), policy.decide(&request, &facts, &personal));
        }
        if !policy.needs_locality(&request) {
            let blind = Facts { federated: !facts.federated, ..facts };
            prop_assert_eq!(policy.decide(&request, &blind, &personal), policy.decide(&request, &facts, &personal));
        }
        if !policy.needs_names() {
            let blind = Facts { federated: !facts.federated, groups: &nothing };
            prop_assert_eq!(policy.decide(&request, &blind, &personal), policy.decide(&request, &facts, &personal));
        }
    }

    #[test]
    fn an_explanation_says_what_is_decided(mode in mode(), rules in rules(), login in login(), personal in personal()) {
        let policy = policy(mode, &rules);
        let (request, facts) = (login.request(), login.facts());
        let (decision, told) = (policy.decide(&request, &facts, &personal), policy.explain(&request, &facts, &personal));
        prop_assert_eq!(told.action, decision.verdict.action());
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
        let shown = policy.rules_for_user(Some(login.host), &login.user, &login.facts(), &nothing());
        let decision = policy.decide(&login.request(), &login.facts(), &nothing());
        if let Some(rule) = decision.rule().map(Arc::as_ref) {
            let of_rule = shown.iter().find(|shown| shown.name == rule.name);
            prop_assert_eq!(of_rule.map(|shown| shown.action), Some(decision.verdict.action()));
        }
        prop_assert!(shown.last().is_some_and(|last| last.services.is_empty() && last.from.is_empty()));
    }

    #[test]
    fn what_is_set_for_a_user_makes_an_ask_stricter_or_denies_it_and_touches_nothing_else(
        mode in mode(), rules in rules(), login in login(), personal in personal()
    ) {
        let policy = policy(mode, &rules);
        let (request, facts) = (login.request(), login.facts());
        let [plain, own] = [nothing(), personal.clone()]
            .map(|personal| policy.decide(&request, &facts, &personal));
        let by_rule = !matches!(plain.origin, Origin::Mode(..));
        match &plain.verdict {
            PolicyVerdict::Deny => prop_assert_eq!(&own, &plain),
            PolicyVerdict::Skip if by_rule => prop_assert_eq!(&own, &plain),
            PolicyVerdict::Skip => prop_assert!(own.verdict.ask().is_none()),
            PolicyVerdict::Ask(_) => prop_assert_ne!(&own.verdict, &PolicyVerdict::Skip),
        }
        let asks = plain.rule().is_none_or(|rule| matches!(rule.action, Action::Ask(_)));
        if asks && personal.outside(request.origin).is_some() {
            prop_assert_eq!(&own.verdict, &PolicyVerdict::Deny);
        }
        let Some(ask) = own.verdict.ask() else { return Ok(()) };
        for combination in &ask.combinations {
            prop_assert!(personal.require.iter().all(|factor| combination.factors().contains(factor)));
        }
        prop_assert!(personal.outside(request.origin).is_none());
        prop_assert!(!ask.combinations.is_empty());
    }
}
