//! The password, typed in place of the second factor.

use super::*;

const PASSWORD: &str = "correct horse";

impl Caller {
    /// One login with one answer, of which it is said that it is the password; its outcome.
    fn outcome_of_password(&mut self, user: &str, answer: &str) -> String {
        let login = self.begin(user);
        let answer = json!({ "session": login["session"], "answer": answer, "is_password": true });
        let reply = self.call("Login.Answer", answer).unwrap();
        let outcome = reply["step"]["outcome"].as_str();
        outcome.unwrap_or("goes on").to_owned()
    }
}

#[test]
fn the_password_costs_no_attempt_however_often_it_is_typed_and_for_whomever() {
    let rig = Rig::new();
    for user in ["alice", "bob", "nobody-has-this-name"] {
        for _ in 0..12 {
            let outcome = rig.connect(ROOT).outcome_of_password(user, PASSWORD);
            assert_eq!(outcome, "cancelled", "{user}");
        }
    }
    assert_eq!(rig.failures(), 0);
}

#[test]
fn a_pin_that_is_the_password_passes() {
    let rig = Rig::new();
    rig.configure("[policy]\nrequire = ['pin']");
    assert_eq!(
        rig.connect(ROOT).outcome_of_password("alice", "1379"),
        "passed"
    );
}

#[test]
fn a_screen_locker_that_is_given_the_password_costs_no_attempt() {
    let rig = Rig::new();
    for _ in 0..12 {
        let outcome = rig.connect(ALICE).outcome_of_password("alice", PASSWORD);
        assert_eq!(outcome, "cancelled");
    }
    assert_eq!(rig.failures(), 0);
}

#[test]
fn an_ordinary_process_that_calls_each_guess_the_password_is_locked_soon() {
    let rig = Rig::new();
    rig.configure("[policy]\nrequire = ['pin']");
    // Fewer than the calls that an ordinary process has at once.
    let outcomes: Vec<_> = (2000..2025)
        .map(|guess| {
            let mut alice = rig.connect(ALICE);
            alice.outcome_of_password("alice", &guess.to_string())
        })
        .collect();
    let free = outcomes.iter().filter(|outcome| *outcome == "cancelled");
    assert!(free.count() < 8, "{outcomes:?}");
    assert_eq!(outcomes.last().unwrap(), "locked");
}

#[test]
fn whoever_calls_each_guess_the_password_is_locked_soon() {
    let rig = Rig::new();
    rig.configure("[policy]\nrequire = ['pin']");
    let mut root = rig.connect(ROOT);
    let outcomes: Vec<_> = (2000..2040)
        .map(|guess| root.outcome_of_password("alice", &guess.to_string()))
        .collect();
    assert!(
        outcomes.iter().filter(|o| *o == "cancelled").count() < 8,
        "{outcomes:?}"
    );
    assert_eq!(outcomes.last().unwrap(), "locked");
}

#[test]
fn beside_another_answer_the_password_is_a_guess() {
    let rig = Rig::new();
    rig.configure("[policy]\nrequire = ['totp+pin']");
    let mut root = rig.connect(ROOT);
    let login = root.begin("alice");
    root.answer(&login, "000000").unwrap();
    let answer = json!({ "session": login["session"], "answer": PASSWORD, "is_password": true });
    let ended = root.call("Login.Answer", answer).unwrap();
    assert_eq!(ended["step"]["outcome"], "wrong");
    assert_eq!(rig.failures(), 1);
}

#[test]
fn a_set_up_that_is_answered_with_the_password_stores_and_counts_nothing() {
    let rig = Rig::new();
    rig.configure("[enforcement]\nunenrolled = 'enroll'");
    for _ in 0..6 {
        assert_eq!(
            rig.connect(ROOT).outcome_of_password("bob", PASSWORD),
            "cancelled"
        );
    }
    let mut root = rig.connect(ROOT);
    let status = root.call("Admin.Status", json!({ "user": "bob" })).unwrap();
    assert_eq!(status["account"]["failures"], 0);
    assert_eq!(status["account"]["enrolled"], json!([]));
}
