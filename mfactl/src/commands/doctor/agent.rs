//! The agent itself: whether it is there, as old as this program, and can read its store.

use std::path::Path;

use mfa_protocol::admin::HealthReply;

use super::Check;

/// The way on after a rollback that was meant.
const ACCEPT: &str = "expected only after a restore; then accept it: \
                      systemctl stop mfa-agent.socket mfa-agent.service && mfa-agent --init && \
                      systemctl start mfa-agent.socket mfa-agent.service";

const OWN_VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn checks(health: &HealthReply, socket: &Path) -> Vec<Check> {
    vec![
        Check::ok("agent", format!("it answers at {}", socket.display())),
        version(&health.version),
        store(health),
    ]
}

fn version(of_agent: &str) -> Check {
    if of_agent == OWN_VERSION {
        return Check::ok("version", format!("agent and mfactl are both {of_agent}"));
    }
    Check::problem(
        "version",
        format!("the agent is {of_agent}, and mfactl is {OWN_VERSION}"),
        "systemctl restart mfa-agent starts the agent that is installed",
    )
}

fn store(health: &HealthReply) -> Check {
    if let Some(error) = &health.store_error {
        return Check::problem(
            "store",
            format!("the agent can't read it: {error}"),
            "journalctl -u mfa-agent tells what happened to it",
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
        health.version = "0.0.1".to_owned();
        assert_eq!(problems(&health), ["version", "store"]);
    }
}
