//! Rules as sshd meets them: what it verified before, and where the client is.
//!
//! The office is 127.0.0.1; a client elsewhere is bound to 127.0.0.2.

use std::fs;
use std::process::Command;

use mfa_tests::{Agent, Ctl, Key, Machine, Sshd, built, run};

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";
const PIN: &str = "4826";

const BY_CONVERSATION: &str =
    "PasswordAuthentication no\nAuthenticationMethods keyboard-interactive";
const BY_KEY_AND_CODE: &str =
    "PasswordAuthentication no\nAuthenticationMethods publickey,keyboard-interactive";
const OUTSIDE: [&str; 2] = ["-b", "127.0.0.2"];

const RULES: &str = r#"
[policy]
require = ["totp+pin"]

[[rule]]
name = "office"
services = ["sshd"]
from = ["127.0.0.1"]
action = "skip"

[[rule]]
name = "key"
services = ["sshd"]
after = ["publickey"]
require = ["totp"]
"#;

fn set_up(machine: &Machine) -> (Agent, Key) {
    machine.user(ANNA, PASSWORD);
    let agent = Agent::at_default_socket(RULES);
    agent.admin().pin(ANNA, PIN);
    let key = agent.admin().device(ANNA);
    (agent, key)
}

fn only_rule(agent: &Agent) -> (String, String) {
    let events = agent.logins_of(ANNA, 1);
    assert_eq!(events.len(), 1, "{events:?}");
    let event = &events[0];
    (event.text("result").into(), event.text("rule").into())
}

#[test]
fn after_a_public_key_a_code_is_enough() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine);
        machine.stack("sshd", &shipped("sshd-publickey"));
        let sshd = Sshd::start(machine, BY_KEY_AND_CODE);
        let identity = sshd.user_key();
        let mut client = sshd.client(ANNA, &["-i", &identity, OUTSIDE[0], OUTSIDE[1]]);
        client.answer("OTP code: ", &key.code(0));
        client.expect("you are in");
        let (shown, status) = client.finish();
        assert_eq!(status, Some(0));
        assert!(!shown.contains("PIN: "), "{shown}");
        assert_eq!(only_rule(&agent), ("passed".into(), "key".into()));
    });
}

#[test]
fn after_a_password_code_and_pin_are_required() {
    Machine::run(|machine| {
        let (agent, key) = set_up(machine);
        machine.shipped_stack("sshd");
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        let mut client = sshd.client(ANNA, &OUTSIDE);
        client.answer("Password: ", PASSWORD);
        client.answer("OTP code: ", &key.code(0));
        client.answer("PIN: ", PIN);
        client.expect("you are in");
        assert_eq!(client.finish().1, Some(0));
        assert_eq!(only_rule(&agent), ("passed".into(), String::new()));

        let mut client = sshd.client(ANNA, &OUTSIDE);
        client.answer("Password: ", PASSWORD);
        client.answer("OTP code: ", &key.code(1));
        client.answer("PIN: ", "0000");
        assert_ne!(client.finish().1, Some(0), "the code without the PIN");
    });
}

#[test]
fn from_the_office_only_the_password_or_key_is_required() {
    Machine::run(|machine| {
        let (agent, _) = set_up(machine);
        machine.shipped_stack("sshd");
        let sshd = Sshd::start(machine, BY_CONVERSATION);
        let mut client = sshd.client(ANNA, &[]);
        client.answer("Password: ", PASSWORD);
        client.expect("you are in");
        assert_eq!(client.finish().1, Some(0));
        assert_eq!(only_rule(&agent), ("skipped".into(), "office".into()));

        let mut client = sshd.client(ANNA, &[]);
        client.answer("Password: ", "wrong");
        assert_ne!(client.finish().1, Some(0), "a wrong password");
    });
}

#[test]
fn a_host_name_does_not_evade_a_rule_that_denies_by_address() {
    Machine::run(|machine| {
        machine.user(ANNA, PASSWORD);
        let blocked = "[policy]\nrequire = ['pin']\n[[rule]]\nname = 'blocked network'\n\
                       services = ['sshd']\nfrom = ['127.0.0.2/32']\naction = 'deny'\n";
        let agent = Agent::at_default_socket(blocked);
        agent.admin().pin(ANNA, PIN);
        machine.shipped_stack("sshd");
        let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
        fs::write(
            "/etc/hosts",
            format!("127.0.0.2 client.evil.example\n{hosts}"),
        )
        .unwrap();
        let sshd = Sshd::start(machine, &format!("{BY_CONVERSATION}\nUseDNS yes"));
        let mut client = sshd.client(ANNA, &OUTSIDE);
        client.answer("Password: ", PASSWORD);
        assert_ne!(
            client.finish().1,
            Some(0),
            "the right password from a blocked network"
        );
        assert_eq!(
            only_rule(&agent),
            ("denied".into(), "blocked network".into())
        );

        let keys = run(Command::new("ssh-keygen").arg("-A"));
        assert!(keys.is_success(), "{keys:?}");
        let settings = format!("UsePAM yes\nUseDNS yes\n{BY_CONVERSATION}\n");
        fs::write("/etc/ssh/sshd_config", settings).unwrap();
        let mfactl = Ctl::at(agent.socket());
        let explain = ["explain", "--user", ANNA, "--service", "sshd", "--from"];
        for (arguments, words) in [
            (
                &["doctor"][..],
                "so these rules can't work: \\\"blocked network\\\"",
            ),
            (&["config", "check"], "can't work for sshd"),
            (
                &[&explain[..], &["192.0.2.7"]].concat(),
                "sshd has UseDNS yes",
            ),
            (
                &[&explain[..], &["client.evil.example"]].concat(),
                "known only by name",
            ),
        ] {
            let output = mfactl.run(arguments, "");
            assert!(output.stdout.contains(words), "{arguments:?}: {output:?}");
        }
    });
}

fn shipped(name: &str) -> String {
    let path = built().tree.join("config/pam.d").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
