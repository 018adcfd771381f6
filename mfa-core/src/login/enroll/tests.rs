//! The dialogue of a set-up.

mod knowledge;
mod several;

use jiff::Timestamp;

use super::super::event::FreshDevice;
use super::device::PICTURES;
use super::*;
use crate::account::samples::{at, device};
use crate::factors::device::Windows;

/// The code of step 1 of the sample's device (RFC 4226, appendix D).
const RIGHT: &str = "287082";

fn begin() -> (Enrollment, Step) {
    begin_on(Screen::Terminal)
}

fn begin_on(screen: Screen) -> (Enrollment, Step) {
    let made = made(Some("QR\nQR"));
    begun(made.into(), Occasion::First, screen)
}

fn begun(fresh: FreshFactors, occasion: Occasion, screen: Screen) -> (Enrollment, Step) {
    let (enrollment, next) = Enrollment::begin(occasion, fresh, screen, Wording::default());
    (enrollment, asked(next))
}

fn asked(next: EnrollNext) -> Step {
    match next {
        EnrollNext::Ask(step) => step,
        other => panic!("not asked: {other:?}"),
    }
}

fn made(picture: Option<&str>) -> FreshDevice {
    FreshDevice {
        device: device("phone"),
        codes: ["0123456789", "1111122222", "3333344444"]
            .map(Secret::from)
            .into(),
        picture: picture.map(|picture| picture.to_owned().into()),
    }
}

fn answer(enrollment: &mut Enrollment, text: &str) -> EnrollNext {
    answer_at(enrollment, text, at(59))
}

fn answer_at(enrollment: &mut Enrollment, text: &str, now: Timestamp) -> EnrollNext {
    enrollment.answer(&AnswerEvent {
        text: text.into(),
        is_password: false,
        now,
        windows: Windows::default(),
    })
}

/// Why the login ended.
fn reason(next: EnrollNext) -> EndReason {
    match next {
        EnrollNext::End(end) => {
            assert_eq!(end.outcome, Outcome::Cancelled);
            end.reason.unwrap()
        }
        other => panic!("not ended: {other:?}"),
    }
}

fn texts(step: &Step) -> String {
    let messages = step.messages.iter().map(|message| message.text.as_str());
    messages.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_right_code_and_a_yes_are_needed_before_anything_is_stored() {
    let (mut enrollment, step) = begin();
    assert!(texts(&step).contains("QR\nQR") && texts(&step).contains("Key: GEZD GNBV"));
    let EnrollNext::Ask(step) = answer(&mut enrollment, "287 082") else {
        panic!("the code is right");
    };
    assert!(texts(&step).contains("01234 56789"), "{step:?}");
    assert!(step.prompt.unwrap().echo);
    assert!(matches!(answer(&mut enrollment, "no"), EnrollNext::Ask(_)));
    assert!(matches!(answer(&mut enrollment, "Yes"), EnrollNext::Store));
    let ([ChosenFactor::Device(device)], codes) = enrollment.made() else {
        panic!("a device was set up");
    };
    assert_eq!(device.last_step, Some(1), "the code is used up");
    assert_eq!(codes.len(), 3);
}

#[test]
fn over_ssh_the_key_is_shown_and_the_picture_on_request_alone() {
    let (mut enrollment, first) = begin_on(Screen::of("sshd"));
    let shown = texts(&first);
    assert!(
        shown.contains("Key: GEZD GNBV") && shown.contains("type ?"),
        "{shown}"
    );
    assert!(!shown.contains("QR\nQR") && shown.is_ascii(), "{shown}");
    for _ in 0..PICTURES {
        let EnrollNext::Ask(step) = answer(&mut enrollment, " ? ") else {
            panic!("it is no code");
        };
        let shown = texts(&step);
        let (_, after) = shown.split_once("QR\nQR").unwrap();
        assert!(after.contains("Key: GEZD GNBV"), "{shown}");
        assert!(after.contains("\\342\\226"), "{shown}");
    }
    let asks_again = |enrollment: &mut Enrollment| match answer(enrollment, "?") {
        EnrollNext::Ask(step) => step.messages.is_empty() && step.prompt.is_some(),
        _ => false,
    };
    assert!(asks_again(&mut enrollment), "it is no guess at a code");
    let (mut enrollment, first) = begin();
    assert!(
        texts(&first).ends_with("QR\nQR"),
        "the key is above the picture"
    );
    assert!(asks_again(&mut enrollment));
}

#[test]
fn a_wrong_code_is_counted_and_may_be_tried_again() {
    let (mut enrollment, _) = begin();
    assert!(matches!(
        answer(&mut enrollment, "000000"),
        EnrollNext::Wrong
    ));
    assert!(asked(enrollment.ask_again()).prompt.is_some());
    assert!(matches!(answer(&mut enrollment, RIGHT), EnrollNext::Ask(_)));
    assert_eq!(enrollment.locked().outcome, Outcome::Locked);
}

#[test]
fn an_empty_answer_or_sshd_s_stand_in_cancels_at_any_prompt() {
    for typed in ["", "\u{8}\n\r\u{7f}INCORRECT"] {
        for before in [&[][..], &[RIGHT]] {
            let (mut enrollment, _) = begin();
            for text in before {
                answer(&mut enrollment, text);
            }
            let next = answer(&mut enrollment, typed);
            assert_eq!(reason(next), EndReason::NotFinished, "{typed:?}");
        }
    }
}

#[test]
fn who_never_says_yes_is_not_asked_for_ever() {
    let (mut enrollment, _) = begin();
    answer(&mut enrollment, RIGHT);
    let last = (0..QUESTIONS)
        .map(|_| answer(&mut enrollment, "maybe"))
        .last();
    assert_eq!(reason(last.unwrap()), EndReason::NotFinished);
}

#[test]
fn all_that_is_shown_fits_eighty_columns_with_what_ssh_puts_before_it() {
    let (mut enrollment, first) = begin();
    let EnrollNext::Ask(second) = answer(&mut enrollment, RIGHT) else {
        panic!("the code is right");
    };
    for text in [texts(&first), texts(&second)] {
        for (number, line) in text.lines().enumerate() {
            let room = if number == 0 { 55 } else { 80 };
            assert!(line.chars().count() <= room, "{line}");
        }
    }
}

#[test]
fn where_messages_are_logged_keys_and_codes_stand_in_every_prompt_and_nowhere_else() {
    let (mut enrollment, first) = begin_on(Screen::of("cockpit"));
    let again = asked(enrollment.ask_again());
    let EnrollNext::Ask(stored) = answer(&mut enrollment, RIGHT) else {
        panic!("the code is right");
    };
    let EnrollNext::Ask(not_yet) = answer(&mut enrollment, "not yet") else {
        panic!("it is asked again");
    };
    for (step, secret) in [
        (first, "Key: GEZD GNBV"),
        (again, "Key: GEZD GNBV"),
        (stored, "01234 56789, 11111 22222, 33333 44444.\n"),
        (not_yet, "01234 56789, 11111 22222, 33333 44444.\n"),
    ] {
        let messages = texts(&step);
        assert!(
            step.prompt
                .is_some_and(|prompt| prompt.text.contains(secret))
        );
        assert!(
            messages.is_ascii() && !messages.contains("QR"),
            "{messages}"
        );
        assert!(
            !messages.contains("GEZD") && !messages.contains("01234"),
            "{messages}"
        );
    }
    assert_eq!(Screen::of("sshd"), Screen::Ssh);
}

/// All that a user sees and types from the first line to the "yes", as a terminal of 80 columns shows it.
fn transcript(occasion: Occasion, screen: Screen) -> String {
    let device = device("phone");
    let uri = device.generator.uri("example host", "anna", 0).unwrap();
    let picture = mfa_qr::draw(uri.expose(), false, mfa_qr::USUAL_ROWS - 5).unwrap();
    let made = made(Some(&picture));
    let (mut enrollment, first) = begun(made.into(), occasion, screen);
    let mut shown = String::new();
    let mut step = first;
    for typed in ["000000", RIGHT, "no", "yes"] {
        for message in &step.messages {
            shown.push_str(&format!("{}\n", message.text));
        }
        shown.push_str(&format!("{}{typed}\n", step.prompt.unwrap().text));
        step = match answer(&mut enrollment, typed) {
            EnrollNext::Ask(step) => step,
            EnrollNext::Wrong => asked(enrollment.ask_again()),
            EnrollNext::Store => break,
            other => panic!("not asked: {other:?}"),
        };
    }
    assert!(shown.lines().all(|line| line.chars().count() <= 80));
    shown
}

#[test]
fn the_screens_of_a_set_up_are_as_they_were() {
    for (name, occasion, screen) in [
        ("first_device", Occasion::First, Screen::Terminal),
        (
            "lost_device",
            Occasion::Lost { generation: 1 },
            Screen::Terminal,
        ),
    ] {
        insta::assert_snapshot!(name, transcript(occasion, screen));
    }
}
