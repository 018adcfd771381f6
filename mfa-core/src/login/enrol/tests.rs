//! The dialogue of setting up a device.

use super::*;
use crate::account::samples::{at, device};

/// The code of step 1 of the sample's device (RFC 4226, appendix D).
const RIGHT: &str = "287082";

fn begin() -> (Enrolment, Step) {
    begin_on(Screen::Terminal)
}

fn begin_on(screen: Screen) -> (Enrolment, Step) {
    let made = made(Some("QR\nQR"));
    Enrolment::begin(Occasion::First, made, screen, Wording::default())
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

fn answer(enrolment: &mut Enrolment, text: &str) -> EnrolNext {
    enrolment.answer(&text.into(), at(59), &Windows::default())
}

fn texts(step: &Step) -> String {
    let messages = step.messages.iter().map(|message| message.text.as_str());
    messages.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_right_code_and_a_yes_are_needed_before_anything_is_stored() {
    let (mut enrolment, step) = begin();
    assert!(texts(&step).contains("QR\nQR") && texts(&step).contains("Key: GEZD GNBV"));
    let EnrolNext::Ask(step) = answer(&mut enrolment, "287 082") else {
        panic!("the code is right");
    };
    assert!(texts(&step).contains("01234 56789"), "{step:?}");
    assert!(step.prompt.unwrap().echo);
    assert!(matches!(answer(&mut enrolment, "no"), EnrolNext::Ask(_)));
    assert!(matches!(answer(&mut enrolment, "Yes"), EnrolNext::Store));
    assert_eq!(enrolment.made().0.last_step, Some(1), "the code is used up");
}

#[test]
fn over_ssh_the_key_is_shown_and_the_picture_on_request_alone() {
    let (mut enrolment, first) = begin_on(Screen::of("sshd"));
    let shown = texts(&first);
    assert!(
        shown.contains("Key: GEZD GNBV") && shown.contains("type ?"),
        "{shown}"
    );
    assert!(!shown.contains("QR\nQR") && shown.is_ascii(), "{shown}");
    for _ in 0..PICTURES {
        let EnrolNext::Ask(step) = answer(&mut enrolment, " ? ") else {
            panic!("it is no code");
        };
        assert!(texts(&step).ends_with("QR\nQR"), "{step:?}");
    }
    let asks_again = |enrolment: &mut Enrolment| match answer(enrolment, "?") {
        EnrolNext::Ask(step) => step.messages.is_empty() && step.prompt.is_some(),
        _ => false,
    };
    assert!(asks_again(&mut enrolment), "it is no guess at a code");
    let (mut enrolment, first) = begin();
    assert!(
        texts(&first).ends_with("QR\nQR"),
        "the key is above the picture"
    );
    assert!(asks_again(&mut enrolment));
}

#[test]
fn a_wrong_code_is_counted_and_may_be_tried_again() {
    let (mut enrolment, _) = begin();
    assert!(matches!(answer(&mut enrolment, "000000"), EnrolNext::Wrong));
    assert!(enrolment.ask_again().prompt.is_some());
    assert!(matches!(answer(&mut enrolment, RIGHT), EnrolNext::Ask(_)));
    assert_eq!(enrolment.locked().outcome, Outcome::Locked);
}

#[test]
fn an_empty_answer_or_sshd_s_stand_in_cancels_at_any_prompt() {
    for typed in ["", "\u{8}\n\r\u{7f}INCORRECT"] {
        for before in [&[][..], &[RIGHT]] {
            let (mut enrolment, _) = begin();
            for text in before {
                answer(&mut enrolment, text);
            }
            let next = answer(&mut enrolment, typed);
            assert!(matches!(next, EnrolNext::GivenUp), "{typed:?}");
        }
    }
}

#[test]
fn who_never_says_yes_is_not_asked_for_ever() {
    let (mut enrolment, _) = begin();
    answer(&mut enrolment, RIGHT);
    let last = (0..QUESTIONS)
        .map(|_| answer(&mut enrolment, "maybe"))
        .last();
    assert!(matches!(last, Some(EnrolNext::GivenUp)));
}

#[test]
fn all_that_is_shown_fits_eighty_columns_with_what_ssh_puts_before_it() {
    let (mut enrolment, first) = begin();
    let EnrolNext::Ask(second) = answer(&mut enrolment, RIGHT) else {
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
    let (mut enrolment, first) = begin_on(Screen::of("cockpit"));
    let again = enrolment.ask_again();
    let EnrolNext::Ask(stored) = answer(&mut enrolment, RIGHT) else {
        panic!("the code is right");
    };
    let EnrolNext::Ask(not_yet) = answer(&mut enrolment, "not yet") else {
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
    let (mut enrolment, first) = Enrolment::begin(occasion, made, screen, Wording::default());
    let mut shown = String::new();
    let mut step = first;
    for typed in ["000000", RIGHT, "no", "yes"] {
        for message in &step.messages {
            shown.push_str(&format!("{}\n", message.text));
        }
        shown.push_str(&format!("{}{typed}\n", step.prompt.unwrap().text));
        step = match answer(&mut enrolment, typed) {
            EnrolNext::Ask(step) => step,
            EnrolNext::Wrong => enrolment.ask_again(),
            EnrolNext::Store => break,
            EnrolNext::GivenUp => panic!("it ended"),
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
