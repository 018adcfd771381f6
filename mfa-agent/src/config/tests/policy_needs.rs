//! Which look-ups a policy needs.

use crate::config::Settings;
use mfa_core::policy::{LoginOrigin, Request};

/// Whether groups, and where the entry comes from, have to be looked up for anna at sshd.
fn needs(rules: &[&str]) -> (bool, bool) {
    let text: String = rules
        .iter()
        .map(|rule| format!("[[rule]]\n{rule}\n"))
        .collect();
    let policy = Settings::parse(vec![("agent.toml".into(), text)])
        .unwrap()
        .policy;
    let user = "anna".parse().unwrap();
    let request = Request {
        user: &user,
        service: "sshd",
        host: Some("web-1"),
        operation: None,
        rhost: None,
        tty: None,
        after: &[],
        now: "2026-06-10T12:00".parse().unwrap(),
        origin: LoginOrigin::Unknown,
    };
    let needed = (
        policy.needs_groups(&request),
        policy.needs_locality(&request),
    );
    assert!(policy.needs_names() || needed == (false, false));
    needed
}

#[test]
fn only_what_may_decide_this_login_is_looked_up() {
    let (group, federated) = ("users = ['@staff']", "source = 'federated'");
    let both = "users = ['@staff']\nsource = 'local'";
    for (rules, expected) in [
        (&[][..], (false, false)),
        (&[group], (true, false)),
        (&[federated], (false, true)),
        (&[both], (true, true)),
        (&[federated, group], (true, true)),
        (&[group, federated], (true, true)),
        (&["users = ['anna']", group, federated], (false, false)),
        (&["users = ['bob']", group], (true, false)),
        (&["users = ['anna']\nsource = 'local'", group], (true, true)),
        (&["users = ['bob']\nsource = 'local'"], (false, false)),
        (&["services = ['login']\nsource = 'local'"], (false, false)),
        (&["hours = ['20:00-21:00']\nusers = ['@x']"], (false, false)),
        (&["users = ['!anna', '@staff']", federated], (false, true)),
    ] {
        assert_eq!(needs(rules), expected, "{rules:?}");
    }
}
