//! What goes beyond the host: codes that are sent, and servers that are asked.

use super::*;
use crate::account::Contact;
use crate::factors::address::{Channel, Recipient};
use crate::factors::sent_code::SentCode;
use crate::login::{DeliveryStatus, RadiusQuery, Reply, SendRequest, SendResult};

fn to(text: &str) -> Recipient {
    let channel = match text.contains('@') {
        true => Channel::Email,
        false => Channel::Sms,
    };
    Recipient::read(channel, text, None).unwrap()
}

fn with_addresses() -> Account {
    let mut account = full();
    for text in ["anna@example.org", "+491701234542"] {
        account.add_contact(Contact::new(to(text), at(0))).unwrap();
    }
    account
}

fn order(next: Next) -> SendRequest {
    match next {
        Next::Send(order) => order,
        other => panic!("nothing is sent: {other:?}"),
    }
}

fn inquiry(next: Next) -> RadiusQuery {
    match next {
        Next::Inquire(inquiry) => inquiry,
        other => panic!("nobody is asked: {other:?}"),
    }
}

fn sent(code: &str, address: &str) -> SentCode {
    SentCode {
        code: code.into(),
        to: to(address),
        unless_changed_since: None,
    }
}

/// A message that was taken; its code is good until second 300.
fn taken(code: Option<SentCode>) -> SendResult {
    SendResult {
        code,
        expires: at(300),
        news: DeliveryStatus::OnItsWay,
    }
}

/// A login by a code that was sent by mail.
fn by_mail(ways: &[&str]) -> Dialogue {
    let (mut dialogue, next) = start(plan(ways), &with_addresses(), &FallbackFactors::default());
    assert_eq!(order(next).channel, Channel::Email);
    let step = asked(dialogue.dispatched(taken(Some(sent("483920", "anna@example.org")))));
    assert_eq!(prompt(&step), "Code from your e-mail: ");
    dialogue
}

#[test]
fn a_code_is_sent_before_it_is_asked_for_and_goes_along_with_the_answer() {
    let mut dialogue = by_mail(&["email"]);
    let Next::Judge(given) = answer(&mut dialogue, "483920") else {
        panic!("nothing to judge");
    };
    assert!(given[0].sent.as_ref().unwrap().is("483920"));
    assert_eq!(given[0].factor, Factor::Email);
}

#[test]
fn somebody_without_an_address_is_shown_the_same() {
    let show = |account: &Account, code| {
        let (mut dialogue, next) = start(
            plan(&["email", "pin"]),
            account,
            &FallbackFactors::default(),
        );
        assert!(order(next).again.is_none());
        let first = asked(dialogue.dispatched(taken(code)));
        let again = order(answer(&mut dialogue, "resend"));
        (first, again.channel, asked(answer(&mut dialogue, "?")))
    };
    let code = Some(sent("483920", "anna@example.org"));
    // Whoever has something else is asked for that, so nobody here has.
    let mut known = with_addresses();
    known.remove(Factor::Pin);
    assert_eq!(show(&known, code), show(&Account::default(), None));
}

#[test]
fn resending_sends_the_same_code_and_does_not_lengthen_its_life() {
    let mut dialogue = by_mail(&["email"]);
    let again = order(dialogue.answer("resend".into(), at(200), &|_| false));
    assert!(again.again.as_ref().unwrap().is("483920"));
    let dispatch = SendResult {
        expires: at(500),
        ..taken(again.again)
    };
    assert_eq!(
        prompt(&asked(dialogue.dispatched(dispatch))),
        "Code from your e-mail: "
    );
    assert_eq!(dialogue.code_expires(), Some(at(300)));
    let late = dialogue.answer("483920".into(), at(300), &|_| false);
    let (step, outcome) = ended(late);
    assert_eq!(outcome, Outcome::Cancelled, "no attempt");
    assert!(step.messages[0].text.contains("no longer valid"));
}

#[test]
fn what_became_of_a_message_after_its_prompt_is_told_once_with_the_next_step() {
    let mut dialogue = by_mail(&["email", "pin"]);
    dialogue.learned_late(DeliveryStatus::Failed);
    let step = asked(answer(&mut dialogue, "?"));
    assert!(step.messages[0].text.contains("could not be sent"));
    assert!(asked(answer(&mut dialogue, "2")).messages.is_empty());

    let mut dialogue = by_mail(&["email"]);
    dialogue.learned_late(DeliveryStatus::Failed);
    judge(answer(&mut dialogue, "000000"));
    let (step, _) = ended(dialogue.judged(&WRONG));
    assert!(step.messages[0].text.contains("could not be sent"));

    for news in [DeliveryStatus::OnItsWay, DeliveryStatus::Failed] {
        let mut dialogue = by_mail(&["email"]);
        dialogue.learned_late(news);
        order(answer(&mut dialogue, "resend"));
        let step = asked(dialogue.dispatched(taken(None)));
        assert_eq!(step.messages.len(), 1, "only of the last message");
    }
}

#[test]
fn a_message_that_fails_is_told_with_the_other_way() {
    for (ways, hint) in [(&["email", "pin"][..], true), (&["email"][..], false)] {
        let (mut dialogue, _) = start(plan(ways), &with_addresses(), &FallbackFactors::default());
        let step = asked(dialogue.dispatched(SendResult {
            news: DeliveryStatus::Failed,
            ..taken(Some(sent("483920", "anna@example.org")))
        }));
        let text = &step.messages[0].text;
        assert!(text.contains("could not be sent"), "{text}");
        assert_eq!(text.contains("? for another way"), hint, "{text}");
    }
}

#[test]
fn a_code_that_was_right_beside_something_wrong_is_replaced() {
    let patient = Plan {
        tries: 3,
        ..plan(&["email+pin"])
    };
    let (mut dialogue, _) = start(patient, &with_addresses(), &FallbackFactors::default());
    dialogue.dispatched(taken(Some(sent("483920", "anna@example.org"))));
    assert_eq!(
        judge(answer(&mut dialogue, "4839201379")),
        [
            (Factor::Email, "483920".to_owned()),
            (Factor::Pin, "1379".to_owned())
        ]
    );
    // A wrong code leaves the one that was sent as good as it was.
    assert_eq!(
        prompt(&asked(dialogue.judged(&WRONG))),
        "Code from your e-mail: "
    );
    dialogue.spend_sent_code();
    let order = order(dialogue.judged(&WRONG));
    assert!(order.again.is_none(), "a fresh one");
}

#[test]
fn a_pin_may_follow_its_code_without_a_space_or_be_asked_for_next() {
    let (mut dialogue, _) = begin(plan(&["totp+pin"]), &full());
    assert_eq!(
        judge(answer(&mut dialogue, "2870821379")),
        [
            (Factor::Totp, "287082".to_owned()),
            (Factor::Pin, "1379".to_owned())
        ]
    );
    let mut dialogue = by_mail(&["email+pin"]);
    assert_eq!(prompt(&asked(answer(&mut dialogue, "483920"))), "PIN: ");
    assert_eq!(judge(answer(&mut dialogue, "1379"))[1].1, "1379");
}

#[test]
fn a_recovery_code_is_not_taken_for_a_code_and_a_pin() {
    let (mut dialogue, _) = begin(plan(&["totp+pin"]), &full());
    let next = dialogue.answer("0123456789".into(), at(0), &|typed| typed == "0123456789");
    assert_eq!(prompt(&asked(next)), "PIN: ");
}

#[test]
fn a_number_is_asked_for_and_checked_before_a_code_goes_there() {
    let beside = FallbackFactors {
        number: true,
        ..FallbackFactors::default()
    };
    let (mut dialogue, next) = start(plan(&["sms"]), &Account::default(), &beside);
    let step = asked(next);
    assert_eq!(prompt(&step), "Mobile number, with its country code: ");
    assert!(step.prompt.unwrap().echo, "people see what they mistype");
    let again = asked(answer(&mut dialogue, "12"));
    assert_eq!(again.messages.len(), 1);
    let order = order(answer(&mut dialogue, "+49 170 1234542"));
    assert_eq!(order.number, Some(to("+491701234542")));
    dialogue.dispatched(taken(Some(sent("483920", "+491701234542"))));
    assert_eq!(judge(answer(&mut dialogue, "483920")).len(), 1);
}

#[test]
fn a_server_is_asked_and_what_it_asks_back_is_asked() {
    let (mut dialogue, step) = begin(plan(&["radius+pin"]), &full());
    assert_eq!((prompt(&step), step.patience), ("Passcode: ", Some(65)));
    let first = inquiry(answer(&mut dialogue, "483920"));
    assert!(first.is_first);
    let challenge = Reply::Challenged {
        message: "Next code".to_owned(),
        echo: true,
    };
    let step = asked(dialogue.inquired(first.typed, challenge));
    assert_eq!((prompt(&step), step.patience), ("Next code ", Some(65)));
    assert!(step.prompt.unwrap().echo);
    let second = inquiry(answer(&mut dialogue, "111111"));
    assert!(!second.is_first);
    assert_eq!(
        prompt(&asked(dialogue.inquired(second.typed, Reply::Accepted))),
        "PIN: "
    );
    let Next::Judge(given) = answer(&mut dialogue, "1379") else {
        panic!("nothing to judge");
    };
    assert_eq!(given[0].accepted, Some(true));
}

#[test]
fn a_challenge_is_no_pass_and_a_rejection_is_judged_at_once() {
    let (mut dialogue, _) = begin(plan(&["radius+pin"]), &full());
    let inquiry = inquiry(answer(&mut dialogue, "483920"));
    let Next::Judge(given) = dialogue.inquired(inquiry.typed, Reply::Rejected) else {
        panic!("nothing to judge");
    };
    assert_eq!(given.len(), 1);
    assert_eq!(given[0].accepted, Some(false));
}

#[test]
fn a_silent_server_is_told_and_another_way_offered() {
    let silent = |ways: &[&str]| {
        let (mut dialogue, _) = begin(plan(ways), &Account::default());
        let inquiry = inquiry(answer(&mut dialogue, "483920"));
        dialogue.inquired(inquiry.typed, Reply::Silent)
    };
    let offer = asked(silent(&["radius", "totp"]));
    assert!(offer.messages[0].text.contains("does not answer"));
    assert!(prompt(&offer).ends_with("Number: "));
    assert_eq!(ended(silent(&["radius"])).1, Outcome::Cancelled);
}

#[test]
fn a_recovery_code_is_judged_here_at_the_prompt_of_a_server_and_at_a_challenge() {
    let is_given = |dialogue: &mut Dialogue| {
        let typed = inquiry(answer(dialogue, "0123456789")).typed;
        let Next::Judge(given) = dialogue.gave_other_code(typed) else {
            panic!("nothing to judge");
        };
        assert_eq!((given.len(), given[0].accepted), (1, None));
    };
    let (mut dialogue, _) = begin(plan(&["radius"]), &full());
    is_given(&mut dialogue);

    let (mut dialogue, _) = begin(plan(&["radius"]), &full());
    let inquiry = inquiry(answer(&mut dialogue, "483920"));
    let challenge = Reply::Challenged {
        message: "Next code".to_owned(),
        echo: false,
    };
    let _ = asked(dialogue.inquired(inquiry.typed, challenge));
    is_given(&mut dialogue);
}
