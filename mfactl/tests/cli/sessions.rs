//! `sessions`, `revoke`, `bypass`.

use serde_json::{Value, json};

use crate::support::{Agent, admin, mfactl, refused, stderr, stdout, value};

fn session(user: &str) -> Value {
    json!({
        "user": user, "service": "sudo", "operation": null, "rhost": null, "ruser": "alice",
        "tty": "/dev/pts/3", "factor": "totp+pin", "begun_at": "2020-01-02T03:04:05Z",
        "ends_at": "2020-01-02T03:19:05Z",
    })
}

#[test]
fn sessions_are_fetched_to_their_last_page() {
    let script = || {
        [
            admin(
                "Sessions",
                json!({}),
                json!({"sessions": [session("alice")], "next": "alice"}),
            ),
            admin(
                "Sessions",
                json!({"after": "alice"}),
                json!({"sessions": [session("b\u{1b}ob")], "next": null}),
            ),
        ]
    };
    let agent = Agent::scripted(script().into_iter().chain(script()).collect());
    let output = mfactl(&agent, &["sessions"], "");
    let screen = stdout(&output);
    for words in [
        "sudo",
        "this host",
        "pts/3",
        "totp+pin",
        "2020-01-02",
        "b\\u{1b}ob",
        "revoke",
    ] {
        assert!(screen.contains(words), "{words}: {screen}");
    }
    let json = mfactl(&agent, &["--json", "sessions"], "");
    assert_eq!(
        value(&json),
        json!([session("alice"), session("b\u{1b}ob")])
    );
    agent.finish();
}

#[test]
fn the_sessions_of_one_user_are_asked_for_by_name_on_every_page() {
    let page =
        |after: Value, next: Value| admin("Sessions", after, json!({"sessions": [], "next": next}));
    let agent = Agent::scripted(vec![
        page(json!({"user": "bob"}), json!("k")),
        page(json!({"user": "bob", "after": "k"}), json!(null)),
    ]);
    let output = mfactl(&agent, &["sessions", "bob"], "");
    assert_eq!(output.status.code(), Some(0));
    assert!(
        stdout(&output).starts_with("No active sessions"),
        "{}",
        stdout(&output)
    );
    agent.finish();
}

#[test]
fn revoke_says_how_many_sessions_it_ended() {
    let call = |ended| {
        let reply = json!({"user": "bob", "ended": ended});
        admin("Revoke", json!({"user": "bob"}), reply)
    };
    let agent = Agent::scripted(vec![call(2), call(1), call(0), call(3)]);
    for words in ["2 sessions ended", "1 session ended", "nothing changed"] {
        let output = mfactl(&agent, &["revoke", "bob"], "");
        assert!(stdout(&output).contains(words), "{}", stdout(&output));
        assert_eq!(output.status.code(), Some(0));
    }
    let json = value(&mfactl(&agent, &["revoke", "bob", "--json"], ""));
    assert_eq!(json, json!({"user": "bob", "ended": 3}));
    agent.finish();
}

fn bypass(seconds: u32, locked: bool) -> crate::support::Exchange {
    let reply = json!({
        "user": "bob", "code": "483920137", "expires_at": "2020-01-02T03:04:05Z", "locked": locked,
    });
    admin("Bypass", json!({"user": "bob", "seconds": seconds}), reply)
}

#[test]
fn a_bypass_code_is_shown_for_reading_out_and_whole_in_json() {
    let agent = Agent::scripted(vec![
        bypass(1800, false),
        bypass(5400, true),
        bypass(60, true),
    ]);
    let open = stdout(&mfactl(&agent, &["bypass", "bob"], ""));
    assert!(
        open.contains("\n  483 920 137\n") && open.contains("It works once, until "),
        "{open}"
    );
    assert!(
        open.contains("leave them out") && !open.contains("LOCKED"),
        "{open}"
    );
    let locked = stdout(&mfactl(&agent, &["bypass", "bob", "--for", "1h30m"], ""));
    assert!(
        locked.contains("LOCKED") && locked.contains("mfactl unlock bob"),
        "{locked}"
    );
    let json = mfactl(&agent, &["--json", "bypass", "bob", "--for=60s"], "");
    let expected = json!({
        "user": "bob", "code": "483920137", "expires_at": "2020-01-02T03:04:05Z", "locked": true,
    });
    assert_eq!((value(&json), json.status.code()), (expected, Some(0)));
    assert_eq!(stderr(&json), "");
    agent.finish();
}

#[test]
fn a_bypass_code_for_less_than_a_minute_or_more_than_three_hours_is_wrong_usage() {
    let agent = Agent::scripted(vec![refused(
        "Bypass",
        json!({"user": "bob", "seconds": 10_800}),
        "NotAllowed",
        "only administrators",
    )]);
    for length in ["59s", "3h1s", "tomorrow", "", "30"] {
        let output = mfactl(&agent, &["bypass", "bob", "--for", length], "");
        assert_eq!(output.status.code(), Some(2), "{length}");
        assert!(
            stderr(&output).contains("expected 1m to 3h"),
            "{}",
            stderr(&output)
        );
    }
    let output = mfactl(&agent, &["bypass", "bob", "--for", "3h"], "");
    assert_eq!(output.status.code(), Some(1));
    agent.finish();
}

#[test]
fn a_bypass_code_is_taken_back_and_a_repetition_succeeds() {
    let call = |changed| {
        let reply = json!({"user": "bob", "changed": changed});
        admin("RevokeBypass", json!({"user": "bob"}), reply)
    };
    let agent = Agent::scripted(vec![call(true), call(false)]);
    for said in [
        "bob: the bypass code no longer works\n",
        "bob has no valid bypass code; nothing changed\n",
    ] {
        let output = mfactl(&agent, &["bypass", "bob", "--off"], "");
        assert_eq!((output.status.code(), &*stdout(&output)), (Some(0), said));
    }
    agent.finish();
}
