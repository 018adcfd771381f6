//! Failures that must not leave an agent dead or silent: faulty settings at a start, a missing
//! store or key, and a clock that is an hour off.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use mfa_protocol::admin::{Health, HealthReply};
use mfa_protocol::login::Nothing;
use mfa_tests::{Agent, Login, Stack, code_of, eventually, is_root, not_run};

const USER: &str = "anna";
const PIN: &str = "4826";
const GOOD: &str = "[policy]\nrequire = [\"pin\"]\n";

fn health(agent: &Agent) -> HealthReply {
    agent.admin().call::<Health>(&Nothing {}).expect("a reply")
}

/// A login is asked for the PIN, and passes.
fn serves(agent: &Agent) {
    let seen = Login::of(USER).answer(PIN).run(&Stack::guarded_by(agent));
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
}

#[test]
fn an_agent_that_starts_with_faulty_settings_serves_with_the_last_good_ones_and_says_so() {
    let mut agent = Agent::with(GOOD);
    agent.admin().pin(USER, PIN);
    let kept = agent.folder().join("settings.last");
    let mode = fs::metadata(&kept).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for mistake in ["[policy\n", "[lockout]\nattempts = \"many\"\n"] {
        agent.configure(mistake);
        agent.restart();
        serves(&agent);
        agent.await_log("the last good ones");
        let error = health(&agent).start_error.expect("a reason");
        assert!(error.contains("agent.toml:"), "{error}");
        let doctor = agent.ctl().run(&["doctor"], "");
        assert!(doctor.stdout.contains("last good settings"), "{doctor:?}");
    }
    let without = fs::rename(agent.config(), agent.folder().join("gone"));
    without.expect("a rename");
    agent.configure("[policy]\nrequire = [\"totp\"]\n");
    agent.reload();
    eventually("the new settings to be applied", || {
        health(&agent).start_error.is_none().then_some(())
    });
}

#[test]
fn an_agent_without_last_good_settings_refuses_to_start_with_faulty_ones() {
    let mut agent = Agent::with(GOOD);
    agent.terminate();
    fs::remove_file(agent.folder().join("settings.last")).expect("a file");
    agent.configure("[policy\n");
    let refused = agent.launch_in_vain();
    assert_eq!(refused.status, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("agent.toml:"), "{refused:?}");
}

#[test]
fn a_missing_key_or_store_is_reported_while_the_agent_still_runs() {
    let agent = Agent::with(GOOD);
    assert_eq!(health(&agent).storage_missing, None);
    for name in ["key", "store"] {
        let (here, away) = (agent.folder().join(name), agent.folder().join("away"));
        fs::rename(&here, &away).expect("a rename");
        let missing = health(&agent).storage_missing.expect("a problem");
        assert!(missing.contains(&here.display().to_string()), "{missing}");
        let doctor = agent.ctl().run(&["doctor"], "");
        assert!(
            doctor.stdout.contains("would not start again"),
            "{doctor:?}"
        );
        fs::rename(&away, &here).expect("a rename");
        assert_eq!(health(&agent).storage_missing, None);
    }
}

#[test]
fn codes_of_three_users_that_are_all_an_hour_off_point_to_the_hosts_clock() {
    let agent = Agent::start();
    let users = ["daemon", "bin", "sys"];
    let keys = users.map(|user| {
        let made = agent
            .ctl()
            .run(&["enroll", "totp", user, "--no-confirm"], "");
        let value: serde_json::Value = serde_json::from_str(&made.stdout).expect("JSON");
        value["secret"].as_str().expect("a key").to_owned()
    });
    for (user, key) in users.iter().zip(&keys) {
        assert_eq!(
            health(&agent).clock_error,
            None,
            "{user} is not several yet"
        );
        let an_hour_ago = code_of(key, -120);
        let seen = Login::of(user)
            .answer(&an_hour_ago)
            .run(&Stack::guarded_by(&agent));
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
        // It is checked after the answer.
        if *user == "sys" {
            let error = eventually("a word on the clock", || health(&agent).clock_error);
            assert!(error.contains("about 1 h ahead"), "{error}");
            agent.await_log("the clock of this host");
        } else {
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
    }
    let right = Login::of("sys")
        .answer(&code_of(&keys[2], 0))
        .run(&Stack::guarded_by(&agent));
    assert_eq!(right.result(), "PAM_SUCCESS", "{right:?}");
    assert_eq!(health(&agent).clock_error, None);
}

#[test]
fn an_agent_whose_settings_lead_nowhere_serves_with_those_that_it_served_with_before() {
    let mut agent = Agent::with(GOOD);
    agent.admin().pin(USER, PIN);
    let folder = agent.folder().join("agent.d");
    fs::create_dir(&folder).expect("a folder");
    for mistake in [
        "[store]\npath = \"/proc/nowhere/store\"\n",
        "[store]\nkey_file = \"/proc/nowhere/key\"\n",
        "[server]\nsocket = \"/proc/nowhere/agent.sock\"\n",
    ] {
        fs::write(folder.join("wrong.toml"), mistake).expect("settings");
        agent.reload();
        agent.restart();
        serves(&agent);
        let error = health(&agent).start_error.expect("a reason");
        assert!(error.contains("/proc/nowhere"), "{error}");
        fs::write(folder.join("wrong.toml"), "").expect("settings");
        agent.restart();
        assert_eq!(health(&agent).start_error, None);
    }
}

#[test]
fn a_check_by_root_looks_with_the_rights_of_the_agents_own_user() {
    if !is_root() {
        not_run("it needs root; `make test` asks for it");
        return;
    }
    let agent = Agent::unmade(GOOD);
    let daemon = Some(nix::unistd::Uid::from_raw(1));
    let give = |path: &Path| nix::unistd::chown(path, daemon, None).expect("an owner");
    give(agent.folder());
    give(&agent.config());
    assert!(agent.init().is_success());
    let check = || agent.check();
    assert!(check().is_success(), "{:?}", check());
    for name in ["key", "agent.toml", "store"] {
        let path = agent.folder().join(name);
        let mode = fs::metadata(&path).expect("a file").permissions().mode();
        let root = Some(nix::unistd::Uid::from_raw(0));
        nix::unistd::chown(&path, root, None).expect("an owner");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode & 0o700)).expect("a mode");
        let refused = check();
        assert!(!refused.is_success(), "{name}: {refused:?}");
        assert!(refused.stderr.contains(name), "{name}: {refused:?}");
        give(&path);
    }
    assert!(check().is_success());
}
