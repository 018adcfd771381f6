//! What a person at a terminal gets, on a pseudo-terminal.

use crate::person::Person;
use crate::support::{Agent, Exchange, admin, login, refused};
use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, tcgetattr};
use nix::unistd::ttyname;
use serde_json::json;

#[test]
fn a_pin_is_typed_twice_unseen_and_may_be_corrected() {
    let agent = Agent::scripted(vec![
        refused(
            "EnrollPin",
            json!({"pin": "1234"}),
            "Refused",
            "a run of digits is too easy",
        ),
        admin(
            "EnrollPin",
            json!({"pin": "4711"}),
            json!({"user": "alice"}),
        ),
    ]);
    let mut person = Person::runs(&agent, &["enroll", "pin"]);
    person.types("New PIN", "4711\n");
    person.types("Repeat the PIN: ", "4712\n");
    person.types("digits): ", "1234\n");
    person.types("Repeat the PIN: ", "1234\n");
    person.types("digits): ", "4711\n");
    person.types("Repeat the PIN: ", "4711\n");
    let (screen, status) = person.ends();
    assert_eq!(status, Some(0), "{screen}");
    assert!(screen.contains("the PINs differ"), "{screen}");
    assert!(screen.contains("too easy"), "{screen}");
    assert!(
        !screen.contains("4711") && !screen.contains("1234"),
        "{screen}"
    );
    agent.finish();
}

#[test]
fn ctrl_c_at_a_prompt_sends_nothing_and_leaves_the_terminal_as_it_was() {
    let agent = Agent::scripted(vec![]);
    let mut person = Person::runs(&agent, &["enroll", "pin"]);
    person.types("New PIN", "47\u{3}");
    while !person.seen.contains("cancelled") {
        assert!(person.reads_on(), "{}", person.seen);
    }
    let kept = LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG;
    let now = tcgetattr(&person.screen).unwrap().local_flags;
    assert_eq!(now & kept, person.at_first & kept);
    assert_eq!(person.ends().1, Some(1));
    agent.finish();
}

/// The questions with these answers, as they go over the socket.
fn answered(pairs: &[(&str, &str)]) -> serde_json::Value {
    let pair = |(question, answer): &(&str, &str)| json!({"question": question, "answer": answer});
    json!({"questions": pairs.iter().map(pair).collect::<Vec<_>>()})
}

fn catalogue(own: bool) -> Exchange {
    let questions = json!({"questions": ["First pet?", "First school?"], "own": own});
    admin("Questions", json!({}), questions)
}

const CHOSEN: [(&str, &str); 3] = [
    ("First school?", "Hill Street"),
    ("Whose hat?", "Magritte"),
    ("First pet?", "Rex"),
];

fn is_fine(pairs: &[(&str, &str)]) -> Exchange {
    admin("CheckQuestions", answered(pairs), json!({"user": "alice"}))
}

fn asks(person: &mut Person, number: u8, question: &str, answer: &str) {
    person.types(
        &format!("Question {number} of 3: "),
        &format!("{question}\n"),
    );
    person.types("Answer (not shown): ", &format!("{answer}\n"));
    person.types("Repeat the answer: ", &format!("{answer}\n"));
}

#[test]
fn questions_are_chosen_by_number_or_typed_and_answers_stay_unseen() {
    let agent = Agent::scripted(vec![
        catalogue(true),
        is_fine(&CHOSEN[..1]),
        is_fine(&CHOSEN[..2]),
        is_fine(&CHOSEN),
        admin(
            "EnrollQuestions",
            answered(&CHOSEN),
            json!({"user": "alice"}),
        ),
    ]);
    let mut person = Person::runs(&agent, &["enroll", "questions"]);
    asks(&mut person, 1, "2", "Hill Street");
    asks(&mut person, 2, "Whose hat?", "Magritte");
    asks(&mut person, 3, "1", "Rex");
    let (screen, status) = person.ends();
    assert_eq!(status, Some(0), "{screen}");
    assert!(!screen.contains("Magritte"), "{screen}");
    agent.finish();
}

#[test]
fn an_answer_that_is_refused_is_told_at_once_and_only_that_one_is_asked_again() {
    let agent = Agent::scripted(vec![
        catalogue(true),
        is_fine(&CHOSEN[..1]),
        refused(
            "CheckQuestions",
            answered(&[CHOSEN[0], ("Whose hat?", "me")]),
            "Refused",
            "the answer to question 2 is too short",
        ),
        is_fine(&CHOSEN[..2]),
        is_fine(&CHOSEN),
        admin(
            "EnrollQuestions",
            answered(&CHOSEN),
            json!({"user": "alice"}),
        ),
    ]);
    let mut person = Person::runs(&agent, &["enroll", "questions"]);
    asks(&mut person, 1, "2", "Hill Street");
    asks(&mut person, 2, "Whose hat?", "me");
    asks(&mut person, 2, "Whose hat?", "Magritte");
    asks(&mut person, 3, "1", "Rex");
    let (screen, status) = person.ends();
    assert_eq!(status, Some(0), "{screen}");
    assert!(screen.contains("question 2 is too short"), "{screen}");
    agent.finish();
}

#[test]
fn questions_of_ones_own_are_not_offered_where_they_are_not_taken() {
    let agent = Agent::scripted(vec![catalogue(false)]);
    let mut person = Person::runs(&agent, &["enroll", "questions"]);
    person.types("Question 1 of 3: ", "Whose hat?\n");
    person.types("Question 1 of 3: ", "\n");
    let (screen, status) = person.ends();
    assert_eq!(status, Some(1), "{screen}");
    assert!(!screen.contains("or type"), "{screen}");
    assert!(screen.contains("a number from 1 to 2"), "{screen}");
    agent.finish();
}

fn confirmed_enrollment() -> Vec<Exchange> {
    let made = |stored| {
        json!({"enrollment": {
            "user": "alice", "factor": "totp", "label": "phone", "secret": "JBSWY3DPEHPK3PXP",
            "uri": "otpauth://totp/host:alice?secret=JBSWY3DPEHPK3PXP", "stored": stored,
        }})
    };
    vec![
        admin("EnrollTotp", json!({"confirm": true}), made(false)),
        admin("ConfirmDevice", json!({"code": "123456"}), made(true)),
    ]
}

/// The same, and then a look whether there are recovery codes.
fn confirmed_enrolment_and_status() -> Vec<Exchange> {
    let mut script = confirmed_enrollment();
    let account = crate::support::account(json!({"recovery_left": 10}));
    script.push(admin("Status", json!({}), json!({ "account": account })));
    script
}

#[test]
fn the_qr_code_is_painted_on_a_terminal() {
    let agent = Agent::scripted(confirmed_enrolment_and_status());
    let mut person = Person::runs(&agent, &["enroll", "totp"]);
    person.types("on the device: ", "123456\n");
    let (screen, status) = person.ends();
    assert_eq!(status, Some(0), "{screen}");
    assert!(screen.contains("\u{1b}[38;5;16;48;5;231m"), "{screen}");
    assert!(screen.ends_with("enrolled\r\n"), "{screen}");
    agent.finish();
}

#[test]
fn no_color_keeps_the_qr_code_and_the_help_free_of_colours() {
    for (variables, painted) in [(&[][..], true), (&[("NO_COLOR", "1")], false)] {
        let agent = Agent::scripted(confirmed_enrolment_and_status());
        let pty = openpty(None, None).unwrap();
        let mut person = Person::sits_at(pty, &agent, &["enroll", "totp"], None, variables);
        person.types("on the device: ", "123456\n");
        assert_eq!(person.ends().0.contains('\u{1b}'), painted);
        agent.finish();
        let agent = Agent::scripted(vec![]);
        for arguments in [&["--help"][..], &["enroll", "--help"], &["nonsense"]] {
            let pty = openpty(None, None).unwrap();
            let (screen, _) = Person::sits_at(pty, &agent, arguments, None, variables).ends();
            assert_eq!(
                screen.contains('\u{1b}'),
                painted,
                "{arguments:?}: {screen}"
            );
            assert!(screen.contains("mfactl"), "{screen}");
        }
        agent.finish();
    }
}

#[test]
fn with_json_the_qr_code_goes_to_the_terminal_and_only_the_object_into_the_file() {
    let agent = Agent::scripted(confirmed_enrollment());
    let file = tempfile::NamedTempFile::new().unwrap();
    let out = file.reopen().unwrap();
    let mut person = Person::runs_into(&agent, &["enroll", "totp", "--json"], Some(out));
    person.types("on the device: ", "123456\n");
    let (screen, status) = person.ends();
    assert_eq!(status, Some(0), "{screen}");
    assert!(screen.contains("\u{1b}[38;5;16;48;5;231m"), "{screen}");
    let printed = std::fs::read(file.path()).unwrap();
    let object: serde_json::Value = serde_json::from_slice(&printed).unwrap();
    assert_eq!(
        (&object["label"], &object["secret"]),
        (&json!("phone"), &json!("JBSWY3DPEHPK3PXP"))
    );
    agent.finish();
}

#[test]
fn a_login_names_its_terminal_and_ctrl_c_cancels_it() {
    let pty = openpty(None, None).unwrap();
    let terminal = ttyname(&pty.slave).unwrap();
    let agent = Agent::scripted(vec![
        login(
            "Begin",
            json!({"user": "alice", "service": "mfactl", "tty": terminal}),
            json!({"messages": [], "prompt": {"text": "PIN: ", "echo": false}}),
        ),
        admin("Cancel", json!({"session": "s1"}), json!({})),
    ]);
    let mut person = Person::sits_at(pty, &agent, &["verify", "alice"], None, &[]);
    person.types("PIN: ", "12\u{3}");
    let (screen, status) = person.ends();
    assert_eq!(status, Some(1), "{screen}");
    assert!(
        screen.contains("cancelled") && !screen.contains("12"),
        "{screen}"
    );
    agent.finish();
}
