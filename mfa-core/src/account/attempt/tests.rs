//! Single attempts.

use super::super::samples::{CODES, at, counter, device, full, pepper};
use super::*;
use crate::account::SessionHost;
use crate::factors::address::Channel;

/// An attempt at second 59, where the codes of steps 0 to 2 are in the window.
fn attempt(account: &Account, answers: Vec<PreparedAnswer>) -> Attempt {
    let epoch = account.lockout().epoch();
    Attempt {
        epoch,
        answers,
        now: at(59),
        windows: Windows::default(),
        limits: Limits::default(),
        opening: None,
        renews: false,
        pepper: pepper(),
        rejected: None,
        is_password: false,
        is_key_counted: false,
    }
}

fn code(typed: &str) -> PreparedAnswer {
    PreparedAnswer::Code {
        factor: Factor::Totp,
        typed: typed.into(),
        tail: false,
    }
}

fn pin(matches: bool) -> PreparedAnswer {
    PreparedAnswer::Hashed {
        factor: Factor::Pin,
        phc: "phc-pin".to_owned(),
        matches,
    }
}

fn verify(account: &mut Account, answers: Vec<PreparedAnswer>) -> Verdict {
    let attempt = attempt(account, answers);
    account.attempt(&attempt)
}

fn failures(account: &Account) -> u32 {
    account.lockout().failures(at(59))
}

#[test]
fn a_right_code_passes_once() {
    let mut account = full();
    let passed = verify(&mut account, vec![code("287082")]);
    assert!(
        matches!(&passed, Verdict::Passed(p) if p.device.as_deref() == Some("phone")),
        "{passed:?}"
    );
    assert_eq!(
        verify(&mut account, vec![code("287082")]),
        Verdict::Replayed
    );
    assert_eq!(failures(&account), 0, "a replay is not a failure");
}

#[test]
fn a_code_is_accepted_with_the_blank_that_apps_show() {
    assert!(matches!(
        verify(&mut full(), vec![code("287 082")]),
        Verdict::Passed(_)
    ));
}

#[test]
fn the_code_at_the_end_of_a_password_is_found_with_its_length() {
    let typed = PreparedAnswer::Code {
        factor: Factor::Totp,
        typed: "härte1287082".into(),
        tail: true,
    };
    let Verdict::Passed(passed) = verify(&mut full(), vec![typed]) else {
        panic!("not passed")
    };
    assert_eq!(passed.code_length, Some(6));
}

#[test]
fn a_tail_that_is_too_short_or_cuts_a_letter_is_wrong() {
    for typed in ["87082", "", "ä7082"] {
        let answer = PreparedAnswer::Code {
            factor: Factor::Totp,
            typed: typed.into(),
            tail: true,
        };
        assert!(
            matches!(verify(&mut full(), vec![answer]), Verdict::Wrong { .. }),
            "{typed:?}"
        );
    }
}

#[test]
fn any_device_of_the_user_passes_and_only_its_own_step_is_used_up() {
    let mut account = full();
    let mut tablet = device("tablet");
    tablet.generator.digits = 8.try_into().unwrap();
    tablet.generator.key = crate::factors::key::Key::fresh([9; 20]);
    account.add_device(tablet).unwrap();
    assert!(matches!(
        verify(&mut account, vec![code("287082")]),
        Verdict::Passed(_)
    ));
    assert_eq!(account.devices()[0].last_step, Some(1));
    assert_eq!(account.devices()[1].last_step, None);
}

#[test]
fn five_wrong_answers_lock_and_then_a_right_one_is_not_verified() {
    let mut account = full();
    for n in 1..=4 {
        assert_eq!(
            verify(&mut account, vec![code("000000")]),
            Verdict::Wrong {
                failures: n,
                lock: None,
                out_of_sync: None,
                expended: None,
                key: None,
            }
        );
    }
    let Verdict::Wrong {
        failures: 5,
        lock: Some(lock),
        ..
    } = verify(&mut account, vec![pin(false)])
    else {
        panic!("the fifth did not lock")
    };
    assert_eq!(
        verify(&mut account, vec![code("287082")]),
        Verdict::Locked(lock)
    );
    assert_eq!(account.devices()[0].last_step, None, "it was not verified");
    assert_eq!(account.lockout().refused(), 1);
}

#[test]
fn of_two_factors_both_must_be_right() {
    for (answers, passes) in [
        (vec![code("287082"), pin(true)], true),
        (vec![code("287082"), pin(false)], false),
        (vec![code("000000"), pin(true)], false),
        (vec![code("287082"), PreparedAnswer::Impossible], false),
        (vec![], false),
    ] {
        let verdict = verify(&mut full(), answers);
        assert_eq!(matches!(verdict, Verdict::Passed(_)), passes, "{verdict:?}");
    }
}

#[test]
fn a_code_seen_by_an_attacker_does_not_help_to_try_out_pins() {
    let mut account = full();
    assert!(matches!(
        verify(&mut account, vec![code("287082"), pin(false)]),
        Verdict::Wrong { .. }
    ));
    // The verdict is the same for a right and a wrong PIN.
    assert_eq!(
        verify(&mut account, vec![code("287082"), pin(true)]),
        Verdict::Replayed
    );
    assert_eq!(
        verify(&mut account, vec![code("287082"), pin(false)]),
        Verdict::Replayed
    );
}

#[test]
fn an_answer_hashed_against_an_older_record_is_not_verified() {
    let mut account = full();
    account.set_pin("another".to_owned(), at(1));
    let before = account.clone();
    assert_eq!(verify(&mut account, vec![pin(true)]), Verdict::Stale);
    assert_eq!(account, before);
}

#[test]
fn a_code_of_a_wrong_clock_is_refused_counted_and_recorded() {
    let mut account = full();
    let mut late = attempt(&account, vec![code(CODES[2])]);
    late.now = at(60 + 300);
    let drift = Drift::Clock(-300);
    let expected = Verdict::Wrong {
        failures: 1,
        lock: None,
        out_of_sync: Some(("phone".to_owned(), drift)),
        expended: None,
        key: None,
    };
    assert_eq!(account.attempt(&late), expected);
    assert_eq!(account.devices()[0].drift(at(360)), Some((drift, at(360))));
    late.answers = vec![code(CODES[3])];
    late.now = at(90 + 300);
    let again = account.attempt(&late);
    assert!(
        again.is_wrong(),
        "a clock is put right by two codes asked for only: {again:?}"
    );
    late.answers = vec![code("287082")];
    late.now = at(59);
    assert!(matches!(account.attempt(&late), Verdict::Passed(_)));
    assert_eq!(account.devices()[0].drift(at(360)), None);
}

#[test]
fn a_counter_far_ahead_is_resynchronised_by_two_codes_in_a_row() {
    let mut account = Account::default();
    account.add_device(counter("token")).unwrap();
    let mut attempt = attempt(&account, vec![code(CODES[6])]);
    attempt.windows.look_ahead = 3;
    let first = account.attempt(&attempt);
    let out_of_sync = Some(("token".to_owned(), Drift::Counter(6)));
    assert!(matches!(first, Verdict::Wrong { out_of_sync: a, .. } if a == out_of_sync));
    attempt.answers = vec![code(CODES[8])];
    assert!(account.attempt(&attempt).is_wrong(), "one was left out");
    attempt.answers = vec![code(CODES[9])];
    let mut late = account.clone();
    assert!(matches!(account.attempt(&attempt), Verdict::Passed(_)));
    assert_eq!(account.devices()[0].next(), 10);
    attempt.now = at(59 + 601);
    assert!(
        late.attempt(&attempt).is_wrong(),
        "the first was too long ago"
    );
}

#[test]
fn a_recovery_code_begins_no_session_if_a_new_device_must_be_enrolled() {
    let mut account = full();
    account.set_recovery(vec![pepper().digest("0123456789")], at(1));
    for renews in [true, false] {
        let mut account = account.clone();
        let mut attempt = attempt(&account, vec![code("0123456789")]);
        attempt.renews = renews;
        attempt.opening = Some(NewSession {
            spot: super::super::SessionScope {
                service: "sshd".to_owned(),
                operation: None,
                address: None,
                ruser: None,
                tty: None,
            },
            duration: std::time::Duration::from_secs(60),
            host: SessionHost::alone("boot"),
            by_answer: None,
        });
        assert!(matches!(account.attempt(&attempt), Verdict::Passed(_)));
        assert_eq!(account.sessions.is_empty(), renews);
    }
}

#[test]
fn scratch_codes_of_eight_digits_pass_once_alone_or_after_a_password() {
    for (typed, tail) in [("12345678", false), ("secret12345678", true)] {
        let mut account = full();
        account.import_recovery(vec![pepper().digest("12345678")], 8, at(1));
        let answer = || PreparedAnswer::Code {
            factor: Factor::Totp,
            typed: typed.into(),
            tail,
        };
        let Verdict::Passed(passed) = verify(&mut account, vec![answer()]) else {
            panic!("{typed} is a scratch code");
        };
        assert_eq!(passed.code_length, Some(8));
        assert!(verify(&mut account, vec![answer()]).is_wrong(), "only once");
    }
}

#[test]
fn a_code_whose_drift_was_shown_is_not_accepted_later() {
    let mut account = full();
    let mut guess = attempt(&account, vec![code(CODES[5])]);
    guess.now = at(0);
    assert!(matches!(
        account.attempt(&guess),
        Verdict::Wrong {
            out_of_sync: Some(_),
            ..
        }
    ));
    guess.now = at(5 * 30);
    assert_eq!(account.attempt(&guess), Verdict::Replayed);
    guess.answers = vec![code(CODES[6])];
    assert!(matches!(account.attempt(&guess), Verdict::Passed(_)));

    let mut account = Account::default();
    account.add_device(counter("token")).unwrap();
    let mut guess = attempt(&account, vec![code(CODES[5])]);
    guess.windows.look_ahead = 3;
    assert!(account.attempt(&guess).is_wrong());
    let mut owner = attempt(&account, vec![code(CODES[2])]);
    assert!(matches!(account.attempt(&owner), Verdict::Passed(_)));
    owner.answers = vec![code(CODES[4])];
    assert!(matches!(account.attempt(&owner), Verdict::Passed(_)));
    assert_eq!(account.attempt(&guess), Verdict::Replayed);
}

fn remote(accepted: bool) -> PreparedAnswer {
    let remote = Remote {
        server: "vip".parse().unwrap(),
        user: None,
        enabled: true,
        dates: crate::account::Dates::enrolled(at(0)),
    };
    PreparedAnswer::Remote { remote, accepted }
}

/// The failures after `tries` guesses that a server rejects, each together with `others`.
fn rejected(account: &mut Account, others: fn() -> Vec<PreparedAnswer>, tries: u64) -> u32 {
    for id in 0..tries {
        let wait = std::time::Duration::from_secs(60);
        let epoch = account.lockout().epoch();
        let leave = account.reserve(id, wait, epoch, at(59), &Limits::default());
        assert_eq!(leave, Admission::Open, "{id}");
        let mut answers = others();
        answers.push(remote(false));
        let mut attempt = attempt(account, answers);
        attempt.rejected = Some(id);
        let verdict = account.attempt(&attempt);
        assert!(verdict.is_wrong(), "{verdict:?}");
    }
    failures(account)
}

#[test]
fn a_rejection_by_a_server_is_a_failure_whatever_the_other_answers_are() {
    let companions: [fn() -> Vec<PreparedAnswer>; 4] = [
        Vec::new,
        || vec![code("287082")],
        || vec![pin(true)],
        || {
            let phc = "another".to_owned();
            let (factor, matches) = (Factor::Pin, true);
            vec![PreparedAnswer::Hashed {
                factor,
                phc,
                matches,
            }]
        },
    ];
    for others in companions {
        let mut account = full();
        assert_eq!(rejected(&mut account, others, 5), 5);
        assert!(account.lockout().lock(at(60)).is_some());
    }
}

#[test]
fn a_code_is_used_up_even_if_a_server_rejects_the_other_answer() {
    let mut account = full();
    rejected(&mut account, || vec![code("287082")], 1);
    assert_eq!(
        verify(&mut account, vec![code("287082")]),
        Verdict::Replayed
    );
}

#[test]
fn an_answer_for_a_replaced_account_is_not_verified() {
    let mut account = full();
    assert_eq!(verify(&mut account, vec![remote(true)]), Verdict::Stale);
    assert_eq!(verify(&mut account, vec![remote(false)]), Verdict::Stale);
}

#[test]
fn a_code_sent_to_an_address_that_was_removed_does_not_pass() {
    let mut account = full();
    let to = Recipient::read(Channel::Email, "anna@example.org", None).unwrap();
    account
        .add_contact(crate::account::Contact::new(to.clone(), at(0)))
        .unwrap();
    let sent = |unless_changed_since| {
        vec![PreparedAnswer::Sent {
            factor: Factor::Email,
            typed: "483920".into(),
            came_back: Some(ConfirmedRecipient {
                to: to.clone(),
                unless_changed_since,
            }),
        }]
    };
    assert!(matches!(
        verify(&mut account, sent(None)),
        Verdict::Passed(_)
    ));
    let before = account.generation();
    account.enable_contact(&to, false).unwrap();
    assert_eq!(verify(&mut account, sent(None)), Verdict::Stale);
    assert_eq!(verify(&mut account, sent(Some(before))), Verdict::Stale);
}

#[test]
fn a_recovery_code_replaces_a_sent_one_and_a_servers_answer() {
    for factor in [Factor::Email, Factor::Sms, Factor::Radius] {
        let mut account = full();
        account.set_recovery(vec![pepper().digest("0123456789")], at(0));
        let answer = || {
            vec![PreparedAnswer::Sent {
                factor,
                typed: "0123 456789".into(),
                came_back: None,
            }]
        };
        let passed = verify(&mut account, answer());
        assert!(
            matches!(&passed, Verdict::Passed(p) if p.instead == Some(FallbackCode::Recovery)),
            "{passed:?}"
        );
        assert!(verify(&mut account, answer()).is_wrong(), "it is used up");
    }
}

/// An attempt whose answers are the password, as the caller reports.
fn verify_password(account: &mut Account, answers: Vec<PreparedAnswer>) -> Verdict {
    let attempt = Attempt {
        is_password: true,
        is_key_counted: false,
        ..attempt(account, answers)
    };
    account.attempt(&attempt)
}

#[test]
fn the_password_instead_of_a_factor_is_no_failure_and_passes_if_right() {
    let mut account = full();
    for _ in 0..20 {
        let wrong = verify_password(&mut account, vec![code("correct horse")]);
        assert_eq!(wrong, Verdict::Password);
        let wrong = verify_password(&mut account, vec![code("correct horse"), pin(false)]);
        assert_eq!(wrong, Verdict::Password);
    }
    assert_eq!(failures(&account), 0);
    let right = verify_password(&mut account, vec![pin(true)]);
    assert!(matches!(right, Verdict::Passed(_)), "{right:?}");
}

#[test]
fn the_password_is_not_verified_while_the_account_is_locked() {
    let mut account = full();
    for _ in 0..5 {
        verify(&mut account, vec![pin(false)]);
    }
    let locked = verify_password(&mut account, vec![pin(true)]);
    assert!(matches!(locked, Verdict::Locked(_)), "{locked:?}");
}

#[test]
fn a_used_or_expired_code_is_distinguished_from_a_guess() {
    let expended = |account: &mut Account, typed: &str, now| {
        let mut attempt = attempt(account, vec![code(typed)]);
        attempt.now = now;
        match account.attempt(&attempt) {
            Verdict::Wrong { expended, .. } => expended,
            other => panic!("{other:?}"),
        }
    };
    let mut account = full();
    account.set_recovery(vec![pepper().digest("0123456789")], at(1));
    let minute = std::time::Duration::from_secs(60);
    account.issue_bypass("483920137".into(), minute, at(0));
    let late = expended(&mut account, "483920137", at(60));
    assert_eq!(late, Some(Expended::Expired));
    account.issue_bypass("483920137".into(), minute, at(0));
    for typed in ["483920137", "0123456789"] {
        let passed = verify(&mut account, vec![code(typed)]);
        assert!(matches!(passed, Verdict::Passed(_)), "{passed:?}");
    }
    let mut account = Account::decode(&account.encode().unwrap()).unwrap();
    let used = expended(&mut account, "483 920 137", at(59));
    assert_eq!(used, Some(Expended::Used(FallbackCode::Bypass)));
    let used = expended(&mut account, "0123456789", at(59));
    assert_eq!(used, Some(Expended::Used(FallbackCode::Recovery)));
    assert_eq!(expended(&mut account, "483920138", at(59)), None);
}
