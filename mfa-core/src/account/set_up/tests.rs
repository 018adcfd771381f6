//! Who is a newcomer, and that nobody becomes one by losing their factors.

use std::time::Duration;

use proptest::prelude::*;

use super::super::samples::{at, device, full, pepper, questions};
use super::super::*;
use crate::factors::address::{Channel, Recipient};
use crate::lockout::Limits;

const CODE: &str = "0123456789";
const ADDRESS: &str = "anna@example.org";

/// Events of an account other than removals.
#[derive(Clone, Copy, Debug)]
enum Step {
    Disable,
    Enable,
    UseRecoveryCode,
    Expire,
    Guess,
    Unlock,
    BeginGrace,
    Store,
}

/// The least that makes a user no newcomer.
#[derive(Clone, Copy, Debug)]
enum Had {
    Address,
    RecoveryCode,
    Bypass,
    Device,
    Pin,
    Questions,
}

fn with(had: Had) -> Account {
    let mut account = Account::default();
    match had {
        Had::Address => {
            let to = Recipient::read(Channel::Email, ADDRESS, None).unwrap();
            account.add_contact(Contact::new(to, at(0))).unwrap();
        }
        Had::RecoveryCode => account.set_recovery(vec![pepper().digest(CODE)], at(0)),
        Had::Bypass => {
            account.issue_bypass("123456789".into(), Duration::from_secs(60), at(0));
        }
        Had::Device => {
            account.add_device(device("phone")).unwrap();
        }
        Had::Pin => account.set_pin("phc".to_owned(), at(0)),
        Had::Questions => account.set_questions(questions()),
    }
    account
}

fn take(account: &mut Account, step: Step, now: &mut i64) {
    let to = Recipient::read(Channel::Email, ADDRESS, None).unwrap();
    match step {
        Step::Disable => drop(account.enable_contact(&to, false)),
        Step::Enable => drop(account.enable_contact(&to, true)),
        Step::UseRecoveryCode => account.use_recovery(pepper().digest(CODE)),
        Step::Expire => *now += 4 * 60 * 60,
        Step::Guess => {
            let epoch = account.lockout().epoch();
            account.wrong_first_code(epoch, at(*now), &Limits::default());
        }
        Step::Unlock => drop(account.unlock()),
        Step::BeginGrace => drop(account.begin_grace(at(*now))),
        Step::Store => *account = Account::decode(&account.encode().unwrap()).unwrap(),
    }
}

fn a_step() -> impl Strategy<Value = Step> {
    use Step::{BeginGrace, Disable, Enable, Expire, Guess, Store, Unlock, UseRecoveryCode};
    prop::sample::select(vec![
        Disable,
        Enable,
        UseRecoveryCode,
        Expire,
        Guess,
        Unlock,
        BeginGrace,
        Store,
    ])
}

fn something() -> impl Strategy<Value = Had> {
    use Had::{Address, Bypass, Device, Pin, Questions, RecoveryCode};
    prop::sample::select(vec![Address, RecoveryCode, Bypass, Device, Pin, Questions])
}

proptest! {
    #[test]
    fn nobody_becomes_a_newcomer_by_what_is_disabled_used_up_or_expired(
        had in something(), steps in prop::collection::vec(a_step(), 0..20)
    ) {
        let (mut account, mut now) = (with(had), 0);
        for step in steps {
            take(&mut account, step, &mut now);
            prop_assert!(!account.has_never_enrolled(), "{had:?}, {step:?}");
        }
    }

    #[test]
    fn what_happens_to_a_newcomer_sets_nothing_up(steps in prop::collection::vec(a_step(), 0..20)) {
        let (mut account, mut now) = (Account::default(), 0);
        for step in steps {
            take(&mut account, step, &mut now);
            prop_assert!(account.has_never_enrolled() && account.has_no_usable_factor(at(now)));
        }
    }
}

#[test]
fn expired_and_used_codes_are_no_usable_factors() {
    for (had, step) in [
        (Had::Address, Step::Disable),
        (Had::RecoveryCode, Step::UseRecoveryCode),
        (Had::Bypass, Step::Expire),
    ] {
        let (mut account, mut now) = (with(had), 0);
        assert!(!account.has_no_usable_factor(at(now)), "{had:?}");
        take(&mut account, step, &mut now);
        assert!(account.has_no_usable_factor(at(now)), "{had:?}");
        assert!(!account.has_never_enrolled(), "{had:?}");
    }
}

#[test]
fn removing_everything_makes_a_newcomer_and_removes_spent_codes() {
    let mut account = full();
    account.set_recovery(vec![pepper().digest(CODE)], at(0));
    account.use_recovery(pepper().digest(CODE));
    account.issue_bypass("123456789".into(), Duration::from_secs(60), at(0));
    let none = SpentCodes::default();
    assert_eq!(
        account.forget_spent_codes(at(99)),
        none,
        "there are factors"
    );
    for factor in [Factor::Totp, Factor::Pin, Factor::Questions] {
        account.remove(factor);
    }
    assert_eq!(
        account.forget_spent_codes(at(9)),
        none,
        "a code is still good"
    );
    assert!(!account.has_never_enrolled());
    let spent = account.forget_spent_codes(at(99)).words();
    assert_eq!(
        spent.as_deref(),
        Some("1 used-up recovery code and an expired bypass code")
    );
    assert!(account.has_never_enrolled());
    assert_eq!(account.forget_spent_codes(at(99)), none, "twice");
}

#[test]
fn after_any_enrolment_nobody_enrols_a_first_device_in_a_login() {
    for had in [Had::Address, Had::RecoveryCode, Had::Bypass, Had::Pin] {
        let (mut account, mut now) = (with(had), 0);
        for step in [Step::Disable, Step::UseRecoveryCode, Step::Expire] {
            take(&mut account, step, &mut now);
        }
        let before = account.clone();
        let set_up = account.enroll_in_login(
            vec![NewFactor::Device(device("thief"))],
            Vec::new(),
            None,
            at(now),
        );
        assert_eq!(
            (set_up, &account),
            (Enrolled::Otherwise, &before),
            "{had:?}"
        );
    }
}
