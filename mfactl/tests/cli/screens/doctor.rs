//! `doctor` on a host with much that is wrong.

use std::fs;
use std::process::Command;

use serde_json::json;

use super::{Times, drift};
use crate::support::{Agent, admin, refused, run, stdout};

/// A folder of stacks, right and wrong ones.
const STACKS: [(&str, &str); 10] = [
    (
        "common-auth",
        "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n\
         auth required pam_permit.so\n",
    ),
    (
        "system-auth",
        "auth sufficient pam_unix.so\nauth requisite pam_deny.so\n",
    ),
    (
        "sudo",
        "@include common-auth\nauth [success=ok ignore=ignore default=die] pam_mfa.so\n",
    ),
    (
        "sshd",
        "# the code\nauth [success=ok ignore=ignore default=die] pam_mfa.so\n\
         # the password\nauth include common-auth\n",
    ),
    (
        "vpn",
        "auth required pam_mfa.so forward_pass\nauth required pam_unix.so\n",
    ),
    (
        "cockpit",
        "auth include system-auth\nauth requisite pam_deny.so\nauth required pam_mfa.so\n",
    ),
    (
        "xrdp",
        "auth substack system-auth\nauth required pam_mfa.so\n",
    ),
    (
        "imap",
        "auth [success=1 default=ignore] pam_mysql.so user=pam passwd=TopSecret1\n\
         auth requisite pam_deny.so\nauth optional pam_mfa.so on_unavailable=ignore\n",
    ),
    (
        "smtp",
        "auth required pam_mfa.so\nauth requisite pam_mysql.so user=pam passwd=TopSecret1\n",
    ),
    ("sftp", "auth required pam_mfa.so\n"),
];

#[test]
fn doctor_with_a_wrong_clock_and_wrong_stacks() {
    let times = Times::now();
    let users = [("alice", 150), ("bob", 120), ("carol", 180), ("dave", -400)];
    let drifts = users.map(|(user, seconds)| drift(&times, user, "phone", seconds));
    let agent = Agent::scripted(vec![
        admin(
            "Health",
            json!({}),
            json!({
                "version": env!("CARGO_PKG_VERSION"), "config": "/etc/mfa/agent.toml",
                "loaded_at": times.just_now(), "reload_error": null, "config_changed": false,
                "store_error": null, "store_rollback": null,
            }),
        ),
        refused("Mode", json!({}), "NotAllowed", "ask root"),
        admin(
            "CheckConfig",
            json!({}),
            json!({"file": "/etc/mfa/agent.toml", "valid": true, "findings": []}),
        ),
        admin("Drifts", json!({}), json!({"drifts": drifts, "next": null})),
        admin("Keys", json!({}), json!({"keys": [], "next": null})),
        admin(
            "Terms",
            json!({
                "services": ["cockpit", "imap", "sftp", "smtp", "sshd", "sudo", "vpn", "xrdp"],
                "from_files": false,
            }),
            json!({"terms": []}),
        ),
    ]);
    let socket = agent.socket();
    let folder = socket.parent().unwrap();
    fs::create_dir(folder.join("pam.d")).unwrap();
    for (name, text) in STACKS {
        fs::write(folder.join("pam.d").join(name), text).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_mfactl"));
    command.args(["--socket", "agent.sock", "doctor", "--pam-dir", "pam.d"]);
    command.args(["--sshd", "/nonexistent/sshd"]);
    command.current_dir(folder);
    let output = run(command, "");
    assert_eq!(output.status.code(), Some(1));
    let screen = stdout(&output).replace(env!("CARGO_PKG_VERSION"), "0.1.0");
    assert!(!screen.contains("TopSecret1"));
    insta::assert_snapshot!(times.golden(&without_the_clock(&screen)));
    agent.finish();
}

/// Whether a program keeps the clock depends on the host.
fn without_the_clock(screen: &str) -> String {
    let mut is_clock = false;
    let mut kept = String::new();
    for line in screen.lines().take_while(|line| !line.is_empty()) {
        if !line.starts_with(' ') {
            is_clock = line.split_whitespace().nth(1) == Some("clock");
        }
        if !is_clock {
            kept += &format!("{}\n", line.replace("clock, ", ""));
        }
    }
    kept
}
