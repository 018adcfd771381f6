//! What the agent learns about answers that are the password.

use super::*;

fn answered_with_password(answer: &str, then: Then) -> (&'static str, Value, Then) {
    let parameters = json!({"session": "s1", "answer": answer, "is_password": true});
    ("Answer", parameters, then)
}

#[test]
fn an_answer_that_equals_the_earlier_password_is_reported_as_that() {
    let agent = FakeAgent::new(vec![
        begun("none", asks("OTP code: ")),
        answered_with_password("my-pw", asks("PIN: ")),
        answered("my-pw2", ends("wrong")),
    ]);
    let mut host = Script::of([
        Asks(vec![], "OTP code: ", Some(b"my-pw")),
        Asks(vec![], "PIN: ", Some(b"my-pw2")),
    ]);
    host.authtok = Some(b"my-pw");
    assert_eq!(
        run(&agent.arguments(""), &mut host),
        RelayResult::Decided(Outcome::Wrong)
    );
}

#[test]
fn the_end_of_an_answer_is_reported_as_the_password_only_if_the_whole_answer_was() {
    let agent = FakeAgent::new(vec![
        begun("none", asks_both(6)),
        answered("word-1", asks_both(6)),
        answered_with_password("word-1", ends("cancelled")),
    ]);
    let mut host = Script::of([both(b"x-word-1"), both(b"password-1")]);
    host.authtok = Some(b"password-1");
    assert_eq!(
        run(&agent.arguments(""), &mut host),
        RelayResult::Decided(Outcome::Cancelled)
    );
}

#[test]
fn a_code_behind_the_password_is_told_as_the_password_unless_it_was_typed_here() {
    for (argument, authtok, asks_user) in [
        ("forward_pass", "forward", true),
        ("use_first_pass", "use", false),
        ("try_first_pass", "try", false),
    ] {
        let told = match asks_user {
            true => answered("000000", ends("wrong")),
            false => answered_by_password("000000", ends("wrong")),
        };
        let agent = FakeAgent::new(vec![begun(authtok, asks_both(6)), told]);
        let typed = asks_user.then(|| both(b"my-pw000000"));
        let mut host = Script::of(typed);
        host.authtok = Some(b"my-pw000000");
        assert_eq!(
            run(&agent.arguments(argument), &mut host),
            RelayResult::Decided(Outcome::Wrong),
            "{argument}"
        );
    }
}
