//! Enrolling and removing factors, `unlock`, and proving oneself for it.

use serde_json::json;

use crate::support::{Agent, admin, caller, login, mfactl, refused, stderr, stdout, value};

fn enrollment(stored: bool) -> serde_json::Value {
    json!({"enrollment": {
        "user": "alice", "factor": "totp", "label": "phone", "secret": "JBSWY3DPEHPK3PXP",
        "uri": "otpauth://totp/host:alice?secret=JBSWY3DPEHPK3PXP&issuer=host&digits=8",
        "stored": stored,
    }})
}

#[test]
fn repeating_what_has_taken_effect_succeeds_and_says_so() {
    let agent = Agent::scripted(vec![
        admin(
            "Unlock",
            json!({"user": "bob"}),
            json!({"user": "bob", "changed": false}),
        ),
        admin(
            "Remove",
            json!({"user": "bob", "factor": "totp", "label": "phone"}),
            json!({"user": "bob", "removed": 0}),
        ),
    ]);
    let unlock = mfactl(&agent, &["unlock", "bob"], "");
    assert_eq!(
        stdout(&unlock),
        "bob was not locked and had no failures; nothing changed\n"
    );
    let remove = mfactl(&agent, &["remove", "totp", "bob", "--label", "phone"], "");
    assert_eq!(
        stdout(&remove),
        "bob has no totp \"phone\"; nothing changed\n"
    );
    assert_eq!(
        (unlock.status.code(), remove.status.code()),
        (Some(0), Some(0))
    );
    agent.finish();
}

#[test]
fn a_change_of_one_s_own_is_repeated_once_a_factor_was_passed_on_the_same_connection() {
    let pin = || json!({"pin": "4711"});
    let agent = Agent::scripted(vec![
        refused("EnrollPin", pin(), "NotVerified", "pass a factor first"),
        login(
            "Begin",
            json!({"user": caller(), "service": "mfactl"}),
            json!({"messages": [], "prompt": {"text": "OTP code: ", "echo": true}}),
        ),
        login(
            "Answer",
            json!({"session": "s1", "answer": "123456"}),
            json!({"messages": [{"style": "info", "text": "welcome"}], "outcome": "passed"}),
        ),
        admin("EnrollPin", pin(), json!({"user": "alice"})),
    ]);
    let output = mfactl(
        &agent,
        &["enroll", "pin", "--stdin", "--json"],
        "4711\n123456\n",
    );
    assert_eq!(value(&output), json!({"user": "alice", "factor": "pin"}));
    assert_eq!(stderr(&output), "OTP code:\nwelcome\n");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(agent.finish(), 1);
}

#[test]
fn a_change_is_not_repeated_when_the_factor_was_not_passed() {
    let agent = Agent::scripted(vec![
        refused(
            "Remove",
            json!({"factor": "pin"}),
            "NotVerified",
            "pass a factor first",
        ),
        login(
            "Begin",
            json!({"user": caller(), "service": "mfactl"}),
            json!({"messages": [], "prompt": {"text": "OTP code: ", "echo": true}}),
        ),
        login(
            "Answer",
            json!({"session": "s1", "answer": "000000"}),
            json!({"messages": [], "outcome": "wrong"}),
        ),
    ]);
    let output = mfactl(&agent, &["--json", "remove", "pin"], "000000\n");
    assert_eq!(
        (output.status.code(), &value(&output)["error"]),
        (Some(1), &json!("NotVerified"))
    );
    agent.finish();
}

#[test]
fn a_wrong_code_can_be_corrected_before_the_device_is_stored() {
    let confirm = |code| json!({ "code": code });
    let agent = Agent::scripted(vec![
        admin(
            "EnrollTotp",
            json!({"user": "alice", "label": "phone", "digits": 8, "confirm": true}),
            enrollment(false),
        ),
        refused(
            "ConfirmDevice",
            confirm("1"),
            "Refused",
            "that is not the code",
        ),
        admin("ConfirmDevice", confirm("22222222"), enrollment(true)),
    ]);
    let arguments = [
        "enroll", "totp", "alice", "--label", "phone", "--digits", "8",
    ];
    let output = mfactl(&agent, &arguments, "1\n22222222\n");
    let text = stdout(&output);
    assert!(text.contains("Key     JBSW Y3DP EHPK 3PXP\n"), "{text}");
    assert!(
        text.contains("URI     otpauth://totp/host:alice?"),
        "{text}"
    );
    assert!(
        text.contains("Set     SHA1, 8 digits, a new code every 30 seconds\n"),
        "{text}"
    );
    assert!(
        text.contains("\n█████") && !text.contains('\u{1b}'),
        "{text}"
    );
    assert!(
        text.ends_with("alice: device \"phone\" enrolled\n"),
        "{text}"
    );
    assert_eq!(stderr(&output), "that is not the code\n");
    assert_eq!((output.status.code(), agent.finish()), (Some(0), 1));
}

#[test]
fn three_wrong_codes_store_nothing() {
    let wrong = |code| {
        refused(
            "ConfirmDevice",
            json!({ "code": code }),
            "Refused",
            "not the code",
        )
    };
    let agent = Agent::scripted(vec![
        admin("EnrollTotp", json!({"confirm": true}), enrollment(false)),
        wrong("1"),
        wrong("2"),
        wrong("3"),
    ]);
    let output = mfactl(&agent, &["enroll", "totp", "--json"], "1\n2\n3\n4\n");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        value(&output),
        json!({"error": "Refused", "reason": "not the code"})
    );
    agent.finish();
}

#[test]
fn without_a_code_on_standard_input_the_way_for_scripts_is_named() {
    let agent = Agent::scripted(vec![admin(
        "EnrollTotp",
        json!({"confirm": true}),
        enrollment(false),
    )]);
    let output = mfactl(&agent, &["enroll", "totp"], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(
        stderr(&output).contains("--no-confirm"),
        "{}",
        stderr(&output)
    );
    agent.finish();
}

#[test]
fn a_script_gets_key_and_uri_as_one_object() {
    let agent = Agent::scripted(vec![admin(
        "EnrollTotp",
        json!({"confirm": false}),
        enrollment(true),
    )]);
    let output = mfactl(&agent, &["enroll", "totp", "--no-confirm", "--json"], "");
    let expected = json!({
        "user": "alice", "factor": "totp", "label": "phone", "secret": "JBSWY3DPEHPK3PXP",
        "uri": "otpauth://totp/host:alice?secret=JBSWY3DPEHPK3PXP&issuer=host&digits=8",
    });
    assert_eq!(value(&output), expected);
    assert_eq!(stderr(&output), "");
    agent.finish();
}

#[test]
fn a_device_that_is_there_already_is_not_asked_for_a_code() {
    let parameters = json!({"secret": "JBSW Y3DP", "confirm": true});
    let agent = Agent::scripted(vec![admin("EnrollTotp", parameters, enrollment(true))]);
    let output = mfactl(
        &agent,
        &["enroll", "totp", "--secret-stdin"],
        "JBSW Y3DP\n123456\n",
    );
    let text = stdout(&output);
    assert!(
        text.ends_with("\"phone\" is already enrolled; nothing changed\n"),
        "{text}"
    );
    assert_eq!(output.status.code(), Some(0));
    agent.finish();
}

#[test]
fn questions_come_as_three_lines() {
    let agent = Agent::scripted(vec![admin(
        "EnrollQuestions",
        json!({"user": "alice", "questions": [
            {"question": "One?", "answer": "a"},
            {"question": "Two?", "answer": "b c"},
            {"question": "Three?", "answer": "d"},
        ]}),
        json!({"user": "alice"}),
    )]);
    let lines = "One?\ta\nTwo?\tb c\nThree?\td\n";
    let output = mfactl(&agent, &["enroll", "questions", "alice", "--stdin"], lines);
    assert_eq!(stdout(&output), "alice: security questions enrolled\n");
    let short = mfactl(
        &agent,
        &["enroll", "questions", "--stdin"],
        "One?\ta\nTwo? b\n",
    );
    assert_eq!(short.status.code(), Some(2));
    assert!(
        stderr(&short).contains("line 2 of standard input is not question<TAB>answer"),
        "{}",
        stderr(&short)
    );
    agent.finish();
}
