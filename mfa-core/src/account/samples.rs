//! Records for tests.

#![allow(clippy::unwrap_used, reason = "samples of tests")]

use super::*;
use crate::factors::device::{Digits, Generator, HashAlgorithm, MovingFactor, Period};
use crate::factors::key::Key;

/// A fixed pepper.
pub fn pepper() -> crate::factors::recovery::Pepper {
    crate::factors::recovery::Pepper::new(zeroize::Zeroizing::new([1; 32]))
}

/// This number of seconds after 1970.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// The device of RFC 4226 appendix D: 755224, 287082, 359152, 969429, …
pub fn device(label: &str) -> Device {
    let key = zeroize::Zeroizing::new(b"12345678901234567890".to_vec());
    let generator = Generator {
        key: Key::from_bytes(key).unwrap(),
        algorithm: HashAlgorithm::default(),
        digits: Digits::default(),
        moves: MovingFactor::Time(Period::default()),
    };
    Device::new(label.parse().unwrap(), generator, at(0))
}

/// Codes of steps 0 to 9 of both devices (RFC 4226 appendix D).
pub const CODES: [&str; 10] = [
    "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
    "520489",
];

/// The same device as HOTP.
pub fn counter(label: &str) -> Device {
    let mut device = device(label);
    device.generator.moves = MovingFactor::Counter;
    device
}

/// Answers to three questions.
pub fn questions() -> QuestionSet {
    let item = |n: u8| Question {
        text: format!("Question {n}?"),
        phc: format!("phc-{n}"),
    };
    QuestionSet::new([item(0), item(1), item(2)], 0, at(0))
}

/// An account with one device, a PIN and questions.
pub fn full() -> Account {
    let mut account = Account::default();
    account.add_device(device("phone")).unwrap();
    account.set_pin("phc-pin".to_owned(), at(0));
    account.set_questions(questions());
    account
}
