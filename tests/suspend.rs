//! Suspensions: for some days an administrator stops asking one user.

use std::process::Command;

use mfa_tests::{Agent, Login, Machine, Seen, Stack, run};

const PASSWORD: &str = "correct horse";
const ANNA: &str = "mfat-anna";

fn log_in(agent: &Agent) -> Seen {
    Login::of(ANNA)
        .answer("000000")
        .run(&Stack::guarded_by(agent))
}

#[test]
fn a_suspended_user_is_not_asked_until_resume_and_keeps_all_that_is_enrolled() {
    let mut agent = Agent::start();
    let key = agent.admin().device(ANNA);
    let reply = agent.ctl().json(&["suspend", ANNA], "");
    assert_eq!(
        (&reply["user"], &reply["locked"]),
        (&ANNA.into(), &false.into())
    );
    let until = reply["until"].as_str().expect("an end").to_owned();
    let shown = agent.admin().status(ANNA).suspended_until;
    assert_eq!(shown.as_deref(), Some(until.as_str()));
    // It is on disk.
    agent.kill_9();
    agent.launch();
    let seen = log_in(&agent);
    assert_eq!((seen.result(), seen.prompts().len()), ("PAM_SUCCESS", 0));
    let listed = agent.ctl().json(&["users", "--suspended"], "");
    assert_eq!(
        listed,
        serde_json::json!([{ "user": ANNA, "until": until }])
    );
    let explained = agent
        .ctl()
        .json(&["explain", "--user", ANNA, "--service", "mfa-test"], "");
    assert_eq!(explained["action"], "skip", "{explained}");
    assert_eq!(explained["suspended_until"], until.as_str());

    let reply = agent.ctl().json(&["resume", ANNA], "");
    assert_eq!(reply["changed"], true, "{reply}");
    let reply = agent.ctl().json(&["resume", ANNA], "");
    assert_eq!(reply["changed"], false, "{reply}");
    let seen = Login::of(ANNA)
        .answer(&key.code(0))
        .run(&Stack::guarded_by(&agent));
    assert_eq!((seen.result(), seen.prompts().len()), ("PAM_SUCCESS", 1));

    let begun = &agent.events_of("suspend", ANNA, 1)[0];
    assert!(begun.text("reason").starts_with("not asked until "));
    assert_eq!(agent.events_of("resume", ANNA, 1).len(), 1);
    let logins = agent.logins_of(ANNA, 2);
    assert_eq!(logins[0].text("result"), "skipped");
    let reason = logins[0].text("reason");
    assert!(reason.starts_with("the second factor is suspended until "));
}

#[test]
fn a_lock_does_not_matter_while_a_user_is_suspended_and_holds_afterwards() {
    let agent = Agent::start();
    let key = agent.admin().device(ANNA);
    for _ in 0..5 {
        assert_eq!(log_in(&agent).result(), "PAM_AUTH_ERR");
    }
    let reply = agent.ctl().json(&["suspend", ANNA, "--for", "12h"], "");
    assert_eq!(reply["locked"], true);
    assert_eq!(log_in(&agent).result(), "PAM_SUCCESS");
    let _ = agent.ctl().json(&["resume", ANNA], "");
    let seen = Login::of(ANNA)
        .answer(&key.code(0))
        .run(&Stack::guarded_by(&agent));
    assert_eq!(seen.result(), "PAM_MAXTRIES", "{seen:?}");
}

#[test]
fn the_networks_of_a_user_and_a_rule_that_denies_hold_for_a_suspended_user() {
    let agent = Agent::with("[[rule]]\nservices = [\"closed\"]\naction = \"deny\"\n");
    let _ = agent.admin().device(ANNA);
    let _ = agent.ctl().json(&["suspend", ANNA], "");
    let _ = agent.ctl().json(&["allow-from", ANNA, "192.0.2.0/24"], "");
    let from = |host| Login::of(ANNA).from(host).run(&Stack::guarded_by(&agent));
    assert_eq!(from("192.0.2.7").result(), "PAM_SUCCESS");
    assert_eq!(from("198.51.100.1").result(), "PAM_PERM_DENIED");
    let closed = agent
        .ctl()
        .json(&["explain", "--user", ANNA, "--service", "closed"], "");
    assert_eq!(closed["action"], "deny", "{closed}");
}

#[test]
fn a_user_without_any_factor_can_be_suspended_and_is_refused_afterwards() {
    let agent = Agent::start();
    assert_eq!(log_in(&agent).result(), "PAM_AUTH_ERR");
    let _ = agent.ctl().json(&["suspend", ANNA], "");
    assert_eq!(log_in(&agent).result(), "PAM_SUCCESS");
    let users = agent.ctl().json(&["users"], "");
    assert_eq!(users, serde_json::json!([]), "those with a factor");
    let _ = agent.ctl().json(&["resume", ANNA], "");
    assert_eq!(log_in(&agent).result(), "PAM_AUTH_ERR");
}

#[test]
fn a_suspended_user_of_a_stack_with_one_answer_types_the_password_only() {
    Machine::run(|machine| {
        machine.user(ANNA, PASSWORD);
        machine.shipped_stack("password+code");
        let agent = Agent::at_default_socket("[policy]\nrequire = [\"totp\"]\n");
        let _ = agent.admin().device(ANNA);
        let log_in = |answer: &str| {
            let login = Login::of(ANNA).service("password+code").option("--account");
            login
                .answer(answer)
                .run(&Stack::of_host())
                .result()
                .to_owned()
        };
        assert_ne!(log_in(PASSWORD), "PAM_SUCCESS");
        let _ = agent.ctl().json(&["suspend", ANNA], "");
        assert_eq!(log_in(PASSWORD), "PAM_SUCCESS");
        assert_ne!(log_in("wrong"), "PAM_SUCCESS");
    });
}

#[test]
fn a_suspension_ends_by_itself() {
    let mut agent = Agent::start();
    let _ = agent.admin().device(ANNA);
    let _ = agent.ctl().json(&["suspend", ANNA], "");
    assert!(agent.terminate().success());
    let found = run(Command::new("faketime").args(["now", "printenv", "LD_PRELOAD"]));
    let preload = format!("LD_PRELOAD={}", found.stdout.trim());
    for (time, expected) in [
        ("FAKETIME=+167h", "PAM_SUCCESS"),
        ("FAKETIME=+169h", "PAM_AUTH_ERR"),
    ] {
        agent.launch_under(&["env", &preload, time, "FAKETIME_DONT_FAKE_MONOTONIC=1"]);
        assert_eq!(log_in(&agent).result(), expected, "{time}");
        assert!(agent.terminate().success());
    }
}

#[test]
fn a_suspension_lasts_for_a_minute_to_thirty_days() {
    let agent = Agent::start();
    for time in ["59s", "31d", "0d", "soon"] {
        let output = agent.ctl().run(&["suspend", ANNA, "--for", time], "");
        assert_eq!(output.status, Some(2), "{time}: {output:?}");
    }
    for time in ["1m", "30d"] {
        let reply = agent.ctl().json(&["suspend", ANNA, "--for", time], "");
        assert!(reply["until"].is_string(), "{reply}");
    }
}
