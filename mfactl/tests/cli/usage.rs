//! Refusals, mistakes and exit statuses, and the form that they take with `--json`.

use std::process::Command;

use nix::unistd::geteuid;
use serde_json::json;

use crate::checking::checked;
use crate::support::{
    Agent, Exchange, account, admin, mfactl, refused, run, stderr, stdout, value,
};

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
    let mut command = Command::new(env!("CARGO_BIN_EXE_mfactl"));
    command.arg("enroll");
    let output = run(command, "");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    for words in ["mfactl enroll", "Example"] {
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
    for arguments in [&["--json"][..], &["--json", "enroll"]] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mfactl"));
        command.args(arguments);
        let output = run(command, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert_eq!(value(&output)["error"], "Usage");
    }
}

#[test]
fn mfactl_alone_in_a_pipe_shows_the_state_of_the_host_or_user() {
    let script = match geteuid().is_root() {
        true => of_host(),
        false => vec![admin(
            "Status",
            json!({}),
            json!({"account": account(json!({"enrolled": ["pin"]}))}),
        )],
    };
    let agent = Agent::scripted(script);
    let output = mfactl(&agent, &[], "");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let screen = stdout(&output);
    assert!(
        screen.contains("\nNext steps\n") && !screen.contains('\u{1b}'),
        "{screen}"
    );
    assert_eq!(
        screen.contains("Asked by    sshd\n"),
        geteuid().is_root(),
        "{screen}"
    );
    agent.finish();
}

/// What root is told of a host.
fn of_host() -> Vec<Exchange> {
    let health = json!({
        "version": env!("CARGO_PKG_VERSION"), "config": "/etc/mfa/agent.toml", "loaded_at": "2020-01-02T03:04:05Z",
        "reload_error": null, "config_changed": false, "store_error": null, "store_rollback": null,
    });
    let mode = json!({
        "mode": "all", "place": null, "config": "/etc/mfa/agent.toml", "file_mode": "all",
    });
    vec![
        admin("Health", json!({}), health),
        admin("CheckConfig", json!({}), checked(true, &json!([]))),
        admin("Mode", json!({}), mode),
        admin(
            "Users",
            json!({}),
            json!({"users": ["alice"], "suspended": [], "next": null}),
        ),
        admin("Lockouts", json!({}), json!({"lockouts": [], "next": null})),
    ]
}
