//! Screens as golden texts, at 80 columns: what somebody reads who was woken for it.
//!
//! Times come from the clock of the test, so that "in 42 minutes" is true, and are replaced by fixed
//! ones afterwards.

mod addresses;
mod devices;
mod doctor;

use jiff::{SignedDuration, Timestamp};
use nix::pty::openpty;
use serde_json::{Value, json};

use crate::person::Person;
use crate::support::{Agent, Exchange, KEY_ALONE, account, admin, mfactl, sshd, stdout};

/// Times of accounts, and what stands for them in a screen.
struct Times {
    now: Timestamp,
}

/// How long ago, or ahead if negative, in seconds; as it is shown; and what stands for it.
const KNOWN: [(i64, &str, &str); 4] = [
    (50 * 3600, "%Y-%m-%d %H:%M", "2026-11-20 12:02"),
    (150, "%Y-%m-%d %H:%M", "2026-11-22 14:19"),
    (-42 * 60, "%Y-%m-%d %H:%M", "15:04"),
    (-42 * 60, "%H:%M", "15:04"),
];

impl Times {
    fn now() -> Self {
        Self {
            now: Timestamp::now(),
        }
    }

    /// Two days and two hours ago.
    fn enrolled(&self) -> String {
        self.ago(50 * 3600)
    }

    /// Two and a half minutes ago.
    fn just_now(&self) -> String {
        self.ago(150)
    }

    /// In 42 minutes.
    fn later(&self) -> String {
        self.ago(-42 * 60)
    }

    fn ago(&self, seconds: i64) -> String {
        (self.now - SignedDuration::from_secs(seconds)).to_string()
    }

    /// The screen with fixed times, and no line too wide for the terminal but those that are to be pasted.
    fn golden(&self, screen: &str) -> String {
        let mut screen = screen.replace("\r\n", "\n");
        for (seconds, format, fixed) in KNOWN {
            let time = self.now - SignedDuration::from_secs(seconds);
            screen = screen.replace(&time.strftime(format).to_string(), fixed);
        }
        let pasted = " ".repeat(14);
        let mut lines = screen.lines().filter(|line| !line.starts_with(&pasted));
        let wide = lines.find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "{screen}");
        screen
    }
}

fn rules() -> Value {
    json!([
        {
            "name": "vpn", "place": "/etc/mfa/agent.toml:31", "action": "ask", "require": ["totp"],
            "services": ["openvpn"], "from": ["10.0.0.0/8"], "conditions": ["days: mon-fri"],
        },
        {
            "name": "default", "place": "/etc/mfa/agent.toml:12", "action": "ask",
            "require": ["totp", "pin", "questions"], "services": [], "from": [], "conditions": [],
        },
    ])
}

fn drift(times: &Times, user: &str, label: &str, seconds: i64) -> Value {
    json!({
        "user": user, "factor": "totp", "label": label, "seconds": seconds, "codes": null,
        "seen_at": times.just_now(),
    })
}

/// A phone whose clock ran away, a token that counts, and a PIN.
fn full(times: &Times) -> Value {
    let device = |factor: &str, label: &str| {
        json!({
            "factor": factor, "label": label, "algorithm": "SHA1", "digits": 6, "period": 30,
            "counter": null, "clock_offset": 0, "drift": null, "credential_id": null,
            "enrolled_at": times.enrolled(), "last_used_at": times.just_now(),
        })
    };
    let mut phone = device("totp", "phone");
    phone["drift"] = drift(times, "alice", "phone", -150);
    let mut token = device("hotp", "token");
    token["period"] = Value::Null;
    token["counter"] = json!(12);
    token["credential_id"] = json!("FT-1234");
    token["last_used_at"] = Value::Null;
    let mut old = device("totp", "old token");
    old["algorithm"] = json!("SHA256");
    old["clock_offset"] = json!(90);
    account(json!({
        "enrolled": ["totp", "hotp", "pin"], "devices": [phone, token, old],
        "pin": {"enrolled_at": times.enrolled(), "last_used_at": null},
        "failures": 5, "consecutive_failures": 7, "refused_while_locked": 3,
        "locked_until": times.later(), "recovery_left": 2, "rules": rules(),
    }))
}

fn status(parameters: Value, account: Value) -> Exchange {
    admin("Status", parameters, json!({ "account": account }))
}

/// A person at a terminal without colours.
fn person(agent: &Agent, arguments: &[&str]) -> Person {
    let pty = openpty(None, None).unwrap();
    Person::sits_at(pty, agent, arguments, None, &[("NO_COLOR", "1")])
}

/// The explanation of an ssh login of somebody with nothing.
fn refused_for_now() -> Exchange {
    let explanation = json!({
        "user": "alice", "service": "sshd", "action": "ask", "rule": null, "place": null, "reason": "",
        "require": ["totp"], "prompting": "dialogue", "source": "local", "session": null, "unenrolled": "deny",
        "grace_days_left": null, "grace_since": null, "grace_until": null, "not_enrolled": true,
        "lockout_attempts": 5, "lockout_duration": "1h", "enrolled": [], "prompts": [], "considered": [],
    });
    admin(
        "Explain",
        json!({"user": "alice", "service": "sshd"}),
        json!({ "explanation": explanation }),
    )
}

#[test]
fn the_status_of_somebody_with_nothing() {
    let agent = Agent::scripted(vec![
        status(json!({"user": "alice"}), account(json!({}))),
        refused_for_now(),
    ]);
    let screen = stdout(&mfactl(
        &agent,
        &["status", "alice", "--sshd", "/nonexistent"],
        "",
    ));
    insta::assert_snapshot!(Times::now().golden(&screen));
    agent.finish();
}

#[test]
fn a_key_alone_is_named_where_a_user_with_nothing_gets_in_by_it() {
    let agent = Agent::scripted(vec![
        status(json!({"user": "alice"}), account(json!({}))),
        refused_for_now(),
    ]);
    let folder = tempfile::tempdir().unwrap();
    let sshd = sshd(folder.path(), KEY_ALONE);
    let screen = stdout(&mfactl(&agent, &["status", "alice", "--sshd", &sshd], ""));
    let lines = "Logins      ssh logins with a password are refused until a factor is enrolled; a\n            \
                 key alone still lets the user in\n";
    assert!(screen.contains(lines), "{screen}");
    agent.finish();
}

#[test]
fn where_no_stack_asks_the_status_says_when_somebody_is_refused() {
    let agent = Agent::scripted(vec![
        status(json!({"user": "alice"}), account(json!({}))),
        refused_for_now(),
    ]);
    let arguments = ["status", "alice", "--pam-dir", "/nonexistent"];
    let screen = stdout(&mfactl(&agent, &arguments, ""));
    let lines = "Logins      ssh logins without a factor are refused once pam_mfa is in a PAM\n            \
                 stack (now it is in none)\n";
    assert!(screen.contains(lines), "{screen}");
    agent.finish();
}

#[test]
fn the_status_of_somebody_locked_with_a_device_astray() {
    let times = Times::now();
    let agent = Agent::scripted(vec![status(json!({"user": "alice"}), full(&times))]);
    let screen = stdout(&mfactl(&agent, &["status", "alice"], ""));
    insta::assert_snapshot!(times.golden(&screen));
    agent.finish();
}

#[test]
fn mfactl_alone_for_somebody_with_nothing() {
    let agent = Agent::scripted(vec![
        status(json!({}), account(json!({}))),
        refused_for_now(),
    ]);
    let (screen, code) = Person::is_new(&agent).ends();
    assert_eq!(code, Some(0), "{screen}");
    insta::assert_snapshot!(Times::now().golden(&screen));
    agent.finish();
}

#[test]
fn mfactl_alone_for_somebody_with_a_device_astray() {
    let times = Times::now();
    let mut account = full(&times);
    account["locked_until"] = Value::Null;
    let agent = Agent::scripted(vec![status(json!({}), account)]);
    let (screen, _) = Person::is_new(&agent).ends();
    insta::assert_snapshot!(times.golden(&screen));
    agent.finish();
}

#[test]
fn mfactl_alone_for_somebody_who_is_locked() {
    let times = Times::now();
    let agent = Agent::scripted(vec![status(json!({}), full(&times))]);
    let (screen, _) = Person::is_new(&agent).ends();
    insta::assert_snapshot!(times.golden(&screen));
    agent.finish();
}
