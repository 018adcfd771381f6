//! The events that a monitoring of IBM Cloud accounts knows, field by field, as the agent writes
//! them for the same changes.

use mfa_tests::{Agent, Event};
use serde_json::{Value, json};

const USER: &str = "anna";

/// The fields that come from IBM Cloud.
fn source_fields(event: &Event) -> Value {
    let mut value = event.json().clone();
    let object = value.as_object_mut().expect("an object");
    object.retain(|name, _| matches!(name.as_str(), "action" | "message" | "requestData"));
    value
}

/// The audit file's events after the last reload.
fn after_the_reload(agent: &Agent) -> Vec<Event> {
    // A login proves that nothing more comes.
    let count = agent.logins_of("marker", 0).len();
    let stack = mfa_tests::Stack::asking(agent);
    let _ = mfa_tests::Login::of("marker").answer("0").run(&stack);
    let _ = agent.logins_of("marker", count + 1);
    let events = agent.events();
    let at = events.iter().rposition(|it| it.text("event") == "reload");
    let mut events = events[at.expect("a reload") + 1..].to_vec();
    events.retain(|event| event.text("user") != "marker");
    events
}

fn mode(mode: &str) -> String {
    format!("[enforcement]\nmode = \"{mode}\"\n")
}

#[test]
fn each_change_of_the_mode_leaves_the_two_events_of_the_source() {
    let agent = Agent::with(&mode("all"));
    for (to, mfa, name, action) in [
        (
            "none",
            "",
            "account-mfa.set-off",
            "billing.account-mfa.set-off",
        ),
        (
            "local-users",
            "TOTP",
            "account-mfa.set-on",
            "billing.account-mfa.set-on",
        ),
        (
            "all",
            "TOTP4ALL",
            "account-mfa.set-on",
            "billing.account-mfa.set-on",
        ),
        (
            "local-users",
            "TOTP",
            "account-mfa.set-on",
            "billing.account-mfa.set-on",
        ),
        (
            "none",
            "",
            "account-mfa.set-off",
            "billing.account-mfa.set-off",
        ),
    ] {
        let reload = agent.reload_with(&mode(to));
        assert_eq!(reload.text("result"), "done", "{reload:?}");
        let events = after_the_reload(&agent);
        assert_eq!(events.len(), 2, "{to}: {events:?}");
        assert_eq!(events[0].text("event"), "account-traits.update");
        assert_eq!(
            source_fields(&events[0]),
            json!({
                "action": "billing.account-traits.update",
                "message": "Billing service: update account traits",
                "requestData": {"mfa": mfa, "origin": "BSS"}
            })
        );
        assert_eq!(events[1].text("event"), name);
        assert_eq!(source_fields(&events[1]), json!({ "action": action }));
    }
}

#[test]
fn a_reload_that_does_not_change_the_mode_leaves_no_such_event() {
    let agent = Agent::with(&mode("local-users"));
    for settings in [
        mode("local-users"),
        format!("{}unenrolled = \"allow\"\n", mode("local-users")),
        "[enforcement]\nmode = \"everybody\"\n".to_owned(),
    ] {
        let _ = agent.reload_with(&settings);
        let events = after_the_reload(&agent);
        assert!(events.is_empty(), "{settings}: {events:?}");
    }
}

/// The events about [`USER`]'s settings, once there are `count`.
fn user_settings(agent: &Agent, count: usize) -> Vec<Event> {
    let events = agent.events_of("user-setting.update", USER, count);
    assert_eq!(events.len(), count, "{events:?}");
    events
}

fn update(data: &Value) -> Value {
    json!({
        "action": "user-management.user-setting.update",
        "message": "User management service: update user settings",
        "requestData": data
    })
}

#[test]
fn required_questions_and_codes_leave_the_event_of_the_source() {
    let agent = Agent::start();
    let mut admin = agent.admin();
    let _ = admin.device(USER);
    let _ = agent.ctl().json(&["require", "totp", USER], "");
    let events = user_settings(&agent, 1);
    let without_questions = update(&json!({
        "2FA": true,
        "iam_id": USER,
        "origin": "BSS",
        "security_questions_setup": false,
        "self_manage": false
    }));
    assert_eq!(source_fields(&events[0]), without_questions);

    admin.questions(USER);
    let _ = agent.ctl().json(&["require", "questions", USER], "");
    let events = user_settings(&agent, 2);
    let with_questions = update(&json!({
        "2FA": true,
        "iam_id": USER,
        "origin": "BSS",
        "security_questions_setup": true,
        "self_manage": false
    }));
    assert_eq!(source_fields(&events[1]), with_questions);
    assert_eq!(events[1].text("user"), USER);
    assert_eq!(
        events[1].number("by_uid"),
        Some(nix::unistd::geteuid().as_raw().into())
    );
    assert_eq!(events[1].text("reason"), "require questions on");

    for factor in ["totp", "questions"] {
        let _ = agent.ctl().json(&["require", factor, USER, "--off"], "");
    }
    let events = user_settings(&agent, 4);
    assert_eq!(source_fields(&events[2]), with_questions, "one is left");
    let nothing_required = update(&json!({
        "2FA": true,
        "iam_id": USER,
        "origin": "BSS",
        "security_questions_setup": true,
        "self_manage": false
    }));
    assert_eq!(source_fields(&events[3]), nothing_required);
}

#[test]
fn user_managed_login_leaves_the_event_of_the_source() {
    let agent = Agent::start();
    for (at, on) in [(0, true), (1, false)] {
        let switch = if on { "on" } else { "off" };
        let _ = agent.ctl().json(&["self-manage", USER, switch], "");
        let event = &user_settings(&agent, at + 1)[at];
        let data = json!({"iam_id": USER, "origin": "BSS", "self_manage": on});
        assert_eq!(source_fields(event), update(&data));
    }
}

#[test]
fn other_user_settings_leave_the_event_too_and_repeating_them_leaves_none() {
    let agent = Agent::start();
    for _ in 0..2 {
        let _ = agent.ctl().json(&["enforce", USER, "required"], "");
        let _ = agent.ctl().json(&["allow-from", USER, "192.0.2.0/24"], "");
        let _ = agent.ctl().json(&["self-manage", USER, "on"], "");
    }
    let _ = agent.ctl().json(&["allow-from", USER, "--anywhere"], "");
    let events = user_settings(&agent, 4);
    let reasons: Vec<&str> = events.iter().map(|event| event.text("reason")).collect();
    assert_eq!(
        reasons,
        [
            "enforce required",
            "allow-from 192.0.2.0/24",
            "self-manage on",
            "allow-from anywhere"
        ]
    );
    let data = json!({
        "2FA": true,
        "iam_id": USER,
        "origin": "BSS",
        "security_questions_setup": false,
        "self_manage": true
    });
    assert_eq!(source_fields(&events[3]), update(&data));
}

#[test]
fn two_factors_are_reported_for_users_who_are_asked() {
    let rule = format!("[[rule]]\nusers = [\"{USER}\"]\naction = \"skip\"\n");
    for (settings, is_asked) in [("", true), (&mode("none"), false), (&rule, false)] {
        let agent = Agent::with(settings);
        let _ = agent.ctl().json(&["enforce", USER, "required"], "");
        let event = &user_settings(&agent, 1)[0];
        assert_eq!(event.json()["requestData"]["2FA"], is_asked, "{settings}");
    }
}

#[test]
fn a_mode_changed_while_no_agent_ran_leaves_its_events_at_the_start() {
    let mut agent = Agent::with(&mode("all"));
    for (to, count) in [("none", 1), ("none", 1), ("all", 2)] {
        let _ = agent.terminate();
        agent.configure(&mode(to));
        agent.launch();
        let _ = agent.terminate();
        let mut events = agent.events();
        events.retain(|event| event.text("event") == "account-traits.update");
        assert_eq!(events.len(), count, "{to}: {events:?}");
        agent.launch();
    }
}

#[test]
fn mfactl_shows_and_changes_the_mode_and_the_audit_log_records_it() {
    let agent = Agent::start();
    let shown = agent.ctl().json(&["mode"], "");
    assert_eq!(
        (&shown["mode"], &shown["place"]),
        (&json!("all"), &Value::Null)
    );
    let set = agent.ctl().json(&["mode", "local-users"], "");
    assert_eq!(
        (&set["mode"], &set["changed"]),
        (&json!("local-users"), &json!(true))
    );
    let place = set["place"].as_str().expect("a place");
    assert!(place.contains("agent.d/zzz-mode.toml"), "{place}");
    let events = after_the_reload(&agent);
    assert_eq!(events[0].json()["requestData"]["mfa"], "TOTP");
    assert_eq!(agent.event("reload").json()["by_uid"], 0);

    let again = agent.ctl().json(&["mode", "local-users"], "");
    assert_eq!(again["changed"], false);
    agent.configure("[enforcement]\nmode = \"everybody\"\n");
    let refused = agent.ctl().run(&["mode", "none"], "");
    assert_eq!(refused.status, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("stays local-users"), "{refused:?}");
    let file = agent.folder().join("agent.d/zzz-mode.toml");
    let text = std::fs::read_to_string(file).expect("the file");
    assert!(text.contains("\"local-users\""), "it is put back: {text}");
}
