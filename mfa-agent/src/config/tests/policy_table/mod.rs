//! Decisions as data: settings, a login, what the host knows, and what must come out.

mod examples;
mod fields;
mod personal;
mod rules;
mod shipped;

use std::sync::Arc;

use crate::config::Settings;
use mfa_core::names::Groups;

use mfa_core::policy::{
    Ask, Decision, Enforcement, Facts, LoginOrigin, Networks, Personal, Policy, Request,
    remote_address,
};

/// One login; fields in the order in which a reader asks for them.
#[derive(Clone, Copy, Debug)]
struct Case {
    user: &'static str,
    groups: &'static [&'static str],
    federated: bool,
    service: &'static str,
    rhost: &'static str,
    tty: &'static str,
    /// "": unknown.
    host: &'static str,
    operation: Option<&'static str>,
    after: &'static [&'static str],
    /// The wall clock; a Wednesday unless said otherwise.
    now: &'static str,
    personal: Set,
    /// Verdict, what decided (`RULE` or `FILE:LINE`), and a part of the reason.
    expected: (&'static str, &'static str, &'static str),
}

/// What is set for the user; factors and networks as they are written.
#[derive(Clone, Copy, Debug)]
struct Set {
    enforce: Enforcement,
    require: &'static [&'static str],
    allow_from: &'static [&'static [&'static str]],
}

const NOTHING: Set = Set {
    enforce: Enforcement::Default,
    require: &[],
    allow_from: &[],
};

impl Set {
    fn personal(self) -> Personal {
        let networks = |list: &&[&str]| {
            let networks = list.iter().map(|text| text.parse().unwrap());
            Networks::new(networks.collect()).unwrap()
        };
        Personal {
            enforce: self.enforce,
            require: self.require.iter().map(|f| f.parse().unwrap()).collect(),
            allow_from: self.allow_from.iter().map(networks).collect(),
        }
    }
}

const LOGIN: Case = Case {
    user: "anna",
    groups: &[],
    federated: false,
    service: "sshd",
    rhost: "198.51.100.7",
    tty: "ssh",
    host: "web-1.example.org",
    operation: None,
    after: &[],
    now: "2026-06-10T12:00",
    personal: NOTHING,
    expected: ("", "", ""),
};

/// The settings in `text` decide each case as it expects.
fn check(text: &str, cases: &[Case]) {
    let policy = policy(text);
    for case in cases {
        let decision = decide(&policy, case);
        let place = || decision.place().map(ToString::to_string);
        let by = decision.rule_name().map(str::to_owned).or_else(place);
        let (verdict, origin, told) = case.expected;
        let reason = decision.reason();
        assert_eq!(
            decision.verdict.action().name(),
            verdict,
            "{case:?}: {reason}"
        );
        assert_eq!(by.unwrap_or_default(), origin, "{case:?}: {reason}");
        assert!(reason.contains(told), "{case:?}: {reason}");
    }
}

/// What is asked for.
fn ask(text: &str, case: &Case) -> Arc<Ask> {
    let decision = decide(&policy(text), case);
    Arc::clone(decision.verdict.ask().unwrap())
}

/// The field of a rule that does not fit, and why.
fn misfit(text: &str, rule: usize, case: &Case) -> (&'static str, String) {
    let rule = &policy(text).rules[rule];
    with_login(case, |request, facts| {
        let misfit = rule.misfit(request, facts).unwrap();
        (misfit.field().name(), misfit.to_string())
    })
}

fn policy(text: &str) -> Policy {
    let files = vec![("agent.toml".into(), text.to_owned())];
    Settings::parse(files).unwrap().policy
}

fn decide(policy: &Policy, case: &Case) -> Decision {
    let personal = case.personal.personal();
    with_login(case, |request, facts| {
        policy.decide(request, facts, &personal)
    })
}

fn with_login<T>(case: &Case, with: impl FnOnce(&Request<'_>, &Facts<'_>) -> T) -> T {
    let user = case.user.parse().unwrap();
    let after: Vec<String> = case.after.iter().map(|&method| method.to_owned()).collect();
    let groups: Groups = case.groups.iter().map(|&group| group.to_owned()).collect();
    let request = Request {
        user: &user,
        service: case.service,
        host: Some(case.host).filter(|name| !name.is_empty()),
        operation: case.operation,
        rhost: remote_address(case.rhost),
        tty: Some(case.tty),
        after: &after,
        now: case.now.parse().unwrap(),
        origin: LoginOrigin::of(case.service, Some(case.rhost), Some(case.tty)),
    };
    let facts = Facts {
        federated: case.federated,
        groups: &groups,
    };
    with(&request, &facts)
}
