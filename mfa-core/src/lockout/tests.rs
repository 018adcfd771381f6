use super::*;
use crate::clock::after;
use jiff::SignedDuration;
use proptest::prelude::*;

const HOUR: i64 = 3600;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn failed_times(times: u32, now: Timestamp) -> Lockout {
    let mut lockout = Lockout::default();
    for _ in 0..times {
        lockout.failed(lockout.epoch(), now, &Limits::default());
    }
    lockout
}

#[test]
fn five_failures_lock_for_an_hour() {
    let limits = Limits::default();
    let mut lockout = failed_times(4, at(0));
    assert_eq!(
        lockout.admit(lockout.epoch(), at(0), &limits),
        Admission::Open
    );
    lockout.failed(lockout.epoch(), at(10), &limits);
    let lock = Admission::Locked(Lock::Until(at(10 + HOUR)));
    assert_eq!(lockout.admit(lockout.epoch(), at(10), &limits), lock);
    assert_eq!(lockout.admit(lockout.epoch(), at(9 + HOUR), &limits), lock);
    assert_eq!(
        lockout.admit(lockout.epoch(), at(10 + HOUR), &limits),
        Admission::Open
    );
}

#[test]
fn of_two_limits_the_one_that_leaves_fewer_guesses_applies() {
    let loose = Limits {
        attempts: 50,
        duration: Duration::from_secs(1),
        max_consecutive: None,
    };
    assert_eq!(loose.stricter(&Limits::default()), Limits::default());
    assert_eq!(Limits::default().stricter(&loose), Limits::default());
}

#[test]
fn after_a_lock_five_failures_more_are_needed() {
    let limits = Limits::default();
    let mut lockout = failed_times(5, at(0));
    assert_eq!(lockout.failures(at(HOUR)), 0);
    lockout.failed(lockout.epoch(), at(HOUR), &limits);
    assert_eq!((lockout.failures(at(HOUR)), lockout.consecutive()), (1, 6));
    assert_eq!(lockout.lock(at(HOUR)), None);
}

#[test]
fn a_pass_clears_the_counters() {
    let mut lockout = failed_times(4, at(0));
    lockout.passed(lockout.epoch(), at(1));
    assert_eq!((lockout.failures(at(1)), lockout.consecutive()), (0, 0));
}

#[test]
fn a_hundred_failures_in_a_row_lock_until_an_administrator_unlocks() {
    let limits = Limits::default();
    let mut lockout = Lockout::default();
    let mut now = at(0);
    for _ in 0..20 {
        for _ in 0..5 {
            lockout.failed(lockout.epoch(), now, &limits);
        }
        now = after(now, Duration::from_secs(86_400));
    }
    assert_eq!(lockout.lock(now), Some(Lock::Administrator));
    assert!(lockout.unlock());
    assert_eq!(lockout.lock(now), None);
    assert!(!lockout.unlock(), "unlocking twice changes nothing");
}

#[test]
fn a_pass_among_simultaneous_guesses_buys_no_more_guesses() {
    let limits = Limits::default();
    for wrong_before in 0..4 {
        let mut lockout = Lockout::default();
        let epoch = lockout.epoch();
        for _ in 0..wrong_before {
            lockout.failed(epoch, at(0), &limits);
        }
        lockout.passed(epoch, at(0));
        let mut verified = wrong_before + 1;
        while lockout.admit(epoch, at(0), &limits) == Admission::Open {
            lockout.failed(epoch, at(0), &limits);
            verified += 1;
        }
        assert_eq!(verified, 5, "{wrong_before} wrong before the right one");
        assert_eq!(
            lockout.admit(lockout.epoch(), at(0), &limits),
            Admission::Open,
            "new logins go on"
        );
    }
}

#[test]
fn one_person_may_pass_in_many_windows_at_once() {
    let mut lockout = Lockout::default();
    let epoch = lockout.epoch();
    for _ in 0..20 {
        assert_eq!(
            lockout.admit(epoch, at(0), &Limits::default()),
            Admission::Open
        );
        lockout.passed(epoch, at(0));
    }
}

#[test]
fn the_first_record_format_is_still_read() {
    let stored = r#"{"failures":5,"consecutive":7,"until":3600,"at_limit":false,"refused":2,
                     "passes":9,"burst":{"passed":1,"failed":0}}"#;
    let lockout: Lockout = serde_json::from_str(stored).unwrap();
    assert_eq!(lockout.lock(at(0)), Some(Lock::Until(at(HOUR))));
    assert_eq!((lockout.consecutive(), lockout.refused()), (7, 2));
}

#[derive(Clone, Debug)]
enum Act {
    Begin,
    Guess { login: usize, right: bool },
    Wait(u32),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        2 => Just(Act::Begin),
        6 => (0usize..12, prop::bool::weighted(0.15))
            .prop_map(|(login, right)| Act::Guess { login, right }),
        1 => (0u32..5000).prop_map(Act::Wait),
    ];
    prop::collection::vec(act, 0..300)
}

proptest! {
    /// In every order of events: between two passes, and within any hour without one, at most five
    /// wrong answers are verified, and never more than a hundred in a row.
    #[test]
    fn no_order_of_events_gets_more_guesses(acts in acts()) {
        let limits = Limits::default();
        let (mut lockout, mut now) = (Lockout::default(), at(0));
        let mut eras = [lockout.epoch(); 12];
        let mut wrong: Vec<Timestamp> = Vec::new();
        let mut next = 0;
        for act in acts {
            match act {
                Act::Wait(seconds) => now = after(now, Duration::from_secs(seconds.into())),
                Act::Begin => {
                    eras[next % 12] = lockout.epoch();
                    next += 1;
                }
                Act::Guess { login, .. } if lockout.admit(eras[login], now, &limits) != Admission::Open => {
                    lockout.refused_one();
                }
                Act::Guess { login, right: true } => {
                    lockout.passed(eras[login], now);
                    wrong.clear();
                }
                Act::Guess { login, right: false } => {
                    lockout.failed(eras[login], now, &limits);
                    wrong.push(now);
                    prop_assert!(wrong.len() <= 100);
                    if wrong.len() > 5 {
                        let sixth_last = wrong[wrong.len() - 6];
                        prop_assert!(now.duration_since(sixth_last) >= SignedDuration::from_hours(1));
                    }
                }
            }
        }
    }
}

/// The longest time that a server takes.
const WAIT: Duration = Duration::from_secs(60);

#[test]
fn no_more_guesses_are_reserved_than_may_be_wrong() {
    let limits = Limits::default();
    let mut lockout = Lockout::default();
    let epoch = lockout.epoch();
    for id in 0..5 {
        assert_eq!(
            lockout.reserve(id, WAIT, epoch, at(0), &limits),
            Admission::Open
        );
    }
    assert_eq!(
        lockout.reserve(5, WAIT, epoch, at(0), &limits),
        Admission::BudgetExhausted
    );
    assert_eq!(
        lockout.admit(epoch, at(0), &limits),
        Admission::BudgetExhausted
    );
    for id in 0..5 {
        assert!(lockout.settle_reserved(id));
        assert_eq!(
            lockout.admit(epoch, at(1), &limits),
            Admission::Open,
            "{id}"
        );
        lockout.failed(epoch, at(1), &limits);
    }
    assert_eq!(lockout.lock(at(2)), Some(Lock::Until(at(1 + HOUR))));
    assert!(!lockout.settle_reserved(0));
}

#[test]
fn an_unverified_guess_is_given_back_and_a_lost_one_is_forgotten() {
    let limits = Limits::default();
    let mut lockout = Lockout::default();
    let epoch = lockout.epoch();
    for id in 0..5 {
        lockout.reserve(id, WAIT, epoch, at(0), &limits);
    }
    assert!(lockout.settle_reserved(3));
    assert_eq!(
        lockout.reserve(7, WAIT, epoch, at(1), &limits),
        Admission::Open
    );
    assert_eq!(
        lockout.reserve(8, WAIT, epoch, at(2), &limits),
        Admission::BudgetExhausted
    );
    assert_eq!(
        lockout.reserve(9, WAIT, epoch, at(60), &limits),
        Admission::Open
    );
    assert_eq!(lockout.failures(at(700)), 0);
}
