//! The agent's units: whether they start at boot, match the files on disk, and confine the agent as the package does.
//!
//! The input is the output of `systemctl show`. There is no check if systemd does not run the agent, or if mfactl asks
//! another socket.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use mfa_protocol::DEFAULT_SOCKET;

use super::Check;

const NAME: &str = "units";
const SERVICE: &str = "mfa-agent.service";
const SOCKET: &str = "mfa-agent.socket";
const PRIVATE_SOCKET: &str = "mfa-agent-private.socket";
/// The properties that are checked; systemd.exec(5), org.freedesktop.systemd1(5).
const PROPERTIES: &str = "Id,LoadState,ActiveState,UnitFileState,NeedDaemonReload,NRestarts,User,\
                          CapabilityBoundingSet,NoNewPrivileges,ProtectHome,SystemCallFilter";

pub(super) fn checks(socket: &Path) -> Vec<Check> {
    let shown = shown(socket, PROPERTIES, &[SERVICE, SOCKET, PRIVATE_SOCKET]);
    shown.map(|shown| judge(&shown)).unwrap_or_default()
}

/// What the agent's service does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It ended with an error, and systemd may be waiting to start it again.
    Failing,
    /// It runs, starts or is off.
    Other,
}

impl State {
    pub(super) fn is_failing(self) -> bool {
        self == Self::Failing
    }

    fn of(shown: &str) -> Self {
        let unit = Unit::parse(shown);
        let is_restarted = !matches!(unit.get("NRestarts"), "" | "0");
        let is_waiting = unit.get("SubState").starts_with("auto-restart");
        match unit.get("ActiveState") {
            "failed" => Self::Failing,
            "activating" if is_waiting || is_restarted => Self::Failing,
            _ => Self::Other,
        }
    }
}

/// Nothing if systemd does not run the agent, or if mfactl asks another socket.
pub(super) fn state(socket: &Path) -> Option<State> {
    let shown = shown(socket, "ActiveState,SubState,NRestarts", &[SERVICE])?;
    Some(State::of(&shown))
}

/// The last error that the agent itself wrote into the journal, if the caller may read it.
pub(super) fn last_error() -> Option<String> {
    let of_agent = format!("_SYSTEMD_UNIT={SERVICE}");
    let mut command = Command::new("journalctl");
    command.args(["--quiet", "--no-pager", "--boot", "--output=cat"]);
    command.args(["--priority=err", "--lines=1", &of_agent]);
    let text = bounded(&mut command)?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Properties of units, if systemd runs the agent.
pub(super) fn shown(socket: &Path, properties: &str, units: &[&str]) -> Option<String> {
    if socket != Path::new(DEFAULT_SOCKET) {
        return None;
    }
    let mut command = Command::new("systemctl");
    bounded(command.args(["show", "--property", properties]).args(units))
}

/// What a program prints, if it succeeds in time. Its output must fit into a pipe.
fn bounded(command: &mut Command) -> Option<String> {
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::null()).spawn().ok()?;
    for _ in 0..MOST_POLLS {
        match child.try_wait() {
            Ok(Some(_)) => {
                let output = child.wait_with_output().ok()?;
                let is_success = output.status.success();
                return is_success.then(|| String::from_utf8_lossy(&output.stdout).into_owned());
            }
            Ok(None) => thread::sleep(POLL),
            Err(_) => break,
        }
    }
    // It may have ended meanwhile.
    let _ = child.kill();
    let _ = child.wait();
    None
}

/// A program has five seconds.
const MOST_POLLS: u32 = 250;
const POLL: Duration = Duration::from_millis(20);

/// A unit's properties.
pub(super) struct Unit<'a>(HashMap<&'a str, &'a str>);

impl<'a> Unit<'a> {
    pub(super) fn parse(block: &'a str) -> Self {
        Self(
            block
                .lines()
                .filter_map(|line| line.split_once('='))
                .collect(),
        )
    }

    pub(super) fn get(&self, property: &str) -> &'a str {
        self.0.get(property).copied().unwrap_or_default()
    }
}

fn judge(shown: &str) -> Vec<Check> {
    let units: Vec<Unit<'_>> = shown.split("\n\n").map(Unit::parse).collect();
    let unit = |id| units.iter().find(|unit| unit.get("Id") == id);
    let (Some(service), Some(socket)) = (unit(SERVICE), unit(SOCKET)) else {
        return Vec::new();
    };
    if service.get("LoadState") != "loaded" || service.get("ActiveState") == "inactive" {
        return Vec::new();
    }
    let mut checks: Vec<Check> = [at_boot(service, socket), listening(socket)]
        .into_iter()
        .chain([private(socket, unit(PRIVATE_SOCKET))])
        .chain([as_on_disk(service), steady(service)])
        .flatten()
        .collect();
    checks.extend(confined(service));
    if checks.is_empty() {
        let message = "the agent starts at boot, and systemd confines it";
        checks.push(Check::ok(NAME, message));
    }
    checks
}

/// One enabled unit starts the other: the socket by activation, the service by `Requires=`. A masked one stops both.
fn at_boot(service: &Unit<'_>, socket: &Unit<'_>) -> Option<Check> {
    let state = |unit: &Unit<'_>| unit.get("UnitFileState").to_owned();
    let problem = |what: &str, remedy: &str| {
        let message = format!("{what}: logins may fail after the next boot");
        Some(Check::problem(NAME, message, remedy))
    };
    for unit in [service, socket] {
        if state(unit) == "masked" {
            let id = unit.get("Id");
            return problem(
                &format!("{id} is masked"),
                &format!("systemctl unmask {id}"),
            );
        }
    }
    let both = "systemctl enable mfa-agent.socket mfa-agent.service";
    let is_off = |unit| matches!(state(unit).as_str(), "disabled" | "");
    match is_off(service) && is_off(socket) {
        true => problem(
            "neither the agent's service nor its socket is enabled",
            both,
        ),
        false => None,
    }
}

fn listening(socket: &Unit<'_>) -> Option<Check> {
    // A custom service may have no socket unit.
    let has_one = socket.get("LoadState") == "loaded";
    (has_one && socket.get("ActiveState") != "active").then(|| {
        Check::problem(
            NAME,
            "the agent opened its socket itself, not systemd: logins fail while the agent restarts",
            "systemctl restart mfa-agent.socket mfa-agent.service",
        )
    })
}

/// An agent without systemd's sockets opens both itself.
fn private(socket: &Unit<'_>, private: Option<&Unit<'_>>) -> Option<Check> {
    let is_active = |unit: &Unit<'_>| unit.get("ActiveState") == "active";
    (is_active(socket) && !private.is_some_and(is_active)).then(|| {
        Check::note(
            NAME,
            "mfa-agent-private.socket is not active: sshd and sudo wait in the same queue as the \
             processes of all users",
            "systemctl enable mfa-agent-private.socket && systemctl restart mfa-agent",
        )
    })
}

fn as_on_disk(service: &Unit<'_>) -> Option<Check> {
    (service.get("NeedDaemonReload") == "yes").then(|| {
        Check::problem(
            NAME,
            "the agent's unit changed on disk, but systemd still uses the older one",
            "systemctl daemon-reload && systemctl restart mfa-agent",
        )
    })
}

fn steady(service: &Unit<'_>) -> Option<Check> {
    let restarts = service.get("NRestarts");
    let times = if restarts == "1" { "time" } else { "times" };
    (!matches!(restarts, "" | "0")).then(|| {
        Check::note(
            NAME,
            format!("the agent ended unexpectedly {restarts} {times}, and systemd restarted it"),
            "see why: journalctl -u mfa-agent",
        )
    })
}

/// What a drop-in has removed. It may be intended, so it is no problem.
fn confined(service: &Unit<'_>) -> Option<Check> {
    let user = service.get("User");
    if matches!(user, "" | "root" | "0") {
        return Some(Check::problem(
            NAME,
            "the agent runs as root: a fault in it would endanger the whole host",
            "find the file that sets User= and remove it there: systemctl cat mfa-agent",
        ));
    }
    let lost: Vec<&str> = [
        (
            "CapabilityBoundingSet",
            service.get("CapabilityBoundingSet").is_empty(),
        ),
        ("NoNewPrivileges", service.get("NoNewPrivileges") == "yes"),
        ("ProtectHome", service.get("ProtectHome") == "yes"),
        (
            "SystemCallFilter",
            !service.get("SystemCallFilter").is_empty(),
        ),
    ]
    .into_iter()
    .filter_map(|(name, holds)| (!holds).then_some(name))
    .collect();
    (!lost.is_empty()).then(|| {
        Check::note(
            NAME,
            format!(
                "the agent is less confined than by the package's unit: {}",
                lost.join(", ")
            ),
            "find the file that changes it: systemctl cat mfa-agent",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: &str = "Id=mfa-agent.service\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n\
        NeedDaemonReload=no\nNRestarts=0\nUser=mfa\nCapabilityBoundingSet=\nNoNewPrivileges=yes\n\
        ProtectHome=yes\nSystemCallFilter=read write\n\n\
        Id=mfa-agent.socket\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n\
        NeedDaemonReload=no\n\n\
        Id=mfa-agent-private.socket\nLoadState=loaded\nActiveState=active\nUnitFileState=enabled\n\
        NeedDaemonReload=no\n";

    /// Whether it is a problem, and what is said, after a line was changed.
    fn after(line: &str, other: &str) -> Vec<(bool, String)> {
        assert!(WELL.contains(line), "{line}");
        let checks = judge(&WELL.replacen(line, other, 1));
        let said = checks.into_iter().map(|check| (check.ok, check.message));
        said.collect()
    }

    #[test]
    fn a_host_as_the_package_made_it_is_well() {
        let checks = judge(WELL);
        assert_eq!(checks.len(), 1, "{checks:?}");
        assert!(checks[0].ok && checks[0].remedy.is_none(), "{checks:?}");
    }

    #[test]
    fn what_keeps_people_out_after_a_boot_or_makes_it_root_is_a_problem() {
        for (line, other, part) in [
            (
                "State=enabled\nNeed",
                "State=masked\nNeed",
                "mfa-agent.service is masked",
            ),
            (
                "socket\nLoadState=loaded\nActiveState=active",
                "socket\nLoadState=loaded\nActiveState=failed",
                "opened its socket itself",
            ),
            (
                "NeedDaemonReload=no",
                "NeedDaemonReload=yes",
                "changed on disk",
            ),
            ("User=mfa", "User=", "runs as root"),
        ] {
            let checks = after(line, other);
            assert_eq!(checks.len(), 1, "{checks:?}");
            assert!(
                !checks[0].0 && checks[0].1.contains(part),
                "{part}: {checks:?}"
            );
        }
    }

    #[test]
    fn one_of_the_two_is_enough_at_boot_and_none_is_a_problem() {
        let (on, off) = ("UnitFileState=enabled", "UnitFileState=disabled");
        assert!(after(on, off)[0].0, "the socket starts the service");
        let none = judge(&WELL.replace(on, off));
        assert!(
            !none[0].ok && none[0].message.starts_with("neither"),
            "{none:?}"
        );
        let without = "socket\nLoadState=not-found\nActiveState=inactive";
        let own = after("socket\nLoadState=loaded\nActiveState=active", without);
        assert!(own[0].0, "a service without a socket unit: {own:?}");
    }

    #[test]
    fn without_the_private_socket_there_is_a_note() {
        let active = "private.socket\nLoadState=loaded\nActiveState=active";
        let failed = "private.socket\nLoadState=loaded\nActiveState=failed";
        let (without, _) = WELL.split_once("\n\nId=mfa-agent-private").unwrap();
        for shown in [WELL.replace(active, failed), without.to_owned()] {
            let checks = judge(&shown);
            assert_eq!(checks.len(), 1, "{checks:?}");
            assert!(
                checks[0].ok && checks[0].message.contains("the same queue"),
                "{checks:?}"
            );
        }
    }

    #[test]
    fn restarts_and_loosened_bonds_are_notes() {
        for (line, other, part) in [
            ("NRestarts=0", "NRestarts=4", "4 times"),
            ("NRestarts=0", "NRestarts=1", "1 time,"),
            (
                "BoundingSet=",
                "BoundingSet=cap_chown",
                ": CapabilityBoundingSet",
            ),
            ("ProtectHome=yes", "ProtectHome=no", ": ProtectHome"),
            (
                "SystemCallFilter=read write",
                "SystemCallFilter=",
                ": SystemCallFilter",
            ),
        ] {
            let checks = after(line, other);
            assert_eq!(checks.len(), 1, "{checks:?}");
            assert!(
                checks[0].0 && checks[0].1.contains(part),
                "{part}: {checks:?}"
            );
        }
    }

    #[test]
    fn an_agent_that_systemd_starts_again_and_again_is_failing() {
        for (shown, expected) in [
            (
                "ActiveState=active\nSubState=running\nNRestarts=3\n",
                State::Other,
            ),
            (
                "ActiveState=inactive\nSubState=dead\nNRestarts=0\n",
                State::Other,
            ),
            (
                "ActiveState=activating\nSubState=start\nNRestarts=0\n",
                State::Other,
            ),
            (
                "ActiveState=activating\nSubState=start\nNRestarts=2\n",
                State::Failing,
            ),
            (
                "ActiveState=activating\nSubState=auto-restart\nNRestarts=0\n",
                State::Failing,
            ),
            (
                "ActiveState=failed\nSubState=failed\nNRestarts=0\n",
                State::Failing,
            ),
        ] {
            assert_eq!(State::of(shown), expected, "{shown}");
        }
    }

    #[test]
    fn a_program_that_fails_says_nothing() {
        assert_eq!(bounded(&mut Command::new("false")), None);
        let said = bounded(Command::new("echo").arg("well"));
        assert_eq!(said.as_deref(), Some("well\n"));
    }

    #[test]
    fn where_it_is_no_service_nothing_is_said() {
        assert!(judge("").is_empty());
        assert!(after("LoadState=loaded", "LoadState=not-found").is_empty());
        assert!(after("ActiveState=active", "ActiveState=inactive").is_empty());
    }
}
