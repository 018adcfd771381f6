//! The state of this host on one screen, for root: agent, settings, users, stacks, and the next step of a set-up.

use std::borrow::Cow;

use mfa_protocol::admin::{
    CheckConfig, CheckConfigParameters, CheckConfigReply, Health, HealthReply, Lockouts, Mode,
    Users,
};
use mfa_protocol::login::Nothing;
use mfa_protocol::policy::EnforcementMode;

use super::{Step, next, step};
use crate::clock::Clock;
use crate::commands::Verdict;
use crate::commands::doctor::backup_state;
use crate::commands::doctor::stacks::files::Files;
use crate::commands::doctor::stacks::{asking, names};
use crate::commands::findings::errors;
use crate::commands::lists::counted;
use crate::context::Context;
use crate::failure::Failure;
use crate::host;
use crate::output::clean;
use crate::table::{field, paragraph};

pub(super) fn run(context: &mut Context) -> Result<Verdict, Failure> {
    let files = Files::read(context.pam_dir());
    let services = services(&files);
    let health = match context.call::<Health>(&Nothing {}) {
        Err(failure) if failure.exit_status() == 3 => {
            context.output.text(&without_agent(&services))?;
            return Err(failure);
        }
        health => health?,
    };
    let clock = Clock::system();
    let state = State {
        config: context.call::<CheckConfig>(&CheckConfigParameters { host: None })?,
        mode: context.call::<Mode>(&Nothing {})?.mode,
        users: counted::<Users>(context, |reply| (reply.users.len(), reply.next))?,
        locked: counted::<Lockouts>(context, |reply| (reply.lockouts.len(), reply.next))?,
        caller: host::caller(),
        services,
        backups: backup_state(&health, context.socket(), &clock),
        health,
    };
    context.output.text(&screen(&state, &clock))?;
    Ok(Verdict::Done)
}

/// The services whose stacks ask for a code, those that every administrator looks for first.
fn services(files: &Files) -> Vec<&str> {
    let included = files.taken_in();
    let mut services = asking(files);
    // Debian's su-l includes su, which is a service all the same.
    services.retain(|service| FIRST.contains(service) || !included.contains(service));
    services.sort_by_key(|name| {
        FIRST
            .iter()
            .position(|first| first == name)
            .unwrap_or(FIRST.len())
    });
    services
}

const FIRST: [&str; 4] = ["sshd", "login", "sudo", "su"];

struct State<'a> {
    health: HealthReply,
    config: CheckConfigReply,
    mode: EnforcementMode,
    users: String,
    locked: String,
    /// Whose stacks ask for a code.
    services: Vec<&'a str>,
    /// Whether backups need attention, and what is to say about them.
    backups: Option<(bool, String)>,
    /// The user behind root, if there is one.
    caller: Option<String>,
}

/// What is known without the agent; the error that follows says how to start it.
fn without_agent(services: &[&str]) -> String {
    let mut screen = field("Agent", "NOT REACHABLE") + &paragraph("Asked by", &asked_by(services));
    if !services.is_empty() {
        let text = "Logins through these services fail until the agent runs. If you can't start it:\n  mfa-pam disable";
        screen += &paragraph("", text);
    }
    screen + "\n"
}

fn screen(state: &State<'_>, clock: &Clock) -> String {
    let State { health, .. } = state;
    let mut screen = field("Agent", &format!("running, version {}", health.version));
    if let Some(problem) = problem(health) {
        screen += &paragraph("PROBLEM", problem);
    }
    if state.mode == EnforcementMode::None {
        screen += &paragraph("WARNING", ASKS_NOBODY);
    }
    if let Some((true, text)) = &state.backups {
        screen += &paragraph("WARNING", text);
    }
    screen += &paragraph("Settings", &settings(state, clock));
    screen += &field("Mode", &mode(state.mode));
    screen += &field("Users", &users(state));
    // Before anyone has a factor, there is nothing to back up.
    if let (Some((false, text)), true) = (&state.backups, state.users != "0") {
        screen += &paragraph("Backup", text);
    }
    screen += &paragraph("Asked by", &asked_by(&state.services));
    screen + "\nNext steps\n" + &next(&steps(state))
}

const ASKS_NOBODY: &str = "nobody is asked for a second factor. To ask: mfactl mode all";

/// What the next logins or the next start would fail of.
fn problem(health: &HealthReply) -> Option<&str> {
    let problems = [
        &health.storage_missing,
        &health.store_error,
        &health.store_rollback,
        &health.clock_error,
    ];
    problems.into_iter().find_map(Option::as_deref)
}

fn settings(state: &State<'_>, clock: &Clock) -> String {
    let State { health, config, .. } = state;
    let read = clock.past(&health.loaded_at);
    let file = file(config);
    if health.start_error.is_some() || health.reload_error.is_some() {
        return format!("INVALID in {file}; the settings of {read} are active");
    }
    match (config.valid, errors(config).count(), health.config_changed) {
        (false, ..) => format!("INVALID in {file}; the settings of {read} are active"),
        (true, 1.., _) => format!("valid, but administrators would be locked out ({file})"),
        (true, 0, true) => format!("changed, but not applied; read {read}"),
        (true, 0, false) => format!("valid, read {read}{}", warnings(config)),
    }
}

/// The file of the first error, which may be a file of `agent.d`.
fn file(config: &CheckConfigReply) -> Cow<'_, str> {
    let place = errors(config).find_map(|error| error.place.as_deref());
    let file = place.map(|place| place.rsplit_once(':').map_or(place, |(file, _)| file));
    clean(file.unwrap_or(&config.file))
}

fn warnings(config: &CheckConfigReply) -> String {
    match config.findings.len() {
        0 => String::new(),
        1 => "; 1 warning".to_owned(),
        more => format!("; {more} warnings"),
    }
}

fn mode(mode: EnforcementMode) -> String {
    let meaning = match mode {
        EnforcementMode::None => "nobody is asked for a second factor",
        EnforcementMode::LocalUsers => "only users of this host are asked",
        EnforcementMode::All => "the rules decide who is asked",
    };
    format!("{mode}: {meaning}")
}

fn users(state: &State<'_>) -> String {
    format!("{} with a factor, {} locked", state.users, state.locked)
}

fn asked_by(services: &[&str]) -> String {
    match services.is_empty() {
        true => "no service: pam_mfa is in no PAM stack".to_owned(),
        false => names(services),
    }
}

/// What is most needed first: a sound agent, an administrator with a factor, the stacks, then the other users.
fn steps(state: &State<'_>) -> Vec<Step> {
    let mut steps = Vec::new();
    if is_unwell(state) {
        steps.push(step("mfactl doctor", "see how to fix the problem"));
    }
    // Until someone has a factor, the errors are about that.
    let is_valid =
        state.config.valid && (state.users == "0" || errors(&state.config).next().is_none());
    match (is_valid, state.health.config_changed) {
        (false, _) => steps.push(step(
            "mfactl config check",
            "see the mistakes in the settings",
        )),
        (true, true) => steps.push(step("systemctl reload mfa-agent", "apply the settings")),
        (true, false) => {}
    }
    let is_asked = !state.services.is_empty();
    if state.users == "0" {
        steps.push((enroll(state), "enrol yourself first"));
    }
    if state.locked != "0" {
        steps.push(step("mfactl lockouts", "see who is locked, and until when"));
    }
    if state.mode == EnforcementMode::None {
        steps.push(step("mfactl mode all", "ask for second factors"));
    }
    steps.push(step(
        "mfactl users --not-enrolled",
        "see who is refused until they enrol",
    ));
    if !is_asked {
        steps.push(step(
            "mfa-pam enable --sshd",
            "ask for a code in PAM logins",
        ));
    }
    if !is_unwell(state) {
        steps.push(step("mfactl doctor", "diagnose this host"));
    }
    steps.push(step("mfactl --help", "see all commands"));
    steps
}

/// Whether doctor knows how to fix what is shown.
fn is_unwell(state: &State<'_>) -> bool {
    problem(&state.health).is_some() || matches!(state.backups, Some((true, _)))
}

/// Root runs the command, but the person behind root is who logs in.
fn enroll(state: &State<'_>) -> String {
    match state.caller.as_deref() {
        Some(user) if user != "root" => format!("mfactl enroll totp {user}"),
        _ => "mfactl enroll".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use mfa_protocol::admin::{Finding, Severity};

    use super::*;

    fn state() -> State<'static> {
        State {
            health: HealthReply {
                store_shared: false,
                version: "0.1.0".to_owned(),
                config: "/etc/mfa/agent.toml".to_owned(),
                loaded_at: "2026-11-22T13:19:30Z".to_owned(),
                reload_error: None,
                config_changed: false,
                restart_needed: Vec::new(),
                store_error: None,
                store_rollback: None,
                start_error: None,
                storage_missing: None,
                key_credential: false,
                clock_error: None,
                audit_error: None,
                damaged: Vec::new(),
                last_backup: None,
            },
            config: CheckConfigReply {
                files: Vec::new(),
                file: "/etc/mfa/agent.toml".to_owned(),
                valid: true,
                findings: Vec::new(),
                refused: Vec::new(),
                refused_more: 0,
            },
            mode: EnforcementMode::All,
            users: "0".to_owned(),
            locked: "0".to_owned(),
            services: Vec::new(),
            backups: Some((
                false,
                "there is no backup yet: mfactl backup FILE".to_owned(),
            )),
            caller: Some("anna".to_owned()),
        }
    }

    fn shown(state: &State<'_>) -> String {
        let screen = screen(state, &Clock::for_tests());
        assert!(screen.lines().count() <= 24, "{screen}");
        assert!(
            screen.lines().all(|line| line.chars().count() <= 80),
            "{screen}"
        );
        screen
    }

    #[test]
    fn a_host_after_the_installation() {
        insta::assert_snapshot!(shown(&state()));
    }

    #[test]
    fn a_host_that_asks() {
        let state = State {
            users: "12".to_owned(),
            locked: "1".to_owned(),
            services: vec!["cockpit", "login", "sshd", "su", "sudo"],
            ..state()
        };
        insta::assert_snapshot!(shown(&state));
    }

    #[test]
    fn a_host_with_problems() {
        let mut state = State {
            users: "12".to_owned(),
            services: vec!["sshd"],
            ..state()
        };
        state.health.storage_missing = Some("the key /var/lib/mfa/key is missing".to_owned());
        state.health.reload_error = Some("agent.toml:3: no such key".to_owned());
        state.backups = Some((true, "the last run of mfa-backup.service failed".to_owned()));
        state.config.valid = false;
        state.config.findings = vec![Finding {
            severity: Severity::Error,
            place: None,
            message: "no such key".to_owned(),
        }];
        insta::assert_snapshot!(shown(&state));
    }

    #[test]
    fn the_file_of_the_first_error_is_named() {
        let mut state = state();
        state.config.valid = false;
        let error = |place: Option<&str>| Finding {
            severity: Severity::Error,
            place: place.map(str::to_owned),
            message: "no such key".to_owned(),
        };
        state.config.findings = vec![error(None), error(Some("/etc/mfa/agent.d/50-a.toml:3"))];
        let text = settings(&state, &Clock::for_tests());
        assert!(
            text.starts_with("INVALID in /etc/mfa/agent.d/50-a.toml; the settings"),
            "{text}"
        );
    }

    #[test]
    fn a_host_that_asks_nobody_says_so_near_the_top() {
        let state = State {
            mode: EnforcementMode::None,
            services: vec!["sshd"],
            ..state()
        };
        let screen = shown(&state);
        let second = screen.lines().nth(1).unwrap();
        assert!(
            second.starts_with("WARNING     nobody is asked"),
            "{screen}"
        );
        assert!(screen.contains("  mfactl mode all "), "{screen}");
    }

    #[test]
    fn included_files_are_no_services_and_ssh_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name, text| std::fs::write(folder.path().join(name), text).unwrap();
        write(
            "common-auth",
            "auth required pam_unix.so\nauth required pam_mfa.so\n",
        );
        for service in ["chfn", "cups", "sshd", "su"] {
            write(service, "@include common-auth\n");
        }
        write("su-l", "auth include su\n");
        let files = Files::read(&[folder.path().to_owned()]);
        assert_eq!(services(&files), ["sshd", "su", "chfn", "cups", "su-l"]);
    }

    #[test]
    fn settings_that_wait_for_a_reload_are_applied_first() {
        let mut state = state();
        state.health.config_changed = true;
        assert_eq!(steps(&state)[0].0, "systemctl reload mfa-agent");
        state.caller = None;
        assert_eq!(steps(&state)[1].0, "mfactl enroll");
    }

    #[test]
    fn without_an_agent_the_stacks_that_fail_are_named() {
        let screen = without_agent(&["login", "sshd"]);
        assert!(
            screen.contains("login, sshd") && screen.contains("mfa-pam disable"),
            "{screen}"
        );
        assert!(!without_agent(&[]).contains("mfa-pam disable"));
    }
}
