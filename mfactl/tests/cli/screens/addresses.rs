//! Addresses that codes are sent to, and how sending them goes.

use serde_json::{Value, json};

use super::{Times, full, person, status};
use crate::person::Person;
use crate::support::{Agent, account, admin, mfactl, refused, stdout};

fn address(times: &Times, factor: &str, address: &str) -> Value {
    json!({
        "factor": factor, "address": address, "primary": false, "enabled": true,
        "confirmed_at": times.enrolled(), "enrolled_at": times.enrolled(),
        "last_used_at": times.just_now(),
    })
}

/// Three addresses of e-mail, a number, an account at a RADIUS server, and too many messages.
fn reachable(times: &Times) -> Value {
    let mut primary = address(times, "email", "anna@example.org");
    primary["primary"] = json!(true);
    let mut new = address(times, "email", "anna.karenina@post.example.org");
    new["confirmed_at"] = Value::Null;
    new["last_used_at"] = Value::Null;
    let mut disabled = address(times, "sms", "+491701234542");
    disabled["enabled"] = json!(false);
    account(json!({
        "enrolled": ["email", "radius"], "addresses": [primary, new, disabled],
        "radius": {
            "server": "vip", "remote_user": "asmith", "enrolled_at": times.enrolled(),
            "last_used_at": times.just_now(),
        },
        "messages": {
            "sent": 0, "paused_until": times.later(), "last_sent_at": times.just_now(),
            "last_error": "mail.example.org:587 answers 451 4.3.0 Temporary lookup failure; it is \
                           tried again when the code is asked for once more",
        },
        "recovery_left": 0,
    }))
}

#[test]
fn the_status_of_somebody_with_addresses() {
    let times = Times::now();
    let agent = Agent::scripted(vec![status(json!({"user": "alice"}), reachable(&times))]);
    let screen = stdout(&mfactl(&agent, &["status", "alice"], ""));
    insta::assert_snapshot!(times.golden(&screen));
    agent.finish();
}

#[test]
fn mfactl_alone_for_somebody_whose_messages_are_paused() {
    let times = Times::now();
    let agent = Agent::scripted(vec![status(json!({}), reachable(&times))]);
    let (screen, _) = Person::is_new(&agent).ends();
    insta::assert_snapshot!(times.golden(&screen));
    agent.finish();
}

#[test]
fn mfactl_alone_for_somebody_with_a_new_address() {
    let times = Times::now();
    let mut account = reachable(&times);
    account["messages"] =
        json!({"sent": 2, "paused_until": null, "last_sent_at": null, "last_error": null});
    let agent = Agent::scripted(vec![status(json!({}), account)]);
    let (screen, _) = Person::is_new(&agent).ends();
    insta::assert_snapshot!(times.golden(&screen));
    agent.finish();
}

fn enrollment(stored: bool) -> Value {
    let times = Times::now();
    let mut address = address(&times, "email", "a•••@example.org");
    address["last_used_at"] = Value::Null;
    json!({"user": "alice", "address": address, "stored": stored})
}

#[test]
fn an_address_is_enrolled_with_the_code_that_was_sent_there() {
    let confirm = |code| json!({ "code": code });
    let parameters = json!({"factor": "email", "address": "anna@example.org", "confirm": true});
    let agent = Agent::scripted(vec![
        admin("EnrollAddress", parameters, enrollment(false)),
        refused(
            "ConfirmAddress",
            confirm("111111"),
            "Refused",
            "that is not the code that was sent",
        ),
        admin("ConfirmAddress", confirm("222222"), enrollment(true)),
    ]);
    let arguments = ["enroll", "email", "anna@example.org", "--confirm"];
    let mut person = person(&agent, &arguments);
    person.types("that was sent: ", "111111\n");
    person.types("that was sent: ", "222222\n");
    let (screen, code) = person.ends();
    assert_eq!(code, Some(0), "{screen}");
    insta::assert_snapshot!(Times::now().golden(&screen));
    agent.finish();
}

#[test]
fn an_empty_line_in_place_of_the_code_stores_nothing() {
    let parameters = json!({"factor": "email", "address": "anna@example.org", "confirm": true});
    let agent = Agent::scripted(vec![admin("EnrollAddress", parameters, enrollment(false))]);
    let arguments = ["enroll", "email", "anna@example.org", "--confirm"];
    let mut person = person(&agent, &arguments);
    person.types("that was sent: ", "\n");
    let (screen, code) = person.ends();
    assert_eq!(code, Some(1), "{screen}");
    assert!(screen.contains("cancelled; nothing changed"), "{screen}");
    agent.finish();
}

#[test]
fn a_number_is_enrolled_by_an_administrator() {
    let times = Times::now();
    let mut number = address(&times, "sms", "+491701234542");
    number["confirmed_at"] = Value::Null;
    let agent = Agent::scripted(vec![admin(
        "EnrollAddress",
        json!({"user": "alice", "factor": "sms", "address": "0170 1234542", "confirm": false}),
        json!({"user": "alice", "address": number, "stored": true}),
    )]);
    let arguments = ["enroll", "sms", "alice", "0170 1234542"];
    let (screen, _) = person(&agent, &arguments).ends();
    insta::assert_snapshot!(times.golden(&screen));
    agent.finish();
}

#[test]
fn a_message_can_not_be_sent() {
    let agent = Agent::scripted(vec![admin(
        "TestDelivery",
        json!({"channel": "email", "address": "anna@example.org"}),
        json!({
            "address": "anna@example.org", "sent": false,
            "error": "mail.example.org:587 does not offer STARTTLS; set security = \"tls\" in \
                      [delivery.email], or mend the server",
        }),
    )]);
    let arguments = ["test-delivery", "email", "anna@example.org"];
    let (screen, code) = person(&agent, &arguments).ends();
    assert_eq!(code, Some(1), "{screen}");
    insta::assert_snapshot!(Times::now().golden(&screen));
    agent.finish();
}

#[test]
fn an_address_is_made_primary() {
    let times = Times::now();
    let primary = |changed| {
        let mut address = address(&times, "email", "anna@example.org");
        address["primary"] = json!(true);
        admin(
            "Primary",
            json!({"user": "alice", "factor": "email", "address": "anna@example.org"}),
            json!({"user": "alice", "changed": changed, "address": address}),
        )
    };
    let agent = Agent::scripted(vec![primary(true), primary(false)]);
    let arguments = ["primary", "email", "alice", "anna@example.org"];
    let mut screen = stdout(&mfactl(&agent, &arguments, ""));
    screen += &stdout(&mfactl(&agent, &arguments, ""));
    insta::assert_snapshot!(times.golden(&screen));
    agent.finish();
}

#[test]
fn a_person_is_led_to_an_address_where_codes_are_sent() {
    let times = Times::now();
    let mut account = full(&times);
    account["rules"][0]["require"] = json!(["email+pin"]);
    let parameters = json!({"factor": "email", "address": "anna@example.org", "confirm": true});
    let agent = Agent::scripted(vec![
        status(json!({}), account),
        admin("EnrollAddress", parameters, enrollment(false)),
        admin(
            "ConfirmAddress",
            json!({"code": "222222"}),
            enrollment(true),
        ),
    ]);
    let mut person = person(&agent, &["enroll"]);
    person.types("Number (1 to 5): ", "2\n");
    person.types("E-mail address: ", "anna\n");
    person.types("E-mail address: ", "anna@example.org\n");
    person.types("that was sent: ", "222222\n");
    let (screen, code) = person.ends();
    assert_eq!(code, Some(0), "{screen}");
    insta::assert_snapshot!(times.golden(&screen));
    agent.finish();
}
