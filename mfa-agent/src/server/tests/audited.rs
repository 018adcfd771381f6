//! What a change is acknowledged for has its line in the store, and the same one in the audit file.

use std::fs;

use super::*;

struct Audited {
    rig: Rig,
    folder: tempfile::TempDir,
}

impl Audited {
    fn new(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rig = Rig::with_audit(audit::Settings {
            file: Some(folder.path().join("audit.jsonl")),
            ..audit::Settings::default()
        });
        rig.configure(settings);
        Self { rig, folder }
    }

    fn in_store(&self) -> String {
        String::from_utf8(self.rig.store.lines().unwrap().concat()).unwrap()
    }

    fn in_file(&self) -> String {
        assert!(self.rig.agent.audit().flush(Duration::from_secs(20)));
        fs::read_to_string(self.folder.path().join("audit.jsonl")).unwrap_or_default()
    }

    /// What the lines in the store say of the login that `reply` ended.
    fn told(&self, reply: &Value) -> Vec<String> {
        let lines = self.in_store();
        let lines = lines
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let text = |line: &Value, field: &str| line[field].as_str().unwrap_or("-").to_owned();
        lines
            .filter(|line| line["session"] == reply["session"])
            .map(|line| format!("{} {}", text(&line, "event"), text(&line, "result")))
            .collect()
    }
}

fn pass_by_pin(caller: &mut Caller, begin: &Value) -> Value {
    let login = caller.call("Login.Begin", begin.clone()).unwrap();
    caller.answer(&login, "?").unwrap();
    caller.answer(&login, "2").unwrap();
    let passed = caller.answer(&login, "1379").unwrap();
    assert_eq!(passed["step"]["outcome"], "passed");
    passed
}

#[test]
fn every_answer_and_every_change_carries_the_line_that_the_file_gets() {
    let audited = Audited::new("");
    let mut root = audited.rig.connect(ROOT);
    for n in 1..=6 {
        root.outcome("alice", "000000");
        assert_eq!(audited.in_store().lines().count(), n);
    }
    let key = "JBSWY3DPEHPK3PXP";
    let uri = format!("otpauth://totp/x:alice?secret={key}&issuer=x");
    for (method, parameters) in [
        ("Unlock", json!({})),
        ("Bypass", json!({ "seconds": 600 })),
        ("RevokeBypass", json!({})),
        ("Suspend", json!({ "seconds": 600 })),
        ("Resume", json!({})),
        ("EnrollPin", json!({ "pin": "4826" })),
        ("EnrollRecovery", json!({})),
        ("Remove", json!({ "factor": "recovery" })),
        ("Rename", json!({ "to": "old phone" })),
        (
            "ImportUris",
            json!({ "entries": [{ "line": 1, "user": "alice", "uri": uri }] }),
        ),
        ("Enforce", json!({ "level": "required" })),
        ("Require", json!({ "factor": "pin", "on": true })),
        ("SelfManage", json!({ "on": true })),
        ("AllowFrom", json!({ "networks": ["192.0.2.0/24"] })),
        ("Remove", json!({ "factor": "pin" })),
    ] {
        let before = audited.in_store().lines().count();
        let mut all = parameters;
        if method != "ImportUris" {
            all["user"] = "alice".into();
        }
        root.call(&format!("Admin.{method}"), all).unwrap();
        let lines = audited.in_store();
        assert_eq!(lines.lines().count(), before + 1, "{method}: {lines}");
    }
    assert_eq!(audited.in_file(), audited.in_store());
}

#[test]
fn a_change_that_changes_nothing_carries_no_line() {
    let audited = Audited::new("");
    let mut root = audited.rig.connect(ROOT);
    for (method, parameters) in [
        ("Unlock", json!({ "user": "alice" })),
        ("Revoke", json!({ "user": "alice" })),
        ("RevokeBypass", json!({ "user": "alice" })),
        ("Resume", json!({ "user": "alice" })),
        ("Remove", json!({ "user": "alice", "factor": "recovery" })),
    ] {
        root.call(&format!("Admin.{method}"), parameters).unwrap();
    }
    assert_eq!(audited.in_store(), "");
    assert_eq!(audited.in_file(), "");
}

#[test]
fn a_pass_by_a_session_is_committed_too() {
    let audited = Audited::new("[policy]\nsession = '10m'\nrequire = ['totp', 'pin']");
    let mut root = audited.rig.connect(ROOT);
    let begin = json!({ "user": "alice", "service": "sshd", "rhost": "192.0.2.7" });
    let passed = pass_by_pin(&mut root, &begin);
    assert_eq!(audited.told(&passed), ["login passed"]);
    let in_session = root.call("Login.Begin", begin.clone()).unwrap();
    assert_eq!(in_session["step"]["outcome"], "passed");
    assert_eq!(audited.told(&in_session), ["login passed"]);
    let admitted = root.call("Login.Admit", begin).unwrap();
    assert_eq!(admitted["step"]["outcome"], "passed");
    assert_eq!(audited.told(&admitted), ["account passed"]);
    assert_eq!(audited.in_file(), audited.in_store());
    let lines = audited.in_store();
    audited.rig.store.fail(StoreFailure::Swaps);
    let begin = json!({ "user": "alice", "service": "sshd", "rhost": "192.0.2.7" });
    root.call("Login.Begin", begin).unwrap_err();
    assert_eq!(audited.in_store(), lines);
}

#[test]
fn a_device_set_up_in_a_login_and_the_pass_share_one_change() {
    let audited = Audited::new("[enforcement]\nunenrolled = 'enroll'");
    let mut root = audited.rig.connect(ROOT);
    let login = root.begin("bob");
    let key = login["step"]["messages"][1]["text"].as_str().unwrap();
    let key = key.strip_prefix("Key: ").unwrap().replace(' ', "");
    root.answer(&login, "000000").unwrap();
    let uri = format!("otpauth://totp/x:bob?secret={key}&issuer=x");
    root.answer(&login, &current_code(&uri)).unwrap();
    let before = audited.rig.store.swaps();
    let passed = root.answer(&login, "yes").unwrap();
    assert_eq!(passed["step"]["outcome"], "passed");
    assert_eq!(audited.rig.store.swaps(), before + 1);
    let told = ["attempt wrong", "enroll done", "login passed"];
    assert_eq!(audited.told(&passed), told);
    assert_eq!(audited.in_file(), audited.in_store());
}

#[test]
fn the_first_login_in_days_of_grace_carries_its_line() {
    let audited = Audited::new("[enforcement]\ngrace = '7d'");
    let mut root = audited.rig.connect(ROOT);
    let first = root.begin("bob");
    assert_eq!(first["step"]["outcome"], "skipped");
    assert_eq!(audited.told(&first), ["login skipped"]);
    let second = root.begin("bob");
    assert!(audited.told(&second).is_empty(), "it changes nothing");
    assert_eq!(audited.in_file().matches("\"skipped\"").count(), 2);
}

#[test]
fn conflicts_leave_one_line_and_a_change_that_fails_leaves_none() {
    let audited = Audited::new("[policy]\nrequire = ['totp', 'pin']");
    let mut root = audited.rig.connect(ROOT);
    audited.rig.store.fail(StoreFailure::Conflicts(3));
    let begin = json!({ "user": "alice", "service": "sshd" });
    let passed = pass_by_pin(&mut root, &begin);
    assert_eq!(audited.told(&passed), ["login passed"]);
    assert_eq!(audited.in_file(), audited.in_store());
    let login = root.begin("alice");
    audited.rig.store.fail(StoreFailure::Swaps);
    root.answer(&login, "000000").unwrap();
    audited.rig.store.fail(StoreFailure::None);
    assert!(audited.told(&login).is_empty());
    assert_eq!(audited.in_file().matches("\"unavailable\"").count(), 1);
}

#[test]
fn the_store_forgets_a_line_only_when_the_file_has_it() {
    let audited = Audited::new("");
    let mut root = audited.rig.connect(ROOT);
    root.outcome("alice", "000000");
    let line = audited.in_store();
    assert!(audited.rig.store.forget_lines());
    assert_eq!(audited.in_store(), "");
    let file = audited.folder.path().join("audit.jsonl");
    assert_eq!(fs::read_to_string(&file).unwrap(), line);
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    root.outcome("alice", "000000");
    assert!(!audited.rig.store.forget_lines());
    assert_eq!(audited.in_store().lines().count(), 1);
}
