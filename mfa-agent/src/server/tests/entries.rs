//! What a login does, what `explain` says of it and what the review of the settings expects, side by side.

use std::time::Duration;

use super::*;
use crate::review::Review;
use mfa_core::account::{Account, Attempt, Contact, KeyProof, PreparedAnswer, SecurityKey};
use mfa_core::factors::Factor;
use mfa_core::factors::address::{Channel, Recipient};
use mfa_core::factors::device::Windows;
use mfa_core::factors::security_key::challenge::Assertion;
use mfa_core::factors::security_key::samples::SoftKey;
use mfa_core::lockout::Limits;
use mfa_core::policy::Enforcement;
use mfa_protocol::admin::HostFacts;

/// One login.
struct Row {
    about: &'static str,
    settings: &'static str,
    user: &'static str,
    /// What Alice has; she has a device and a PIN before.
    alice: fn(&mut Account),
    /// Added to what the login begins with. `explain` is told the same but for `authtok`.
    begin: &'static [(&'static str, &'static str)],
    /// When `explain` is told that the login would be; empty: now.
    at: &'static str,
    /// The first prompt, or the outcome.
    login: &'static str,
    /// What `explain` says: the action, and the first prompt if there is one.
    explained: (&'static str, &'static str),
    /// Part of the reason that it gives.
    reason: &'static str,
    /// Whether the review expects that the user can log in by sshd.
    can_log_in: bool,
}

const ROW: Row = Row {
    about: "",
    settings: "",
    user: "alice",
    alice: |_| {},
    begin: &[],
    at: "",
    login: TOTP,
    explained: ("ask", TOTP),
    reason: "",
    can_log_in: false,
};

const TOTP: &str = "OTP code: ";
const PIN: &str = "PIN: ";
const NEW_PIN: &str = "New PIN (4 to 8 digits): ";
const PASSCODE: &str = "Passcode: ";
const EMAIL: &str = "Code from your e-mail: ";
const OFF: &str = "[delivery.email] active = false, so no code is sent";
const IN_VAIN: &str = "; but the user has none of the required factors enrolled";

/// The same of a user who has a part of a combination.
const IN_PART: &str = "; but the user has not enrolled all factors of a combination";

const TEMPLATE: &str = "[policy]\nrequire = ['email']\n[delivery.email]\nfrom = 'mfa@example.org'\n\
                        sendmail = '/usr/sbin/sendmail'\naddress = '{user}@example.org'";
const MAIL: &str = "[policy]\nrequire = ['email']\n[enforcement]\nunenrolled = 'enroll'\n[delivery.email]\n\
                    from = 'mfa@example.org'\nsendmail = '/usr/sbin/sendmail'";
const SMS: &str = "[policy]\nrequire = ['sms']\n[enforcement]\nunenrolled = 'enroll'\n[delivery]\nchannel = 'sms'\n\
                   [delivery.sms]\nprovider = 'command'\ncommand = '/usr/bin/send'";

const RADIUS: &str = "[policy]\nrequire = ['radius']\n[enforcement]\nunenrolled = 'enroll'\n[[radius]]\n\
                      name = 'vip'\nservers = ['127.0.0.1']\nsecret_file = '/nowhere'";

fn remove_all(account: &mut Account) {
    account.remove(Factor::Totp);
    account.remove(Factor::Pin);
}

fn add_address(account: &mut Account) {
    let to = Recipient::read(Channel::Email, "alice@example.org", None).unwrap();
    account
        .add_contact(Contact::new(to, samples::at(0)))
        .unwrap();
}

fn add_key(account: &mut Account) {
    let key = SoftKey::ed25519(1).public();
    let label = "blue".parse().unwrap();
    account
        .add_key(SecurityKey::new(label, key, samples::at(0)))
        .unwrap();
}

/// A key whose count went back.
fn add_suspect(account: &mut Account) {
    add_key(account);
    let attempt = Attempt {
        epoch: account.lockout().epoch(),
        answers: vec![PreparedAnswer::Key(KeyProof::Signed {
            key: SoftKey::ed25519(1).public(),
            known: 7,
            shown: Ok(Assertion::default()),
        })],
        now: samples::at(1),
        windows: Windows::default(),
        limits: Limits::default(),
        opening: None,
        renews: false,
        pepper: samples::pepper(),
        rejected: None,
        is_password: false,
        is_key_counted: true,
    };
    account.attempt(&attempt);
    assert!(account.keys()[0].is_suspect());
}

fn suspend(account: &mut Account) {
    account.suspend(Duration::from_secs(3600), Timestamp::now());
}

fn rows() -> Vec<Row> {
    vec![
        Row {
            about: "a user whose address a template makes",
            settings: TEMPLATE,
            user: "bob",
            login: EMAIL,
            explained: ("ask", EMAIL),
            can_log_in: true,
            ..ROW
        },
        Row {
            about: "a name that no source knows is sent no mail",
            settings: TEMPLATE,
            user: "ghost",
            login: EMAIL,
            explained: ("ask", EMAIL),
            reason: IN_VAIN,
            ..ROW
        },
        Row {
            about: "mail is turned off, and there is a device",
            settings: "[policy]\nrequire = ['email', 'totp']\n[delivery.email]\nactive = false\n\
                       from = 'mfa@example.org'\nsendmail = '/usr/sbin/sendmail'",
            alice: add_address,
            can_log_in: true,
            ..ROW
        },
        Row {
            about: "mail is turned off, and there is nothing else",
            settings: "[policy]\nrequire = ['email']\n[delivery.email]\nactive = false\n\
                       from = 'mfa@example.org'\nsendmail = '/usr/sbin/sendmail'",
            alice: add_address,
            login: EMAIL,
            explained: ("ask", EMAIL),
            reason: OFF,
            ..ROW
        },
        Row {
            about: "mail is turned off, and newcomers are let in: a user with an address from a template is none",
            settings: "[policy]\nrequire = ['email']\n[enforcement]\nunenrolled = 'allow'\n[delivery.email]\n\
                       active = false\nfrom = 'mfa@example.org'\nsendmail = '/usr/sbin/sendmail'\n\
                       address = '{user}@example.org'",
            user: "bob",
            login: EMAIL,
            explained: ("ask", EMAIL),
            reason: OFF,
            ..ROW
        },
        Row {
            about: "a key is asked for first, and there is none",
            settings: "[policy]\nrequire = ['key', 'totp']",
            can_log_in: true,
            ..ROW
        },
        Row {
            about: "a key alone is asked for, and there is none",
            settings: "[policy]\nrequire = ['key']",
            login: "wrong",
            explained: ("ask", ""),
            reason: IN_VAIN,
            ..ROW
        },
        Row {
            about: "a key alone is asked for, and enrolled: sshd may have verified it, and here it has not",
            settings: "[policy]\nrequire = ['key']",
            alice: add_key,
            login: "wrong",
            explained: ("ask", ""),
            reason: "sshd has verified a key of the user that is enrolled: nothing more is asked for",
            can_log_in: true,
            ..ROW
        },
        Row {
            about: "a key or a code is asked for, and both are enrolled",
            settings: "[policy]\nrequire = ['key', 'totp']",
            alice: add_key,
            reason: "sshd has verified a key of the user that is enrolled: nothing more is asked for",
            can_log_in: true,
            ..ROW
        },
        Row {
            about: "a key alone is asked for, and enrolled, but counts only where it has asked for a PIN",
            settings: "[policy]\nrequire = ['key']\n[key]\nverification = 'required'",
            alice: add_key,
            login: "wrong",
            explained: ("ask", ""),
            reason: "can't be used in this login",
            ..ROW
        },
        Row {
            about: "a key alone is asked for, and enrolled, but of a type that is not listed",
            settings: "[policy]\nrequire = ['key']\n[key]\ntypes = ['sk-ecdsa-sha2-nistp256@openssh.com']",
            alice: add_key,
            login: "wrong",
            explained: ("ask", ""),
            reason: "does not count: [key] types",
            ..ROW
        },
        Row {
            about: "a key alone is asked for, and the one that is enrolled may have been copied",
            settings: "[policy]\nrequire = ['key']",
            alice: add_suspect,
            login: "wrong",
            explained: ("ask", ""),
            reason: "counts nowhere. If it was reset: mfactl enable key alice",
            ..ROW
        },
        Row {
            about: "a PIN is required, and there is a device only",
            settings: "[policy]\nrequire = ['pin']",
            alice: |account| {
                account.remove(Factor::Pin);
            },
            login: PIN,
            explained: ("ask", PIN),
            reason: IN_VAIN,
            ..ROW
        },
        Row {
            about: "a name that no source knows",
            settings: "[policy]\nrequire = ['totp']",
            user: "ghost",
            reason: IN_VAIN,
            ..ROW
        },
        Row {
            about: "a name that no source knows sets up nothing",
            settings: "[policy]\nrequire = ['totp']\n[enforcement]\nunenrolled = 'enroll'",
            user: "ghost",
            reason: IN_VAIN,
            ..ROW
        },
        Row {
            about: "a name that no source knows has no grace",
            settings: "[policy]\nrequire = ['totp']\n[enforcement]\ngrace = '14d'",
            user: "ghost",
            reason: IN_VAIN,
            ..ROW
        },
        Row {
            about: "a user of this host has grace",
            settings: "[policy]\nrequire = ['totp']\n[enforcement]\ngrace = '14d'",
            user: "bob",
            login: "skipped",
            explained: ("skip", ""),
            reason: "days of grace left: 14",
            can_log_in: true,
            ..ROW
        },
        Row {
            about: "password and code in one answer, and a PIN only",
            settings: "[policy]\nrequire = ['pin']",
            begin: &[("authtok", "forward")],
            login: "denied",
            explained: ("ask", PIN),
            reason: "(forward_pass, use_first_pass, try_first_pass) is refused",
            can_log_in: true,
            ..ROW
        },
        Row {
            about: "one answer by the policy, and a PIN only",
            settings: "[policy]\nrequire = ['pin']\nprompting = 'single'",
            login: "denied",
            explained: ("deny", ""),
            reason: "a single answer with password and code has no room for that",
            ..ROW
        },
        Row {
            about: "enrolling, where nothing required can be set up in a login",
            settings: RADIUS,
            user: "bob",
            login: PASSCODE,
            explained: ("ask", PASSCODE),
            reason: "what the policy requires can't be enrolled in a login",
            ..ROW
        },
        Row {
            about: "enrolling a PIN",
            settings: "[policy]\nrequire = ['pin']\n[enforcement]\nunenrolled = 'enroll'",
            user: "bob",
            login: NEW_PIN,
            explained: ("ask", NEW_PIN),
            reason: "enrols pin in the login",
            can_log_in: true,
            ..ROW
        },
        Row {
            about: "enrolling the only combination that a login can set up",
            settings: "[policy]\nrequire = ['radius+pin', 'questions+pin']\n\
                       [enforcement]\nunenrolled = 'enroll'\n[[radius]]\nname = 'vip'\n\
                       servers = ['127.0.0.1']\nsecret_file = '/nowhere'",
            user: "bob",
            login: "Question 1 of 3: ",
            explained: ("ask", "Question 1 of 3: "),
            reason: "enrols questions+pin in the login",
            can_log_in: true,
            ..ROW
        },
        Row {
            about: "a name that no source knows chooses no PIN",
            settings: "[policy]\nrequire = ['pin']\n[enforcement]\nunenrolled = 'enroll'",
            user: "ghost",
            login: PIN,
            explained: ("ask", PIN),
            reason: IN_VAIN,
            ..ROW
        },
        Row {
            about: "one half is there, and the other is not set up without it",
            settings: "[policy]\nrequire = ['totp+pin']\n[enforcement]\nunenrolled = 'enroll'",
            alice: |account| {
                account.remove(Factor::Totp);
            },
            reason: IN_PART,
            ..ROW
        },
        Row {
            about: "enrolling",
            settings: "[policy]\nrequire = ['totp']\n[enforcement]\nunenrolled = 'enroll'",
            user: "bob",
            login: "Code that the app shows now: ",
            explained: ("ask", "Code that the app shows now: "),
            reason: "enrols totp in the login",
            can_log_in: true,
            ..ROW
        },
        Row {
            about: "an operation is no place for enrolling",
            settings: "[policy]\nrequire = ['totp']\n[enforcement]\nunenrolled = 'enroll'",
            user: "bob",
            begin: &[("operation", "wipe")],
            reason: IN_VAIN,
            can_log_in: true,
            ..ROW
        },
        Row {
            about: "a number is asked for first",
            settings: SMS,
            user: "bob",
            login: "Mobile number, with its country code: ",
            explained: ("ask", "Mobile number, with its country code: "),
            reason: "enrols sms in the login",
            can_log_in: true,
            ..ROW
        },
        Row {
            about: "an address is asked for first",
            settings: MAIL,
            user: "bob",
            login: "E-mail address for codes: ",
            explained: ("ask", "E-mail address for codes: "),
            reason: "enrols email in the login",
            can_log_in: true,
            ..ROW
        },
        Row {
            about: "nobody is asked, and a user must have set up something",
            settings: "[enforcement]\nmode = 'none'",
            alice: |account| {
                remove_all(account);
                account.enforce(Enforcement::Required);
            },
            login: "skipped",
            explained: ("skip", ""),
            reason: "asks no user",
            can_log_in: true,
            ..ROW
        },
        Row {
            about: "a bypass code that is out and of no use, where users need not enrol",
            settings: "[policy]\nrequire = ['pin']\n[enforcement]\nunenrolled = 'allow'",
            alice: |account| {
                remove_all(account);
                let minute = Duration::from_secs(60);
                account.issue_bypass("123456789".into(), minute, Timestamp::now());
            },
            login: PIN,
            explained: ("ask", PIN),
            reason: IN_VAIN,
            ..ROW
        },
        Row {
            about: "nothing at all, where users need not enrol",
            settings: "[policy]\nrequire = ['pin']\n[enforcement]\nunenrolled = 'allow'",
            alice: remove_all,
            login: "skipped",
            explained: ("skip", ""),
            reason: "has nothing enrolled and is not required to",
            can_log_in: true,
            ..ROW
        },
        Row {
            about: "what was set up is of no use any more",
            settings: "[policy]\nrequire = ['totp']\n[enforcement]\nunenrolled = 'enroll'",
            alice: |account| {
                remove_all(account);
                account.set_recovery(Vec::new(), samples::at(0));
            },
            reason: "nothing that is enrolled can be used any more",
            ..ROW
        },
        Row {
            about: "a bypass code that is over at the time that explain is asked about",
            settings: "[policy]\nrequire = ['totp']",
            alice: |account| {
                remove_all(account);
                let minute = Duration::from_secs(60);
                account.issue_bypass("123456789".into(), minute, Timestamp::now());
            },
            at: "2099-12-31T12:00",
            reason: "nothing that is enrolled can be used any more",
            can_log_in: true,
            ..ROW
        },
        Row {
            about: "a suspended user, who could log in anyway",
            settings: "[policy]\nrequire = ['totp']",
            alice: suspend,
            login: "skipped",
            explained: ("skip", ""),
            reason: "but the second factor is suspended until",
            can_log_in: true,
            ..ROW
        },
        Row {
            about: "a suspended user who has nothing: the review does not count on what ends",
            settings: "[policy]\nrequire = ['totp']",
            alice: |account| {
                remove_all(account);
                suspend(account);
            },
            login: "skipped",
            explained: ("skip", ""),
            reason: "but the second factor is suspended until",
            ..ROW
        },
        Row {
            about: "a suspended user, where one answer has no room for what is required",
            settings: "[policy]\nrequire = ['pin']\nprompting = 'single'",
            alice: suspend,
            login: "skipped",
            explained: ("skip", ""),
            reason: "but the second factor is suspended until",
            ..ROW
        },
        Row {
            about: "a suspension that is over at the time that explain is asked about",
            settings: "[policy]\nrequire = ['totp']",
            alice: suspend,
            at: "2099-12-31T12:00",
            login: "skipped",
            can_log_in: true,
            ..ROW
        },
        Row {
            about: "a rule denies a suspended user too",
            settings: "[[rule]]\naction = 'deny'",
            alice: suspend,
            login: "denied",
            explained: ("deny", ""),
            reason: "denies",
            ..ROW
        },
        Row {
            about: "a rule denies",
            settings: "[[rule]]\naction = 'deny'",
            login: "denied",
            explained: ("deny", ""),
            reason: "denies",
            ..ROW
        },
        Row {
            about: "all is there",
            settings: "",
            can_log_in: true,
            ..ROW
        },
    ]
}

impl Row {
    fn parameters(&self, is_login: bool) -> Value {
        let mut parameters = json!({ "user": self.user, "service": "sshd" });
        for (name, value) in self.begin {
            if is_login || *name != "authtok" {
                parameters[*name] = json!(value);
            }
        }
        if !is_login && !self.at.is_empty() {
            parameters["at"] = json!(self.at);
        }
        parameters
    }

    fn is_refused(&self, rig: &Rig) -> bool {
        let host = HostFacts {
            users: vec![self.user.to_owned()],
            ..HostFacts::default()
        };
        let settings = rig.agent.settings();
        let review = Review {
            settings: &settings,
            names: &*rig.agent.names,
            repository: Some(&rig.agent.repository),
            host: Some(&host),
        };
        let (refused, _) = review.refused(Timestamp::now());
        refused.iter().any(|one| one.user == self.user)
    }
}

/// The first prompt, or the outcome.
fn shown(reply: &Value) -> &str {
    let step = &reply["step"];
    let prompt = step["prompt"]["text"].as_str();
    prompt.or(step["outcome"].as_str()).unwrap()
}

#[test]
fn a_login_explain_and_the_review_decide_alike() {
    for row in rows() {
        let (rig, about) = (Rig::new(), row.about);
        rig.configure(row.settings);
        rig.change(row.alice);
        let mut root = rig.connect(ROOT);
        let explain = root.call("Admin.Explain", row.parameters(false)).unwrap();
        let explained = &explain["explanation"];
        let prompt = explained["prompts"][0].as_str().unwrap_or_default();
        let action = explained["action"].as_str().unwrap();
        assert_eq!((action, prompt), row.explained, "{about}: {explained}");
        let reason = explained["reason"].as_str().unwrap();
        assert!(reason.contains(row.reason), "{about}: {reason}");
        let is_told = |words| row.reason == words || !reason.contains(words);
        assert!(is_told(IN_VAIN) && is_told(IN_PART), "{about}: {reason}");
        assert_eq!(row.is_refused(&rig), !row.can_log_in, "{about}");
        let login = root.call("Login.Begin", row.parameters(true)).unwrap();
        assert_eq!(shown(&login), row.login, "{about}: {login}");
    }
}

#[test]
fn a_touch_is_foretold_only_where_a_program_reaches_an_agent() {
    let rig = Rig::new();
    rig.configure("[policy]\nrequire = ['key', 'totp']");
    rig.change(add_key);
    let mut root = rig.connect(ROOT);
    for (service, expected) in [
        ("sudo", "Touch your security key."),
        ("login", TOTP),
        ("sshd", TOTP),
    ] {
        let at = json!({ "user": "alice", "service": service });
        let explained = root.call("Admin.Explain", at).unwrap()["explanation"].clone();
        assert_eq!(explained["prompts"][0], expected, "{explained}");
        let both = explained["reason"]
            .as_str()
            .unwrap()
            .contains("sshd has verified");
        assert_eq!(both, service == "sshd", "{explained}");
    }
}

#[test]
fn a_session_lets_in_and_is_explained_and_the_review_does_not_count_on_it() {
    let rig = Rig::new();
    rig.configure("[policy]\nrequire = ['pin']\nsession = '15m'");
    let mut root = rig.connect(ROOT);
    let at = json!({ "user": "alice", "service": "login", "tty": "tty1" });
    let explained =
        |root: &mut Caller| root.call("Admin.Explain", at.clone()).unwrap()["explanation"].clone();
    assert_eq!(explained(&mut root)["action"], "ask");
    let login = root.call("Login.Begin", at.clone()).unwrap();
    assert_eq!(shown(&login), PIN);
    let passed = root.answer(&login, "1379").unwrap();
    assert_eq!(shown(&passed), "passed");
    let explained = explained(&mut root);
    assert_eq!(explained["action"], "skip");
    let reason = explained["reason"].as_str().unwrap();
    assert!(reason.contains("but a session lasts since"), "{reason}");
    let again = root.call("Login.Begin", at.clone()).unwrap();
    assert_eq!(shown(&again), "passed");
    // The session ends with the factor that it was passed with.
    rig.change(|account| {
        account.remove(Factor::Pin);
    });
    let row = Row { ..ROW };
    assert!(row.is_refused(&rig));
    assert_eq!(shown(&root.call("Login.Begin", at).unwrap()), PIN);
}
