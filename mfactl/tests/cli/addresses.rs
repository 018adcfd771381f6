//! Enrolling addresses that codes are sent to.

use serde_json::{Value, json};

use crate::support::{
    Agent, admin, login, mfactl, mfactl_of, ordinary, refused, stderr, stdout, value,
};

const WHERE: &str = "anna@example.org";

fn address(confirmed: bool) -> Value {
    json!({
        "factor": "email", "address": WHERE, "primary": false, "enabled": true,
        "confirmed_at": confirmed.then_some("2026-11-22T13:02:00Z"),
        "enrolled_at": "2026-11-22T13:02:00Z", "last_used_at": null,
    })
}

fn reply(confirmed: bool, stored: bool) -> Value {
    json!({"user": "alice", "address": address(confirmed), "stored": stored})
}

fn enrollment(user: Option<&str>, confirm: bool) -> Value {
    match user {
        Some(user) => {
            json!({"user": user, "factor": "email", "address": WHERE, "confirm": confirm})
        }
        None => json!({"factor": "email", "address": WHERE, "confirm": confirm}),
    }
}

/// What is said of one address, for scripts: the address's own fields beside the others.
fn flat(confirmed: bool) -> Value {
    let mut value = address(confirmed);
    value["user"] = json!("alice");
    value["stored"] = json!(true);
    value
}

fn code(code: &str) -> Value {
    json!({ "code": code })
}

#[test]
fn a_user_brings_back_the_code_that_was_sent_and_may_correct_it() {
    let agent = Agent::scripted(vec![
        admin("EnrollAddress", enrollment(None, true), reply(false, false)),
        refused(
            "ConfirmAddress",
            code("111111"),
            "Refused",
            "that is not it",
        ),
        admin("ConfirmAddress", code("222222"), reply(true, true)),
    ]);
    let arguments = ["enroll", "email", WHERE];
    let output = mfactl_of(&ordinary(), &agent, &arguments, "111111\n222222\n");
    assert_eq!(
        stdout(&output),
        "alice: anna@example.org confirmed and enrolled\n"
    );
    assert_eq!(
        stderr(&output),
        "Sent a code to anna@example.org. It may take a minute to arrive.\nthat is not it\n"
    );
    assert_eq!((output.status.code(), agent.finish()), (Some(0), 1));
}

#[test]
fn a_user_who_names_themselves_is_asked_for_the_code_as_well() {
    let somebody = ordinary();
    let name = somebody.name.clone();
    let agent = Agent::scripted(vec![
        admin(
            "EnrollAddress",
            enrollment(Some(&name), true),
            reply(false, false),
        ),
        admin("ConfirmAddress", code("222222"), reply(true, true)),
    ]);
    let arguments = ["--json", "enroll", "email", &name, WHERE];
    let output = mfactl_of(&somebody, &agent, &arguments, "222222\n");
    assert_eq!(value(&output), flat(true));
    assert_eq!(output.status.code(), Some(0));
    agent.finish();
}

#[test]
fn a_user_passes_a_factor_first_and_the_code_is_sent_after_that() {
    let somebody = ordinary();
    let agent = Agent::scripted(vec![
        refused(
            "EnrollAddress",
            enrollment(None, true),
            "NotVerified",
            "pass first",
        ),
        login(
            "Begin",
            json!({"user": somebody.name, "service": "mfactl"}),
            json!({"messages": [], "prompt": {"text": "OTP code: ", "echo": true}}),
        ),
        login(
            "Answer",
            json!({"session": "s1", "answer": "999999"}),
            json!({"messages": [], "outcome": "passed"}),
        ),
        admin("EnrollAddress", enrollment(None, true), reply(false, false)),
        admin("ConfirmAddress", code("222222"), reply(true, true)),
    ]);
    let arguments = ["enroll", "email", WHERE];
    let output = mfactl_of(&somebody, &agent, &arguments, "999999\n222222\n");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(agent.finish(), 1);
}

#[test]
fn an_administrator_stores_at_once_and_is_told_what_confirms_the_address() {
    let enroll = |confirmed| {
        admin(
            "EnrollAddress",
            enrollment(Some("alice"), false),
            reply(confirmed, true),
        )
    };
    let agent = Agent::scripted(vec![enroll(false), enroll(true), enroll(false)]);
    let arguments = ["enroll", "email", "alice", WHERE];
    let output = mfactl(&agent, &arguments, "");
    let text = stdout(&output);
    assert!(
        text.starts_with("alice: anna@example.org enrolled, not confirmed yet\n"),
        "{text}"
    );
    assert!(
        text.contains("first login") && text.contains("mfactl test-delivery email"),
        "{text}"
    );
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(
        stdout(&mfactl(&agent, &arguments, "")),
        "alice: anna@example.org enrolled; it was confirmed before\n"
    );
    let json = mfactl(&agent, &[&arguments[..], &["--json"]].concat(), "");
    assert_eq!(value(&json), flat(false));
    assert_eq!(stderr(&json), "");
    agent.finish();
}

#[test]
fn with_confirm_an_administrator_is_asked_for_the_code() {
    let enroll = |stored| {
        admin(
            "EnrollAddress",
            enrollment(Some("alice"), true),
            reply(stored, stored),
        )
    };
    let agent = Agent::scripted(vec![
        enroll(false),
        admin("ConfirmAddress", code("222222"), reply(true, true)),
        enroll(true),
    ]);
    let arguments = ["enroll", "email", "--confirm", "alice", WHERE];
    let output = mfactl(&agent, &arguments, "222222\n");
    assert_eq!(
        stdout(&output),
        "alice: anna@example.org confirmed and enrolled\n"
    );
    let again = mfactl(&agent, &arguments, "");
    assert_eq!(
        (stdout(&again).as_str(), again.status.code()),
        (
            "alice: anna@example.org is already enrolled; nothing changed\n",
            Some(0)
        )
    );
    agent.finish();
}

#[test]
fn nothing_is_stored_without_the_code() {
    let enroll = || {
        admin(
            "EnrollAddress",
            enrollment(Some("alice"), true),
            reply(false, false),
        )
    };
    let wrong = |typed| refused("ConfirmAddress", code(typed), "Refused", "not the code");
    let arguments = ["--json", "enroll", "email", "alice", WHERE, "--confirm"];
    let agent = Agent::scripted(vec![enroll(), wrong("1"), wrong("2"), wrong("3")]);
    let output = mfactl(&agent, &arguments, "1\n2\n3\n4\n");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        value(&output),
        json!({"error": "Refused", "reason": "not the code"})
    );
    agent.finish();
    let agent = Agent::scripted(vec![enroll()]);
    let output = mfactl(&agent, &arguments, "");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(value(&output)["error"], "Usage");
    assert!(stderr(&output).contains("--confirm"), "{}", stderr(&output));
    agent.finish();
}

#[test]
fn what_the_agent_says_of_a_wrong_number_is_passed_on() {
    let reason = "\"12\" is no telephone number; write it with its country code, such as +4917…";
    let agent = Agent::scripted(vec![refused(
        "EnrollAddress",
        json!({"user": "alice", "factor": "sms", "address": "12", "confirm": false}),
        "Refused",
        reason,
    )]);
    let output = mfactl(&agent, &["enroll", "sms", "alice", "12"], "");
    assert_eq!(
        (output.status.code(), stderr(&output)),
        (Some(1), format!("mfactl: {reason}\n"))
    );
    agent.finish();
}
