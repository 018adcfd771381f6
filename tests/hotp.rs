//! HOTP devices (RFC 4226), with codes computed by oathtool.

use std::process::Command;

use mfa_tests::{Agent, Login, Machine, Seen, Stack, built, run};

const ANNA: &str = "mfat-anna";
const PASSWORD: &str = "correct horse";

fn log_in(agent: &Agent, code: &str) -> Seen {
    Login::of(ANNA).answer(code).run(&Stack::asking(agent))
}

/// The device's counter, and the counted failures.
fn state(agent: &Agent) -> (Option<u64>, u32) {
    let account = agent.admin().status(ANNA);
    assert_eq!(account.devices[0].factor.name(), "hotp");
    (account.devices[0].counter, account.failures)
}

#[test]
fn a_code_passes_once_and_is_then_refused_and_not_counted() {
    let agent = Agent::start();
    let key = agent.admin().counting_device(ANNA);
    assert_eq!(state(&agent), (Some(1), 0), "what confirmed it is used up");
    let seen = log_in(&agent, &key.counted(0));
    assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
    let seen = log_in(&agent, &key.counted(1));
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(seen.prompts(), ["OTP code: "]);
    let seen = log_in(&agent, &key.counted(1));
    assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
    assert_eq!(state(&agent), (Some(2), 0));
    let events = agent.logins_of(ANNA, 3);
    assert_eq!(events[1].text("label"), "device-1");
    assert_eq!(events[2].text("reason"), "a code that was already used");
    assert!(
        events.iter().all(|event| event.text("factor") == "hotp"),
        "{events:?}"
    );
}

#[test]
fn a_code_within_the_look_ahead_passes_and_voids_earlier_ones() {
    let agent = Agent::start();
    let key = agent.admin().counting_device(ANNA);
    // Ten codes are accepted from the next one on, which is 1.
    let seen = log_in(&agent, &key.counted(10));
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(state(&agent), (Some(11), 0));
    for counter in [1, 9, 10] {
        let seen = log_in(&agent, &key.counted(counter));
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{counter}: {seen:?}");
    }
    let seen = log_in(&agent, &key.counted(11));
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
}

#[test]
fn beyond_the_look_ahead_two_codes_in_a_row_are_needed() {
    let agent = Agent::start();
    let key = agent.admin().counting_device(ANNA);
    let seen = log_in(&agent, &key.counted(11));
    assert_eq!(seen.result(), "PAM_AUTH_ERR", "{seen:?}");
    assert_eq!(state(&agent), (Some(1), 1));
    let event = &agent.logins_of(ANNA, 1)[0];
    let reason = event.text("reason");
    assert!(reason.contains("it is 10 codes ahead"), "{event:?}");
    assert!(
        reason.contains("mfactl verify mfat-anna --resync"),
        "{event:?}"
    );
    let drift = agent.admin().status(ANNA).devices[0].drift.clone();
    assert_eq!(drift.expect("a drift").codes, Some(10));

    let seen = log_in(&agent, &key.counted(12));
    assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    assert_eq!(state(&agent), (Some(13), 0));
    assert_eq!(agent.admin().status(ANNA).devices[0].drift, None);
    for counter in [11, 12] {
        let seen = log_in(&agent, &key.counted(counter));
        assert_eq!(seen.result(), "PAM_AUTH_ERR", "{counter}: {seen:?}");
    }
}

#[test]
fn beyond_the_look_ahead_two_codes_that_are_not_in_a_row_do_not_help() {
    let agent = Agent::start();
    let key = agent.admin().counting_device(ANNA);
    // A code after itself is the same one; 31 follows 30, but 20 came in between.
    for counter in [20, 20, 30, 20, 31] {
        let seen = log_in(&agent, &key.counted(counter));
        assert_ne!(seen.result(), "PAM_SUCCESS", "{counter}: {seen:?}");
    }
    assert!(agent.admin().status(ANNA).locked_until.is_some());
}

#[test]
fn the_look_ahead_can_be_set() {
    let agent = Agent::with("[hotp]\nlook_ahead = 1\nresync = 3\n");
    let key = agent.admin().counting_device(ANNA);
    for (counter, result) in [
        (2, "PAM_AUTH_ERR"),
        (1, "PAM_SUCCESS"),
        // Three codes from 2 on may be resynchronised by the next: 5 is one too far, so is 6.
        (5, "PAM_AUTH_ERR"),
        (6, "PAM_AUTH_ERR"),
        (3, "PAM_AUTH_ERR"),
        (4, "PAM_SUCCESS"),
    ] {
        let seen = log_in(&agent, &key.counted(counter));
        assert_eq!(seen.result(), result, "{counter}: {seen:?}");
    }
}

#[test]
fn used_codes_stay_used_when_the_agent_is_killed() {
    let mut agent = Agent::start();
    let key = agent.admin().counting_device(ANNA);
    assert_eq!(log_in(&agent, &key.counted(4)).result(), "PAM_SUCCESS");
    agent.kill_9();
    agent.launch();
    assert_eq!(state(&agent), (Some(5), 0));
    assert_eq!(log_in(&agent, &key.counted(4)).result(), "PAM_AUTH_ERR");
    // A code out of sync is remembered, too.
    assert_eq!(log_in(&agent, &key.counted(40)).result(), "PAM_AUTH_ERR");
    agent.kill_9();
    agent.launch();
    assert_eq!(log_in(&agent, &key.counted(41)).result(), "PAM_SUCCESS");
    assert_eq!(state(&agent), (Some(42), 0));
}

#[test]
fn its_code_follows_the_password_if_there_is_one_answer() {
    Machine::run(|machine| {
        machine.user(ANNA, PASSWORD);
        machine.shipped_stack("password+code");
        let agent = Agent::at_default_socket("[policy]\nrequire = [\"totp\"]\n");
        let key = agent.admin().counting_device(ANNA);
        let log_in = |password: &str, counter| {
            let login = Login::of(ANNA).service("password+code").option("--account");
            let answer = format!("{password}{}", key.counted(counter));
            login.answer(&answer).run(&Stack::of_host())
        };
        let seen = log_in(PASSWORD, 1);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        assert_ne!(log_in(PASSWORD, 1).result(), "PAM_SUCCESS", "twice");
        assert_ne!(log_in("wrong", 2).result(), "PAM_SUCCESS");
        assert_ne!(log_in(PASSWORD, 2).result(), "PAM_SUCCESS", "used up");
        // Two in a row, each after the password.
        assert_ne!(log_in(PASSWORD, 50).result(), "PAM_SUCCESS");
        let seen = log_in(PASSWORD, 51);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
    });
}

#[test]
fn a_device_of_either_kind_answers_the_same_prompt() {
    let agent = Agent::start();
    let counting = agent.admin().counting_device(ANNA);
    let clock = agent.admin().device(ANNA);
    for code in [counting.counted(1), clock.code(0), counting.counted(2)] {
        let seen = log_in(&agent, &code);
        assert_eq!(seen.result(), "PAM_SUCCESS", "{seen:?}");
        assert_eq!(seen.prompts(), ["OTP code: "]);
    }
    assert_eq!(agent.admin().enrolled(ANNA), ["totp", "hotp"]);
}

#[test]
fn a_policy_that_requires_hotp_is_told_to_say_totp() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("agent.toml");
    std::fs::write(&config, "[policy]\nrequire = [\"hotp\"]\n").unwrap();
    let mut check = Command::new(&built().agent);
    let output = run(check.arg("--check").arg("--config").arg(&config));
    assert!(!output.is_success(), "{output:?}");
    let told = output.stdout + &output.stderr;
    assert!(
        told.contains("\"totp\" accepts the codes of all devices"),
        "{told}"
    );
    assert!(told.contains("agent.toml:2"), "file and line: {told}");
}
