//! What is open to those who have never set up anything stays shut to those who have nothing usable left.

use std::time::Duration;

use super::*;
use mfa_core::account::{Account, Contact};
use mfa_core::factors::Factor;
use mfa_core::factors::address::{Channel, Recipient};

/// What lets newcomers in, or lets them set up something.
const OPEN: [&str; 3] = [
    "[policy]\nrequire = ['totp']\n[enforcement]\nunenrolled = 'allow'",
    "[policy]\nrequire = ['totp']\n[enforcement]\nunenrolled = 'enroll'",
    "[policy]\nrequire = ['totp']\n[enforcement]\ngrace = '14d'",
];

const ALLOW: &str = "[enforcement]\nunenrolled = 'allow'";

fn disable_the_only_address(account: &mut Account) {
    let to = Recipient::read(Channel::Email, "alice@example.org", None).unwrap();
    let contact = Contact::new(to.clone(), samples::at(0));
    account.add_contact(contact).unwrap();
    account.enable_contact(&to, false).unwrap();
}

fn use_up_recovery_codes(account: &mut Account) {
    account.set_recovery(Vec::new(), samples::at(0));
}

fn let_a_bypass_code_expire(account: &mut Account) {
    account.issue_bypass("123456789".into(), Duration::from_secs(60), samples::at(0));
}

/// Each way to have nothing usable left.
const LOSSES: [fn(&mut Account); 3] = [
    disable_the_only_address,
    use_up_recovery_codes,
    let_a_bypass_code_expire,
];

/// A rig whose Alice has nothing but what `loss` leaves her.
fn rig(settings: &str, loss: fn(&mut Account)) -> Rig {
    let rig = Rig::new();
    rig.configure(settings);
    rig.change(|account| {
        account.remove(Factor::Totp);
        account.remove(Factor::Pin);
        loss(account);
    });
    rig
}

/// The first prompt, or the outcome.
fn shown(reply: &Value) -> &str {
    let step = &reply["step"];
    let prompt = step["prompt"]["text"].as_str();
    prompt.or(step["outcome"].as_str()).unwrap()
}

fn explained(caller: &mut Caller) -> Value {
    let request = json!({ "user": "alice", "service": "sshd" });
    caller.call("Admin.Explain", request).unwrap()["explanation"].clone()
}

#[test]
fn who_has_nothing_usable_left_is_asked_where_newcomers_are_let_in_or_set_something_up() {
    for settings in OPEN {
        for loss in LOSSES {
            let rig = rig(settings, loss);
            let mut root = rig.connect(ROOT);
            let login = root.begin("alice");
            assert_eq!(login["step"]["prompt"]["text"], "OTP code: ", "{settings}");
            let ended = root.answer(&login, "000000").unwrap();
            assert_eq!(ended["step"]["outcome"], "wrong", "{settings}");
            let explained = explained(&mut root);
            assert_eq!(explained["action"], "ask", "{settings}");
            assert_eq!(explained["prompts"], json!(["OTP code: "]), "{settings}");
        }
    }
}

#[test]
fn who_sets_up_something_elsewhere_while_they_are_let_in_without_is_asked() {
    for settings in [OPEN[0], OPEN[2]] {
        let rig = Rig::new();
        rig.configure(settings);
        let mut root = rig.connect(ROOT);
        assert_eq!(shown(&root.begin("bob")), "skipped", "{settings}");
        // The first look at the record decides; the one before they are let in sees the device.
        rig.enroll_bob_elsewhere(2);
        assert_eq!(shown(&root.begin("bob")), "OTP code: ", "{settings}");
    }
}

#[test]
fn a_bypass_code_that_is_out_keeps_its_user_from_being_let_in_without() {
    for settings in OPEN {
        let rig = rig(settings, |account| {
            let now = Timestamp::now();
            account.issue_bypass("123456789".into(), Duration::from_secs(60), now);
        });
        let mut root = rig.connect(ROOT);
        assert_eq!(root.outcome("alice", "123456789"), "passed", "{settings}");
    }
}

#[test]
fn a_first_enrolment_without_proof_is_for_those_who_never_set_up_anything() {
    for loss in LOSSES {
        let rig = rig("", loss);
        let mut alice = rig.connect(ALICE);
        for (method, parameters) in [
            ("Admin.EnrollTotp", json!({ "confirm": false })),
            ("Admin.EnrollPin", json!({ "pin": "4826" })),
            ("Admin.Remove", json!({ "factor": "totp" })),
            ("Admin.Remove", json!({ "factor": "recovery" })),
        ] {
            let error = alice.call(method, parameters).unwrap_err();
            assert_eq!(error["error"], "org.pam-mfa.Admin.NotVerified", "{method}");
        }
    }
    let mut bob = Rig::new().connect(BOB);
    bob.call("Admin.EnrollPin", json!({ "pin": "4826" }))
        .unwrap();
}

#[test]
fn a_removal_that_changes_nothing_makes_no_newcomer() {
    for loss in LOSSES {
        let rig = rig(OPEN[0], loss);
        let mut root = rig.connect(ROOT);
        for factor in ["totp", "pin", "questions", "sms"] {
            let remove = json!({ "user": "alice", "factor": factor });
            let removed = root.call("Admin.Remove", remove).unwrap();
            assert_eq!(removed["removed"], 0, "{factor}");
            let login = root.begin("alice");
            assert_eq!(login["step"]["prompt"]["text"], "OTP code: ", "{factor}");
        }
    }
}

#[test]
fn used_up_recovery_codes_are_counted_where_they_are_taken_away() {
    let rig = rig(OPEN[0], |account| {
        let digests = ["1111111111", "2222222222"].map(|code| samples::pepper().digest(code));
        account.set_recovery(digests.to_vec(), samples::at(0));
    });
    let mut root = rig.connect(ROOT);
    let remove = json!({ "user": "alice", "factor": "recovery" });
    let removed = root.call("Admin.Remove", remove).unwrap();
    assert_eq!(
        (&removed["removed"], &removed["note"]),
        (&json!(2), &json!(null))
    );
}

#[test]
fn an_administrator_who_removes_everything_makes_a_newcomer() {
    for (loss, factor) in LOSSES.into_iter().zip(["email", "recovery", "recovery"]) {
        let rig = rig(OPEN[0], loss);
        let mut root = rig.connect(ROOT);
        let listed =
            |root: &mut Caller| root.call("Admin.Users", json!({})).unwrap()["users"].clone();
        assert_eq!(listed(&mut root), json!(["alice"]));
        let remove = json!({ "user": "alice", "factor": factor });
        root.call("Admin.Remove", remove).unwrap();
        assert_eq!(
            root.begin("alice")["step"]["outcome"],
            "skipped",
            "{factor}"
        );
        assert_eq!(listed(&mut root), json!([]));
    }
}

#[test]
fn users_who_are_let_in_without_do_not_shut_themselves_out_by_what_they_keep() {
    let rig = Rig::new();
    rig.configure(ALLOW);
    rig.change(|account| {
        account.remove(Factor::Totp);
        account.set_recovery(Vec::new(), samples::at(0));
    });
    let mut alice = rig.connect(ALICE);
    alice.prove_by_pin("alice");
    // The codes are used up, so that they go with the last factor.
    alice
        .call("Admin.Remove", json!({ "factor": "pin" }))
        .unwrap();
    assert_eq!(alice.begin("alice")["step"]["outcome"], "skipped");

    let rig = Rig::new();
    rig.configure(ALLOW);
    rig.change(disable_the_only_address);
    let mut alice = rig.connect(ALICE);
    alice.prove_by_pin("alice");
    let mut remove = |factor: &str| alice.call("Admin.Remove", json!({ "factor": factor }));
    remove("totp").unwrap();
    let error = remove("pin").unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Admin.NotAllowed");
    remove("email").unwrap();
    remove("pin").unwrap();
}

/// What alice is told who takes away a factor of her own.
fn told(settings: &str, change: fn(&mut Account), factor: &str) -> Option<String> {
    let rig = Rig::new();
    rig.configure(settings);
    rig.change(change);
    let mut alice = rig.connect(ALICE);
    alice.prove_by_pin("alice");
    let removed = alice.call("Admin.Remove", json!({ "factor": factor }));
    removed
        .err()
        .map(|error| error["parameters"]["reason"].as_str().unwrap().to_owned())
}

#[test]
fn the_last_factor_is_the_last_by_the_rules_for_its_user() {
    const STRICT: &str = "[policy]\nrequire = ['totp', 'pin']\n\
                          [[rule]]\nusers = ['alice']\nservices = ['!mfactl']\nrequire = ['totp']";
    let reason = told(STRICT, |_| (), "totp").unwrap();
    assert!(
        reason.starts_with("without this factor you could not log in any more"),
        "{reason}"
    );
    assert_eq!(
        told("[policy]\nrequire = ['totp', 'pin']", |_| (), "totp"),
        None
    );
}

#[test]
fn codes_that_are_good_once_are_no_factor_that_lasts() {
    const CODES: fn(&mut Account) = |account| {
        account.remove(Factor::Totp);
        let digests = ["1111111111", "2222222222"].map(|code| samples::pepper().digest(code));
        account.set_recovery(digests.to_vec(), samples::at(0));
    };
    let reason = told("[policy]\nrequire = ['totp', 'pin']", CODES, "pin").unwrap();
    assert!(reason.contains("only single-use codes left"), "{reason}");
}

#[test]
fn who_is_sent_codes_to_an_address_that_a_template_makes_has_something_left() {
    const TEMPLATE: &str = "[policy]\nrequire = ['totp', 'pin', 'email']\n[delivery.email]\n\
                            from = 'mfa@example.org'\nsendmail = '/usr/sbin/sendmail'\n\
                            address = '{user}@example.org'";
    let only_pin: fn(&mut Account) = |account| {
        account.remove(Factor::Totp);
    };
    assert_eq!(told(TEMPLATE, only_pin, "pin"), None);
}
