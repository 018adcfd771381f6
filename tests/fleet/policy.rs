//! One file of settings for all hosts, and sessions of one host or of all.

use std::process::Command;

use mfa_tests::{Fleet, Login, Seen, eventually, run};
use serde_json::Value;

use super::logins::pass;
use super::with_fleet;

const FLEET: &str = r#"
[[rule]]
name = "web"
hosts = ["web-*", "!web-2"]
services = ["sshd"]
action = "skip"

[[rule]]
name = "databases"
hosts = ["DB-*"]
services = ["sshd"]
action = "deny"
"#;

fn explained(fleet: &Fleet, on: usize, host: &str) -> Value {
    let arguments = ["explain", "--user", "anna", "--service", "sshd"];
    let arguments = [&arguments[..], &["--host", host]].concat();
    let of_this_host = &arguments[..5];
    let all = if host.is_empty() {
        of_this_host
    } else {
        &arguments
    };
    fleet.agent(on).ctl().json(all, "")
}

#[test]
fn a_rule_for_hosts_decides_on_these_and_is_explained_on_any() {
    with_fleet(FLEET, |fleet| {
        let key = fleet.agent(0).admin().device("anna");
        let results = [
            ("PAM_SUCCESS", 0, "web"),
            ("PAM_SUCCESS", 1, "default"),
            ("PAM_PERM_DENIED", 0, "databases"),
        ];
        for (number, (result, prompts, rule)) in results.into_iter().enumerate() {
            let seen = pass(fleet, number, "anna", &key.code(0));
            assert_eq!(seen.result(), result, "host {number}: {seen:?}");
            assert_eq!(seen.prompts().len(), prompts, "host {number}: {seen:?}");
            let name = fleet.host(number).name;
            for (on, host) in [(number, ""), (0, name), (1, name), (2, name)] {
                let explained = explained(fleet, on, host);
                let decided = explained["rule"].as_str().unwrap_or("default");
                assert_eq!(decided, rule, "{name} on {on}: {explained}");
            }
        }
        let considered = explained(fleet, 1, "")["considered"].clone();
        assert_eq!(considered[0]["field"], "hosts", "{considered}");
        assert_eq!(
            considered[0]["reason"],
            "\"!web-2\" excludes \"web-2.example.org\""
        );
    });
}

#[test]
fn a_new_name_of_a_host_holds_at_once() {
    let rule = "[[rule]]\nhosts = ['bastion-*']\nservices = ['sshd']\naction = 'skip'\n";
    with_fleet(rule, |fleet| {
        let key = fleet.agent(0).admin().device("anna");
        assert_eq!(pass(fleet, 1, "anna", &key.code(0)).prompts().len(), 1);
        let agent = fleet.agent(1).pid().to_string();
        let words = ["--uts", "--target", &agent, "hostname", "bastion-7"];
        let renamed = run(Command::new("nsenter").args(words));
        assert!(renamed.is_success(), "{renamed:?}");
        assert_eq!(pass(fleet, 1, "anna", "").prompts().len(), 0);
        assert_eq!(explained(fleet, 1, "")["action"], "skip");
        eventually("the other hosts to hear of it", || {
            let all = fleet.agent(0).ctl().json(&["hosts"], "");
            let mut names = all["hosts"].as_array()?.iter().map(|host| &host["name"]);
            names.any(|name| name == "bastion-7").then_some(())
        });
    });
}

#[test]
fn a_pattern_that_fits_no_host_of_the_fleet_is_named() {
    with_fleet(
        "[[rule]]\nhosts = ['wbe-*', 'web-*']\naction = 'skip'\n",
        |fleet| {
            let output = fleet.agent(0).ctl().run(&["config", "check"], "");
            assert!(output.stdout.contains("\\\"wbe-*\\\""), "{output:?}");
            assert!(output.stdout.contains("mfactl hosts"), "{output:?}");
        },
    );
}

const SESSIONS: &str = r#"
[policy]
session = "15m"

[[rule]]
services = ["shared"]
session_hosts = "all"
"#;

fn login(fleet: &Fleet, host: usize, service: &str, answer: &str) -> Seen {
    let login = Login::of("anna").service(service).from("203.0.113.7");
    login.answer(answer).run(&fleet.host(host).stack)
}

#[test]
fn a_session_holds_on_its_host_or_on_all_and_ends_on_all() {
    with_fleet(SESSIONS, |fleet| {
        let key = fleet.agent(0).admin().device("anna");
        let seen = login(fleet, 0, "sshd", &key.code(-1));
        assert_eq!(seen.result(), "PAM_SUCCESS");
        let seen = login(fleet, 0, "sshd", "");
        assert_eq!(seen.prompts().len(), 0, "its own host: {seen:?}");
        let seen = login(fleet, 1, "sshd", "");
        assert_eq!(seen.prompts().len(), 1, "another host: {seen:?}");
        let seen = login(fleet, 1, "shared", &key.code(0));
        assert_eq!(seen.result(), "PAM_SUCCESS");
        for host in 0..3 {
            let seen = login(fleet, host, "shared", "");
            assert_eq!(seen.prompts().len(), 0, "host {host}: {seen:?}");
            assert_eq!(seen.result(), "PAM_SUCCESS");
        }
        let sessions = fleet.agent(2).ctl().json(&["sessions"], "");
        let hosts: Vec<_> = sessions.as_array().expect("a list").iter().collect();
        assert_eq!(hosts.len(), 2, "{sessions}");
        assert_eq!(hosts[0]["host"], fleet.host(0).name);
        let _ = fleet.agent(2).ctl().json(&["revoke", "anna"], "");
        for (host, service) in [(0, "sshd"), (0, "shared"), (1, "shared")] {
            let seen = login(fleet, host, service, "");
            assert_eq!(seen.prompts().len(), 1, "host {host}, {service}: {seen:?}");
        }
    });
}
