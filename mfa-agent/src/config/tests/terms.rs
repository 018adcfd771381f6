//! What is asked for in the end, when several tables and files have a say in it.

use std::sync::Arc;
use std::time::Duration;

use jiff::civil::date;
use jiff::tz::TimeZone;

use super::{Settings, parse, parse_all};
use mfa_core::lockout::Limits;
use mfa_core::policy::{Ask, GracePeriod, SessionHosts, SessionRule, Unenrolled};

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;

/// What a rule asks for.
fn of_rule(settings: &Settings, at: usize) -> Arc<Ask> {
    let mfa_core::policy::Action::Ask(ask) = &settings.policy.rules[at].action else {
        panic!("the rule asks")
    };
    Arc::clone(ask)
}

fn session(minutes: u64, scope: &[&str]) -> Option<SessionRule> {
    Some(SessionRule {
        duration: Duration::from_secs(minutes * MINUTE),
        scope: scope.iter().map(|&service| service.to_owned()).collect(),
        hosts: SessionHosts::This,
    })
}

#[test]
fn a_rule_takes_session_and_scope_from_the_policy_each_where_it_says_nothing() {
    let settings = parse(
        r#"
        [policy]
        session = "15m"
        session_scope = ["sudo", "su"]
        [[rule]]
        [[rule]]
        session = "1h"
        [[rule]]
        session_scope = []
        [[rule]]
        session_scope = ["doas"]
        [[rule]]
        session = "0s"
        [[rule]]
        session = "0s"
        session_scope = []
        "#,
    )
    .unwrap();
    let expected = [
        session(15, &["sudo", "su"]),
        session(60, &["sudo", "su"]),
        session(15, &[]),
        session(15, &["doas"]),
        None,
        None,
    ];
    for (at, expected) in expected.iter().enumerate() {
        assert_eq!(&of_rule(&settings, at).session, expected, "rule {}", at + 1);
    }
    assert_eq!(settings.policy.default.session, expected[0]);
}

#[test]
fn a_rule_has_a_session_though_the_policy_has_none() {
    let settings = parse("[[rule]]\nsession = '5m'\nsession_scope = ['sudo']").unwrap();
    assert_eq!(of_rule(&settings, 0).session, session(5, &["sudo"]));
    assert_eq!(settings.policy.default.session, None);
}

#[test]
fn grace_ends_in_a_refusal_and_is_left_out_where_users_are_let_in_for_good() {
    let settings = parse(
        "[enforcement]\ngrace = '14d'\n[[rule]]\n[[rule]]\ngrace = '1d'\n[[rule]]\ngrace = '0s'\n\
         [[rule]]\nunenrolled = 'allow'\n[[rule]]\nunenrolled = 'allow'\ngrace = '0s'",
    )
    .unwrap();
    let days = |days| Some(GracePeriod::Lasting(Duration::from_secs(days * DAY)));
    let expected = [
        (Unenrolled::Deny, days(14)),
        (Unenrolled::Deny, days(1)),
        (Unenrolled::Deny, None),
        (Unenrolled::Allow, None),
        (Unenrolled::Allow, None),
    ];
    for (at, expected) in expected.into_iter().enumerate() {
        let ask = of_rule(&settings, at);
        assert_eq!((ask.unenrolled, ask.grace), expected, "rule {}", at + 1);
    }
    assert_eq!(settings.policy.default.grace, days(14));
}

#[test]
fn grace_through_a_day_ends_with_it() {
    let settings = parse("[enforcement]\ngrace = '2027-01-31'").unwrap();
    let end = date(2027, 2, 1).to_zoned(TimeZone::system()).unwrap();
    let through = GracePeriod::Through {
        day: date(2027, 1, 31),
        end: end.timestamp(),
    };
    assert_eq!(settings.policy.default.grace, Some(through));
}

#[test]
fn a_rule_may_deny_after_a_grace_though_others_are_let_in_for_good() {
    let settings = parse(
        "[enforcement]\nunenrolled = 'allow'\n[[rule]]\nunenrolled = 'deny'\ngrace = '2d'\n[[rule]]",
    )
    .unwrap();
    let ask = of_rule(&settings, 0);
    let two_days = GracePeriod::Lasting(Duration::from_secs(2 * DAY));
    assert_eq!(ask.grace, Some(two_days));
    assert_eq!(ask.unenrolled, Unenrolled::Deny);
    assert_eq!(of_rule(&settings, 1).unenrolled, Unenrolled::Allow);
}

#[test]
fn a_rule_overrides_the_lockout_key_by_key() {
    let settings = parse(
        "[lockout]\nattempts = 4\n[[rule]]\nlockout = { duration = '2h' }\n\
         [[rule]]\nlockout = { attempts = 3, max_consecutive = 0 }\n[[rule]]",
    )
    .unwrap();
    let all = Limits {
        attempts: 4,
        ..Limits::default()
    };
    assert_eq!(settings.lockout, all);
    assert_eq!(settings.policy.default.lockout, all);
    let longer = Limits {
        duration: Duration::from_secs(120 * MINUTE),
        ..all
    };
    assert_eq!(of_rule(&settings, 0).lockout, longer);
    let fewer = Limits {
        attempts: 3,
        max_consecutive: None,
        ..all
    };
    assert_eq!(of_rule(&settings, 1).lockout, fewer);
    assert_eq!(of_rule(&settings, 2).lockout, all);
}

#[test]
fn a_rule_takes_the_hosts_of_a_session_from_the_policy() {
    let text = "[policy]\nsession = '15m'\nsession_hosts = 'all'\n[[rule]]\n\
                [[rule]]\nsession_hosts = 'this'\n[[rule]]\nsession = '0s'";
    let settings = parse(text).unwrap();
    let hosts = |at| Some(of_rule(&settings, at).session.as_ref()?.hosts);
    let expected = [Some(SessionHosts::All), Some(SessionHosts::This), None];
    assert_eq!([hosts(0), hosts(1), hosts(2)], expected);
}

#[test]
fn halves_in_several_files_are_checked_together() {
    let scope = "[policy]\nsession_scope = ['sudo']";
    let settings = parse_all(&[scope, "[policy]\nsession = '15m'"]).unwrap();
    assert_eq!(settings.policy.default.session, session(15, &["sudo"]));
    for (first, second, told) in [
        (
            "[policy]\nsession = '15m'\nsession_scope = ['sudo']",
            "[policy]\nsession = '0s'",
            "0.toml:3: session_scope shares a session",
        ),
        (
            "[enforcement]\ngrace = '1d'",
            "[enforcement]\nunenrolled = 'allow'",
            "0.toml:2: grace has no effect",
        ),
        (
            "[lockout]\nmax_consecutive = 10",
            "[[rule]]\nlockout = { attempts = 20 }",
            "1.toml:2: max_consecutive = 10 is less than attempts = 20",
        ),
    ] {
        let error = parse_all(&[first, second]).unwrap_err().to_string();
        assert!(error.starts_with(told), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}
