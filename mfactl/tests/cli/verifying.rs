//! `verify`.

use std::process::Command;

use serde_json::json;

use crate::support::{Agent, admin, caller, login, mfactl, run, stderr, stdout, value};

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
        let expected = json!({
            "user": "alice", "service": "sudo", "operation": null, "outcome": outcome,
            "verified": status == 0,
        });
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

/// A login for an operation that ends like this once it is answered.
fn operation(outcome: &'static str) -> Agent {
    Agent::scripted(vec![
        login(
            "Begin",
            json!({"user": caller(), "service": "mfactl", "operation": "collect-evidence"}),
            json!({
                "messages": [{"style": "info", "text": "3 days are left"}],
                "prompt": {"text": "PIN: ", "echo": false},
            }),
        ),
        login(
            "Answer",
            json!({"session": "s1", "answer": "4711"}),
            json!({"messages": [{"style": "error", "text": "no"}], "outcome": outcome}),
        ),
    ])
}

#[test]
fn a_script_is_guarded_by_the_line_that_the_help_shows() {
    for (outcome, collected) in [("passed", "collected\n"), ("wrong", ""), ("locked", "")] {
        let agent = operation(outcome);
        let mut script = Command::new("sh");
        script.arg("-c").arg(
            "mfactl() { \"$1\" --socket \"$2\" verify --quiet --operation collect-evidence; }
             mfactl \"$@\" || exit 1
             echo collected",
        );
        script
            .arg("sh")
            .arg(env!("CARGO_BIN_EXE_mfactl"))
            .arg(agent.socket());
        let output = run(script, "4711\n");
        assert_eq!(stdout(&output), collected, "{outcome}");
        assert_eq!(stderr(&output), "PIN:\n", "{outcome}");
        assert_eq!(output.status.success(), !collected.is_empty(), "{outcome}");
        agent.finish();
    }
}

#[test]
fn quiet_with_json_still_prints_its_object() {
    let agent = operation("passed");
    let arguments = ["--json", "verify", "-q", "--operation", "collect-evidence"];
    let output = mfactl(&agent, &arguments, "4711\n");
    let expected = json!({
        "user": caller(), "service": "mfactl", "operation": "collect-evidence",
        "outcome": "passed", "verified": true,
    });
    assert_eq!((value(&output), output.status.code()), (expected, Some(0)));
    agent.finish();
}

#[test]
fn a_quiet_verify_says_so_when_the_agent_is_not_there() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mfactl"));
    command.args(["--socket", "/nonexistent/agent.sock", "verify", "--quiet"]);
    let output = run(command, "");
    assert_eq!(
        (output.status.code(), stdout(&output)),
        (Some(3), String::new())
    );
    assert!(
        stderr(&output).contains("not reachable"),
        "{}",
        stderr(&output)
    );
}
