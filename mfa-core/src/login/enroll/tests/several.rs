//! Addresses, and several factors one after the other.

use super::super::super::event::{AddressChoice, SendResult};
use super::super::super::messages::DeliveryStatus;
use super::super::super::plan::Echo;
use super::*;
use crate::factors::address::{Channel, Recipient};
use crate::factors::pin::Banned;
use crate::factors::sent_code::SentCode;

const ADDRESS: &str = "anna@example.org";

fn address(to: Option<&str>) -> FreshFactor {
    FreshFactor::Address(AddressChoice {
        channel: Channel::Email,
        to: to.map(|to| Recipient::read(Channel::Email, to, None).unwrap()),
        region: None,
        echo: Echo::default(),
    })
}

fn fresh(factors: Vec<FreshFactor>) -> FreshFactors {
    FreshFactors {
        factors,
        codes: vec!["0123456789".into()],
    }
}

fn sent(code: Option<&str>, news: DeliveryStatus) -> SendResult {
    SendResult {
        code: code.map(|code| SentCode {
            code: code.into(),
            to: Recipient::read(Channel::Email, ADDRESS, None).unwrap(),
            unless_changed_since: None,
        }),
        expires: at(300),
        news,
    }
}

fn request(next: EnrollNext) -> SendRequest {
    match next {
        EnrollNext::Send(request) => request,
        other => panic!("nothing to send: {other:?}"),
    }
}

#[test]
fn address_and_pin_are_stored_together_after_the_recovery_codes() {
    let fresh = fresh(vec![address(None), FreshFactor::Pin(Banned::default())]);
    let (mut enrollment, first) = begun(fresh, Occasion::First, Screen::Terminal);
    assert_eq!(first.prompt.unwrap().text, "E-mail address for codes: ");
    let wrong = asked(answer(&mut enrollment, "no address"));
    assert!(
        texts(&wrong).contains("not a valid e-mail address"),
        "{wrong:?}"
    );
    let request = request(answer(&mut enrollment, ADDRESS));
    assert_eq!(request.fallback.unwrap().as_str(), ADDRESS);
    let step = asked(enrollment.sent(sent(Some("483920"), DeliveryStatus::OnItsWay)));
    assert!(texts(&step).contains("on its way"), "{step:?}");
    assert_eq!(step.prompt.unwrap().text, "Code from your e-mail: ");
    assert!(matches!(
        answer(&mut enrollment, "000000"),
        EnrollNext::Wrong
    ));
    let again = asked(enrollment.ask_again());
    assert!(texts(&again).contains("Not accepted"), "{again:?}");
    let pin = asked(answer(&mut enrollment, "483 920"));
    assert!(!texts(&pin).contains("you have none"), "{pin:?}");
    answer(&mut enrollment, "4826");
    let stored = asked(answer(&mut enrollment, "4826"));
    let shown = texts(&stored);
    assert!(
        shown.contains("01234 56789") && !shown.contains("device"),
        "{shown}"
    );
    assert_eq!(enrollment.done().1, EndReason::FactorsStored);
    assert!(matches!(answer(&mut enrollment, "yes"), EnrollNext::Store));
    let [ChosenFactor::Address(to), ChosenFactor::Pin(_)] = enrollment.made().0 else {
        panic!("an address and a PIN were set up");
    };
    assert_eq!(to.as_str(), ADDRESS);
}

#[test]
fn whoever_leaves_between_two_factors_has_set_up_neither() {
    let fresh = fresh(vec![
        FreshFactor::Device(device("phone"), None),
        FreshFactor::Pin(Banned::default()),
    ]);
    let (mut enrollment, _) = begun(fresh, Occasion::First, Screen::Terminal);
    let pin = asked(answer(&mut enrollment, RIGHT));
    assert_eq!(pin.prompt.unwrap().text, "New PIN (4 to 8 digits): ");
    assert_eq!(reason(answer(&mut enrollment, "")), EndReason::NotFinished);
}

#[test]
fn a_code_is_sent_again_with_its_first_time_and_an_old_one_ends_the_login() {
    let (mut enrollment, next) = Enrollment::begin(
        Occasion::First,
        fresh(vec![address(Some(ADDRESS))]),
        Screen::Terminal,
        Wording::default(),
    );
    let first = request(next);
    assert!(first.again.is_none() && first.expires.is_none());
    let step = asked(enrollment.sent(sent(Some("483920"), DeliveryStatus::OnItsWay)));
    assert!(texts(&step).starts_with("This login requires"), "{step:?}");
    let again = request(answer(&mut enrollment, "resend"));
    assert_eq!(again.again.unwrap().code.expose(), "483920");
    assert_eq!(again.expires, Some(at(300)));
    let mut later = sent(None, DeliveryStatus::TooMany);
    later.expires = at(900);
    let step = asked(enrollment.sent(later));
    assert!(texts(&step).starts_with("Too many codes"), "{step:?}");
    // What was sent before is as good as it was, and no longer.
    let late = answer_at(&mut enrollment, "483920", at(300));
    assert_eq!(reason(late), EndReason::CodeExpired);
    let right = answer_at(&mut enrollment, "483920", at(299));
    assert!(texts(&asked(right)).contains("recovery codes"));
}

#[test]
fn that_a_message_failed_after_its_prompt_is_told_with_the_next_step() {
    let (mut enrollment, next) = Enrollment::begin(
        Occasion::First,
        fresh(vec![address(Some(ADDRESS))]),
        Screen::Terminal,
        Wording::default(),
    );
    request(next);
    enrollment.sent(sent(Some("483920"), DeliveryStatus::OnItsWay));
    enrollment.learn_late(DeliveryStatus::Failed);
    assert!(matches!(
        answer(&mut enrollment, "000000"),
        EnrollNext::Wrong
    ));
    let step = asked(enrollment.ask_again());
    assert!(
        texts(&step).starts_with("The code could not be sent"),
        "{step:?}"
    );
    let step = asked(enrollment.ask_again());
    assert!(
        !texts(&step).contains("could not be sent"),
        "it is told once"
    );
}

#[test]
fn a_device_after_something_else_is_not_introduced_as_the_first() {
    let fresh = fresh(vec![
        FreshFactor::Pin(Banned::default()),
        FreshFactor::Device(device("phone"), None),
    ]);
    let (mut enrollment, _) = begun(fresh, Occasion::First, Screen::Terminal);
    answer(&mut enrollment, "4826");
    let step = asked(answer(&mut enrollment, "4826"));
    assert!(texts(&step).starts_with("Set up a device:"), "{step:?}");
    assert!(texts(&step).contains("Key: GEZD GNBV"), "{step:?}");
}
