//! Records for tests.

use super::*;
use crate::factors::device::{Algorithm, Digits, Period};
use crate::factors::key::Key;

pub(crate) fn pepper() -> crate::factors::recovery::Pepper {
    crate::factors::recovery::Pepper::new(zeroize::Zeroizing::new([1; 32]))
}

pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// The device of RFC 4226 appendix D: 755224, 287082, 359152, 969429, …
pub(crate) fn device(label: &str) -> Device {
    let key = zeroize::Zeroizing::new(b"12345678901234567890".to_vec());
    Device {
        label: label.parse().unwrap(),
        generator: Generator {
            key: Key::from_bytes(key).unwrap(),
            algorithm: Algorithm::default(),
            digits: Digits::default(),
            period: Period::default(),
        },
        credential_id: None,
        dates: Dates::enrolled(at(0)),
        last_step: None,
    }
}

pub(crate) fn questions() -> QuestionSet {
    let item = |n: u8| Question {
        text: format!("Question {n}?"),
        phc: format!("phc-{n}"),
    };
    QuestionSet::new([item(0), item(1), item(2)], 0, at(0))
}

/// An account with one device, a PIN and questions.
pub(crate) fn full() -> Account {
    let mut account = Account::default();
    account.add_device(device("phone")).unwrap();
    account.set_pin("phc-pin".to_owned(), at(0));
    account.set_questions(questions());
    account
}
