//! Refusals, mistakes and exit statuses, and the form that they take with `--json`.

use std::process::Command;

use serde_json::json;

use crate::support::{Agent, mfactl, refused, run, stderr, stdout, value};

#[test]
fn a_refusal_is_an_object_on_standard_output_with_json() {
    let agent = Agent::scripted(vec![refused(
        "Unlock",
        json!({"user": "bob"}),
        "NotAllowed",
        "only \u{1b}[31madministrators",
    )]);
    let output = mfactl(&agent, &["--json", "unlock", "bob"], "");
    assert_eq!(output.status.code(), Some(1));
    let expected = json!({"error": "NotAllowed", "reason": "only \u{1b}[31madministrators"});
    assert_eq!(value(&output), expected);
    assert!(!stderr(&output).contains('\u{1b}') && !stdout(&output).contains('\u{1b}'));
    agent.finish();
}

#[test]
fn an_agent_that_is_not_there_is_exit_status_3() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mfactl"));
    command.args(["--json", "--socket", "/nonexistent/agent.sock", "users"]);
    let output = run(command, "");
    assert_eq!(output.status.code(), Some(3));
    assert_eq!(value(&output)["error"], "Unreachable");
    for words in [
        "/nonexistent/agent.sock",
        "systemctl start mfa-agent",
        "--socket",
    ] {
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

#[test]
fn the_help_of_every_command_has_an_example() {
    let mut pages = vec![vec![]];
    while let Some(page) = pages.pop() {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mfactl"));
        command.args(&page).arg("--help");
        let help = stdout(&run(command, ""));
        assert!(help.contains("Example"), "mfactl {page:?}: {help}");
        let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        for line in commands.take_while(|line| !line.is_empty()) {
            let name = line.split_whitespace().next().unwrap().to_owned();
            if name != "help" {
                pages.push([&page[..], &[name]].concat());
            }
        }
    }
}

#[test]
fn wrong_usage_is_exit_status_2_and_keeps_standard_output_for_json() {
    for arguments in [
        &["remove", "topt"][..],
        &["enroll", "totp", "--digits", "9"],
        &["nonsense"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mfactl"));
        command.args(arguments);
        let output = run(command, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(stdout(&output), "");
        let mut command = Command::new(env!("CARGO_BIN_EXE_mfactl"));
        command.args(arguments).arg("--json");
        assert_eq!(value(&run(command, ""))["error"], "Usage");
    }
}

#[test]
fn a_command_that_only_a_person_may_leave_out_is_wrong_usage_in_a_script() {
    for (arguments, said) in [(&[][..], "Usage: mfactl"), (&["enroll"], "mfactl enroll")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mfactl"));
        command.args(arguments);
        let output = run(command, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(stdout(&output), "");
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
        assert!(stderr(&output).contains("Example"), "{}", stderr(&output));
        let mut command = Command::new(env!("CARGO_BIN_EXE_mfactl"));
        command.args(arguments).arg("--json");
        let output = run(command, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(value(&output)["error"], "Usage");
    }
}
