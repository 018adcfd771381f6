//! Servers that ask once: password and code in one answer, through the real server and the shipped
//! stack.

mod apache;
mod dovecot;
mod ftp;
mod mariadb;
mod postgresql;
mod push;
mod saslauthd;
mod squid;
mod xrdp;

use std::process::Command;

use mfa_tests::{Agent, Key, Machine, run};

pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const ANNA: &str = "mfat-anna";

/// A rule that asks once.
pub(crate) fn rule(service: &str) -> String {
    format!("[[rule]]\nservices = [\"{service}\"]\nrequire = [\"totp\"]\nprompting = \"single\"\n")
}

/// A user with a device, the shipped stack of `service`, and a rule that asks once.
pub(crate) fn set_up(machine: &Machine, service: &str) -> (Agent, Key) {
    set_up_of(machine, service, service, &rule(service))
}

/// The same with another stack and other settings.
pub(crate) fn set_up_of(
    machine: &Machine,
    service: &str,
    stack: &str,
    settings: &str,
) -> (Agent, Key) {
    machine.user(ANNA, PASSWORD);
    let shipped = mfa_tests::built().tree.join("config/pam.d").join(stack);
    machine.stack(service, &std::fs::read_to_string(shipped).expect("a stack"));
    let agent = Agent::at_default_socket(settings);
    let key = agent.admin().device(ANNA);
    (agent, key)
}

/// The same for a server that runs as an ordinary user: it must be trusted, and read `/etc/shadow`.
pub(crate) fn set_up_for(machine: &Machine, service: &str, user: &str) -> (Agent, Key) {
    let (mut agent, key) = set_up(machine, service);
    agent.restart_with_server(&format!("trusted = [\"{user}\"]"));
    let joined = run(Command::new("usermod").args(["-aG", "shadow", user]));
    assert!(joined.is_success(), "{joined:?}");
    (agent, key)
}

/// What is typed, and whether it may get in; in this order, for a user with that device.
pub(crate) fn attempts(key: &Key) -> Vec<(String, bool)> {
    vec![
        (format!("{PASSWORD}{}", key.wrong_code()), false),
        (PASSWORD.to_owned(), false),
        (key.code(0), false),
        (format!("{PASSWORD}{}", key.code(1)), true),
        (format!("{PASSWORD}{}", key.code(1)), false),
    ]
}
