use super::samples::{at, full};
use super::*;

#[test]
fn a_record_survives_storage() {
    let account = full();
    assert_eq!(
        Account::decode(&account.encode().unwrap()).unwrap(),
        account
    );
}

#[test]
fn a_record_of_a_later_format_is_refused() {
    let error = Account::decode(br#"{"schema":3}"#).unwrap_err();
    assert!(error.to_string().contains("upgrade"), "{error}");
}

#[test]
fn a_damaged_record_is_refused_without_quoting_it() {
    let error = Account::decode(br#"{"schema":1,"devices":"GEZDGNBVGY3TQOJQ"}"#).unwrap_err();
    assert!(!error.to_string().contains("GEZD"), "{error}");
}

#[test]
fn the_same_question_is_asked_until_it_is_answered() {
    let mut account = full();
    let era = account.lockout().era();
    let asked = |account: &Account| account.questions().unwrap().current().text.clone();
    let answer = |account: &mut Account, matches: bool| {
        let phc = account.questions().unwrap().current().phc.clone();
        let answers = vec![Answered::Hashed {
            factor: Factor::Questions,
            phc,
            matches,
        }];
        let attempt = Attempt {
            era,
            answers,
            now: at(5),
            skew: 1,
            limits: Default::default(),
            opening: None,
            pepper: samples::pepper(),
        };
        account.attempt(&attempt)
    };
    assert_eq!(asked(&account), "Question 0?");
    answer(&mut account, false);
    assert_eq!(asked(&account), "Question 0?");
    answer(&mut account, true);
    assert_eq!(asked(&account), "Question 1?");
}
