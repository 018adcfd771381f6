//! Codes that are sent in a login, with somebody who takes them.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::*;
use crate::delivery::{Content, SendError, Transport};
use crate::providers::Providers;
use mfa_core::account::Contact;
use mfa_core::factors::address::{Channel, EmailAddress, PhoneNumber, Recipient};

const MAIL: &str = "[policy]\nrequire = [\"email\", \"pin\"]\n[delivery.email]\nfrom = \"mfa@example.org\"\n\
                    sendmail = \"/usr/sbin/sendmail\"\n";
const SMS: &str = "[enforcement]\nunenrolled = \"enroll\"\n[policy]\nrequire = [\"sms\"]\n[delivery]\n\
                   channel = \"sms\"\n[delivery.sms]\nprovider = \"command\"\ncommand = \"/usr/bin/send\"\n";

/// Keeps what is sent.
#[derive(Default)]
struct Mailbox {
    sent: Mutex<Vec<(String, String)>>,
    services: Mutex<Vec<String>>,
    refuses: bool,
    hangs: bool,
}

impl Mailbox {
    fn put(&self, to: &str, content: &Content) -> Result<(), SendError> {
        if self.hangs {
            std::thread::sleep(Duration::from_secs(600));
        }
        if self.refuses {
            return Err(SendError::Permanent("the mailbox is full".to_owned()));
        }
        let service = content.service().unwrap_or_default().to_owned();
        self.services.lock().unwrap().push(service);
        let mut sent = self.sent.lock().unwrap();
        let code = content.code().unwrap_or_default().to_owned();
        sent.push((to.to_owned(), code));
        Ok(())
    }

    fn sent(&self) -> Vec<(String, String)> {
        self.sent.lock().unwrap().clone()
    }

    fn services(&self) -> Vec<String> {
        self.services.lock().unwrap().clone()
    }

    /// What was sent, once there are `count` messages: a first prompt does not wait for its own.
    fn await_sent(&self, count: usize) -> Vec<(String, String)> {
        loop {
            let sent = self.sent();
            if sent.len() >= count {
                return sent;
            }
            std::thread::yield_now();
        }
    }

    /// The code of the message of that number.
    fn code(&self, number: usize) -> String {
        self.await_sent(number)[number - 1].1.clone()
    }
}

impl Transport<EmailAddress> for Mailbox {
    fn send(&self, to: &EmailAddress, content: &Content, _: Instant) -> Result<(), SendError> {
        self.put(to.as_str(), content)
    }
}

impl Transport<PhoneNumber> for Mailbox {
    fn send(&self, to: &PhoneNumber, content: &Content, _: Instant) -> Result<(), SendError> {
        self.put(to.as_str(), content)
    }
}

/// A rig whose messages go into a box.
fn rig(settings: &str, mailbox: Mailbox) -> (Rig, Arc<Mailbox>) {
    let rig = Rig::new();
    let mailbox = Arc::new(mailbox);
    let settings = Settings::parse(vec![("agent.toml".into(), settings.to_owned())]).unwrap();
    let mut active_config = ActiveConfig::of(settings);
    active_config.providers = Arc::new(Providers {
        email: Some(Arc::clone(&mailbox) as Arc<dyn Transport<EmailAddress>>),
        texts: Some(Arc::clone(&mailbox) as Arc<dyn Transport<PhoneNumber>>),
        ..Providers::default()
    });
    rig.agent.put_in_force(active_config);
    (rig, mailbox)
}

fn give_alice_an_address(rig: &Rig) {
    rig.change(|account| {
        let to = Recipient::read(Channel::Email, "alice@example.org", None).unwrap();
        account
            .add_contact(Contact::new(to, samples::at(0)))
            .unwrap();
    });
}

fn account(rig: &Rig, user: &str) -> mfa_core::account::Account {
    rig.agent
        .repository
        .account(&user.parse().unwrap())
        .unwrap()
}

fn outcome(reply: &Value) -> &str {
    reply["step"]["outcome"].as_str().unwrap_or("goes on")
}

#[test]
fn a_code_that_was_sent_logs_in_once_and_confirms_its_address() {
    let (rig, mailbox) = rig(MAIL, Mailbox::default());
    give_alice_an_address(&rig);
    let mut root = rig.connect(ROOT);
    let login = root.begin("alice");
    assert_eq!(login["step"]["prompt"]["text"], "Code from your e-mail: ");
    let code = mailbox.code(1);
    assert_eq!(mailbox.sent()[0].0, "alice@example.org");
    assert_eq!(outcome(&root.answer(&login, &code).unwrap()), "passed");
    let contact = account(&rig, "alice").contacts()[0].clone();
    assert!(contact.confirmed_at.is_some());
    assert_eq!(
        root.outcome("alice", &code),
        "wrong",
        "another login has another code"
    );
    assert_eq!(rig.failures(), 1);
}

#[test]
fn a_code_is_good_for_its_own_login_only() {
    let (rig, mailbox) = rig(MAIL, Mailbox::default());
    give_alice_an_address(&rig);
    let (mut one, mut other) = (rig.connect(ROOT), rig.connect(ROOT));
    let first = one.begin("alice");
    let code = mailbox.code(1);
    let second = other.begin("alice");
    assert_eq!(outcome(&other.answer(&second, &code).unwrap()), "wrong");
    assert_eq!(outcome(&one.answer(&first, &code).unwrap()), "passed");
}

#[test]
fn the_eleventh_message_in_five_minutes_is_not_sent_in_whatever_login() {
    let (rig, mailbox) = rig(MAIL, Mailbox::default());
    give_alice_an_address(&rig);
    let mut root = rig.connect(ROOT);
    for _ in 0..5 {
        let login = root.begin("alice");
        root.answer(&login, "resend").unwrap();
    }
    let login = root.begin("alice");
    assert_eq!(mailbox.await_sent(10).len(), 10);
    let told = login["step"]["messages"][0]["text"].as_str().unwrap();
    assert!(told.starts_with("Too many codes"), "{told}");
    assert_eq!(login["step"]["prompt"]["text"], "Code from your e-mail: ");
    let status = root
        .call("Admin.Status", json!({ "user": "alice" }))
        .unwrap();
    assert!(
        status["account"]["messages"]["paused_until"].is_string(),
        "{status}"
    );
}

#[test]
fn a_locked_account_is_sent_nothing_and_sees_the_same() {
    let (rig, mailbox) = rig(MAIL, Mailbox::default());
    give_alice_an_address(&rig);
    let mut root = rig.connect(ROOT);
    let open = root.begin("alice");
    for _ in 0..5 {
        let login = root.begin("alice");
        root.answer(&login, "000000").unwrap();
    }
    let sent = mailbox.await_sent(6).len();
    let locked = root.begin("alice");
    assert_eq!(locked["step"], open["step"]);
    assert_eq!(outcome(&root.answer(&locked, "000000").unwrap()), "locked");
    assert_eq!(mailbox.sent().len(), sent);
}

#[test]
fn a_message_that_nobody_takes_is_told_with_the_other_way_and_remembered() {
    let refusing = Mailbox {
        refuses: true,
        ..Mailbox::default()
    };
    let (rig, _) = rig(MAIL, refusing);
    give_alice_an_address(&rig);
    let mut root = rig.connect(ROOT);
    let login = root.begin("alice");
    let offered = root.answer(&login, "?").unwrap();
    let told = offered["step"]["messages"][0]["text"].as_str().unwrap();
    assert!(
        told.contains("could not be sent") && told.contains('?'),
        "{told}"
    );
    let status = root
        .call("Admin.Status", json!({ "user": "alice" }))
        .unwrap();
    assert_eq!(
        status["account"]["messages"]["last_error"],
        "the mailbox is full"
    );
    root.answer(&login, "2").unwrap();
    assert_eq!(outcome(&root.answer(&login, "1379").unwrap()), "passed");
}

#[test]
fn the_address_of_the_template_is_confirmed_by_the_first_success_and_is_for_users_of_the_host() {
    let with_template = format!("{MAIL}address = \"{{user}}@example.org\"\n");
    let (rig, mailbox) = rig(&with_template, Mailbox::default());
    let mut root = rig.connect(ROOT);
    root.begin("nobody-here");
    assert!(mailbox.sent().is_empty());
    let login = root.begin("bob");
    assert_eq!(mailbox.await_sent(1)[0].0, "bob@example.org");
    let code = mailbox.code(1);
    assert_eq!(outcome(&root.answer(&login, &code).unwrap()), "passed");
    assert!(account(&rig, "bob").contacts()[0].confirmed_at.is_some());
}

#[test]
fn a_user_without_a_number_is_asked_for_it_and_it_is_stored_when_the_code_came_back() {
    let (rig, mailbox) = rig(SMS, Mailbox::default());
    let mut root = rig.connect(ROOT);
    let login = root.begin("bob");
    assert_eq!(
        login["step"]["prompt"]["text"],
        "Mobile number, with its country code: "
    );
    let asked = root.answer(&login, "+49 170 1234542").unwrap();
    assert_eq!(
        asked["step"]["prompt"]["text"],
        "Code from your text message: "
    );
    let code = mailbox.code(1);
    let stored = root.answer(&login, &code).unwrap();
    let codes = stored["step"]["messages"][0]["text"].as_str().unwrap();
    assert!(codes.contains("recovery codes"), "{stored}");
    assert!(account(&rig, "bob").has_never_enrolled());
    assert_eq!(outcome(&root.answer(&login, "yes").unwrap()), "passed");
    assert_eq!(account(&rig, "bob").recovery_left(), Some(10));
    assert_eq!(
        account(&rig, "bob").contacts()[0].to.as_str(),
        "+491701234542"
    );
    let again = root.begin("bob");
    assert_eq!(
        again["step"]["prompt"]["text"],
        "Code from your text message: "
    );
}

#[test]
fn a_number_that_was_typed_is_not_stored_over_a_factor_that_was_set_up_meanwhile() {
    let (rig, mailbox) = rig(SMS, Mailbox::default());
    let mut root = rig.connect(ROOT);
    let login = root.begin("bob");
    root.answer(&login, "+49 170 1234542").unwrap();
    let code = mailbox.code(1);
    let pin = json!({ "user": "bob", "pin": "4826" });
    rig.connect(ROOT).call("Admin.EnrollPin", pin).unwrap();
    root.answer(&login, &code).unwrap();
    assert_ne!(outcome(&root.answer(&login, "yes").unwrap()), "passed");
    assert!(account(&rig, "bob").contacts().is_empty());
}

#[test]
fn somebody_who_has_something_else_is_not_asked_for_a_number() {
    let (rig, mailbox) = rig(SMS, Mailbox::default());
    let mut root = rig.connect(ROOT);
    let login = root.begin("alice");
    assert_eq!(
        login["step"]["prompt"]["text"],
        "Code from your text message: "
    );
    assert!(mailbox.sent().is_empty());
}

#[test]
fn users_confirm_their_own_address_before_it_is_stored() {
    let (rig, mailbox) = rig(MAIL, Mailbox::default());
    let mut bob = rig.connect(BOB);
    let wish = |confirm: bool| json!({ "factor": "email", "address": "bob@example.org", "confirm": confirm });
    let error = bob.call("Admin.EnrollAddress", wish(false)).unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Admin.Refused");
    let asked = bob.call("Admin.EnrollAddress", wish(true)).unwrap();
    assert_eq!(
        (&asked["stored"], &asked["address"]["address"]),
        (&json!(false), &json!("b•••@example.org"))
    );
    assert!(account(&rig, "bob").has_never_enrolled());
    let code = mailbox.code(1);
    bob.call("Admin.ConfirmAddress", json!({ "code": "no" }))
        .unwrap_err();
    let stored = bob
        .call("Admin.ConfirmAddress", json!({ "code": code }))
        .unwrap();
    assert!(stored["address"]["confirmed_at"].is_string());
    bob.call("Admin.ConfirmAddress", json!({ "code": code }))
        .unwrap_err();
}

#[test]
fn a_disabled_only_address_is_an_administrator_s_doing() {
    let (rig, _) = rig(MAIL, Mailbox::default());
    let mut root = rig.connect(ROOT);
    let enroll =
        json!({ "user": "bob", "factor": "email", "address": "bob@example.org", "confirm": false });
    root.call("Admin.EnrollAddress", enroll).unwrap();
    let disable = |user: Value| json!({ "user": user, "factor": "email", "address": "b•••@example.org", "enabled": false });
    let mut bob = rig.connect(BOB);
    let error = bob
        .call("Admin.EnableAddress", disable(Value::Null))
        .unwrap_err();
    assert_eq!(error["error"], "org.pam-mfa.Admin.NotVerified");
    let reply = root
        .call("Admin.EnableAddress", disable(json!("bob")))
        .unwrap();
    assert_eq!(reply["address"]["enabled"], false);
}

#[test]
fn a_trial_says_whether_somebody_took_it_and_is_for_administrators() {
    for (refuses, sent) in [(false, true), (true, false)] {
        let (rig, _) = rig(
            MAIL,
            Mailbox {
                refuses,
                ..Mailbox::default()
            },
        );
        let trial = json!({ "channel": "email", "address": "alice@example.org" });
        let reply = rig
            .connect(ROOT)
            .call("Admin.TestDelivery", trial.clone())
            .unwrap();
        assert_eq!(reply["sent"], sent, "{reply}");
        let error = rig
            .connect(ALICE)
            .call("Admin.TestDelivery", trial)
            .unwrap_err();
        assert_eq!(error["error"], "org.pam-mfa.Admin.NotAllowed");
    }
}

#[test]
fn a_provider_that_hangs_holds_up_neither_the_first_prompt_nor_other_calls_nor_the_end() {
    let hanging = Mailbox {
        hangs: true,
        ..Mailbox::default()
    };
    let (rig, _) = rig(MAIL, hanging);
    give_alice_an_address(&rig);
    let mut root = rig.connect(ROOT);
    let login = root.begin("alice");
    assert_eq!(login["step"]["prompt"]["text"], "Code from your e-mail: ");
    rig.connect(ROOT).call("Admin.Health", json!({})).unwrap();
    assert!(
        rig.agent.shutdown.close(Duration::from_secs(60)),
        "nobody is inside"
    );
}

#[test]
fn an_empty_answer_after_a_message_that_nobody_took_says_why_there_was_no_code() {
    let (rig, _) = rig(
        MAIL,
        Mailbox {
            refuses: true,
            ..Mailbox::default()
        },
    );
    give_alice_an_address(&rig);
    let mut root = rig.connect(ROOT);
    let login = root.begin("alice");
    let reply = root.answer(&login, "").unwrap();
    assert_eq!(outcome(&reply), "cancelled");
    let told = reply["step"]["messages"][0]["text"].as_str().unwrap();
    assert!(told.contains("could not be sent"), "{told}");
    assert_eq!(rig.failures(), 0);
}

#[test]
fn an_ordinary_process_has_no_word_in_a_message_and_names_no_number() {
    let (rig, mailbox) = rig(SMS, Mailbox::default());
    let begin = json!({ "user": "bob", "service": "Your account is blocked, call +491701234542" });
    let login = rig.connect(BOB).call("Login.Begin", begin.clone()).unwrap();
    let prompt = login["step"]["prompt"]["text"].as_str().unwrap();
    assert!(!prompt.contains("number"), "{prompt}");
    assert!(mailbox.sent().is_empty());

    let enroll =
        json!({ "user": "bob", "factor": "sms", "address": "+491701234542", "confirm": false });
    rig.connect(ROOT)
        .call("Admin.EnrollAddress", enroll)
        .unwrap();
    rig.connect(BOB).call("Login.Begin", begin).unwrap();
    mailbox.await_sent(1);
    assert_eq!(mailbox.services(), ["a program"]);
    rig.connect(ROOT).begin("bob");
    mailbox.await_sent(2);
    assert_eq!(mailbox.services(), ["a program", "sshd"]);
}

const RADIUS: &str = "[policy]\nrequire = [\"radius\", \"totp\"]\n[[radius]]\nname = \"vip\"\n\
                      servers = [\"127.0.0.1\"]\nsecret_file = \"/nowhere\"\n";

#[test]
fn guesses_at_a_recovery_code_count_where_nobody_is_asked() {
    let long = |digits: &str| format!("{digits}{}", " ".repeat(130));
    for (is_silent, typed) in [
        (true, "0000000001".to_owned()),
        (false, "0000000001".to_owned()),
        (true, long("0000000001")),
    ] {
        let (rig, _) = rig(RADIUS, Mailbox::default());
        rig.agent.typical_latency.note(Duration::ZERO, is_silent);
        rig.change(|account| {
            let codes = vec![rig.agent.repository.pepper().digest("0123456789")];
            account.set_recovery(codes, samples::at(0));
        });
        let mut root = rig.connect(ROOT);
        for tries in 1..=5 {
            let login = root.begin("alice");
            if login["step"]["prompt"]["text"] != "Passcode: " {
                root.answer(&login, "?").unwrap();
                root.answer(&login, "1").unwrap();
            }
            root.answer(&login, &typed).unwrap();
            assert_eq!(rig.failures(), tries, "{is_silent} {typed:?}");
        }
    }
}

#[test]
fn silence_costs_nothing_where_no_other_code_could_be_meant() {
    let (rig, _) = rig(RADIUS, Mailbox::default());
    rig.agent.typical_latency.note(Duration::ZERO, true);
    let mut root = rig.connect(ROOT);
    let login = root.begin("alice");
    root.answer(&login, "?").unwrap();
    root.answer(&login, "1").unwrap();
    let step = root.answer(&login, "0000000001").unwrap();
    let told = step["step"]["messages"][0]["text"].as_str().unwrap();
    assert!(told.contains("is not responding"), "{step}");
    assert_eq!(rig.failures(), 0);
}
