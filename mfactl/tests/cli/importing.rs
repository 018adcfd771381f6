//! `import uris`.

use serde_json::json;

use crate::support::{Agent, admin, mfactl, refused, stderr, stdout, value};

#[test]
fn an_import_reports_every_line_that_was_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let lines = "# devices\nalice\totpauth://totp/a?secret=SECRETONE\n\nno tab here\n\
                 bob\totpauth://hotp/b?secret=SECRETTWO\ncarol\totpauth://totp/c?secret=X\n";
    std::fs::write(file.path(), lines).unwrap();
    let call = || {
        admin(
            "ImportUris",
            json!({"entries": [
                {"line": 2, "user": "alice", "uri": "otpauth://totp/a?secret=SECRETONE"},
                {"line": 5, "user": "bob", "uri": "otpauth://hotp/b?secret=SECRETTWO"},
                {"line": 6, "user": "carol", "uri": "otpauth://totp/c?secret=X"},
            ]}),
            json!({"results": [
                {"line": 2, "user": "alice", "result": "stored"},
                {"line": 5, "user": "bob", "result": "refused", "reason": "hotp is not offered"},
                {"line": 6, "user": "carol", "result": "unchanged"},
            ]}),
        )
    };
    let agent = Agent::scripted(vec![call(), call()]);
    let path = file.path().to_str().unwrap();
    let output = mfactl(&agent, &["import", "uris", path], "");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stdout(&output), "1 imported, 1 unchanged, 2 refused\n");
    let complaints = "line 4: no tab; expected user<TAB>otpauth://…\n\
                      line 5: bob: hotp is not offered\n";
    assert_eq!(stderr(&output), complaints);
    let json = mfactl(&agent, &["import", "uris", "-", "--json"], lines);
    let expected = json!({"stored": 1, "unchanged": 1, "refused": [
        {"line": 4, "user": null, "reason": "no tab; expected user<TAB>otpauth://…"},
        {"line": 5, "user": "bob", "reason": "hotp is not offered"},
    ]});
    assert_eq!(value(&json), expected);
    agent.finish();
}

#[test]
fn an_import_that_is_refused_as_a_whole_says_where_it_stopped() {
    let entries = json!({"entries": [{"line": 1, "user": "a", "uri": "otpauth://totp/a"}]});
    let agent = Agent::scripted(vec![refused(
        "ImportUris",
        entries,
        "NotAllowed",
        "ask root",
    )]);
    let output = mfactl(&agent, &["import", "uris", "-"], "a\totpauth://totp/a\n");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        stderr(&output).contains("stopped at line 1: ask root"),
        "{}",
        stderr(&output)
    );
    agent.finish();
}
