//! Every finding about a policy is true for every login.

use std::fmt::Write;

use jiff::civil::{DateTime, date};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::administrators::{NOT_ALL_TRIED, lockout_risk};
use super::person::{Person, Role};
use super::premises::Premises;
use super::samples::EntryPoint;
use super::shadowing::{covered, is_dead};
use super::tests::settings;
use jiff::Timestamp;
use mfa_core::login::entry::{EntryFacts, KnownUser};
use mfa_core::names::{Groups, UserName};
use mfa_core::policy::{
    Decision, Facts, LoginOrigin, Personal, Policy, PolicyVerdict, Request, remote_address,
};
use mfa_protocol::admin::{Finding, Severity};

type Entries = &'static [&'static str];

/// The host of all logins of root.
const HOST: &str = "web-1";

/// A field, and what its list is made of. Few values, so that rules often cover one another.
const FIELDS: [(&str, Entries); 9] = [
    (
        "users",
        &[
            "root", "anna", "@staff", "@admin", "*", "!anna", "!@staff", "!root",
        ],
    ),
    (
        "services",
        &["sshd", "login", "SSHD", "*", "!sshd", "!Login"],
    ),
    (
        "from",
        &[
            "192.0.2.0/24",
            "192.0.2.128/25",
            "0.0.0.0/0",
            "::/0",
            "2001:db8::/32",
        ],
    ),
    ("tty", &["tty1", "/dev/tty1", "*", "!tty1", "tty2"]),
    (
        "hosts",
        &["web-1", "web-*", "WEB-1", "db-1", "!web-2", "!db-*", "*"],
    ),
    ("operations", &["restart", "*", "!restart", "backup"]),
    (
        "after",
        &["publickey", "password", "*", "!password", "!publickey"],
    ),
    (
        "hours",
        &[
            "08:00-18:00",
            "22:00-06:00",
            "09:00-12:00",
            "05:00-09:00",
            "00:00-24:00",
        ],
    ),
    ("days", &["mon-fri", "sun", "fri-mon", "sat"]),
];

const SAYS: [&str; 4] = [
    "action = 'skip'",
    "action = 'deny'",
    "require = ['totp']",
    "require = ['pin']\nprompting = 'single'",
];

/// A rule of fields out of [`FIELDS`], most of them left out.
fn rule() -> impl Strategy<Value = String> {
    let lists = FIELDS.map(|(key, entries)| {
        let line = subsequence(entries, 1..=3.min(entries.len()))
            .prop_map(move |list| format!("{key} = {list:?}\n"));
        prop::option::weighted(0.3, line)
    });
    let source = select(vec!["source = 'local'\n", "source = 'federated'\n"]);
    let source = prop::option::weighted(0.1, source);
    (Vec::from(lists), source, select(SAYS.to_vec())).prop_map(|(lists, source, says)| {
        let lists: String = lists.into_iter().flatten().collect();
        format!("[[rule]]\n{lists}{}{says}\n", source.unwrap_or_default())
    })
}

/// Rules, followed by rules that deny, so that sometimes no user can log in.
fn policy() -> impl Strategy<Value = Policy> {
    let last = select(vec!["", "[[rule]]\naction = 'deny'\n"]);
    (prop::collection::vec(rule(), 0..6), last).prop_map(|(rules, last)| {
        let mut text = String::new();
        for rule in rules.iter().map(String::as_str).chain([last]) {
            write!(text, "{rule}").unwrap();
        }
        settings(&text).policy
    })
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
    fn decide(&self, policy: &Policy) -> Decision {
        let request = Request {
            user: &self.user,
            service: self.service,
            host: Some(self.host).filter(|name| !name.is_empty()),
            operation: self.operation,
            rhost: remote_address(self.rhost),
            tty: self.tty,
            after: &self.after,
            now: self.now,
            origin: LoginOrigin::of(self.service, Some(self.rhost), self.tty),
        };
        let facts = Facts {
            federated: self.federated,
            groups: &self.groups,
        };
        policy.decide(&request, &facts, &Personal::default())
    }
}

fn words(of: Entries) -> impl Strategy<Value = Vec<String>> {
    subsequence(of, 0..=of.len())
        .prop_map(|list| list.iter().map(|&word| word.to_owned()).collect())
}

fn moment() -> impl Strategy<Value = DateTime> {
    (1_i8..=7, 0_i8..24, select(vec![0_i8, 1, 30, 59]))
        .prop_map(|(day, hour, minute)| date(2026, 6, day).at(hour, minute, 0, 0))
}

fn login() -> impl Strategy<Value = Login> {
    let rhosts = [
        "192.0.2.7",
        "192.0.2.200",
        "198.51.100.1",
        "2001:db8::1",
        "::1",
        "host.example.org",
        "",
    ];
    let ttys = [
        None,
        Some(""),
        Some("tty1"),
        Some("/dev/tty1"),
        Some("ssh"),
        Some("pts/3"),
    ];
    (
        select(vec!["root", "anna", "bob"]),
        select(vec!["sshd", "login", "sudo"]),
        select(rhosts.to_vec()),
        select(ttys.to_vec()),
        any::<bool>(),
        words(&["staff", "admin"]),
        (
            select(vec![HOST, "web-2.example.org", "db-1", ""]),
            prop::option::weighted(0.4, select(vec!["restart", "backup", "other"])),
        ),
        words(&["publickey", "password", "hostbased"]),
        moment(),
    )
        .prop_map(
            |(user, service, rhost, tty, federated, groups, (host, operation), after, now)| Login {
                user: user.parse().unwrap(),
                service,
                rhost,
                tty,
                federated,
                groups: groups.into_iter().collect(),
                host,
                operation,
                after,
                now,
            },
        )
}

/// A login of root by one of the ways that are looked at.
fn login_of_root() -> impl Strategy<Value = Login> {
    let after = select(vec![&[][..], &["publickey"], &["password"], &["hostbased"]]);
    (
        login(),
        after,
        any::<bool>(),
        select(vec!["tty1", "tty2", "ttyS0"]),
    )
        .prop_map(|(login, after, console, tty)| Login {
            user: "root".parse().unwrap(),
            service: if console { "login" } else { "sshd" },
            rhost: if console { "" } else { login.rhost },
            tty: Some(if console { tty } else { "ssh" }),
            host: HOST,
            operation: None,
            after: match console {
                true => Vec::new(),
                false => after.iter().map(|&method| method.to_owned()).collect(),
            },
            ..login
        })
}

fn premises(policy: &Policy) -> Premises<'_> {
    Premises {
        policy,
        host: Some(HOST),
        facts: EntryFacts::default(),
        now: Timestamp::UNIX_EPOCH,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_rule_that_is_said_never_to_decide_never_does(
        policy in policy(), logins in prop::collection::vec(login(), 64)
    ) {
        let covered = covered(&policy);
        for login in logins {
            let decision = login.decide(&policy);
            let Some(rule) = decision.rule() else { continue };
            let number = policy.rules.iter().position(|other| std::sync::Arc::ptr_eq(other, rule));
            let by = number.and_then(|number| covered.get(&number));
            prop_assert!(by.is_none(), "{:?} decides {:?}", rule.place, login);
            prop_assert!(!is_dead(rule), "{:?} decides {:?}", rule.place, login);
        }
    }

    #[test]
    fn where_nobody_is_said_to_get_in_every_login_of_root_is_refused_or_can_t_be_answered(
        policy in policy(), login in login_of_root(), more in prop::collection::vec(login_of_root(), 32)
    ) {
        let root = Person {
            name: login.user.clone(),
            federated: login.federated,
            groups: login.groups.clone(),
            known: KnownUser::by_name(true),
            account: None,
            role: Role::Root,
            entry_points: vec![EntryPoint::Console, EntryPoint::Sshd],
        };
        let found = lockout_risk(&premises(&policy), &[root]);
        let is_uncertain = |finding: &Finding| finding.message.starts_with(NOT_ALL_TRIED);
        prop_assume!(!found.as_ref().is_some_and(is_uncertain));
        let severity = found.as_ref().map(|finding| finding.severity);
        for other in more {
            let login = Login { federated: login.federated, groups: login.groups.clone(), ..other };
            let is_closed = match login.decide(&policy).verdict {
                PolicyVerdict::Deny => true,
                PolicyVerdict::Skip => false,
                PolicyVerdict::Ask(ask) => ask.prompting == mfa_core::policy::Prompting::Single
                    && ask.combinations.iter().all(|combination| combination.to_string() != "totp"),
            };
            let may_be_open = match severity {
                None => true,
                Some(Severity::Warning) => login.service != "login",
                Some(Severity::Error) => false,
            };
            prop_assert!(is_closed || may_be_open, "{found:?}\n{login:?}");
        }
    }
}
