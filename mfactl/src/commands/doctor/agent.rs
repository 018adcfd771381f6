//! The agent: whether it has the version of this program, and can read its store.

use std::path::Path;

use mfa_protocol::admin::HealthReply;

use super::{Check, units};
use crate::failure::Failure;

/// What to run after an intended restore.
const ACCEPT: &str = "if you restored an older store, accept it: \
                      systemctl stop mfa-agent.socket mfa-agent.service && mfa-agent --init && \
                      systemctl start mfa-agent.socket mfa-agent.service";

const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn checks(health: &HealthReply, socket: &Path) -> Vec<Check> {
    let mut checks = vec![
        Check::ok("agent", format!("answers at {}", socket.display())),
        version(&health.version),
        store(health),
    ];
    checks.extend(missing(health).or_else(|| credential(health, &CREDENTIALS)));
    checks.extend(damaged(health));
    checks.extend(audit(health));
    checks
}

/// No answer. systemd and the log know more of an agent that does not start.
pub(super) fn silent(failure: &Failure, unit: Option<units::State>) -> Check {
    if !unit.is_some_and(units::State::is_failing) {
        let remedy = failure.hint().unwrap_or(LOG);
        return Check::problem("agent", failure.to_string(), remedy);
    }
    let message = match units::last_error() {
        Some(error) => format!("the agent does not start: {error}"),
        None => "the agent does not start".to_owned(),
    };
    Check::problem("agent", message, format!("{LOG}\n{NOT_CHECKED}"))
}

const LOG: &str = "see the log: journalctl -u mfa-agent\n\
                   what to do: /usr/share/doc/pam-mfa/docs/locked-out.md";
const NOT_CHECKED: &str = "settings, store and devices are checked when it runs again";

/// Records that can't be opened, as far as the agent has met them.
fn damaged(health: &HealthReply) -> Option<Check> {
    let first = health.damaged.first()?;
    let message = match health.damaged.len() {
        1 => format!("the record {first} is damaged; its user can't log in"),
        more => format!("{more} records are damaged, such as {first}; their users can't log in"),
    };
    Some(Check::problem(
        "records",
        message,
        "mfactl store check lists them, and says how to get them back",
    ))
}

/// The audit file, which lacks lines while it can't be written.
fn audit(health: &HealthReply) -> Option<Check> {
    let error = health.audit_error.as_ref()?;
    Some(Check::problem(
        "audit",
        format!("the audit file: {error}"),
        "make the file of [audit] file in agent.toml writable, and see its disk: df -h /var/log/mfa\n\
         what may be lost: /usr/share/doc/pam-mfa/docs/audit.md",
    ))
}

/// What the next start would miss.
fn missing(health: &HealthReply) -> Option<Check> {
    let missing = health.storage_missing.as_ref()?;
    Some(Check::problem(
        "storage",
        format!("the agent still runs, but would not start again: {missing}"),
        "don't restart mfa-agent; see /usr/share/doc/pam-mfa/docs/locked-out.md",
    ))
}

/// The sealed key, which systemd opens at each start. The running agent has its own copy.
fn credential(health: &HealthReply, places: &[&str]) -> Option<Check> {
    let is_there = places.iter().any(|place| Path::new(place).exists());
    let is_root = nix::unistd::geteuid().is_root();
    (health.key_credential && is_root && !is_there).then(|| {
        Check::problem(
            "storage",
            "the agent still runs, but would not start again: its key is a systemd credential, and mfa.key is missing \
             in /etc/credstore.encrypted",
            "restore the sealed file, or seal the key from a backup:\n  systemd-creds encrypt --name=mfa.key KEY /etc/credstore.encrypted/mfa.key",
        )
    })
}

/// Where systemd looks for `LoadCredential=mfa.key` and its encrypted form (systemd.exec(5)).
const CREDENTIALS: [&str; 7] = [
    "/etc/credstore.encrypted/mfa.key",
    "/run/credstore.encrypted/mfa.key",
    "/usr/lib/credstore.encrypted/mfa.key",
    "/etc/credstore/mfa.key",
    "/run/credstore/mfa.key",
    "/usr/lib/credstore/mfa.key",
    "/run/credentials/@system/mfa.key",
];

fn version(of_agent: &str) -> Check {
    if of_agent == OWN_VERSION {
        return Check::ok("version", format!("agent and mfactl are both {of_agent}"));
    }
    Check::problem(
        "version",
        format!("the agent is {of_agent}, but mfactl is {OWN_VERSION}"),
        "start the installed agent: systemctl restart mfa-agent",
    )
}

fn store(health: &HealthReply) -> Check {
    if let Some(error) = &health.store_error {
        return Check::problem(
            "store",
            format!("the agent can't read it: {error}"),
            "see the log: journalctl -u mfa-agent",
        );
    }
    match &health.store_rollback {
        None => Check::ok("store", "the agent can read it"),
        Some(rollback) => Check::problem("store", rollback, ACCEPT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(health: &HealthReply) -> Vec<&'static str> {
        let checks = checks(health, Path::new("/s"));
        let problems = checks.iter().filter(|check| !check.ok);
        problems.map(|check| check.name).collect()
    }

    #[test]
    fn an_agent_of_another_version_and_a_broken_or_older_store_are_problems() {
        let mut health = HealthReply {
            version: OWN_VERSION.to_owned(),
            ..HealthReply::default()
        };
        assert!(problems(&health).is_empty());
        health.store_error = Some("input/output error".to_owned());
        assert_eq!(problems(&health), ["store"]);
        health.store_error = None;
        health.store_rollback = Some("set back".to_owned());
        assert_eq!(problems(&health), ["store"]);
        health.storage_missing = Some("the store /s is gone".to_owned());
        assert_eq!(problems(&health), ["store", "storage"]);
        health.storage_missing = None;
        health.audit_error = Some("no space left on device".to_owned());
        assert_eq!(problems(&health), ["store", "audit"]);
        health.audit_error = None;
        health.version = "0.0.1".to_owned();
        assert_eq!(problems(&health), ["version", "store"]);
    }
}
