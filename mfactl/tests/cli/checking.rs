//! `config check`.

use serde_json::{Value, json};

use crate::support::{Agent, admin, mfactl, stdout, value};

pub(crate) fn checked(valid: bool, findings: &Value) -> Value {
    json!({
        "file": "/etc/mfa/agent.toml", "files": ["/etc/mfa/agent.toml"], "valid": valid, "findings": findings, "refused": [], "refused_more": 0,
    })
}

pub(crate) fn error() -> Value {
    let message = "every administrator is locked out";
    json!({"severity": "error", "place": "/etc/mfa/agent.toml:31", "message": message})
}

pub(crate) fn warning() -> Value {
    json!({"severity": "warning", "place": null, "message": "rule \u{1b}x never fits"})
}

#[test]
fn settings_with_nothing_wrong_or_only_warnings_are_a_success() {
    let call = |findings| admin("CheckConfig", json!({}), checked(true, &findings));
    let agent = Agent::scripted(vec![call(json!([])), call(json!([warning()]))]);
    let output = mfactl(&agent, &["config", "check"], "");
    assert_eq!(stdout(&output), "/etc/mfa/agent.toml: valid, no findings\n");
    assert_eq!(output.status.code(), Some(0));
    let output = mfactl(&agent, &["config", "check"], "");
    let expected = "warning: rule \\u{1b}x never fits\n/etc/mfa/agent.toml: valid; 1 warning\n";
    assert_eq!(stdout(&output), expected);
    assert_eq!(output.status.code(), Some(0));
    agent.finish();
}

#[test]
fn an_error_or_settings_that_are_not_valid_are_exit_status_1() {
    for (valid, findings) in [
        (true, json!([error()])),
        (false, json!([])),
        (false, json!([error()])),
    ] {
        let call = || admin("CheckConfig", json!({}), checked(valid, &findings));
        let agent = Agent::scripted(vec![call(), call()]);
        let output = mfactl(&agent, &["config", "check"], "");
        assert_eq!(output.status.code(), Some(1));
        let line = "error: /etc/mfa/agent.toml:31: every administrator is locked out\n";
        assert_eq!(
            stdout(&output).starts_with(line),
            findings == json!([error()])
        );
        assert!(
            !stdout(&output).contains("nothing wrong"),
            "{}",
            stdout(&output)
        );
        let json = mfactl(&agent, &["--json", "config", "check"], "");
        assert_eq!(value(&json), checked(valid, &findings));
        assert_eq!(json.status.code(), Some(1));
        agent.finish();
    }
}

#[test]
fn who_can_t_log_in_is_told_for_when_a_stack_asks() {
    let call = || {
        let mut reply = checked(true, &json!([]));
        reply["refused"] = json!([{"user": "anna", "administers": false}]);
        admin("CheckConfig", json!({}), reply)
    };
    let agent = Agent::scripted(vec![call(), call()]);
    let arguments = ["config", "check", "--sshd", "/nonexistent"];
    let now = stdout(&mfactl(&agent, &arguments, ""));
    let who = "these users can't log in: anna. Enrol them";
    assert!(now.starts_with(&format!("warning: {who}")), "{now}");
    let arguments = ["config", "check", "--pam-dir", "/nonexistent"];
    let before = stdout(&mfactl(&agent, &arguments, ""));
    let start = format!("warning: once pam_mfa is in a PAM stack (now it is in none), {who}");
    assert!(before.starts_with(&start), "{before}");
    agent.finish();
}
