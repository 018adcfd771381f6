//! PINs and security questions.

use super::super::super::event::QuestionChoice;
use super::*;
use crate::factors::pin::{Banned, BannedPin};

const CHOICE: [&str; 4] = ["First pet?", "First school?", "First car?", "First street?"];

fn pin() -> FreshFactors {
    let banned: Banned = [BannedPin::new("4711").unwrap()].into_iter().collect();
    FreshFactors {
        factors: vec![FreshFactor::Pin(banned)],
        codes: Vec::new(),
    }
}

fn questions(own: bool) -> FreshFactors {
    let choice = QuestionChoice {
        catalogue: CHOICE.map(str::to_owned).into(),
        own,
        user: "anna".parse().unwrap(),
    };
    FreshFactors {
        factors: vec![FreshFactor::Questions(choice)],
        codes: Vec::new(),
    }
}

fn begin(fresh: FreshFactors) -> (Enrollment, Step) {
    begun(fresh, Occasion::First, Screen::Terminal)
}

/// What is shown and asked after an answer.
fn shown(enrollment: &mut Enrollment, typed: &str) -> (String, String) {
    let step = asked(answer(enrollment, typed));
    let text = texts(&step);
    (text, step.prompt.unwrap().text.clone())
}

#[test]
fn a_pin_is_typed_twice_and_never_shown() {
    let (mut enrollment, first) = begin(pin());
    assert!(
        texts(&first).contains("requires a second factor"),
        "{first:?}"
    );
    let prompt = first.prompt.unwrap();
    assert_eq!(prompt.text, "New PIN (4 to 8 digits): ");
    assert!(!prompt.echo);
    let again = asked(answer(&mut enrollment, "4826")).prompt.unwrap();
    assert_eq!(
        (again.text.as_str(), again.echo),
        ("Repeat the PIN: ", false)
    );
    assert!(matches!(answer(&mut enrollment, "4826"), EnrollNext::Store));
    let [ChosenFactor::Pin(pin)] = enrollment.made().0 else {
        panic!("a PIN was set up");
    };
    assert_eq!(pin.secret().expose(), "4826");
}

#[test]
fn easy_pins_are_refused_with_the_reason_and_another_is_asked_for() {
    let (mut enrollment, _) = begin(pin());
    for (typed, why) in [
        ("12a4", "has digits only"),
        ("137", "has 4 to 8 digits"),
        ("137913791", "has 4 to 8 digits"),
        ("1234", "a run of digits"),
        ("1212", "repeats itself"),
        ("2024", "a year of this century"),
        ("4711", "very common"),
    ] {
        let (text, prompt) = shown(&mut enrollment, typed);
        assert!(
            text.contains(why) && prompt.starts_with("New PIN"),
            "{text}"
        );
    }
    shown(&mut enrollment, "4826");
    let (text, prompt) = shown(&mut enrollment, "4827");
    assert!(text.contains("PINs differ") && prompt.starts_with("New PIN"));
    shown(&mut enrollment, "4827");
    assert!(matches!(answer(&mut enrollment, "4827"), EnrollNext::Store));
}

#[test]
fn a_program_that_answers_every_prompt_with_the_password_sets_up_nothing() {
    for fresh in [pin(), questions(true)] {
        let (mut enrollment, _) = begin(fresh);
        let next = enrollment.answer(&AnswerEvent {
            text: "48264826".into(),
            is_password: true,
            now: at(59),
            windows: Windows::default(),
        });
        assert_eq!(reason(next), EndReason::Password);
    }
}

#[test]
fn who_types_nothing_that_can_be_taken_is_not_asked_for_ever() {
    for fresh in [pin(), questions(true)] {
        let (mut enrollment, _) = begin(fresh);
        let refused = (0..MAX_REFUSALS).map(|_| answer(&mut enrollment, "9".repeat(9).as_str()));
        assert_eq!(reason(refused.last().unwrap()), EndReason::NotFinished);
    }
}

#[test]
fn three_questions_are_chosen_and_each_answer_is_typed_twice() {
    let (mut enrollment, first) = begin(questions(true));
    let list = texts(&first);
    assert!(
        list.contains("  2  First school?") && list.contains("type your own"),
        "{list}"
    );
    assert_eq!(first.prompt.unwrap().text, "Question 1 of 3: ");
    for (question, text, secret) in [
        ("2", "First school?", "Hill Street"),
        ("Which hat?", "", "the brown one"),
        ("4", "First street?", "Long Lane"),
    ] {
        let step = asked(answer(&mut enrollment, question));
        assert_eq!(texts(&step), text);
        assert!(!step.prompt.unwrap().echo, "an answer is not shown");
        let again = asked(answer(&mut enrollment, secret)).prompt.unwrap();
        assert!(again.text.starts_with("Repeat answer") && !again.echo);
        match answer(&mut enrollment, secret) {
            EnrollNext::Ask(_) | EnrollNext::Store => {}
            other => panic!("{other:?}"),
        }
    }
    let [ChosenFactor::Questions(set)] = enrollment.made().0 else {
        panic!("questions were set up");
    };
    let set = set
        .iter()
        .map(|(text, answer)| (text.as_str(), answer.expose()));
    assert_eq!(
        set.collect::<Vec<_>>(),
        [
            ("First school?", "hill street"),
            ("Which hat?", "the brown one"),
            ("First street?", "long lane")
        ]
    );
}

#[test]
fn questions_and_answers_keep_the_rules_of_mfactl_enroll_questions() {
    let (mut enrollment, _) = begin(questions(false));
    for (typed, why) in [
        ("Which hat?", "Your own questions are not allowed"),
        ("0", "not a question of the list"),
        ("5", "not a question of the list"),
    ] {
        let (text, prompt) = shown(&mut enrollment, typed);
        assert!(text.contains(why), "{typed}: {text}");
        assert_eq!(prompt, "Question 1 of 3: ");
    }
    let (text, _) = shown(&mut enrollment, "?");
    assert!(text.contains("  1  First pet?"), "{text}");
    shown(&mut enrollment, "1");
    for (typed, again, why) in [
        ("Rex", "Max", "The answers differ"),
        ("ab", "ab", "too short"),
        ("first pet", "first pet", "the question itself"),
        ("Anna", "Anna", "your user name"),
    ] {
        shown(&mut enrollment, typed);
        let (text, prompt) = shown(&mut enrollment, again);
        assert!(text.contains(why), "{typed}: {text}");
        assert_eq!(prompt, "Answer 1 (not shown): ");
    }
    shown(&mut enrollment, "Rex the dog");
    assert_eq!(shown(&mut enrollment, "Rex the dog").1, "Question 2 of 3: ");
    assert!(shown(&mut enrollment, "1").0.contains("already chose"));
    shown(&mut enrollment, "2");
    shown(&mut enrollment, "rex  the DOG");
    let (text, prompt) = shown(&mut enrollment, "rex  the DOG");
    assert!(text.contains("the same answer"), "{text}");
    assert_eq!(prompt, "Answer 2 (not shown): ");
}

#[test]
fn a_question_of_one_s_own_has_a_bounded_length() {
    let (mut enrollment, _) = begin(questions(true));
    let (text, _) = shown(&mut enrollment, &"why ".repeat(51));
    assert!(text.contains("at most 200 bytes"), "{text}");
}
