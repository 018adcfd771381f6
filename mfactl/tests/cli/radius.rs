//! Accounts at RADIUS servers.

use serde_json::json;

use crate::support::{Agent, admin, mfactl, refused, stdout, value};

#[test]
fn an_account_at_a_radius_server_is_stored_once() {
    let enroll = |changed| {
        admin(
            "EnrollRadius",
            json!({"user": "alice", "server": "vip", "remote_user": "asmith"}),
            json!({"user": "alice", "changed": changed, "radius": {
                "server": "vip", "remote_user": "asmith",
                "enrolled_at": "2026-11-22T13:02:00Z", "last_used_at": null,
            }}),
        )
    };
    let agent = Agent::scripted(vec![enroll(true), enroll(false), enroll(false)]);
    let arguments = "enroll radius alice --server vip --as asmith";
    let arguments: Vec<_> = arguments.split(' ').collect();
    let first = stdout(&mfactl(&agent, &arguments, ""));
    assert_eq!(
        first,
        "alice is now asmith at the RADIUS server vip\nTest it: mfactl verify alice\n"
    );
    let again = mfactl(&agent, &arguments, "");
    assert_eq!(
        (stdout(&again).as_str(), again.status.code()),
        (
            "alice is already asmith at the RADIUS server vip; nothing changed\n",
            Some(0)
        )
    );
    let json = mfactl(&agent, &[&arguments[..], &["--json"]].concat(), "");
    let expected = json!({
        "user": "alice", "factor": "radius", "server": "vip", "remote_user": "asmith", "enabled": true,
        "enrolled_at": "2026-11-22T13:02:00Z", "last_used_at": null, "changed": false,
    });
    assert_eq!(value(&json), expected);
    agent.finish();
}

#[test]
fn a_server_that_is_not_in_the_settings_or_a_caller_who_may_not_is_refused() {
    let parameters = || json!({"user": "alice", "server": "vap"});
    let agent = Agent::scripted(vec![
        refused(
            "EnrollRadius",
            parameters(),
            "Refused",
            "there is no [[radius]] \"vap\"",
        ),
        refused(
            "EnrollRadius",
            parameters(),
            "NotAllowed",
            "only administrators",
        ),
    ]);
    for word in ["Refused", "NotAllowed"] {
        let arguments = ["--json", "enroll", "radius", "alice", "--server", "vap"];
        let output = mfactl(&agent, &arguments, "");
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(value(&output)["error"], word);
    }
    agent.finish();
}
