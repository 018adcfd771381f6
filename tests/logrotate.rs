//! The audit log with the packages' logrotate settings.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use mfa_tests::{Agent, built, passes, run};

const USER: &str = "anna";
const LOG: &str = "/var/log/mfa/audit.jsonl";

/// Rotates the log of `agent` with the package's settings.
fn rotate(agent: &Agent, state: &Path) {
    let shipped = built().tree.join("packaging/logrotate/pam-mfa");
    let shipped = fs::read_to_string(shipped).expect("the settings of logrotate");
    assert!(shipped.contains(LOG), "{shipped}");
    let log = agent.folder().join("audit.jsonl");
    // Here the log has another path, and belongs to root.
    let settings = shipped
        .replace(LOG, log.to_str().expect("UTF-8"))
        .replace("su mfa mfa", "su root root");
    let file = agent.folder().join("logrotate.conf");
    fs::write(&file, settings).expect("settings");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("a mode");
    let mut logrotate = Command::new("logrotate");
    logrotate
        .arg("--force")
        .arg("--state")
        .arg(state)
        .arg(&file);
    let output = run(&mut logrotate);
    assert!(output.is_success(), "{output:?}");
}

fn lines(file: &Path) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn rotating_loses_no_line_and_a_later_crash_duplicates_none() {
    let mut agent = Agent::start();
    let key = agent.admin().counting_device(USER);
    let stack = mfa_tests::Stack::asking(&agent);
    let state = tempfile::tempdir().expect("a folder");
    let state = state.path().join("state");
    let log = agent.folder().join("audit.jsonl");
    let rotated = |number: u32| agent_file(&log, number);
    let mut all = Vec::new();
    for round in 1..=3 {
        assert!(passes(&stack, USER, &[&key.counted(round)]));
        let _ = agent.logins_of(USER, 1);
        let before = lines(&log);
        assert!(!before.is_empty());
        rotate(&agent, &state);
        assert_eq!(lines(&rotated(1)), before, "left as it is, for a crash");
        all.extend(before);
        assert_eq!(lines(&log), [""; 0], "the next line makes the new one");
    }
    let compressed = log.with_file_name("audit.jsonl.2.gz");
    assert!(compressed.exists(), "those before it are compressed");
    agent.kill_9();
    agent.launch();
    assert!(passes(&stack, USER, &[&key.counted(4)]));
    let _ = agent.logins_of(USER, 1);
    let new = lines(&log);
    assert!(new.iter().all(|line| !all.contains(line)), "{new:?}");
}

fn agent_file(log: &Path, number: u32) -> std::path::PathBuf {
    log.with_file_name(format!("audit.jsonl.{number}"))
}
