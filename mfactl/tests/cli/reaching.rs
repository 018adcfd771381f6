//! Which addresses codes go to, and trying out that messages arrive.

use serde_json::{Value, json};

use crate::support::{Agent, Exchange, admin, mfactl, refused, stderr, stdout, value};

const WHERE: &str = "anna@example.org";

fn address() -> Value {
    json!({
        "factor": "email", "address": WHERE, "primary": false, "enabled": true,
        "confirmed_at": "2026-11-22T13:02:00Z",
        "enrolled_at": "2026-11-22T13:02:00Z", "last_used_at": null,
    })
}

fn changed(method: &'static str, differing: &Value, changed: bool, address: &Value) -> Exchange {
    let mut parameters = json!({"user": "alice", "factor": "email", "address": WHERE});
    for (name, value) in differing.as_object().unwrap() {
        parameters[name] = value.clone();
    }
    let reply = json!({"user": "alice", "changed": changed, "address": address});
    admin(method, parameters, reply)
}

#[test]
fn an_address_is_disabled_and_enabled_and_repeating_it_changes_nothing() {
    let enable = |enabled, was_changed| {
        let differing = json!({ "enabled": enabled });
        changed("EnableAddress", &differing, was_changed, &address())
    };
    let agent = Agent::scripted(vec![
        enable(false, true),
        enable(false, false),
        enable(true, true),
        enable(true, false),
    ]);
    for (command, said) in [
        ("disable", "is now disabled"),
        ("disable", "is already disabled; nothing changed"),
        ("enable", "is now enabled"),
        ("enable", "is already enabled; nothing changed"),
    ] {
        let output = mfactl(&agent, &[command, "email", "alice", WHERE], "");
        assert_eq!(stdout(&output), format!("alice: anna@example.org {said}\n"));
        assert_eq!(output.status.code(), Some(0));
    }
    agent.finish();
}

#[test]
fn one_s_own_address_is_named_as_it_is_shown_and_the_result_is_one_object() {
    let mut shown = address();
    shown["address"] = json!("a•••@example.org");
    let agent = Agent::scripted(vec![admin(
        "Primary",
        json!({"factor": "email", "address": "a•••@example.org"}),
        json!({"user": "alice", "changed": true, "address": shown.clone()}),
    )]);
    let output = mfactl(
        &agent,
        &["--json", "primary", "email", "a•••@example.org"],
        "",
    );
    let mut expected = shown;
    expected["user"] = json!("alice");
    expected["changed"] = json!(true);
    assert_eq!(value(&output), expected);
    agent.finish();
}

#[test]
fn an_address_that_is_not_there_is_refused() {
    let agent = Agent::scripted(vec![refused(
        "Primary",
        json!({"user": "alice", "factor": "sms", "address": "+4917"}),
        "Refused",
        "alice has no such number; mfactl status alice shows those that there are",
    )]);
    let output = mfactl(&agent, &["primary", "sms", "alice", "+4917"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("no such number"),
        "{}",
        stderr(&output)
    );
    agent.finish();
}

#[test]
fn a_disabled_address_that_becomes_primary_is_said_to_be_disabled() {
    let mut disabled = address();
    disabled["enabled"] = json!(false);
    let agent = Agent::scripted(vec![changed("Primary", &json!({}), true, &disabled)]);
    let output = mfactl(&agent, &["primary", "email", "alice", WHERE], "");
    assert_eq!(
        stdout(&output),
        "alice: anna@example.org is now primary\n\
         Warning: it is disabled, so no code goes to it. Enable it: mfactl enable email alice anna@example.org\n"
    );
    agent.finish();
}

#[test]
fn addresses_and_radius_accounts_are_removed() {
    let remove = |factor: &str, label: Option<&str>, removed| {
        let mut parameters = json!({"user": "alice", "factor": factor});
        if let Some(label) = label {
            parameters["label"] = json!(label);
        }
        admin(
            "Remove",
            parameters,
            json!({"user": "alice", "removed": removed}),
        )
    };
    let agent = Agent::scripted(vec![
        remove("email", Some(WHERE), 1),
        remove("sms", None, 2),
        remove("radius", None, 1),
        remove("radius", None, 0),
    ]);
    for (arguments, said) in [
        (
            &["remove", "email", "alice", "--label", WHERE][..],
            "alice: email \"anna@example.org\" removed\n",
        ),
        (
            &["remove", "sms", "alice"],
            "alice: 2 sms addresses removed\n",
        ),
        (&["remove", "radius", "alice"], "alice: radius removed\n"),
        (
            &["remove", "radius", "alice"],
            "alice has no radius; nothing changed\n",
        ),
    ] {
        assert_eq!(stdout(&mfactl(&agent, arguments, "")), said);
    }
    agent.finish();
}

fn test(sent: bool, error: Option<&str>) -> Exchange {
    admin(
        "TestDelivery",
        json!({"channel": "email", "address": WHERE}),
        json!({"address": WHERE, "sent": sent, "error": error}),
    )
}

#[test]
fn a_message_that_was_taken_is_exit_status_0_and_one_that_was_not_1() {
    let agent = Agent::scripted(vec![
        test(true, None),
        test(true, None),
        test(false, Some("550 \u{1b} no such user")),
        test(false, Some("550 \u{1b} no such user")),
    ]);
    let arguments = ["test-delivery", "email", WHERE];
    let json = [&arguments[..], &["--json"]].concat();
    let sent = mfactl(&agent, &arguments, "");
    assert_eq!(
        (stdout(&sent).as_str(), stderr(&sent).as_str()),
        (
            "anna@example.org: the mail server accepted the message. Check that it arrives\n",
            ""
        )
    );
    let as_json = mfactl(&agent, &json, "");
    let expected = json!({"address": WHERE, "sent": true, "error": null});
    assert_eq!(
        (value(&as_json), as_json.status.code()),
        (expected, Some(0))
    );
    let failed = mfactl(&agent, &arguments, "");
    let text = stdout(&failed);
    assert!(text.contains("550 \\u{1b} no such user"), "{text}");
    assert!(text.contains("mfactl config check"), "{text}");
    assert_eq!(failed.status.code(), Some(1));
    let as_json = mfactl(&agent, &json, "");
    let expected = json!({"address": WHERE, "sent": false, "error": "550 \u{1b} no such user"});
    assert_eq!(
        (value(&as_json), as_json.status.code()),
        (expected, Some(1))
    );
    agent.finish();
}

#[test]
fn a_channel_that_is_not_set_up_is_refused() {
    let agent = Agent::scripted(vec![refused(
        "TestDelivery",
        json!({"channel": "sms", "address": "+4917"}),
        "Refused",
        "text messages are not set up: [delivery.sms] has no provider",
    )]);
    let output = mfactl(&agent, &["--json", "test-delivery", "sms", "+4917"], "");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(value(&output)["error"], "Refused");
    agent.finish();
}

#[test]
fn wrong_usage_is_exit_status_2() {
    let agent = Agent::scripted(vec![]);
    for arguments in [
        &["enroll", "email"][..],
        &["enroll", "email", "alice"],
        &["enroll", "radius", "alice"],
        &["primary", "totp", "alice", WHERE],
        &["enable", "email"],
        &["disable", "email", "alice"],
        &["test-delivery", WHERE],
        &["remove", "mail", "alice"],
    ] {
        let output = mfactl(&agent, &[arguments, &["--json"]].concat(), "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(value(&output)["error"], "Usage", "{arguments:?}");
    }
    agent.finish();
}

#[test]
fn every_factor_can_be_required() {
    let settings = json!({
        "enforce": "default", "require": [], "own_require": [], "self_manage": false,
        "allow_from": [], "own_allow_from": [],
    });
    for factor in ["email", "sms", "radius"] {
        let agent = Agent::scripted(vec![admin(
            "Require",
            json!({"user": "alice", "factor": factor, "on": true}),
            json!({"user": "alice", "changed": true, "settings": settings}),
        )]);
        let output = mfactl(&agent, &["require", factor, "alice"], "");
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        agent.finish();
    }
}
