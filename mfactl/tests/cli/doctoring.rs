//! `doctor`.

use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::checking::{checked, error, warning};
use crate::support::{Agent, Exchange, admin, caller, mfactl, refused, run, sshd, stdout, value};

fn health(differing: Value) -> Exchange {
    let mut health = json!({
        "version": env!("CARGO_PKG_VERSION"), "config": "/etc/mfa/agent.toml",
        "loaded_at": "2020-01-02T03:04:05Z", "reload_error": null, "config_changed": false,
        "store_error": null, "store_rollback": null,
    });
    for (name, value) in differing.as_object().unwrap() {
        health[name] = value.clone();
    }
    admin("Health", json!({}), health)
}

fn mode(mode: &str) -> Exchange {
    let reply = json!({
        "mode": mode, "place": "/etc/mfa/agent.toml:7", "config": "/etc/mfa/agent.toml", "file_mode": mode,
    });
    admin("Mode", json!({}), reply)
}

fn config(findings: Value) -> Exchange {
    admin("CheckConfig", json!({}), checked(true, &findings))
}

/// Whether each check is well; the clock depends on the host and is left out.
fn verdicts(output: &Output) -> Vec<(String, bool)> {
    let report = value(output);
    let checks = report["checks"].as_array().unwrap().iter();
    let verdict = |check: &Value| {
        let mut keys: Vec<_> = check.as_object().unwrap().keys().cloned().collect();
        keys.sort();
        assert_eq!(keys, ["message", "name", "ok", "remedy"]);
        assert!(
            check["ok"] == true || check["remedy"].is_string(),
            "{check}"
        );
        (
            check["name"].as_str().unwrap().to_owned(),
            check["ok"] == true,
        )
    };
    checks
        .map(verdict)
        .filter(|(name, _)| name != "clock")
        .collect()
}

/// These, no backup yet, and no device out of sync.
fn expected<const N: usize>(checks: [(&str, bool); N]) -> Vec<(String, bool)> {
    let checks = checks
        .into_iter()
        .chain([("backup", true), ("devices", true)]);
    checks.map(|(name, ok)| (name.to_owned(), ok)).collect()
}

/// Runs it where there are no stacks.
fn doctor(agent: &Agent, arguments: &[&str]) -> Output {
    let folder = ["doctor", "--pam-dir", "/nonexistent/pam.d"];
    mfactl(agent, &[&folder, arguments].concat(), "")
}

/// Nobody has a security key.
fn no_keys() -> Exchange {
    keys(json!([]))
}

fn keys(keys: Value) -> Exchange {
    admin("Keys", json!({}), json!({"keys": keys, "next": null}))
}

fn drifts(drifts: Value) -> Exchange {
    admin("Drifts", json!({}), json!({"drifts": drifts, "next": null}))
}

#[test]
fn doctor_finds_nothing_where_all_is_well() {
    let script = || {
        let config = config(json!([warning()]));
        [
            health(json!({})),
            mode("all"),
            config,
            drifts(json!([])),
            no_keys(),
        ]
    };
    let scripts = [script(), script(), script()];
    let agent = Agent::scripted(scripts.into_iter().flatten().collect());
    let json = doctor(&agent, &["--json"]);
    let well = [
        ("agent", true),
        ("version", true),
        ("store", true),
        ("reload", true),
        ("config", true),
    ];
    assert_eq!(verdicts(&json), expected(well));
    let screen = stdout(&doctor(&agent, &[]));
    for line in [
        "list them: mfactl config check\n",
        "ok       agent, version, store, reload, ",
        "\nNo problems found; 1 warning. ",
    ] {
        assert!(screen.contains(line), "{line}: {screen}");
    }
    let screen = stdout(&doctor(&agent, &["--verbose"]));
    let line = format!("ok       agent    answers at {}", agent.socket().display());
    assert!(
        screen.replace("\n                  ", " ").contains(&line),
        "{screen}"
    );
    agent.finish();
}

#[test]
fn doctor_names_each_problem_and_the_command_that_mends_it() {
    let broken = || {
        health(json!({
            "version": "0.0.1", "store_error": "input/output error",
            "reload_error": "agent.toml:3: no such key",
        }))
    };
    let script = || {
        [
            broken(),
            mode("local-users"),
            config(json!([error()])),
            drifts(json!([])),
            no_keys(),
        ]
    };
    let agent = Agent::scripted(script().into_iter().chain(script()).collect());
    let json = doctor(&agent, &["--json"]);
    let ill = [
        ("agent", true),
        ("version", false),
        ("store", false),
        ("reload", false),
        ("config", false),
    ];
    let mut expected = expected(ill);
    // A store that can't be read says nothing about backups.
    expected.retain(|(name, _)| name != "backup");
    assert_eq!((verdicts(&json), json.status.code()), (expected, Some(1)));
    let output = doctor(&agent, &[]);
    let screen = stdout(&output).replace("\n                  ", " ");
    for words in [
        "systemctl restart mfa-agent",
        "systemctl reload mfa-agent",
        "agent.toml:3: no such key",
        "journalctl -u mfa-agent",
        "every administrator is locked out",
        "4 problems. Fix them",
    ] {
        assert!(screen.contains(words), "{words}: {screen}");
    }
    assert_eq!(output.status.code(), Some(1));
    agent.finish();
}

#[test]
fn files_that_the_agent_can_t_check_are_a_problem_among_others() {
    let agent = Agent::scripted(vec![
        health(json!({"config_changed": true})),
        mode("all"),
        refused("CheckConfig", json!({}), "Unavailable", "permission denied"),
        drifts(json!([])),
        no_keys(),
    ]);
    let output = doctor(&agent, &["--json"]);
    let ill = [
        ("agent", true),
        ("version", true),
        ("store", true),
        ("config", false),
    ];
    assert_eq!(
        (verdicts(&output), output.status.code()),
        (expected(ill), Some(1))
    );
    agent.finish();
}

#[test]
fn doctor_leaves_out_what_its_caller_may_not_see() {
    let agent = Agent::scripted(vec![
        health(json!({})),
        refused("Mode", json!({}), "NotAllowed", "ask root"),
        config(json!([])),
        refused("Drifts", json!({}), "NotAllowed", "ask root"),
        refused("Keys", json!({}), "NotAllowed", "ask root"),
    ]);
    let output = doctor(&agent, &["--json"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(
        verdicts(&output).iter().all(|(name, _)| name != "devices"),
        "{}",
        stdout(&output)
    );
    agent.finish();
}

#[test]
fn doctor_reads_all_pages_of_devices_astray() {
    let astray = |user: &str| {
        json!({
            "user": user, "factor": "hotp", "label": "token", "seconds": null, "codes": 23,
            "seen_at": "2020-01-02T03:04:05Z",
        })
    };
    let agent = Agent::scripted(vec![
        health(json!({})),
        mode("all"),
        config(json!([])),
        admin(
            "Drifts",
            json!({}),
            json!({"drifts": [astray("alice")], "next": "alice"}),
        ),
        admin(
            "Drifts",
            json!({"after": "alice"}),
            json!({"drifts": [astray("bob")]}),
        ),
        no_keys(),
    ]);
    let output = doctor(&agent, &[]);
    assert_eq!(output.status.code(), Some(1));
    for words in [
        "token of alice: it is 23 codes ahead",
        "mfactl verify bob --resync",
    ] {
        assert!(stdout(&output).contains(words), "{}", stdout(&output));
    }
    agent.finish();
}

/// A security key, its authorized_keys line and its fingerprint.
const SK: &str = "sk-ssh-ed25519@openssh.com \
    AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIAqYYOyTMdO9s2KUqjLlL1HdZH7SKdYpTjqQqYYP3pRZAAAABHNzaDo=";
const FINGERPRINT: &str = "SHA256:PDE1CRe/v/lEiJ40apDykZt2233skBr/1BhcvHwm4J4";

#[test]
fn doctor_names_the_line_by_which_a_key_is_used_without_a_touch() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authorized_keys");
    std::fs::write(&file, format!("# mine\nno-touch-required {SK} me\n")).unwrap();
    let key = |user: &str| json!({"user": user, "label": "yubikey", "fingerprint": FINGERPRINT, "enabled": true});
    let user = caller();
    for (options, expected) in [("none", true), ("touch-required", false)] {
        let settings = format!(
            "pubkeyauthoptions {options}\nauthorizedkeysfile {}",
            file.display()
        );
        let program = sshd(folder.path(), &settings);
        let agent = Agent::scripted(vec![
            health(json!({})),
            mode("all"),
            config(json!([])),
            drifts(json!([])),
            keys(json!([key(&user), key("mfat-another")])),
        ]);
        let screen =
            stdout(&doctor(&agent, &["--sshd", &program])).replace("\n                  ", " ");
        let line = format!("sshd takes yubikey of {user} without a touch");
        assert_eq!(screen.contains(&line), expected, "{screen}");
        let place = format!("{}:2", file.display());
        assert_eq!(screen.contains(&place), expected, "{screen}");
        assert!(screen.contains("have the same security key"), "{screen}");
        agent.finish();
    }
}

#[test]
fn doctor_begins_with_a_mode_that_asks_nobody() {
    let agent = Agent::scripted(vec![
        health(json!({})),
        mode("none"),
        config(json!([])),
        drifts(json!([])),
        no_keys(),
    ]);
    let output = doctor(&agent, &[]);
    let lines = "warning  mode     nobody is asked for a second factor: [enforcement] mode is\n                  \
                 none (/etc/mfa/agent.toml:7)\n                  to ask: mfactl mode all\n";
    assert!(stdout(&output).starts_with(lines), "{}", stdout(&output));
    agent.finish();
}

#[test]
fn doctor_without_an_agent_is_exit_status_3_with_the_command_that_starts_it() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mfactl"));
    command.args(["--socket", "/nonexistent/agent.sock", "doctor"]);
    let output = run(command, "");
    assert_eq!(output.status.code(), Some(3));
    assert!(
        stdout(&output).contains("systemctl start mfa-agent"),
        "{}",
        stdout(&output)
    );
}
