//! When the name service is asked, and what the settings and the login change about the decision.

use std::time::Duration;

use mfa_protocol::login::Authtok;

use super::*;
use crate::account::SessionHost;
use crate::account::samples::{at, full};
use crate::account::{Contact, SecurityKey};
use crate::factors::address::AddressTemplate;
use crate::factors::security_key::PublicKey;
use crate::factors::security_key::samples::SoftKey;
use crate::login::KeyReach;
use crate::names::UserName;
use crate::policy::{GracePeriod, Prompting};

struct Case {
    ask: Ask,
    account: Account,
    template: Option<AddressTemplate>,
    sends: Option<Channel>,
    turned_off: Option<Channel>,
    self_service: &'static [Factor],
    is_guarded: bool,
    is_operation: bool,
    is_proof: bool,
    authtok: Authtok,
    keys: Vec<PublicKey>,
    can_sign: bool,
    host: SessionHost,
}

fn case(combinations: &[&str], unenrolled: Unenrolled) -> Case {
    Case {
        ask: Ask {
            combinations: combinations
                .iter()
                .map(|combination| combination.parse().unwrap())
                .collect(),
            unenrolled,
            ..Ask::default()
        },
        account: Account::default(),
        template: None,
        sends: None,
        turned_off: None,
        self_service: &[],
        is_guarded: true,
        is_operation: false,
        is_proof: false,
        authtok: Authtok::None,
        keys: Vec::new(),
        can_sign: false,
        host: SessionHost::alone("boot-1"),
    }
}

impl Case {
    fn with(self, account: Account) -> Self {
        Self { account, ..self }
    }

    /// What is decided for a user whom the host knows or not, in one word, and whether that had to be looked up.
    fn decided(&self, is_known: bool) -> (&'static str, bool) {
        let user = "anna".parse().unwrap();
        let mut is_looked_up = false;
        let entry = self.entry(&user).decide(|| {
            is_looked_up = true;
            Ok::<_, ()>(KnownUser::by_name(is_known))
        });
        (word(&entry.unwrap()), is_looked_up)
    }

    fn entry<'a>(&'a self, user: &'a UserName) -> Preparation<'a> {
        let facts = EntryFacts {
            fallback: self.template.as_ref().map(FallbackSource::Address),
            sends: self.sends,
            turned_off: self.turned_off,
            self_service: self.self_service,
            ..EntryFacts::default()
        };
        let context = EntryContext {
            user,
            authtok: self.authtok,
            is_operation: self.is_operation,
            is_proof: self.is_proof,
            is_guarded: self.is_guarded,
            is_own_record: true,
            counts_suspension: true,
            keys: KeyReach {
                verified: &self.keys,
                can_sign: self.can_sign,
            },
            scope: None,
            host: &self.host,
            now: at(0),
        };
        entry(&self.ask, &self.account, facts, context)
    }
}

impl Case {
    /// What is set up, and whether recovery codes belong to it and an address is known.
    fn set_up(&self) -> Option<(String, bool, bool)> {
        let user = "anna".parse().unwrap();
        match self
            .entry(&user)
            .decide(|| Ok::<_, ()>(KnownUser::by_name(true)))
            .unwrap()
        {
            Entry::Enroll(SetUp {
                combination,
                address,
                has_codes,
                ..
            }) => Some((combination.to_string(), has_codes, address.is_some())),
            _ => None,
        }
    }
}

fn word(entry: &Entry<'_>) -> &'static str {
    match entry {
        Entry::NoRoom => "no room",
        Entry::LetIn(LetIn::Session(_)) => "session",
        Entry::LetIn(LetIn::Suspended(_)) => "suspended",
        Entry::LetIn(LetIn::Unenrolled) => "unenrolled",
        Entry::LetIn(LetIn::Grace(_)) => "grace",
        Entry::Enroll(_) => "enroll",
        Entry::Ask(asked) => match (asked.fallback.address.is_some(), asked.fallback.asks) {
            (true, _) => "ask, with an address",
            (_, Some(Channel::Sms)) => "ask, with a number",
            (_, Some(Channel::Email)) => "ask, with a typed address",
            _ if asked.hint.is_some() => "ask, with a hint",
            _ if asked.is_unenrolled => "ask in vain",
            _ => "ask",
        },
    }
}

const ALL: [Unenrolled; 3] = [Unenrolled::Deny, Unenrolled::Allow, Unenrolled::Enroll];

#[test]
fn a_user_who_has_what_is_asked_for_costs_no_look_up() {
    for unenrolled in ALL {
        for combinations in [&["totp"][..], &["pin"], &["totp+pin", "questions"]] {
            let mut case = case(combinations, unenrolled).with(full());
            case.ask.grace = Some(GracePeriod::Lasting(Duration::from_secs(86_400)));
            assert_eq!(case.decided(false), ("ask", false), "{combinations:?}");
        }
    }
}

#[test]
fn only_what_is_for_users_of_this_host_costs_a_look_up() {
    let grace = |unenrolled| {
        let mut case = case(&["totp"], unenrolled);
        case.ask.grace = Some(GracePeriod::Lasting(Duration::from_secs(86_400)));
        case
    };
    let mail = |unenrolled| Case {
        template: Some("{user}@example.org".parse().unwrap()),
        ..case(&["email"], unenrolled)
    };
    let sms = |combinations: &[&str], account| Case {
        sends: Some(Channel::Sms),
        account,
        ..case(combinations, Unenrolled::Enroll)
    };
    for (case, known, unknown, is_looked_up) in vec![
        (
            case(&["totp"], Unenrolled::Allow),
            "unenrolled",
            "unenrolled",
            false,
        ),
        (
            case(&["totp"], Unenrolled::Deny),
            "ask in vain",
            "ask in vain",
            false,
        ),
        (
            case(&["totp"], Unenrolled::Enroll),
            "enroll",
            "ask in vain",
            true,
        ),
        (
            case(&["radius"], Unenrolled::Enroll),
            "ask, with a hint",
            "ask in vain",
            true,
        ),
        (grace(Unenrolled::Deny), "grace", "ask in vain", true),
        (
            mail(Unenrolled::Deny),
            "ask, with an address",
            "ask in vain",
            true,
        ),
        (
            mail(Unenrolled::Allow),
            "ask, with an address",
            "unenrolled",
            true,
        ),
        (
            sms(&["sms"], Account::default()),
            "enroll",
            "ask in vain",
            true,
        ),
        (
            sms(&["totp", "sms"], Account::default()),
            "enroll",
            "ask in vain",
            true,
        ),
        (
            sms(&["sms+pin"], full()),
            "ask, with a number",
            "ask in vain",
            true,
        ),
        (sms(&["sms"], full()), "ask in vain", "ask in vain", false),
        (sms(&["totp"], full()), "ask", "ask", false),
    ] {
        assert_eq!(case.decided(true), (known, is_looked_up), "{:?}", case.ask);
        assert_eq!(
            case.decided(false),
            (unknown, is_looked_up),
            "{:?}",
            case.ask
        );
    }
}

#[test]
fn nothing_is_set_up_for_an_operation_a_proof_or_an_ordinary_process() {
    for change in [
        |case: &mut Case| case.is_operation = true,
        |case: &mut Case| case.is_proof = true,
        |case: &mut Case| case.is_guarded = false,
    ] {
        for combinations in [&["totp"][..], &["sms"]] {
            let mut case = case(combinations, Unenrolled::Enroll);
            case.sends = Some(Channel::Sms);
            change(&mut case);
            assert_eq!(case.decided(true).0, "ask in vain", "{combinations:?}");
        }
    }
}

#[test]
fn one_answer_has_room_for_one_code_only() {
    for authtok in [Authtok::Forward, Authtok::Use, Authtok::Try] {
        for (combinations, expected) in [(&["pin"][..], "no room"), (&["pin", "totp"], "ask")] {
            let mut case = case(combinations, Unenrolled::Deny).with(full());
            case.authtok = authtok;
            assert_eq!(case.decided(true), (expected, false), "{combinations:?}");
        }
    }
    let mut case = case(&["totp"], Unenrolled::Enroll);
    case.ask.prompting = Prompting::Single;
    assert_eq!(case.decided(true).0, "ask, with a hint");
}

#[test]
fn a_suspended_user_is_not_asked_until_it_is_over_and_proves_nothing_by_it() {
    let mut account = full();
    account.suspend(Duration::from_secs(60), at(0));
    let suspended =
        |combinations: &[&str]| case(combinations, Unenrolled::Deny).with(account.clone());
    let single = Case {
        authtok: Authtok::Forward,
        ..suspended(&["questions"])
    };
    let operation = Case {
        is_operation: true,
        ..suspended(&["totp"])
    };
    for case in [suspended(&["totp"]), single, operation] {
        assert_eq!(case.decided(true), ("suspended", false));
    }
    let proof = Case {
        is_proof: true,
        ..suspended(&["totp"])
    };
    assert_eq!(proof.decided(true), ("ask", false));
    account.suspend(Duration::from_secs(60), at(-60));
    let over = case(&["totp"], Unenrolled::Deny).with(account);
    assert_eq!(over.decided(true), ("ask", false));
}

#[test]
fn an_address_is_asked_for_where_the_template_makes_none() {
    let mail = |combinations: &[&str], account| Case {
        sends: Some(Channel::Email),
        account,
        ..case(combinations, Unenrolled::Enroll)
    };
    let mut pin = full();
    for factor in Factor::ALL.into_iter().filter(|it| *it != Factor::Pin) {
        pin.remove(factor);
    }
    let mut with_device = full();
    with_device.remove(Factor::Email);
    for (case, expected) in [
        (mail(&["email"], Account::default()), "enroll"),
        (mail(&["totp", "email"], Account::default()), "enroll"),
        (
            mail(&["email+pin"], pin.clone()),
            "ask, with a typed address",
        ),
        // Who knows password and PIN must not get around the device.
        (mail(&["totp", "email+pin"], with_device), "ask"),
    ] {
        assert_eq!(case.decided(true).0, expected);
        let stranger = case.decided(false).0;
        assert!(!stranger.contains("address"), "{stranger}");
    }
    for changed in [
        Case {
            is_guarded: false,
            ..mail(&["email"], Account::default())
        },
        Case {
            is_operation: true,
            ..mail(&["email"], Account::default())
        },
        Case {
            sends: None,
            ..mail(&["email"], Account::default())
        },
        Case {
            sends: Some(Channel::Sms),
            ..mail(&["email"], Account::default())
        },
    ] {
        let word = changed.decided(true).0;
        assert!(word != "enroll", "{word}");
    }
    let template = Case {
        template: Some("{user}@example.org".parse().unwrap()),
        ..mail(&["email+pin"], pin)
    };
    assert_eq!(template.decided(true).0, "ask, with an address");
}

#[test]
fn the_first_combination_that_a_login_can_set_up_is_set_up_as_a_whole() {
    let mail = |combinations: &[&str]| Case {
        sends: Some(Channel::Email),
        ..case(combinations, Unenrolled::Enroll)
    };
    for (combinations, set_up) in [
        (&["totp"][..], Some(("totp", true))),
        (&["pin"], Some(("pin", false))),
        (&["questions", "totp"], Some(("questions", true))),
        (&["totp+pin"], Some(("totp+pin", true))),
        (&["email+pin", "totp"], Some(("email+pin", true))),
        (&["email+questions"], Some(("email+questions", true))),
        (&["radius+pin", "pin"], Some(("pin", true))),
        (&["sms", "email"], Some(("email", true))),
        (&["sms+pin"], None),
        (&["radius", "radius+totp"], None),
    ] {
        let set_up = set_up.map(|(combination, codes)| (combination.to_owned(), codes, false));
        assert_eq!(mail(combinations).set_up(), set_up, "{combinations:?}");
        let is_possible = mail(combinations)
            .ask
            .combinations
            .iter()
            .any(|combination| {
                let sends = Some(Channel::Email);
                let facts = EntryFacts {
                    sends,
                    ..EntryFacts::default()
                };
                can_be_set_up(combination, &facts)
            });
        assert_eq!(is_possible, set_up.is_some(), "the review says the same");
    }
    let template = Case {
        template: Some("{user}@example.org".parse().unwrap()),
        ..mail(&["email+pin"])
    };
    let known = Some(("email+pin".to_owned(), true, true));
    assert_eq!(template.set_up(), known, "the address is not asked for");
}

#[test]
fn an_ordinary_process_sets_up_what_self_service_allows_and_no_address() {
    const SELF_SERVICE: [Factor; 3] = [Factor::Pin, Factor::Totp, Factor::Email];
    for (combinations, set_up) in [
        (&["totp"][..], Some("totp")),
        (&["questions", "pin"], Some("pin")),
        (&["email", "totp+pin"], Some("totp+pin")),
        (&["questions"], None),
        (&["pin+questions"], None),
        (&["email"], None),
        (&["email+pin"], None),
    ] {
        let case = Case {
            sends: Some(Channel::Email),
            is_guarded: false,
            self_service: &SELF_SERVICE,
            ..case(combinations, Unenrolled::Enroll)
        };
        let found = case.set_up().map(|(combination, ..)| combination);
        assert_eq!(found.as_deref(), set_up, "{combinations:?}");
    }
}

#[test]
fn who_has_one_half_does_not_set_up_the_other_without_it() {
    let mut pin = full();
    pin.remove(Factor::Totp);
    pin.remove(Factor::Questions);
    for combinations in [&["totp+pin"][..], &["totp"], &["questions"]] {
        let case = case(combinations, Unenrolled::Enroll).with(pin.clone());
        assert_eq!(case.decided(true).0, "ask in vain", "{combinations:?}");
    }
}

fn with_address(mut account: Account) -> Account {
    let to = Recipient::read(Channel::Email, "anna@example.org", None).unwrap();
    account.add_contact(Contact::new(to, at(0))).unwrap();
    account
}

#[test]
fn a_channel_that_is_turned_off_refuses_who_has_nothing_else_and_opens_nothing() {
    let off = |combinations: &[&str], unenrolled, account| Case {
        turned_off: Some(Channel::Email),
        template: Some("{user}@example.org".parse().unwrap()),
        account,
        ..case(combinations, unenrolled)
    };
    let mail_only = with_address(Account::default());
    for unenrolled in ALL {
        let combinations = ["email", "totp"];
        let newcomer = off(&combinations, unenrolled, Account::default());
        let with_template = newcomer.decided(true).0;
        assert_eq!(with_template, "ask, with an address", "{unenrolled:?}");
        let vain = off(&combinations, unenrolled, mail_only.clone());
        assert_eq!(vain.decided(true).0, "ask, with a hint", "{unenrolled:?}");
        let other = off(&combinations, unenrolled, with_address(full()));
        assert_eq!(other.decided(true).0, "ask", "{unenrolled:?}");
    }
}

#[test]
fn what_needs_a_channel_that_is_turned_off_is_not_asked_for_beside_something_else() {
    let facts = EntryFacts {
        turned_off: Some(Channel::Email),
        ..EntryFacts::default()
    };
    let user = "anna".parse().unwrap();
    let account = with_address(full());
    let asked = |combinations: &[&str]| {
        let ask = case(combinations, Unenrolled::Deny).ask;
        match foresee(
            &ask,
            &account,
            facts,
            EntryContext::foreseen(&user, KeyReach::default(), at(0)),
            &KnownUser::by_name(true),
        ) {
            Entry::Ask(asked) => {
                let left = asked.terms.combinations.iter().map(ToString::to_string);
                (left.collect::<Vec<_>>(), asked.hint)
            }
            other => panic!("{other:?}"),
        }
    };
    let left = |combinations: &[&str]| combinations.iter().map(ToString::to_string).collect();
    assert_eq!(asked(&["email", "totp"]), (left(&["totp"]), None));
    assert_eq!(asked(&["pin", "email+pin"]), (left(&["pin"]), None));
    let hint = Some(Hint::TurnedOff(Channel::Email));
    assert_eq!(asked(&["email+pin"]), (left(&["email+pin"]), hint));
    assert_eq!(asked(&["email"]), (left(&["email"]), hint));
}

/// What is decided for a newcomer of this host where codes go by text message to the number of the user database.
fn by_profile(combinations: &[&str], unenrolled: Unenrolled, known: &KnownUser) -> &'static str {
    let facts = EntryFacts {
        fallback: Some(FallbackSource::Profile(Channel::Sms)),
        sends: Some(Channel::Sms),
        ..EntryFacts::default()
    };
    let user = "anna".parse().unwrap();
    let ask = case(combinations, unenrolled).ask;
    word(&foresee(
        &ask,
        &Account::default(),
        facts,
        EntryContext::foreseen(&user, KeyReach::default(), at(0)),
        known,
    ))
}

#[test]
fn a_number_of_the_user_database_is_for_users_of_the_host_who_have_enrolled_none() {
    let to = Recipient::read(Channel::Sms, "+491701234567", None).unwrap();
    let known = |is_known, profile| KnownUser { is_known, profile };
    let found = known(true, Profile::Recipient(to.clone()));
    let stranger = known(false, Profile::Recipient(to));
    let none = known(true, Profile::Nothing);
    for unenrolled in ALL {
        let word = by_profile(&["sms"], unenrolled, &found);
        assert_eq!(word, "ask, with an address", "{unenrolled:?}");
        let word = by_profile(&["totp"], unenrolled, &found);
        assert_ne!(word, "ask, with an address", "{unenrolled:?}");
        let word = by_profile(&["sms"], unenrolled, &stranger);
        assert_ne!(word, "ask, with an address", "{unenrolled:?}");
    }
    for (unenrolled, expected) in ALL.into_iter().zip(["ask in vain", "unenrolled", "enroll"]) {
        assert_eq!(by_profile(&["sms"], unenrolled, &none), expected);
    }
}

#[test]
fn a_user_database_that_does_not_answer_makes_nobody_a_newcomer() {
    let unread = KnownUser {
        is_known: true,
        profile: Profile::Unread,
    };
    for unenrolled in ALL {
        for combinations in [&["sms"][..], &["sms", "totp"], &["totp", "sms"]] {
            let word = by_profile(combinations, unenrolled, &unread);
            assert_eq!(word, "ask, with a hint", "{unenrolled:?} {combinations:?}");
        }
    }
}

/// What is said to a user with this key, if they are asked.
fn hint_with_key(case: Case) -> (bool, Option<Hint>) {
    let mut account = Account::default();
    let key = SecurityKey::new("blue".parse().unwrap(), SoftKey::p256().public(), at(0));
    account.add_key(key).unwrap();
    let (case, user) = (case.with(account), "anna".parse().unwrap());
    match case.entry(&user).decide(|| Err(())).unwrap() {
        Entry::Ask(asked) => (asked.is_unenrolled, asked.hint),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_key_counts_for_a_login_that_meets_it_and_the_log_says_why_not() {
    let key = SoftKey::p256().public();
    let other = SoftKey::ed25519(1).public();
    for (keys, can_sign, expected) in [
        (vec![key.clone()], false, (false, None)),
        (vec![other.clone(), key], false, (false, None)),
        (vec![], true, (false, None)),
        (vec![], false, (true, Some(Hint::KeyOutOfReach))),
        (vec![other], false, (true, Some(Hint::KeyOutOfReach))),
    ] {
        for combinations in [&["key"][..], &["totp", "key"]] {
            let case = Case {
                keys: keys.clone(),
                can_sign,
                ..case(combinations, Unenrolled::Enroll)
            };
            assert_eq!(hint_with_key(case), expected, "{keys:?} {can_sign}");
        }
    }
    let missing = case(&["key+pin"], Unenrolled::Deny);
    assert_eq!(
        hint_with_key(missing),
        (true, None),
        "the PIN is missing, too"
    );
}

#[test]
fn a_newcomer_sets_up_the_key_that_sshd_has_verified_and_no_other() {
    let with = |combinations: &[&str], keys: &[&SoftKey]| Case {
        keys: keys.iter().map(|key| key.public()).collect(),
        can_sign: true,
        ..case(combinations, Unenrolled::Enroll)
    };
    let (blue, red) = (SoftKey::p256(), SoftKey::ed25519(1));
    let key = |codes| Some(("key".to_owned(), codes, false));
    assert_eq!(with(&["key"], &[&blue]).set_up(), key(false));
    assert_eq!(with(&["key", "totp"], &[&blue]).set_up(), key(true));
    let totp = Some(("totp".to_owned(), true, false));
    assert_eq!(with(&["key", "totp"], &[]).set_up(), totp);
    assert_eq!(with(&["key"], &[]).decided(true).0, "ask in vain");
    let both = Some(("key+pin".to_owned(), false, false));
    assert_eq!(with(&["key+pin"], &[&blue, &red]).set_up(), both);
    let ordinary = Case {
        is_guarded: false,
        self_service: &[Factor::Key],
        ..with(&["key"], &[])
    };
    assert_eq!(
        ordinary.decided(true).0,
        "ask in vain",
        "nobody has verified a key"
    );
}
