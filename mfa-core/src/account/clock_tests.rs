//! Effects of a clock that was wrong for a while, anywhere from before 1970 to 2230, on an account.

use std::time::Duration;

use proptest::prelude::*;

use super::samples::{at, counter, device, full, pepper};
use super::*;
use crate::clock::AHEAD;
use crate::factors::device::{MAX_DRIFT, Match, Windows};
use crate::lockout::{Admission, LONGEST_LOCK, Limits, Lock};
use crate::policy::GracePeriod;

const PERIOD: i64 = 30;
const HOUR: Duration = Duration::from_secs(3600);

/// The first second of 2106 and of 2231.
const IN_2106: i64 = 4_291_747_200;
const IN_2231: i64 = 8_236_425_600;

/// A time of the clock, and its error: small and large.
fn clocks() -> impl Strategy<Value = (i64, i64)> {
    let time = || prop_oneof![-100_000_000..IN_2231, -100i64..100];
    let near = prop_oneof![-5i64..=5, -2_000i64..=2_000, -100_000i64..=100_000];
    prop_oneof![
        (time(), time()),
        (time(), near).prop_map(|(made, by)| (made, made + by)),
    ]
}

fn limits(duration: u64) -> Limits {
    Limits {
        duration: Duration::from_secs(duration),
        ..Limits::default()
    }
}

fn attempt(account: &Account, answers: Vec<PreparedAnswer>, second: i64) -> Attempt {
    Attempt {
        epoch: account.lockout().epoch(),
        answers,
        now: at(second),
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

fn try_code(account: &mut Account, code: &str, second: i64) -> Verdict {
    let typed = code.into();
    let answers = vec![PreparedAnswer::Code {
        factor: Factor::Totp,
        typed,
        tail: false,
    }];
    let attempt = attempt(account, answers, second);
    account.attempt(&attempt)
}

/// The code that a device with a right clock shows.
fn code_at(second: i64) -> String {
    let key = zeroize::Zeroizing::new(b"12345678901234567890".to_vec());
    let totp = totp_rs::Builder::new()
        .with_secret(totp_rs::Secret::new(key.as_slice().into()))
        .with_step_duration(1)
        .build_noncompliant();
    totp.generate(u64::try_from(second.max(0) / PERIOD).unwrap())
        .to_string()
}

fn with_phone() -> Account {
    let mut account = Account::default();
    account.add_device(device("phone")).unwrap();
    account
}

fn stored(account: &Account) -> Account {
    Account::decode(&account.encode().unwrap()).unwrap()
}

fn fail_until_locked(account: &mut Account, second: i64, limits: &Limits) {
    for _ in 0..limits.attempts {
        account.fail(account.lockout().epoch(), at(second), limits);
    }
}

#[test]
fn a_lock_made_in_2106_is_void_today_and_the_next_failure_locks_for_an_hour() {
    let (limits, today) = (Limits::default(), 1_790_000_000);
    let mut account = full();
    fail_until_locked(&mut account, IN_2106, &limits);
    assert!(account.lockout().lock(at(IN_2106)).is_some());
    let mut account = stored(&account);
    assert_eq!(account.lockout().lock(at(today)), None);
    let epoch = account.lockout().epoch();
    assert_eq!(
        account.lockout().admit(epoch, at(today), &limits),
        Admission::Open,
        "a right answer passes"
    );
    let lock = account.fail(epoch, at(today), &limits);
    assert_eq!(lock, Some(Lock::Until(at(today + 3600))));
    assert_eq!(account.lockout().lock(at(today + 3600)), None);
    assert_eq!(account.lockout().failures(at(today + 3600)), 0);
}

#[test]
fn setting_the_clock_back_frees_no_guess_for_minutes_and_one_at_most_for_more() {
    let limits = Limits::default();
    let mut account = full();
    fail_until_locked(&mut account, 1000, &limits);
    let epoch = account.lockout().epoch();
    // So it is on the host of a fleet whose clock is behind.
    for second in [999, 980, 400] {
        assert_eq!(
            account.lockout().admit(epoch, at(second), &limits),
            Admission::Locked(Lock::Until(at(4600)))
        );
    }
    assert_eq!(
        account.lockout().admit(epoch, at(399), &limits),
        Admission::Open
    );
    assert!(account.fail(epoch, at(399), &limits).is_some());
}

#[test]
fn a_lock_of_an_older_record_lasts_a_year_at_most() {
    let mut account = full();
    fail_until_locked(&mut account, 0, &limits(LONGEST_LOCK.as_secs()));
    let record = String::from_utf8(account.encode().unwrap().to_vec()).unwrap();
    let older = record.replace(r#""lasts":31536000,"#, "");
    assert_ne!(older, record);
    let older = Account::decode(older.as_bytes()).unwrap();
    assert!(older.lockout().lock(at(0)).is_some());
    let ahead = i64::try_from(AHEAD.as_secs()).unwrap();
    assert!(older.lockout().lock(at(-ahead)).is_some());
    assert_eq!(older.lockout().lock(at(-ahead - 1)), None);
}

#[test]
fn a_code_used_in_2106_never_passes_again_and_todays_pass_after_one_refusal() {
    let today = 1_790_000_000;
    let mut account = with_phone();
    let used_today = code_at(today);
    assert!(matches!(
        try_code(&mut account, &used_today, today),
        Verdict::Passed(_)
    ));
    let in_2106 = code_at(IN_2106);
    assert!(matches!(
        try_code(&mut account, &in_2106, IN_2106),
        Verdict::Passed(_)
    ));
    let mut account = stored(&account);
    // The clock is right again, while today's code is still in the window.
    let again = try_code(&mut account, &used_today, today + 20);
    assert_eq!(again, Verdict::Replayed);
    let next = today + 20 + 2 * PERIOD;
    assert!(matches!(
        try_code(&mut account, &code_at(next), next),
        Verdict::Passed(_)
    ));
    let then = try_code(&mut account, &in_2106, IN_2106);
    assert_eq!(then, Verdict::Replayed);
}

#[test]
fn two_codes_in_a_row_resynchronise_a_device_that_was_used_in_2106() {
    let today = 1_790_000_000;
    let mut account = with_phone();
    account.devices[0].use_up(u64::try_from(IN_2106 / PERIOD).unwrap(), at(IN_2106));
    let done = account.resync(&Resync {
        label: None,
        first: code_at(today - PERIOD).into(),
        second: code_at(today).into(),
        epoch: account.lockout().epoch(),
        now: at(today),
        windows: Windows::default(),
        limits: Limits::default(),
    });
    assert!(matches!(done, Resynced::Done { .. }), "{done:?}");
}

#[test]
fn a_bypass_code_issued_in_2106_is_void_today_with_and_without_its_length() {
    let mut account = full();
    account.issue_bypass("483920137".into(), HOUR, at(IN_2106));
    assert!(account.bypass_until(at(IN_2106)).is_some());
    let record = String::from_utf8(account.encode().unwrap().to_vec()).unwrap();
    let older = record.replace(r#","lasts":3600"#, "");
    assert_ne!(older, record);
    for record in [record, older] {
        let account = Account::decode(record.as_bytes()).unwrap();
        assert_eq!(account.bypass_until(at(1_790_000_000)), None);
        assert!(account.bypass_until(at(IN_2106)).is_some());
    }
}

#[test]
fn grace_that_began_in_2106_begins_today() {
    let (grace, today) = (14 * 24 * HOUR, 1_790_000_000);
    let mut account = Account::default();
    account.begin_grace(at(IN_2106));
    assert_eq!(account.grace_since(at(today)), None);
    assert_eq!(
        account.grace_days_left(GracePeriod::Lasting(grace), at(today)),
        Some(14)
    );
    assert!(account.begin_grace(at(today)));
    assert!(!account.begin_grace(at(today + 1)));
    let later = today + 14 * 24 * 3600;
    assert_eq!(
        account.grace_days_left(GracePeriod::Lasting(grace), at(later)),
        None
    );
}

#[test]
fn drift_that_was_noticed_in_2106_is_not_shown_today() {
    let mut token = counter("token");
    token.lose_sync(40, at(IN_2106));
    assert!(token.drift(at(IN_2106)).is_some());
    assert_eq!(token.drift(at(1_790_000_000)), None);
    assert!(!token.follows(41, at(1_790_000_000)));
}

proptest! {
    #[test]
    fn no_lock_outlasts_its_duration_from_whenever_it_is_asked(
        (made, asked) in clocks(), duration in 1u64..31_536_000,
    ) {
        let mut account = full();
        fail_until_locked(&mut account, made, &limits(duration));
        let account = stored(&account);
        let end = Timestamp::from_second(made + i64::try_from(duration).unwrap()).unwrap();
        prop_assert_eq!(account.lockout().lock(at(made)), Some(Lock::Until(end)));
        if let Some(Lock::Until(until)) = account.lockout().lock(at(asked)) {
            prop_assert!(asked < until.as_second());
            prop_assert!(until.as_second() <= asked + i64::try_from(duration + AHEAD.as_secs()).unwrap());
        }
    }

    /// A device with a right clock has its codes refused for its window at most, or until a clock
    /// that was set back by minutes has caught up.
    #[test]
    fn no_device_refuses_right_codes_for_longer_than_its_window((used, asked) in clocks()) {
        let mut account = with_phone();
        try_code(&mut account, &code_at(used), used);
        let mut account = stored(&account);
        let skew = i64::from(Windows::default().skew);
        let drift = i64::try_from(MAX_DRIFT).unwrap();
        // Before 1970 every step is the first.
        let set_back = used.max(0) - asked.max(0);
        let is_short = (0..=drift + (skew + 1) * PERIOD).contains(&set_back);
        let wait = PERIOD * (2 * skew + 1) + if is_short { set_back } else { 0 };
        try_code(&mut account, &code_at(asked), asked);
        let mut account = stored(&account);
        let later = asked.max(0) + wait;
        let verdict = try_code(&mut account, &code_at(later), later);
        prop_assert!(matches!(verdict, Verdict::Passed(_)), "{verdict:?}");
    }

    /// No code passes a second time because the clock was wrong, before or after its use.
    #[test]
    fn no_code_passes_twice(
        now in 0..IN_2231, wrong in 0..IN_2231, is_wrong_between in any::<bool>(), waits in prop::collection::vec(0i64..90, 1..6),
    ) {
        let mut account = with_phone();
        if !is_wrong_between {
            try_code(&mut account, &code_at(wrong), wrong);
        }
        let code = code_at(now);
        let mut passes = u32::from(matches!(try_code(&mut account, &code, now), Verdict::Passed(_)));
        if is_wrong_between {
            try_code(&mut account, &code_at(wrong), wrong);
        }
        let mut time = now;
        for wait in waits {
            time += wait;
            account = stored(&account);
            passes += u32::from(matches!(try_code(&mut account, &code, time), Verdict::Passed(_)));
        }
        // One in a million codes is also that of another step.
        let is_another_s = (1..=20).any(|steps| code == code_at(now + steps * PERIOD));
        prop_assert!(passes <= 1 || is_another_s);
    }

    #[test]
    fn what_is_good_for_a_while_is_good_for_no_longer_by_any_clock((made, asked) in clocks()) {
        let (mut account, hour) = (full(), 3600);
        account.issue_bypass("483920137".into(), HOUR, at(made));
        account.begin_grace(at(made));
        let spot = SessionScope { service: "sudo".to_owned(), operation: None, address: None, ruser: None, tty: None };
        let opening = NewSession { spot, duration: HOUR, host: SessionHost::alone("boot"), by_answer: None };
        account.begin_session(&opening, FactorCombination::from(Factor::Pin), None, at(made));
        let budget = MessageLimits::default();
        while account.count_message(at(made), &budget).is_ok() {}
        account.reserve(7, HOUR, account.lockout().epoch(), at(made), &Limits::default());
        let account = stored(&account);
        let is_in_time = (made..made + hour).contains(&asked);
        let ends: Vec<_> = account.sessions(&SessionHost::alone("boot"), at(asked)).map(Session::ends).collect();
        prop_assert_eq!(ends.len() == 1, is_in_time);
        let until = account.bypass_until(at(asked));
        prop_assert_eq!(until.is_some(), is_in_time);
        let paused = account.messages().paused_until(at(asked), &budget);
        let pause = i64::try_from(budget.pause.as_secs()).unwrap();
        // Strict: the host that sent the last one may be ahead.
        let ahead = i64::try_from(AHEAD.as_secs()).unwrap();
        prop_assert_eq!(paused.is_some(), (made - ahead..made + pause).contains(&asked));
        let days = account.grace_days_left(GracePeriod::Lasting(HOUR), at(asked));
        prop_assert!(days.is_none_or(|days| days <= 1));
        prop_assert_eq!(days.is_none(), asked >= made + hour);
    }

    /// For every step, offset and time in a record, at every time.
    #[test]
    fn no_stored_number_makes_anything_overflow(
        last in any::<u64>(), offset in any::<i64>(), told in any::<u64>(), (made, asked) in clocks(), near_zero in 0u64..5,
    ) {
        for last in [last, near_zero, u64::MAX - near_zero] {
            let mut account = with_phone();
            let phone = &mut account.devices[0];
            phone.lose_sync(told, at(made));
            phone.last_step = Some(last);
            phone.offset = offset;
            let drift = phone.drift(at(asked)).map(|(drift, _)| drift.to_string());
            prop_assert_eq!(drift.is_some(), made <= asked);
            let found = phone.check(&code_at(asked), at(asked), &Windows::default());
            let is_used = found == Match::Used;
            let mut account = stored(&account);
            let verdict = try_code(&mut account, &code_at(asked), asked);
            prop_assert_eq!(verdict == Verdict::Replayed, is_used);
            try_code(&mut account, &code_at(made), asked);
        }
    }
}
