//! A year of guesses at codes, as fast as the lockout allows: how many are verified, and how likely one of them passes.
//!
//! The attacker knows the password and guesses six digits at random. The bounds are those of `docs/threat-model.md`.

use std::time::Duration;

use super::samples::{counter, device, pepper};
use super::*;
use crate::factors::device::Windows;
use crate::factors::key::Key;
use crate::lockout::{Limits, Lock};

const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
const HOUR: u64 = 3600;
/// All codes of six digits.
const CODES: u64 = 1_000_000;
/// When the year begins: the first second of 2026.
const BEGIN: i64 = 1_767_225_600;

/// Guesses of a year: until an administrator must unlock, and at most five an hour.
const IN_A_ROW: u64 = 100;
const FIVE_AN_HOUR: u64 = 5 * 365 * 24;
/// Codes that pass at one moment: three steps of a clock, ten of a counter.
const OF_A_CLOCK: u64 = 3;
const OF_A_COUNTER: u64 = 10;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// An account of a user with `device` and a key of its own.
    fn account(&mut self, mut device: Device) -> Account {
        let bytes: Vec<u8> = (0..20).map(|_| self.next() as u8).collect();
        device.generator.key = Key::fresh(bytes.try_into().unwrap());
        let mut account = Account::default();
        account.add_device(device).unwrap();
        account
    }
}

fn try_code(account: &mut Account, code: &str, now: Timestamp) -> Verdict {
    let answer = PreparedAnswer::Code {
        factor: Factor::Totp,
        typed: code.into(),
        tail: false,
    };
    account.attempt(&Attempt {
        epoch: account.lockout().epoch(),
        answers: vec![answer],
        now,
        windows: Windows::default(),
        limits: Limits::default(),
        opening: None,
        renews: false,
        pepper: pepper(),
        rejected: None,
        is_password: false,
        is_key_counted: false,
    })
}

/// How many codes would pass at this moment, tried one by one on copies.
fn passing_codes(account: &Account, now: Timestamp) -> u64 {
    let generator = &account.devices()[0].generator;
    let present = match generator.moves.period() {
        Some(period) => now.as_second().cast_unsigned() / u64::from(period),
        None => 0,
    };
    let mut codes: Vec<String> = (present.saturating_sub(30)..present + 130)
        .map(|step| generator.code(step))
        .collect();
    codes.sort();
    codes.dedup();
    let passes = |code: &&String| {
        let verdict = try_code(&mut account.clone(), code, now);
        matches!(verdict, Verdict::Passed(_))
    };
    codes.iter().filter(passes).count() as u64
}

/// What a year of guesses came to.
#[derive(Debug, Default)]
struct Year {
    verified: u64,
    /// Guesses, each times the number of codes that would have passed then; only if these were counted.
    chances: u64,
    got_in: bool,
}

/// Guesses until the attacker is in, an administrator must unlock, or the year is over. The user logs in whenever
/// `logs_in` says so of the number of the last failures in a row, and the account is not locked.
fn guess(
    account: &mut Account,
    random: &mut Random,
    counts: bool,
    logs_in: impl Fn(u32) -> bool,
) -> Year {
    let mut year = Year::default();
    let begin = Timestamp::from_second(BEGIN).unwrap();
    let end = begin + YEAR;
    let mut now = begin;
    while now < end {
        match account.lockout().lock(now) {
            Some(Lock::Administrator) => break,
            Some(Lock::Until(until)) => {
                now = until;
                continue;
            }
            None => {}
        }
        if logs_in(account.lockout().consecutive()) {
            let epoch = account.lockout().epoch();
            account.lockout.passed(epoch, now);
        }
        if counts {
            year.chances += passing_codes(account, now);
        }
        let code = format!("{:06}", random.next() % CODES);
        match try_code(account, &code, now) {
            Verdict::Passed(_) => {
                year.verified += 1;
                year.got_in = true;
                break;
            }
            Verdict::Wrong { .. } => year.verified += 1,
            other => panic!("{other:?}"),
        }
    }
    year
}

/// A year over this many accounts; of every `counted`th, the codes that would have passed are counted.
fn of_accounts(accounts: u64, counted: u64, kind: fn(&str) -> Device, passing: u64) {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let (mut verified, mut got_in, mut chances, mut sample) = (0, 0, 0, 0);
    for number in 0..accounts {
        let counts = number % counted == 0;
        let mut account = random.account(kind("phone"));
        let year = guess(&mut account, &mut random, counts, |_| false);
        assert!(year.verified <= IN_A_ROW, "{year:?}");
        assert!(year.got_in || year.verified == IN_A_ROW, "{year:?}");
        verified += year.verified;
        got_in += u64::from(year.got_in);
        chances += year.chances;
        sample += u64::from(counts);
    }
    println!(
        "{accounts} accounts: {verified} guesses verified, {got_in} passed; over the guesses at {sample} of them, \
         {chances} codes of {CODES} would have passed"
    );
    // The bound: the guesses of an account, times the codes that pass, of all codes.
    assert!(chances <= sample * IN_A_ROW * passing, "{chances}");
    // Six standard deviations of chance above the mean.
    let mean = (accounts * IN_A_ROW * passing) as f64 / CODES as f64;
    assert!(got_in as f64 <= mean + 6.0 * mean.sqrt() + 1.0, "{got_in}");
}

#[test]
fn a_year_of_guesses_at_an_account_comes_to_a_hundred_with_three_codes_that_pass_each_time() {
    of_accounts(20, 20, device, OF_A_CLOCK);
    of_accounts(4, 4, counter, OF_A_COUNTER);
}

#[test]
fn beside_a_user_who_logs_in_often_a_year_of_guesses_comes_to_five_an_hour() {
    // The worst case: the user logs in just before the hundredth failure in a row, each time.
    let mut account = Account::default();
    let year = guess(&mut account, &mut Random(1), false, |in_a_row| {
        in_a_row >= 95
    });
    assert!(year.verified <= FIVE_AN_HOUR, "{year:?}");
    assert!(year.verified > FIVE_AN_HOUR - 10, "{year:?}");
    assert_eq!(HOUR, Limits::default().duration.as_secs());
}

/// `make torture` selects these by the module's name.
mod torture {
    use super::*;

    #[test]
    #[ignore = "takes minutes: make torture"]
    fn a_year_of_guesses_at_ten_thousand_accounts_stays_below_the_bound() {
        of_accounts(10_000, 100, device, OF_A_CLOCK);
        of_accounts(1_000, 100, counter, OF_A_COUNTER);
    }
}
