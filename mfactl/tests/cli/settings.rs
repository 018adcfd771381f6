//! What is set for one user: `require`, `enforce`, `self-manage`, `allow-from`.

use serde_json::{Value, json};

use crate::support::{
    Agent, KEY_ALONE, UNKNOWN_USER, admin, caller, login, mfactl, refused, sshd, stderr, stdout,
    value,
};

/// The agent's reply: what is set, beginning with nothing.
fn reply(changed: bool, set: Value) -> Value {
    let mut settings = json!({
        "enforce": "default", "require": [], "own_require": [], "self_manage": false,
        "allow_from": [], "own_allow_from": [],
    });
    for (name, value) in set.as_object().unwrap() {
        settings[name] = value.clone();
    }
    json!({"user": "alice", "changed": changed, "settings": settings})
}

#[test]
fn require_prints_what_holds_now_and_what_the_administrator_should_know() {
    let call = || {
        let mut reply = reply(true, json!({"require": ["totp"]}));
        reply["note"] = json!("alice has no device yet");
        let parameters = json!({"user": "alice", "factor": "totp", "on": true});
        admin("Require", parameters, reply)
    };
    let agent = Agent::scripted(vec![call(), call()]);
    let output = mfactl(&agent, &["require", "totp", "alice"], "");
    assert_eq!(output.status.code(), Some(0));
    let expected = "\
alice: totp is required in every login that asks for a factor
Note        alice has no device yet

Settings of this user
Required    totp (set by an administrator)
";
    assert_eq!(stdout(&output), expected);
    let json = value(&mfactl(&agent, &["--json", "require", "totp", "alice"], ""));
    assert_eq!(
        (
            &json["changed"],
            &json["settings"]["require"],
            &json["note"]
        ),
        (
            &json!(true),
            &json!(["totp"]),
            &json!("alice has no device yet")
        )
    );
    agent.finish();
}

#[test]
fn repeating_a_setting_succeeds_and_says_that_nothing_was_changed() {
    let off = json!({"user": "alice", "factor": "pin", "on": false});
    let level = json!({"user": "alice", "level": "required"});
    let agent = Agent::scripted(vec![
        admin("Require", off, reply(false, json!({}))),
        admin(
            "Enforce",
            level,
            reply(false, json!({"enforce": "required"})),
        ),
    ]);
    let output = mfactl(&agent, &["require", "pin", "alice", "--off"], "");
    assert_eq!(output.status.code(), Some(0));
    let expected = "alice: pin is not required, as before; nothing changed\n\
                    This user has no settings of their own; the rules decide.\n";
    assert_eq!(stdout(&output), expected);
    let output = mfactl(
        &agent,
        &["enforce", "alice", "required", "--sshd", "/nonexistent"],
        "",
    );
    assert_eq!(output.status.code(), Some(0));
    assert!(
        stdout(&output).contains("nothing changed"),
        "{}",
        stdout(&output)
    );
    agent.finish();
}

#[test]
fn without_enforce_the_rules_decide() {
    let call = |changed| {
        let parameters = json!({"user": "alice", "level": "default"});
        admin("Enforce", parameters, reply(changed, json!({})))
    };
    let agent = Agent::scripted(vec![call(true), call(false)]);
    let holds = "alice: the rules decide whether a factor is required, and grace applies";
    for (repeated, rest) in [(false, "\n"), (true, ", as before; nothing changed\n")] {
        let output = mfactl(&agent, &["enforce", "alice", "default"], "");
        let shown = stdout(&output);
        assert!(
            shown.starts_with(&format!("{holds}{rest}")),
            "{repeated}: {shown}"
        );
    }
    agent.finish();
}

#[test]
fn what_one_requires_of_oneself_needs_a_factor_that_one_has() {
    let own = || json!({"factor": "pin", "on": true});
    let agent = Agent::scripted(vec![
        refused("Require", own(), "NotVerified", "pass a factor first"),
        login(
            "Begin",
            json!({"user": caller(), "service": "mfactl"}),
            json!({"messages": [], "prompt": {"text": "PIN: ", "echo": false}}),
        ),
        login(
            "Answer",
            json!({"session": "s1", "answer": "4711"}),
            json!({"messages": [], "outcome": "passed"}),
        ),
        admin(
            "Require",
            own(),
            reply(true, json!({"own_require": ["pin"]})),
        ),
    ]);
    let output = mfactl(&agent, &["require", "pin"], "4711\n");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stdout(&output).contains("pin (set by the user)"),
        "{}",
        stdout(&output)
    );
    assert_eq!(agent.finish(), 1);
}

#[test]
fn the_agent_s_refusal_of_a_user_who_may_not_is_passed_on_as_it_is() {
    let agent = Agent::scripted(vec![
        refused(
            "Require",
            json!({"factor": "questions", "on": true}),
            "NotAllowed",
            "an administrator says who may: mfactl self-manage USER on",
        ),
        refused(
            "AllowFrom",
            json!({"user": "alice", "networks": ["192.0.2.7"]}),
            "NotAllowed",
            "no",
        ),
    ]);
    let output = mfactl(&agent, &["require", "questions"], "");
    assert_eq!(
        (output.status.code(), stdout(&output)),
        (Some(1), String::new())
    );
    assert_eq!(
        stderr(&output),
        "mfactl: an administrator says who may: mfactl self-manage USER on\n"
    );
    let output = mfactl(&agent, &["--json", "allow-from", "alice", "192.0.2.7"], "");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        value(&output),
        json!({"error": "NotAllowed", "reason": "no"})
    );
    agent.finish();
}

#[test]
fn enforce_and_self_manage_say_what_they_come_to() {
    let agent = Agent::scripted(vec![
        admin(
            "Enforce",
            json!({"user": "alice", "level": "optional"}),
            reply(true, json!({"enforce": "optional"})),
        ),
        admin(
            "SelfManage",
            json!({"user": "alice", "on": true}),
            reply(true, json!({"self_manage": true})),
        ),
        admin(
            "SelfManage",
            json!({"user": "alice", "on": false}),
            reply(true, json!({})),
        ),
    ]);
    let output = mfactl(&agent, &["enforce", "alice", "optional"], "");
    assert!(
        stdout(&output).starts_with("alice: a factor is optional: "),
        "{}",
        stdout(&output)
    );
    let output = mfactl(&agent, &["self-manage", "alice", "on"], "");
    assert!(
        stdout(&output).starts_with("alice: may set require and "),
        "{}",
        stdout(&output)
    );
    let json = value(&mfactl(
        &agent,
        &["self-manage", "alice", "off", "--json"],
        "",
    ));
    assert_eq!(
        (&json["changed"], &json["settings"]["self_manage"]),
        (&json!(true), &json!(false))
    );
    agent.finish();
}

#[test]
fn allow_from_sends_the_networks_or_none_for_anywhere() {
    let networks = json!(["192.0.2.0/24", "2001:db8::/32"]);
    let agent = Agent::scripted(vec![
        admin(
            "AllowFrom",
            json!({"user": "alice", "networks": networks}),
            reply(true, json!({ "allow_from": networks })),
        ),
        admin(
            "AllowFrom",
            json!({"user": "alice", "networks": []}),
            reply(true, json!({})),
        ),
    ]);
    let mut arguments = vec!["allow-from", "alice", "192.0.2.0/24", "2001:db8::/32"];
    arguments.extend(["--sshd", "/nonexistent"]);
    let output = mfactl(&agent, &arguments, "");
    let line = "Login from  192.0.2.0/24, 2001:db8::/32 (set by an administrator)\n";
    assert!(stdout(&output).ends_with(line), "{}", stdout(&output));
    let output = mfactl(&agent, &["allow-from", "alice", "--anywhere"], "");
    let line = "alice: logins are not limited to networks\n";
    assert!(stdout(&output).starts_with(line), "{}", stdout(&output));
    agent.finish();
}

#[test]
fn a_key_alone_that_evades_a_setting_is_a_note() {
    let folder = tempfile::tempdir().unwrap();
    let sshd = sshd(folder.path(), KEY_ALONE);
    let noted = |exchange, arguments: &[&str]| {
        let agent = Agent::scripted(vec![exchange]);
        let output = mfactl(&agent, &[arguments, &["--sshd", &sshd]].concat(), "");
        agent.finish();
        let text = stdout(&output);
        let note = text.lines().find(|line| line.starts_with("Note "));
        note.unwrap_or_default().to_owned()
    };
    let allow_from = |networks: &[&str]| {
        admin(
            "AllowFrom",
            json!({"user": "alice", "networks": networks}),
            reply(true, json!({ "allow_from": networks })),
        )
    };
    let enforce = |level: &str| {
        admin(
            "Enforce",
            json!({"user": "alice", "level": level}),
            reply(true, json!({ "enforce": level })),
        )
    };
    let network = "192.0.2.0/24";
    assert_eq!(
        noted(allow_from(&[network]), &["allow-from", "alice", network]),
        "Note        a key alone still lets alice in through sshd, from everywhere"
    );
    assert_eq!(
        noted(enforce("required"), &["enforce", "alice", "required"]),
        "Note        a key alone still lets alice in through sshd, without a factor"
    );
    for (exchange, arguments) in [
        (allow_from(&[]), &["allow-from", "alice", "--anywhere"]),
        (enforce("optional"), &["enforce", "alice", "optional"]),
    ] {
        assert_eq!(noted(exchange, arguments), "");
    }
}

#[test]
fn a_setting_without_its_value_is_wrong_usage_and_nothing_is_sent() {
    let agent = Agent::scripted(vec![]);
    for arguments in [
        &["allow-from", "alice"][..],
        &["allow-from", "alice", "10.0.0.0/33"],
        &["allow-from", "alice", "::1", "--anywhere"],
        &["allow-from", "10.0.0.0/8", "::1"],
        &["require", "hotp", "alice"],
        &["enforce", "alice", "always"],
        &["self-manage", "alice", "maybe"],
    ] {
        let output = mfactl(&agent, arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    assert_eq!(agent.finish(), 0);
}

#[test]
fn a_user_that_this_host_does_not_know_is_a_warning_and_no_refusal() {
    let agent = Agent::scripted(vec![admin(
        "Enforce",
        json!({"user": "alice", "level": "required"}),
        reply(true, json!({"enforce": "required"})),
    )]);
    let output = mfactl(&agent, &["enforce", "alice", "required"], "");
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.starts_with(UNKNOWN_USER) && text.contains("\"alice\""),
        "{text}"
    );
    agent.finish();
}
