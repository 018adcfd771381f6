use super::samples::{at, full};
use super::*;
use crate::factors::address::{Channel, Recipient};
use crate::factors::bypass::LONGEST_BYPASS;

#[test]
fn a_record_survives_storage() {
    let account = full();
    assert_eq!(
        Account::decode(&account.encode().unwrap()).unwrap(),
        account
    );
}

/// The sample as the last version of each older format wrote it, without the fields that it lacked.
const OLDER: [u32; 5] = [1, 2, 3, 4, 5];
const OLDER_RECORD: &str = r#","generation":3,"devices":[{"label":"phone","generator":{"key":"MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=","algorithm":"SHA1","digits":6,"period":30},"enrolled_at":0,"last_used_at":null}],"pin":{"phc":"phc-pin","enrolled_at":0,"last_used_at":null},"questions":{"items":[{"text":"Question 0?","phc":"phc-0"},{"text":"Question 1?","phc":"phc-1"},{"text":"Question 2?","phc":"phc-2"}],"turn":0,"enrolled_at":0,"last_used_at":null},"lockout":{"failures":0,"consecutive":0,"until":null,"at_limit":false,"refused":0,"passes":0,"burst":{"passed":0,"failed":0}}}"#;

#[test]
fn a_record_of_an_older_format_is_read_and_written_in_the_oldest_that_holds_it() {
    for format in OLDER {
        let older = format!("{{\"schema\":{format}{OLDER_RECORD}");
        let account = Account::decode(older.as_bytes()).unwrap();
        assert_eq!(account, full());
        let today = account.encode().unwrap();
        assert!(today.starts_with(format!("{{\"schema\":{WRITTEN},").as_bytes()));
    }
}

#[test]
fn a_record_of_a_later_format_is_refused() {
    let later = Account::FORMAT + 1;
    // Whatever a later version makes of a field that is known here.
    for field in ["", r#","keys":7"#, r#","devices":{"of":"another form"}"#] {
        let record = format!(r#"{{"schema":{later}{field}}}"#);
        let error = Account::decode(record.as_bytes()).unwrap_err();
        assert!(error.to_string().contains("upgrade"), "{error}");
    }
}

#[test]
fn a_damaged_record_is_refused_without_quoting_it() {
    let error = Account::decode(br#"{"schema":1,"devices":"GEZDGNBVGY3TQOJQ"}"#).unwrap_err();
    assert!(!error.to_string().contains("GEZD"), "{error}");
}

#[test]
fn the_same_question_is_asked_until_it_is_answered() {
    let mut account = full();
    let epoch = account.lockout().epoch();
    let asked = |account: &Account| account.questions().unwrap().current().text.clone();
    let answer = |account: &mut Account, matches: bool| {
        let phc = account.questions().unwrap().current().phc.clone();
        let answers = vec![PreparedAnswer::Hashed {
            factor: Factor::Questions,
            phc,
            matches,
        }];
        let attempt = Attempt {
            epoch,
            answers,
            now: at(5),
            windows: Default::default(),
            limits: Default::default(),
            opening: None,
            renews: false,
            pepper: samples::pepper(),
            rejected: None,
            is_password: false,
            is_key_counted: false,
        };
        account.attempt(&attempt)
    };
    assert_eq!(asked(&account), "Question 0?");
    answer(&mut account, false);
    assert_eq!(asked(&account), "Question 0?");
    answer(&mut account, true);
    assert_eq!(asked(&account), "Question 1?");
}

/// The store's limit, less the overhead of the seal.
const MAX_ENCODED: usize = (22 << 10) - 64;

/// A record with the most of everything.
fn fullest() -> Account {
    let mut account = Account::default();
    for n in 0..5 {
        let mut device = samples::device(&format!("{n}{}", "é".repeat(31)));
        device.generator.key = crate::factors::key::Key::from_bytes(vec![n; 128].into()).unwrap();
        device.credential_id = Some("é".repeat(32).parse().unwrap());
        device.last_step = Some(u64::MAX);
        device.offset = i64::MIN;
        device.lose_sync(u64::MAX, at(0));
        account.add_device(device).unwrap();
    }
    for n in 0..MAX_KEYS {
        let label = format!("{n}{}", "\"".repeat(63)).parse().unwrap();
        let mut key = SecurityKey::new(
            label,
            crate::factors::security_key::samples::longest_key(n as u8),
            at(1_900_000_000),
        );
        key.dates.last_used_at = Some(at(1_900_000_000));
        key.counter = u32::MAX;
        account.add_key(key).unwrap();
    }
    let phc = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$".to_owned() + &"h".repeat(64);
    account.set_pin(phc.clone(), at(0));
    let text = "é".repeat(100);
    let item = || Question {
        text: text.clone(),
        phc: phc.clone(),
    };
    account.set_questions(QuestionSet::new([item(), item(), item()], 0, at(0)));
    let codes = (0..20).map(|n: u8| samples::pepper().digest(&n.to_string()));
    account.set_recovery(codes.collect(), at(0));
    let network = "2001:db8:ffff:ffff:ffff:ffff:ffff:ff00/120"
        .parse()
        .unwrap();
    fill_post(&mut account);
    for by in [By::Administrator, By::User] {
        account.allow_from(&[network; MAX_NETWORKS], by).unwrap();
        for factor in Factor::ALL {
            account.require("anna", factor, true, by).unwrap();
        }
    }
    for key in &mut account.keys {
        key.went_back_at = Some(at(1_900_000_000));
    }
    for contact in account.contacts.clone() {
        account.enable_contact(&contact.to, false).unwrap();
    }
    account.issue_bypass("483920137".into(), LONGEST_BYPASS, at(0));
    account.begin_grace(at(0));
    account.suspend(LONGEST_SUSPENSION, at(0));
    for n in 0..20 {
        account.note_network("anna", [10, 0, n, 1].into(), &samples::pepper());
    }
    let name = "é".repeat(32);
    for n in 0..20 {
        let spot = SessionScope {
            service: name.clone(),
            operation: Some(format!("{n:064}")),
            address: "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff".parse().ok(),
            ruser: Some(name.clone()),
            tty: Some(name.clone()),
        };
        let opening = NewSession {
            spot,
            duration: std::time::Duration::from_secs(3600),
            host: SessionHost {
                name: Some("h".repeat(64)),
                boot: "01234567-0123-0123-0123-0123456789ab".to_owned(),
            },
            by_answer: Some(ByAnswer {
                scope: Vec::new(),
                hosts: Default::default(),
                combinations: Vec::new(),
            }),
        };
        account.begin_session(
            &opening,
            "totp+pin+questions".parse().unwrap(),
            Some((&format!("{n:010}"), 10, &samples::pepper())),
            at(0),
        );
    }
    account
}

/// Addresses, messages, and an account at a server with reserved guesses.
fn fill_post(account: &mut Account) {
    let now = at(1_900_000_000);
    for n in 0..MAX_CONTACTS {
        let label = "x".repeat(63);
        let long = format!("{n}{label}@{label}.{label}.{}", "y".repeat(60));
        for (channel, text) in [
            (Channel::Email, long),
            (Channel::Sms, format!("+49170123450{n}")),
        ] {
            let to = Recipient::read(channel, &text, None).unwrap();
            account.add_contact(Contact::new(to.clone(), now)).unwrap();
            account.code_came_back(&to, now);
        }
    }
    let most = MessageLimits {
        messages: 101,
        ..MessageLimits::default()
    };
    for _ in 0..100 {
        account.count_message(now, &most).unwrap();
    }
    let requests = RequestLimits {
        requests: 20,
        ..RequestLimits::default()
    };
    assert!((0..20).all(|_| account.count_request(now, &requests)));
    account.message_failed(&"\"".repeat(300));
    account.set_remote(Remote {
        server: "é".repeat(32).parse().unwrap(),
        user: Some("\"".repeat(253).parse().unwrap()),
        enabled: true,
        dates: Dates::enrolled(now),
    });
    let limits = crate::lockout::Limits {
        attempts: 100,
        ..Default::default()
    };
    for id in 0..20 {
        let wait = std::time::Duration::from_secs(300);
        account.reserve(u64::MAX - id, wait, account.lockout().epoch(), now, &limits);
    }
}

#[test]
fn the_fullest_record_fits_into_the_store() {
    let account = fullest();
    let bytes = account.encode().unwrap();
    assert!(bytes.len() <= MAX_ENCODED, "{}", bytes.len());
    assert!(
        bytes.len() <= account.room(),
        "it grew while a key was in it"
    );
}

#[test]
fn a_record_of_an_earlier_format_is_read_with_its_devices() {
    let mut account = full();
    account
        .add_device({
            let mut token = samples::counter("token");
            token.generator.key = crate::factors::key::Key::fresh([9; 20]);
            token
        })
        .unwrap();
    let now = String::from_utf8(account.encode().unwrap().to_vec()).unwrap();
    assert!(now.contains(r#""period":30"#) && now.contains(r#""period":null"#));
    let before = now.replace(&format!(r#""schema":{WRITTEN}"#), r#""schema":2"#);
    assert_ne!(before, now);
    assert_eq!(Account::decode(before.as_bytes()).unwrap(), account);
}

#[test]
fn who_has_any_factor_is_no_newcomer() {
    for factor in Factor::ALL {
        let mut account = fullest();
        account.recovery = None;
        account.bypass = None;
        for other in Factor::ALL.into_iter().filter(|other| *other != factor) {
            account.remove(other);
        }
        assert!(!account.has_never_enrolled(), "{factor}");
        account.remove(factor);
        assert!(account.has_never_enrolled(), "{factor}");
    }
}
