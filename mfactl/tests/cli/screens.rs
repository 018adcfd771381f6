//! Screens as golden texts, at 80 columns: what somebody reads who was woken for it.
//!
//! Times come from the clock of the test, so that "in 42 minutes" is true, and are replaced by fixed
//! ones afterwards.

use std::fs;
use std::process::Command;

use jiff::{SignedDuration, Timestamp};
use nix::pty::openpty;
use serde_json::{Value, json};

use crate::person::Person;
use crate::support::{Agent, Exchange, account, admin, mfactl, refused, run, stdout};

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

    /// The screen with fixed times, and no line too wide for the terminal.
    fn golden(&self, screen: &str) -> String {
        let mut screen = screen.replace("\r\n", "\n");
        for (seconds, format, fixed) in KNOWN {
            let time = self.now - SignedDuration::from_secs(seconds);
            screen = screen.replace(&time.strftime(format).to_string(), fixed);
        }
        let wide = screen.lines().find(|line| line.chars().count() > 80);
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
            "name": "policy", "place": "/etc/mfa/agent.toml:12", "action": "ask",
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

#[test]
fn the_status_of_somebody_with_nothing() {
    let agent = Agent::scripted(vec![status(json!({"user": "alice"}), account(json!({})))]);
    let screen = stdout(&mfactl(&agent, &["status", "alice"], ""));
    insta::assert_snapshot!(Times::now().golden(&screen));
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
    let agent = Agent::scripted(vec![status(json!({}), account(json!({})))]);
    let (screen, code) = person(&agent, &[]).ends();
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
    let (screen, _) = person(&agent, &[]).ends();
    insta::assert_snapshot!(times.golden(&screen));
    agent.finish();
}

#[test]
fn mfactl_alone_for_somebody_who_is_locked() {
    let times = Times::now();
    let agent = Agent::scripted(vec![status(json!({}), full(&times))]);
    let (screen, _) = person(&agent, &[]).ends();
    insta::assert_snapshot!(times.golden(&screen));
    agent.finish();
}

fn enrolment(factor: &str, label: &str, parameters: &str, stored: bool) -> Value {
    json!({"enrolment": {
        "user": "alice", "factor": factor, "label": label, "secret": "JBSWY3DPEHPK3PXP",
        "uri": format!("otpauth://{factor}/host:alice?secret=JBSWY3DPEHPK3PXP{parameters}"),
        "stored": stored,
    }})
}

#[test]
fn a_device_with_a_clock_is_enrolled() {
    let made = |stored| enrolment("totp", "phone", "&issuer=host", stored);
    let confirm = |code| json!({ "code": code });
    let agent = Agent::scripted(vec![
        admin(
            "EnrollTotp",
            json!({"label": "phone", "confirm": true}),
            made(false),
        ),
        refused(
            "ConfirmDevice",
            confirm("111111"),
            "Refused",
            "that is not the code that the device should show now",
        ),
        admin("ConfirmDevice", confirm("222222"), made(true)),
        status(json!({}), account(json!({"enrolled": ["totp"]}))),
    ]);
    let mut person = person(&agent, &["enroll", "totp", "--label", "phone"]);
    person.types("shows now: ", "111111\n");
    person.types("shows now: ", "222222\n");
    let (screen, code) = person.ends();
    assert_eq!(code, Some(0), "{screen}");
    insta::assert_snapshot!(Times::now().golden(&screen));
    agent.finish();
}

#[test]
fn a_device_that_counts_is_enrolled_for_another() {
    let made = |stored| enrolment("hotp", "token", "&counter=0", stored);
    let agent = Agent::scripted(vec![
        admin(
            "EnrollHotp",
            json!({"user": "alice", "confirm": true}),
            made(false),
        ),
        admin("ConfirmDevice", json!({"code": "222222"}), made(true)),
        status(
            json!({"user": "alice"}),
            account(json!({"enrolled": ["hotp"]})),
        ),
    ]);
    let mut person = person(&agent, &["enroll", "hotp", "alice"]);
    person.types("shows now: ", "222222\n");
    let (screen, _) = person.ends();
    insta::assert_snapshot!(Times::now().golden(&screen));
    agent.finish();
}

#[test]
fn a_person_is_led_through_their_first_enrolment() {
    let made = |stored| enrolment("totp", "phone", "&issuer=host", stored);
    let codes: Vec<_> = (0..10).map(|n| format!("{n}234567890")).collect();
    let agent = Agent::scripted(vec![
        status(json!({}), account(json!({ "rules": rules() }))),
        admin(
            "EnrollTotp",
            json!({"label": "phone", "confirm": true}),
            made(false),
        ),
        admin("ConfirmDevice", json!({"code": "222222"}), made(true)),
        admin(
            "EnrollRecovery",
            json!({"count": 10}),
            json!({"user": "alice", "codes": codes}),
        ),
    ]);
    let mut person = person(&agent, &["enroll"]);
    person.types("Number (1 to 3): ", "7\n");
    person.types("Number (1 to 3): ", "1\n");
    person.types("Name of the device [device-1]: ", "phone\n");
    person.types("shows now: ", "222222\n");
    person.types("(yes/no): ", "yes\n");
    let (screen, code) = person.ends();
    assert_eq!(code, Some(0), "{screen}");
    insta::assert_snapshot!(Times::now().golden(&screen));
    agent.finish();
}

#[test]
fn a_person_is_led_past_what_there_is_already() {
    let times = Times::now();
    let mut account = full(&times);
    account["devices"][1]["label"] = json!("device-1");
    let made = |stored| enrolment("totp", "device-2", "&issuer=host", stored);
    let agent = Agent::scripted(vec![
        status(json!({}), account),
        admin(
            "EnrollTotp",
            json!({"label": "device-2", "confirm": true}),
            made(true),
        ),
    ]);
    let mut person = person(&agent, &["enroll"]);
    person.types("Number (1 to 4): ", "1\n");
    person.types("Name of the device [device-2]: ", "phone\n");
    person.types("Name of the device [device-2]: ", "\n");
    let (screen, code) = person.ends();
    assert_eq!(code, Some(0), "{screen}");
    let menu = screen
        .split_once("Label ")
        .map(|(before, _)| before)
        .unwrap();
    let menu = menu.split_once('█').map(|(before, _)| before).unwrap();
    insta::assert_snapshot!(times.golden(menu));
    agent.finish();
}

#[test]
fn a_device_is_renamed() {
    let times = Times::now();
    let rename = |changed| {
        admin(
            "Rename",
            json!({"user": "alice", "label": "token", "to": "key ring"}),
            json!({"user": "alice", "label": "key ring", "changed": changed}),
        )
    };
    let look = || status(json!({"user": "alice"}), full(&times));
    let agent = Agent::scripted(vec![look(), rename(true), look(), rename(false)]);
    let mut screen = String::new();
    let arguments = ["rename", "hotp", "alice", "--to", "key ring"];
    screen += &stdout(&mfactl(&agent, &arguments, ""));
    let named = [&arguments[..], &["--label", "token"]].concat();
    screen += &stdout(&mfactl(&agent, &named, ""));
    insta::assert_snapshot!(times.golden(&screen));
    agent.finish();
}

#[test]
fn a_device_that_went_astray_is_taken_up() {
    let agent = Agent::scripted(vec![admin(
        "Resync",
        json!({"first": "111111", "second": "222222"}),
        json!({"user": "alice", "factor": "totp", "label": "phone", "clock_offset": -150}),
    )]);
    let mut person = person(&agent, &["verify", "--resync"]);
    person.types("shows now: ", "111111\n");
    person.types("that it shows: ", "111111\n");
    person.types("that it shows: ", "222222\n");
    let (screen, code) = person.ends();
    assert_eq!(code, Some(0), "{screen}");
    insta::assert_snapshot!(Times::now().golden(&screen));
    agent.finish();
}

/// A folder of stacks, right and wrong ones.
const STACKS: [(&str, &str); 7] = [
    (
        "common-auth",
        "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n\
         auth required pam_permit.so\n",
    ),
    (
        "system-auth",
        "auth sufficient pam_unix.so\nauth required pam_deny.so\n",
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
        "auth include system-auth\nauth required pam_mfa.so\n",
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
                "store_error": null,
            }),
        ),
        admin(
            "CheckConfig",
            json!({}),
            json!({"file": "/etc/mfa/agent.toml", "valid": true, "findings": []}),
        ),
        admin("Drifts", json!({}), json!({"drifts": drifts, "next": null})),
    ]);
    let socket = agent.socket();
    let folder = socket.parent().unwrap();
    fs::create_dir(folder.join("pam.d")).unwrap();
    for (name, text) in STACKS {
        fs::write(folder.join("pam.d").join(name), text).unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_mfactl"));
    command.args(["--socket", "agent.sock", "doctor", "--pam-dir", "pam.d"]);
    command.current_dir(folder);
    let output = run(command, "");
    assert_eq!(output.status.code(), Some(1));
    let screen = stdout(&output).replace(env!("CARGO_PKG_VERSION"), "0.1.0");
    insta::assert_snapshot!(times.golden(&without_the_clock(&screen)));
    agent.finish();
}

/// Whether a program keeps the clock depends on the host.
fn without_the_clock(screen: &str) -> String {
    let mut is_clock = false;
    let mut kept = String::new();
    for line in screen.lines().take_while(|line| !line.is_empty()) {
        if !line.starts_with(' ') {
            is_clock = line.contains(" clock: ");
        }
        if !is_clock {
            kept += &format!("{line}\n");
        }
    }
    kept
}
