//! Looking at accounts: `status`, `users`, `lockouts`, `explain`.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{
    Agent, KEY_ALONE, account, admin, caller, mfactl, refused, run, sshd, stderr, stdout, value,
};

#[test]
fn status_prints_a_screen_or_the_account_as_json() {
    let account = account(json!({
        "enrolled": ["totp"], "failures": 2, "consecutive_failures": 2, "recovery_left": 7,
        "sessions": 1,
        "settings": {
            "enforce": "default", "require": ["totp"], "own_require": [], "prefer": null, "self_manage": false,
            "allow_from": [], "own_allow_from": [],
        },
    }));
    let exchange = || {
        admin(
            "Status",
            json!({"user": "alice"}),
            json!({"account": account}),
        )
    };
    let agent = Agent::scripted(vec![exchange(), exchange()]);
    let screen = mfactl(&agent, &["status", "alice"], "");
    for line in [
        "State       not locked\n",
        "Sessions    1\n",
        "Recovery    7 codes left\n",
        "Required    totp (set by an",
    ] {
        assert!(stdout(&screen).contains(line), "{}", stdout(&screen));
    }
    let json = mfactl(&agent, &["status", "alice", "--json"], "");
    assert_eq!(value(&json), account);
    assert_eq!(
        (screen.status.code(), json.status.code()),
        (Some(0), Some(0))
    );
    agent.finish();
}

#[test]
fn status_without_a_user_leaves_it_to_the_agent() {
    let agent = Agent::scripted(vec![refused("Status", json!({}), "NotAllowed", "ask root")]);
    let output = mfactl(&agent, &["status"], "");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "mfactl: ask root\n");
    assert_eq!(stdout(&output), "");
    agent.finish();
}

#[test]
fn lists_are_fetched_to_their_last_page() {
    let agent = Agent::scripted(vec![
        admin(
            "Users",
            json!({}),
            json!({"users": ["alice", "bob"], "next": "bob"}),
        ),
        admin(
            "Users",
            json!({"after": "bob"}),
            json!({"users": [], "next": "k"}),
        ),
        admin(
            "Users",
            json!({"after": "k"}),
            json!({"users": ["zo\u{1b}e"], "next": null}),
        ),
    ]);
    let output = mfactl(&agent, &["users"], "");
    assert_eq!(stdout(&output), "alice\nbob\nzo\\u{1b}e\n");
    agent.finish();
}

#[test]
fn a_list_that_stands_still_is_an_error_and_not_an_endless_loop() {
    let page = |after| admin("Lockouts", after, json!({"lockouts": [], "next": "k"}));
    let agent = Agent::scripted(vec![page(json!({})), page(json!({"after": "k"}))]);
    let output = mfactl(&agent, &["--json", "lockouts"], "");
    assert_eq!(
        (output.status.code(), &value(&output)["error"]),
        (Some(3), &json!("Garbled"))
    );
    agent.finish();
}

#[test]
fn a_reader_who_closes_the_pipe_is_no_error() {
    let users: Vec<_> = (0..4000).map(|n| format!("user{n:05}")).collect();
    let agent = Agent::scripted(vec![admin("Users", json!({}), json!({"users": users}))]);
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg("exec 3>&1; { \"$1\" --socket \"$2\" users; echo $? >&3; } | true");
    shell
        .arg("sh")
        .arg(env!("CARGO_BIN_EXE_mfactl"))
        .arg(agent.socket());
    let output = run(shell, "");
    assert_eq!(
        (stdout(&output), stderr(&output)),
        ("0\n".to_owned(), String::new())
    );
    agent.finish();
}

/// What the agent says of a login that the policy does not ask.
fn skipped(service: &str) -> Value {
    json!({
        "user": "alice", "service": service, "action": "skip", "rule": "lan", "place": "a.toml:3",
        "reason": "r", "require": [], "prompting": "dialogue", "source": "local", "session": null,
        "unenrolled": null, "grace_days_left": null, "grace_since": null, "grace_until": null, "suspended_until": null,
        "not_enrolled": null, "only_codes": null,
        "lockout_attempts": null,
        "lockout_duration": null, "enrolled": [], "prompts": [], "considered": [],
    })
}

#[test]
fn explain_sends_what_is_known_of_the_login() {
    let agent = Agent::scripted(vec![admin(
        "Explain",
        json!({
            "user": "alice", "service": "sshd", "from": "::1", "tty": "tty1", "ruser": "bob",
            "after": ["publickey", "password"], "at": "2026-11-23T09:30",
        }),
        json!({ "explanation": skipped("sshd") }),
    )]);
    let arguments = "explain --user alice --service sshd --from ::1 --tty tty1 --ruser bob \
                     --after publickey,password --at 2026-11-23T09:30 --sshd /nonexistent --json";
    let arguments: Vec<_> = arguments.split_whitespace().collect();
    let output = mfactl(&agent, &arguments, "");
    assert_eq!(value(&output), skipped("sshd"));
    agent.finish();
}

#[test]
fn explain_says_when_the_agent_is_not_asked() {
    let folder = tempfile::tempdir().unwrap();
    let told = |settings: &str, more: &[&str]| {
        let agent = Agent::scripted(vec![admin(
            "Explain",
            json!({"user": "alice", "service": "sshd"}),
            json!({ "explanation": skipped("sshd") }),
        )]);
        let program = sshd(folder.path(), settings);
        let arguments = [
            "--json",
            "explain",
            "--user",
            "alice",
            "--service",
            "sshd",
            "--sshd",
            &program,
        ];
        let output = mfactl(&agent, &[&arguments, more].concat(), "");
        agent.finish();
        value(&output)["not_asked"].clone()
    };
    let on = KEY_ALONE;
    assert_eq!(
        told(on, &[]),
        "a key alone is enough for sshd on this host; then the agent is not asked"
    );
    let both = "authenticationmethods publickey,keyboard-interactive";
    assert_eq!(told(&format!("{on}\n{both}"), &[]), Value::Null);
    assert_eq!(
        told(on, &["--pam-dir", "/nonexistent"]),
        "pam_mfa is in no PAM stack, so sshd does not ask the agent yet"
    );
}

#[test]
fn an_operation_is_explained_at_the_service_that_verify_logs_in_to() {
    let agent = Agent::scripted(vec![
        admin(
            "Explain",
            json!({"user": "alice", "service": "mfactl", "operation": "wipe"}),
            json!({ "explanation": skipped("mfactl") }),
        ),
        refused("Status", json!({"user": "alice"}), "NotAllowed", "ask root"),
    ]);
    let output = mfactl(
        &agent,
        &["explain", "--user", "alice", "--operation", "wipe"],
        "",
    );
    assert_eq!(output.status.code(), Some(1));
    agent.finish();
    let output = mfactl(
        &Agent::scripted(vec![]),
        &["explain", "--user", "alice"],
        "",
    );
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("--service"), "{}", stderr(&output));
}

#[test]
fn explain_without_a_user_is_about_the_caller() {
    let agent = Agent::scripted(vec![refused(
        "Explain",
        json!({"user": caller(), "service": "sudo"}),
        "NotAllowed",
        "ask root",
    )]);
    let output = mfactl(&agent, &["explain", "--service", "sudo"], "");
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    agent.finish();
}
