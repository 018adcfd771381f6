//! The agent's settings: the active ones, and the files that the next reload would read.

use mfa_protocol::admin::{CheckConfig, CheckConfigReply, Finding, HealthReply, Mode, ModeReply};
use mfa_protocol::client::ClientError;
use mfa_protocol::login::Nothing;
use mfa_protocol::message::ErrorKind;
use mfa_protocol::policy::EnforcementMode;

use super::Check;
use crate::clock::Clock;
use crate::commands::findings::{errors, said_of_host};
use crate::context::Context;
use crate::failure::Failure;
use crate::host;
use crate::output::clean;

const RELOAD: &str = "systemctl reload mfa-agent";

/// The active settings and the files. A mistake in the files is told once, and without the advice to reload them.
/// `is_asked` is whether any stack asks for a code.
pub(super) fn checks(
    context: &mut Context,
    health: &HealthReply,
    clock: &Clock,
    is_asked: bool,
) -> Result<Vec<Check>, Failure> {
    let files = files(context, health, is_asked)?;
    let mut checks = merged(health, in_force(health, clock), files);
    checks.extend(restart(health));
    Ok(checks)
}

/// The warning that nobody is asked. Nothing for callers who may not see the mode, and from an older agent.
pub(super) fn mode(context: &mut Context) -> Result<Option<Check>, Failure> {
    match context.call::<Mode>(&Nothing {}) {
        Ok(reply) => Ok(asks_nobody(&reply)),
        Err(Failure::Agent(ClientError::Refused {
            kind: Some(ErrorKind::NotAllowed) | None,
            ..
        })) => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn asks_nobody(reply: &ModeReply) -> Option<Check> {
    let place = reply.place.as_deref().map(|place| format!(" ({place})"));
    let message = format!(
        "nobody is asked for a second factor: [enforcement] mode is none{}",
        place.unwrap_or_default()
    );
    let is_off = reply.mode == EnforcementMode::None;
    is_off.then(|| Check::note("mode", message, "to ask: mfactl mode all"))
}

fn merged(health: &HealthReply, in_force: Check, mut found: Vec<Check>) -> Vec<Check> {
    let has_mistakes = found.iter().any(|check| !check.ok);
    if has_mistakes && !in_force.ok {
        let told = health.start_error.as_ref().or(health.reload_error.as_ref());
        let Some(told) = told else {
            return found;
        };
        found.retain(|check| check.ok || !told.contains(&check.message));
    }
    found.insert(0, in_force);
    found
}

/// A restart applies what was read already, whatever the files hold now.
fn restart(health: &HealthReply) -> Option<Check> {
    let changed: Vec<_> = health.restart_needed.iter().map(|it| clean(it)).collect();
    let message = format!(
        "{} was changed, which needs a restart to apply",
        changed.join(", ")
    );
    let remedy = "systemctl restart mfa-agent";
    (!changed.is_empty()).then(|| Check::problem("restart", message, remedy))
}

/// Whether the active settings are those of the files.
fn in_force(health: &HealthReply, clock: &Clock) -> Check {
    let loaded = clock.past(&health.loaded_at);
    if let Some(error) = &health.start_error {
        let message = format!(
            "the agent started with its last good settings, of {loaded}, because the files have a mistake: {error}"
        );
        let remedy = format!("find each mistake with mfa-agent --check, fix it, then: {RELOAD}");
        return Check::problem("reload", message, remedy);
    }
    if let Some(error) = &health.reload_error {
        let message =
            format!("the last reload failed, so the settings of {loaded} are active: {error}");
        return Check::problem("reload", message, format!("fix it, then: {RELOAD}"));
    }
    if health.config_changed {
        return Check::problem(
            "reload",
            format!("the files changed after the settings were read, {loaded}"),
            format!("apply them: {RELOAD}"),
        );
    }
    Check::ok("reload", format!("the active settings were read {loaded}"))
}

/// The agent's findings about the files as they are now. If it can't check them, that is a problem.
fn files(
    context: &mut Context,
    health: &HealthReply,
    is_asked: bool,
) -> Result<Vec<Check>, Failure> {
    match context.call::<CheckConfig>(&host::parameters()) {
        Ok(reply) => Ok(found(&reply, is_asked)),
        Err(failure) if failure.exit_status() == 3 => Err(failure),
        Err(failure) => {
            let message = format!("{} can't be checked: {failure}", health.config);
            let remedy = "see the log: journalctl -u mfa-agent";
            Ok(vec![Check::problem("config", message, remedy)])
        }
    }
}

fn found(reply: &CheckConfigReply, is_asked: bool) -> Vec<Check> {
    let error = |finding: &Finding| {
        let remedy = match reply.valid {
            true => "fix it, then check again: mfactl config check".to_owned(),
            false => format!("fix it, then: mfactl config check && {RELOAD}"),
        };
        Check::problem("config", said_of_host(reply, finding, is_asked), remedy)
    };
    let mut checks: Vec<_> = errors(reply).map(error).collect();
    if !checks.is_empty() {
        return checks;
    }
    let file = &reply.file;
    checks.push(match (reply.valid, reply.findings.len()) {
        (false, _) => Check::problem(
            "config",
            format!("{file} is invalid"),
            "see why: mfactl config check",
        ),
        (true, 0) => Check::ok("config", format!("{file} is valid")),
        (true, warnings) => Check::note(
            "config",
            format!("{file} is valid; warnings: {warnings}"),
            "list them: mfactl config check",
        ),
    });
    checks
}

#[cfg(test)]
mod tests {
    use super::*;
    use mfa_protocol::admin::Severity;

    fn health() -> HealthReply {
        HealthReply {
            loaded_at: "2026-11-22T13:20:00Z".to_owned(),
            ..HealthReply::default()
        }
    }

    #[test]
    fn a_reload_that_failed_or_is_due_is_a_problem() {
        let clock = Clock::for_tests();
        assert!(in_force(&health(), &clock).ok);
        let changed = HealthReply {
            config_changed: true,
            ..health()
        };
        assert!(!in_force(&changed, &clock).ok);
        let failed = HealthReply {
            reload_error: Some("a.toml:3: no such key".to_owned()),
            ..changed
        };
        assert_eq!(
            in_force(&failed, &clock).message,
            "the last reload failed, so the settings of 2026-11-22 14:20 (2 minutes ago) are \
             active: a.toml:3: no such key"
        );
    }

    #[test]
    fn a_change_that_waits_for_a_restart_is_a_problem() {
        let waiting = HealthReply {
            restart_needed: vec!["[store]".to_owned()],
            ..health()
        };
        let check = restart(&waiting).unwrap();
        assert!(
            !check.ok && check.message.starts_with("[store] was changed"),
            "{check:?}"
        );
        assert_eq!(restart(&health()), None);
    }

    #[test]
    fn a_start_with_the_last_good_settings_is_a_problem() {
        let started = HealthReply {
            start_error: Some("a.toml:3: no such key".to_owned()),
            config_changed: true,
            ..health()
        };
        let check = in_force(&started, &Clock::for_tests());
        assert!(
            !check.ok && check.message.contains("last good settings"),
            "{check:?}"
        );
    }

    #[test]
    fn a_mode_that_asks_nobody_is_a_warning_with_its_place() {
        let reply = ModeReply {
            mode: EnforcementMode::None,
            place: Some("a.toml:7".to_owned()),
            ..ModeReply::default()
        };
        let check = asks_nobody(&reply).unwrap();
        assert!(check.ok && check.remedy.is_some() && !check.is_usual);
        assert!(
            check.message.ends_with("mode is none (a.toml:7)"),
            "{check:?}"
        );
        let reply = ModeReply {
            mode: EnforcementMode::LocalUsers,
            ..reply
        };
        assert_eq!(asks_nobody(&reply), None);
    }

    #[test]
    fn each_error_in_the_files_is_a_problem_and_a_warning_is_none() {
        let finding = |severity| Finding {
            severity,
            place: Some("a.toml:3".to_owned()),
            message: "strange".to_owned(),
        };
        let mut reply = CheckConfigReply {
            file: "a.toml".to_owned(),
            valid: true,
            findings: vec![finding(Severity::Warning)],
            ..CheckConfigReply::default()
        };
        let checks = found(&reply, true);
        assert!(
            checks[0].ok && checks[0].message.ends_with("warnings: 1"),
            "{checks:?}"
        );
        reply
            .findings
            .extend([finding(Severity::Error), finding(Severity::Error)]);
        let problems = found(&reply, true).into_iter().filter(|check| !check.ok);
        assert_eq!(problems.count(), 2);
    }

    #[test]
    fn a_mistake_in_the_files_is_told_once_and_without_the_advice_to_reload() {
        let names = |health: &HealthReply| -> Vec<(&str, bool)> {
            let in_force = in_force(health, &Clock::for_tests());
            let mistake = Check::problem("config", "a.toml:3: no such key", "fix it");
            let checks = merged(health, in_force, vec![mistake]);
            checks.iter().map(|check| (check.name, check.ok)).collect()
        };
        assert_eq!(names(&health()), [("reload", true), ("config", false)]);
        let changed = HealthReply {
            config_changed: true,
            ..health()
        };
        assert_eq!(names(&changed), [("config", false)]);
        let failed = HealthReply {
            reload_error: Some("a.toml:3: no such key".to_owned()),
            ..changed.clone()
        };
        assert_eq!(names(&failed), [("reload", false)]);
        let other = HealthReply {
            reload_error: Some("a.toml:9: no such key".to_owned()),
            ..changed
        };
        assert_eq!(names(&other), [("reload", false), ("config", false)]);
    }

    #[test]
    fn files_that_are_not_valid_are_a_problem_even_without_a_finding() {
        let checks = found(&CheckConfigReply::default(), true);
        assert!(!checks[0].ok, "{checks:?}");
    }
}
