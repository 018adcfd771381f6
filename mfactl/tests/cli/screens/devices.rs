//! Devices: enrolled, renamed, taken up again.

use serde_json::{Value, json};

use super::{Times, full, person, rules, status};
use crate::person::Person;
use crate::support::{Agent, account, admin, mfactl, refused, stdout};

fn enrollment(factor: &str, label: &str, parameters: &str, stored: bool) -> Value {
    json!({"enrollment": {
        "user": "alice", "factor": factor, "label": label, "secret": "JBSWY3DPEHPK3PXP",
        "uri": format!("otpauth://{factor}/host:alice?secret=JBSWY3DPEHPK3PXP{parameters}"),
        "stored": stored,
    }})
}

#[test]
fn a_device_with_a_clock_is_enrolled() {
    let made = |stored| enrollment("totp", "phone", "&issuer=host", stored);
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
        admin(
            "EnrollRecovery",
            json!({"confirm": true}),
            json!({"user": "alice", "codes": ["0123456789", "1111122222"]}),
        ),
        admin("ConfirmRecovery", json!({}), json!({"user": "alice"})),
    ]);
    let mut person = person(&agent, &["enroll", "totp", "--label", "phone"]);
    person.types("on the device: ", "111111\n");
    person.types("on the device: ", "222222\n");
    person.types("safe place: ", "no\n");
    person.types("safe place: ", "Yes\n");
    let (screen, code) = person.ends();
    assert_eq!(code, Some(0), "{screen}");
    insta::assert_snapshot!(Times::now().golden(&screen));
    agent.finish();
}

#[test]
fn a_device_that_counts_is_enrolled_for_another() {
    let made = |stored| enrollment("hotp", "token", "&counter=0", stored);
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
        admin(
            "EnrollRecovery",
            json!({"user": "alice", "confirm": true}),
            json!({"user": "alice", "codes": ["0123456789"]}),
        ),
    ]);
    let mut person = person(&agent, &["enroll", "hotp", "alice"]);
    person.types("on the device: ", "222222\n");
    // Ctrl-D: the codes are void, and the device stays.
    person.types("safe place: ", "\u{4}");
    let (screen, _) = person.ends();
    insta::assert_snapshot!(Times::now().golden(&screen));
    agent.finish();
}

#[test]
fn no_recovery_ends_with_the_device() {
    let made = |stored| enrollment("totp", "phone", "", stored);
    let agent = Agent::scripted(vec![
        admin("EnrollTotp", json!({"confirm": true}), made(false)),
        admin("ConfirmDevice", json!({"code": "222222"}), made(true)),
    ]);
    let mut person = person(&agent, &["enroll", "totp", "--no-recovery"]);
    person.types("on the device: ", "222222\n");
    let (screen, code) = person.ends();
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.ends_with("enrolled\r\n"), "{screen}");
    agent.finish();
}

#[test]
fn new_recovery_codes_replace_the_earlier_ones_when_the_person_says_yes() {
    let shown = || {
        admin(
            "EnrollRecovery",
            json!({"user": "alice", "count": 2, "confirm": true}),
            json!({"user": "alice", "codes": ["0123456789", "1111122222"], "replaced": true}),
        )
    };
    let arguments = ["enroll", "recovery", "alice", "--count", "2"];
    let agent = Agent::scripted(vec![
        shown(),
        admin("ConfirmRecovery", json!({}), json!({"user": "alice"})),
    ]);
    let mut person = self::person(&agent, &arguments);
    person.types("safe place: ", "yes\n");
    let (screen, code) = person.ends();
    assert_eq!(code, Some(0), "{screen}");
    assert!(screen.contains("01234 56789"), "{screen}");
    assert!(!screen.contains("alice (earlier"), "{screen}");
    let end = "stored. Earlier ones no longer work.\r\n";
    assert!(screen.ends_with(end), "{screen}");
    agent.finish();

    let agent = Agent::scripted(vec![shown()]);
    let mut person = self::person(&agent, &arguments);
    person.types("safe place: ", "\u{4}");
    let (screen, code) = person.ends();
    assert_eq!(code, Some(1), "{screen}");
    let words = screen.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.ends_with("The earlier ones still work."), "{screen}");
    agent.finish();
}

#[test]
fn a_script_s_recovery_codes_are_stored_at_once() {
    let call = || {
        admin(
            "EnrollRecovery",
            json!({"count": 10}),
            json!({"user": "alice", "codes": ["0123456789"], "replaced": true}),
        )
    };
    let agent = Agent::scripted(vec![call(), call()]);
    let output = mfactl(&agent, &["enroll", "recovery"], "");
    let shown = stdout(&output);
    assert!(shown.contains("(earlier ones no longer work)"), "{shown}");
    // A terminal to type at, but what is printed goes to a file.
    let file = tempfile::tempfile().unwrap();
    let person = Person::runs_into(&agent, &["enroll", "recovery"], Some(file));
    let (screen, code) = person.ends();
    assert_eq!(code, Some(0), "{screen}");
    assert!(!screen.contains("safe place"), "{screen}");
    agent.finish();
}

#[test]
fn a_person_is_led_through_their_first_enrollment() {
    let made = |stored| enrollment("totp", "phone", "&issuer=host", stored);
    let codes: Vec<_> = (0..10).map(|n| format!("{n}234567890")).collect();
    let agent = Agent::scripted(vec![
        status(json!({}), account(json!({ "rules": rules() }))),
        admin(
            "EnrollTotp",
            json!({"label": "phone", "confirm": true}),
            made(false),
        ),
        admin("ConfirmDevice", json!({"code": "222222"}), made(true)),
        status(json!({}), account(json!({"enrolled": ["totp"]}))),
        admin(
            "EnrollRecovery",
            json!({"confirm": true}),
            json!({"user": "alice", "codes": codes}),
        ),
        admin("ConfirmRecovery", json!({}), json!({"user": "alice"})),
    ]);
    let mut person = person(&agent, &["enroll"]);
    person.types("Number (1 to 3): ", "7\n");
    person.types("Number (1 to 3): ", "1\n");
    person.types("Name of the device [device-1]: ", "phone\n");
    person.types("on the device: ", "222222\n");
    person.types("safe place: ", "yes\n");
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
    let made = |stored| enrollment("totp", "device-2", "&issuer=host", stored);
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
        .split_once("Scan the QR code")
        .map(|(before, _)| before)
        .unwrap();
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
        json!({"user": "alice", "first": "111111", "second": "222222"}),
        json!({"user": "alice", "factor": "totp", "label": "phone", "clock_offset": -150}),
    )]);
    let mut person = person(&agent, &["verify", "alice", "--resync"]);
    person.types("on the device: ", "111111\n");
    person.types("Next code: ", "111111\n");
    person.types("Next code: ", "222222\n");
    let (screen, code) = person.ends();
    assert_eq!(code, Some(0), "{screen}");
    insta::assert_snapshot!(Times::now().golden(&screen));
    agent.finish();
}
