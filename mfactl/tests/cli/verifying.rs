//! `verify`.

use serde_json::json;

use crate::support::{Agent, admin, caller, login, mfactl, stdout, value};

#[test]
fn verify_ends_with_success_only_when_passed_or_not_asked() {
    let expectations = [
        ("passed", 0),
        ("skipped", 0),
        ("wrong", 1),
        ("locked", 1),
        ("denied", 1),
    ];
    for (outcome, status) in expectations {
        let agent = Agent::scripted(vec![login(
            "Begin",
            json!({"user": "alice", "service": "sudo"}),
            json!({"messages": [], "outcome": outcome}),
        )]);
        let output = mfactl(
            &agent,
            &["--json", "verify", "alice", "--service", "sudo"],
            "",
        );
        assert_eq!(output.status.code(), Some(status), "{outcome}");
        let expected = json!({"user": "alice", "service": "sudo", "outcome": outcome});
        assert_eq!(value(&output), expected);
        agent.finish();
    }
}

#[test]
fn verify_without_an_answer_cancels() {
    let agent = Agent::scripted(vec![
        login(
            "Begin",
            json!({"user": caller(), "service": "mfactl"}),
            json!({"messages": [], "prompt": {"text": "PIN: ", "echo": false}}),
        ),
        admin("Cancel", json!({"session": "s1"}), json!({})),
    ]);
    let output = mfactl(&agent, &["verify"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).contains("cancelled"), "{}", stdout(&output));
    agent.finish();
}
