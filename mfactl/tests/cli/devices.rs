//! Devices: those that count, their names, and those that went astray.

use serde_json::json;

use crate::person::Person;
use crate::support::{
    Agent, Exchange, account, admin, caller, login, mfactl, mfactl_of, ordinary, refused, stderr,
    stdout, value,
};

fn token(stored: bool) -> serde_json::Value {
    json!({"enrollment": {
        "user": "alice", "factor": "hotp", "label": "token", "secret": "JBSWY3DPEHPK3PXP",
        "uri": "otpauth://hotp/host:alice?secret=JBSWY3DPEHPK3PXP&issuer=host&counter=12",
        "stored": stored,
    }})
}

#[test]
fn a_device_that_counts_is_enrolled_like_one_with_a_clock() {
    let agent = Agent::scripted(vec![
        admin(
            "EnrollHotp",
            json!({
                "user": "alice", "label": "token", "algorithm": "SHA256", "digits": 8,
                "counter": 12, "secret": "JBSW Y3DP", "credential_id": "FT-1", "confirm": true,
            }),
            token(false),
        ),
        admin("ConfirmDevice", json!({"code": "12345678"}), token(true)),
    ]);
    let arguments = "--json enroll hotp alice --label token --algorithm sha256 --digits 8 \
                     --counter 12 --credential-id FT-1 --secret-stdin";
    let arguments: Vec<_> = arguments.split_whitespace().collect();
    let output = mfactl(&agent, &arguments, "JBSW Y3DP\n12345678\n");
    let expected = json!({
        "user": "alice", "factor": "hotp", "label": "token", "secret": "JBSWY3DPEHPK3PXP",
        "uri": "otpauth://hotp/host:alice?secret=JBSWY3DPEHPK3PXP&issuer=host&counter=12",
    });
    assert_eq!((value(&output), output.status.code()), (expected, Some(0)));
    assert_eq!(agent.finish(), 1);
}

#[test]
fn a_device_that_counts_is_removed_by_its_factor() {
    let agent = Agent::scripted(vec![admin(
        "Remove",
        json!({"user": "bob", "factor": "hotp"}),
        json!({"user": "bob", "removed": 1}),
    )]);
    let output = mfactl(&agent, &["remove", "hotp", "bob"], "");
    assert_eq!(stdout(&output), "bob: hotp removed\n");
    agent.finish();
}

#[test]
fn a_person_is_asked_before_several_devices_are_removed() {
    let device = |label: &str| {
        json!({
            "factor": "totp", "label": label, "algorithm": "SHA1", "digits": 6, "period": 30, "counter": null,
            "clock_offset": 0, "drift": null, "credential_id": null, "enrolled_at": "2026-11-20T13:02:00Z",
            "last_used_at": null,
        })
    };
    let status = |devices: &[&str]| {
        let devices: Vec<_> = devices.iter().map(|label| device(label)).collect();
        let account = account(json!({"enrolled": ["totp"], "devices": devices}));
        admin(
            "Status",
            json!({"user": "alice"}),
            json!({ "account": account }),
        )
    };
    let removed = |count: u32| {
        admin(
            "Remove",
            json!({"user": "alice", "factor": "totp"}),
            json!({"user": "alice", "removed": count}),
        )
    };
    let line = ["remove", "totp", "alice"];
    let agent = Agent::scripted(vec![status(&["phone", "token"])]);
    let mut person = Person::runs(&agent, &line);
    person.types("Remove all? Type yes: ", "no\n");
    let (screen, code) = person.ends();
    assert_eq!(code, Some(1));
    assert!(
        screen.contains("alice has 2 totp devices: phone, token."),
        "{screen}"
    );
    agent.finish();
    for (devices, question, line) in [
        (2, true, &line[..]),
        (1, false, &line[..]),
        (2, false, &["remove", "totp", "alice", "--yes"]),
    ] {
        let looked = match line.contains(&"--yes") {
            true => None,
            false => Some(status(&["phone", "token"][..devices])),
        };
        let script = looked.into_iter().chain([removed(2)]).collect();
        let agent = Agent::scripted(script);
        let mut person = Person::runs(&agent, line);
        if question {
            person.types("Remove all? Type yes: ", "yes\n");
        }
        let (screen, code) = person.ends();
        assert_eq!(code, Some(0), "{screen}");
        assert_eq!(screen.contains("Type yes"), question, "{screen}");
        agent.finish();
    }
}

fn pair() -> serde_json::Value {
    json!({"user": "alice", "label": "phone", "first": "111111", "second": "222222"})
}

#[test]
fn two_lines_of_standard_input_take_up_a_device_that_went_astray() {
    let reply = json!({
        "user": "alice", "factor": "totp", "label": "phone", "clock_offset": -150, "skipped": null,
    });
    let agent = Agent::scripted(vec![
        admin("Resync", pair(), reply.clone()),
        admin("Resync", pair(), reply.clone()),
    ]);
    let arguments = ["verify", "alice", "--resync", "--label", "phone"];
    let output = mfactl(&agent, &arguments, "111111\n222222\n");
    assert_eq!(
        stdout(&output),
        "phone is in sync again. Its clock is 150 seconds behind, now corrected.\n"
    );
    let json = mfactl(
        &agent,
        &[&arguments[..], &["--json"]].concat(),
        "111111\n222222\n",
    );
    assert_eq!((value(&json), json.status.code()), (reply, Some(0)));
    agent.finish();
}

#[test]
fn a_pair_that_is_none_is_refused_or_not_even_sent() {
    let agent = Agent::scripted(vec![refused("Resync", pair(), "Refused", "no such pair")]);
    let arguments = ["verify", "alice", "--resync", "--label", "phone"];
    let wrong = mfactl(&agent, &arguments, "111111\n222222\n");
    assert_eq!(
        (wrong.status.code(), stderr(&wrong).as_str()),
        (Some(1), "mfactl: no such pair\n")
    );
    let same = mfactl(&agent, &arguments, "111 111\n111111\n");
    assert_eq!(same.status.code(), Some(1));
    assert!(
        stderr(&same).contains("nothing was sent or counted"),
        "{}",
        stderr(&same)
    );
    let one = mfactl(&agent, &arguments, "111111\n");
    assert_eq!(one.status.code(), Some(2));
    for with in [["--service", "sshd"], ["--operation", "wipe"]] {
        let output = mfactl(&agent, &[&["verify", "--resync"], &with[..]].concat(), "");
        assert_eq!(output.status.code(), Some(2));
    }
    agent.finish();
}

fn proof(user: &str, answer: &str, outcome: &str) -> [Exchange; 2] {
    [
        login(
            "Begin",
            json!({"user": user, "service": "mfactl"}),
            json!({"messages": [], "prompt": {"text": "OTP code: ", "echo": true}}),
        ),
        login(
            "Answer",
            json!({"session": "s1", "answer": answer}),
            json!({"messages": [], "outcome": outcome}),
        ),
    ]
}

#[test]
fn an_ordinary_user_passes_a_factor_before_the_codes_are_asked_for() {
    let somebody = ordinary();
    let name = somebody.name.clone();
    let [begin, answer] = proof(&name, "999999", "passed");
    let resync = admin(
        "Resync",
        json!({"first": "111111", "second": "222222"}),
        json!({"user": name, "factor": "totp", "label": "phone", "clock_offset": 0}),
    );
    let nothing = json!({"first": "", "second": ""});
    let wanted = refused("Resync", nothing, "NotVerified", "pass a factor");
    let agent = Agent::scripted(vec![wanted, begin, answer, resync]);
    let lines = "999999\n111111\n222222\n";
    let output = mfactl_of(&somebody, &agent, &["verify", "--resync"], lines);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output), "phone is in sync: its clock is right.\n");
    assert_eq!(agent.finish(), 1);
}

#[test]
fn who_passes_no_factor_is_told_who_else_can_take_the_device_up() {
    let somebody = ordinary();
    let name = somebody.name.clone();
    let [begin, answer] = proof(&name, "000000", "wrong");
    let nothing = json!({"user": name, "first": "", "second": ""});
    let wanted = refused("Resync", nothing, "NotVerified", "pass a factor");
    let agent = Agent::scripted(vec![wanted, begin, answer]);
    let lines = "000000\n111111\n222222\n";
    let output = mfactl_of(&somebody, &agent, &["verify", &name, "--resync"], lines);
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    for part in [
        "nothing changed",
        "A recovery code works",
        "mfactl verify --resync USER",
    ] {
        assert!(said.contains(part), "{said}");
    }
    agent.finish();
}

#[test]
fn where_a_proof_is_wanted_only_afterwards_two_new_codes_are_asked_for() {
    let codes = |first: &str, second: &str| json!({"user": "alice", "label": "phone", "first": first, "second": second});
    let [begin, answer] = proof(&caller(), "999999", "passed");
    let reply = json!({"user": "alice", "factor": "totp", "label": "phone", "clock_offset": 0});
    let agent = Agent::scripted(vec![
        refused(
            "Resync",
            codes("111111", "222222"),
            "NotVerified",
            "pass a factor",
        ),
        begin,
        answer,
        admin("Resync", codes("333333", "444444"), reply),
    ]);
    let arguments = ["verify", "alice", "--resync", "--label", "phone"];
    let lines = "111111\n222222\n999999\n333333\n444444\n";
    let output = mfactl(&agent, &arguments, lines);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(
        stderr(&output).contains("two new codes"),
        "{}",
        stderr(&output)
    );
    assert_eq!(agent.finish(), 1);
}

#[test]
fn a_renamed_device_is_one_object_for_a_script() {
    let device = json!({
        "factor": "totp", "label": "phone", "algorithm": "SHA1", "digits": 6, "period": 30,
        "counter": null, "clock_offset": 0, "drift": null, "credential_id": null,
        "enrolled_at": "2026-11-20T13:02:00Z", "last_used_at": null,
    });
    let account = account(json!({"enrolled": ["totp"], "devices": [device]}));
    let agent = Agent::scripted(vec![
        admin("Status", json!({}), json!({"account": account.clone()})),
        admin(
            "Rename",
            json!({"label": "phone", "to": "old"}),
            json!({"user": "alice", "label": "old", "changed": true}),
        ),
        admin("Status", json!({}), json!({ "account": account })),
    ]);
    let json = mfactl(&agent, &["--json", "rename", "totp", "--to", "old"], "");
    let expected = json!({"user": "alice", "factor": "totp", "label": "old", "changed": true});
    assert_eq!((value(&json), json.status.code()), (expected, Some(0)));
    let none = mfactl(&agent, &["rename", "hotp", "--to", "old"], "");
    assert_eq!(none.status.code(), Some(1));
    assert!(
        stderr(&none).contains("no hotp device"),
        "{}",
        stderr(&none)
    );
    agent.finish();
}
