//! Attempts, one by one.

use super::super::samples::{at, device, full, pepper};
use super::*;

/// An attempt at second 59, where the codes of steps 0 to 2 are in the window.
fn attempt(account: &Account, answers: Vec<Answered>) -> Attempt {
    let era = account.lockout().era();
    Attempt {
        era,
        answers,
        now: at(59),
        skew: 1,
        limits: Limits::default(),
        opening: None,
        pepper: pepper(),
    }
}

fn code(typed: &str) -> Answered {
    Answered::Code {
        typed: typed.into(),
        tail: false,
    }
}

fn pin(matches: bool) -> Answered {
    Answered::Hashed {
        factor: Factor::Pin,
        phc: "phc-pin".to_owned(),
        matches,
    }
}

fn judge(account: &mut Account, answers: Vec<Answered>) -> Verdict {
    let attempt = attempt(account, answers);
    account.attempt(&attempt)
}

fn failures(account: &Account) -> u32 {
    account.lockout().failures(at(59))
}

#[test]
fn a_right_code_passes_once() {
    let mut account = full();
    let passed = judge(&mut account, vec![code("287082")]);
    assert!(
        matches!(&passed, Verdict::Passed(p) if p.device.as_deref() == Some("phone")),
        "{passed:?}"
    );
    assert_eq!(judge(&mut account, vec![code("287082")]), Verdict::Replayed);
    assert_eq!(failures(&account), 0, "a replay is not a failure");
}

#[test]
fn a_code_is_taken_with_the_blank_that_apps_show() {
    assert!(matches!(
        judge(&mut full(), vec![code("287 082")]),
        Verdict::Passed(_)
    ));
}

#[test]
fn the_code_at_the_end_of_a_password_is_found_with_its_length() {
    let typed = Answered::Code {
        typed: "härte1287082".into(),
        tail: true,
    };
    let Verdict::Passed(passed) = judge(&mut full(), vec![typed]) else {
        panic!("not passed")
    };
    assert_eq!(passed.code_length, Some(6));
}

#[test]
fn a_tail_that_is_too_short_or_cuts_a_letter_is_wrong() {
    for typed in ["87082", "", "ä7082"] {
        let answer = Answered::Code {
            typed: typed.into(),
            tail: true,
        };
        assert!(
            matches!(judge(&mut full(), vec![answer]), Verdict::Wrong { .. }),
            "{typed:?}"
        );
    }
}

#[test]
fn any_device_of_the_user_passes_and_uses_up_only_its_own_step() {
    let mut account = full();
    let mut tablet = device("tablet");
    tablet.generator.digits = 8.try_into().unwrap();
    tablet.generator.key = crate::factors::key::Key::fresh([9; 20]);
    account.add_device(tablet).unwrap();
    assert!(matches!(
        judge(&mut account, vec![code("287082")]),
        Verdict::Passed(_)
    ));
    assert_eq!(account.devices()[0].last_step, Some(1));
    assert_eq!(account.devices()[1].last_step, None);
}

#[test]
fn five_wrong_answers_lock_and_a_right_one_is_not_judged_then() {
    let mut account = full();
    for n in 1..=4 {
        assert_eq!(
            judge(&mut account, vec![code("000000")]),
            Verdict::Wrong {
                failures: n,
                lock: None
            }
        );
    }
    let Verdict::Wrong {
        failures: 5,
        lock: Some(lock),
    } = judge(&mut account, vec![pin(false)])
    else {
        panic!("the fifth did not lock")
    };
    assert_eq!(
        judge(&mut account, vec![code("287082")]),
        Verdict::Locked(lock)
    );
    assert_eq!(account.devices()[0].last_step, None, "it was not judged");
    assert_eq!(account.lockout().refused(), 1);
}

#[test]
fn of_two_factors_both_must_be_right() {
    for (answers, passes) in [
        (vec![code("287082"), pin(true)], true),
        (vec![code("287082"), pin(false)], false),
        (vec![code("000000"), pin(true)], false),
        (vec![code("287082"), Answered::Impossible], false),
        (vec![], false),
    ] {
        let verdict = judge(&mut full(), answers);
        assert_eq!(matches!(verdict, Verdict::Passed(_)), passes, "{verdict:?}");
    }
}

#[test]
fn a_code_seen_by_somebody_else_does_not_help_to_try_out_pins() {
    let mut account = full();
    assert!(matches!(
        judge(&mut account, vec![code("287082"), pin(false)]),
        Verdict::Wrong { .. }
    ));
    // Whether the PIN is right or wrong now, the verdict is the same.
    assert_eq!(
        judge(&mut account, vec![code("287082"), pin(true)]),
        Verdict::Replayed
    );
    assert_eq!(
        judge(&mut account, vec![code("287082"), pin(false)]),
        Verdict::Replayed
    );
}

#[test]
fn an_answer_hashed_against_an_older_record_is_not_judged() {
    let mut account = full();
    account.set_pin("another".to_owned(), at(1));
    let before = account.clone();
    assert_eq!(judge(&mut account, vec![pin(true)]), Verdict::Stale);
    assert_eq!(account, before);
}
