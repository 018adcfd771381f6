//! What goes beyond the host: codes that are sent, and servers that are asked.

use super::*;
use crate::account::{Contact, Dates, Remote};
use crate::factors::address::{Channel, Recipient};
use crate::factors::sent_code::SentCode;

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

/// A server is asked; the challenge that this answers.
fn follows(next: Next) -> Option<Server> {
    match next {
        Next::Query(follows) => follows,
        other => panic!("nobody is asked: {other:?}"),
    }
}

fn is_first_query(next: Next) -> bool {
    follows(next).is_none()
}

fn account_there() -> Remote {
    Remote {
        server: "vip".parse().unwrap(),
        user: None,
        enabled: true,
        dates: Dates::enrolled(at(0)),
    }
}

fn accepted(given: &Answer) -> Option<bool> {
    given.decision.as_ref().map(|decision| decision.accepted)
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
fn by_mail(combinations: &[&str]) -> Talk {
    let (mut dialogue, next) = start(
        plan(combinations),
        &with_addresses(),
        FallbackRecipients::default(),
    );
    assert_eq!(order(next).channel, Channel::Email);
    let step = asked(dialogue.dispatched(taken(Some(sent("483920", "anna@example.org")))));
    assert_eq!(prompt(&step), "Code from your e-mail: ");
    dialogue
}

#[test]
fn a_code_is_sent_before_it_is_asked_for_and_goes_along_with_the_answer() {
    let mut dialogue = by_mail(&["email"]);
    let Next::Verify(given) = answer(&mut dialogue, "483920") else {
        panic!("nothing to verify");
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
            FallbackRecipients::default(),
        );
        assert!(order(next).again.is_none());
        let first = asked(dialogue.dispatched(taken(code)));
        let again = order(answer(&mut dialogue, "resend"));
        dialogue.dispatched(taken(again.again));
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
    let again = order(dialogue.answer("resend", 200));
    assert!(again.again.as_ref().unwrap().is("483920"));
    let dispatch = SendResult {
        expires: at(500),
        ..taken(again.again)
    };
    assert_eq!(
        prompt(&asked(dialogue.dispatched(dispatch))),
        "Code from your e-mail: "
    );
    let again = order(dialogue.answer("resend", 200));
    assert_eq!(again.expires, Some(at(300)));
    dialogue.dispatched(taken(again.again));
    let late = dialogue.answer("483920", 300);
    let (step, outcome) = ended(late);
    assert_eq!(outcome, Outcome::Cancelled, "no attempt");
    assert!(step.messages[0].text.contains("has expired"));
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
    to_verify(answer(&mut dialogue, "000000"));
    let (step, _) = ended(dialogue.verified(&WRONG));
    assert!(step.messages[0].text.contains("could not be sent"));

    let mut dialogue = by_mail(&["email", "pin"]);
    dialogue.learned_late(DeliveryStatus::Failed);
    // A second try went well.
    dialogue.learned_late(DeliveryStatus::OnItsWay);
    assert!(asked(answer(&mut dialogue, "?")).messages.is_empty());

    let mut dialogue = by_mail(&["email+pin"]);
    dialogue.other_code = "0123456789";
    dialogue.learned_late(DeliveryStatus::Failed);
    let step = asked(answer(&mut dialogue, "0123456789"));
    assert_eq!(prompt(&step), "PIN: ");
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
    for (combinations, hint) in [(&["email", "pin"][..], true), (&["email"][..], false)] {
        let (mut dialogue, _) = start(
            plan(combinations),
            &with_addresses(),
            FallbackRecipients::default(),
        );
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
    let (mut dialogue, _) = start(patient, &with_addresses(), FallbackRecipients::default());
    dialogue.dispatched(taken(Some(sent("483920", "anna@example.org"))));
    to_verify(answer(&mut dialogue, "0000001379"));
    // A wrong code leaves the one that was sent as good as it was.
    assert_eq!(
        prompt(&asked(dialogue.verified(&WRONG))),
        "Code from your e-mail: "
    );
    assert_eq!(
        to_verify(answer(&mut dialogue, "4839201379")),
        [
            (Factor::Email, "483920".to_owned()),
            (Factor::Pin, "1379".to_owned())
        ]
    );
    let order = order(dialogue.verified(&WRONG));
    assert!(order.again.is_none(), "a fresh one");
}

#[test]
fn a_pin_may_follow_its_code_without_a_space_or_be_asked_for_next() {
    let (mut dialogue, _) = begin(plan(&["totp+pin"]), &full());
    assert_eq!(
        to_verify(answer(&mut dialogue, "2870821379")),
        [
            (Factor::Totp, "287082".to_owned()),
            (Factor::Pin, "1379".to_owned())
        ]
    );
    let mut dialogue = by_mail(&["email+pin"]);
    assert_eq!(prompt(&asked(answer(&mut dialogue, "483920"))), "PIN: ");
    assert_eq!(to_verify(answer(&mut dialogue, "1379"))[1].1, "1379");
}

#[test]
fn a_recovery_code_is_not_taken_for_a_code_and_a_pin() {
    let (mut dialogue, _) = begin(plan(&["totp+pin"]), &full());
    dialogue.other_code = "0123456789";
    let next = answer(&mut dialogue, "0123456789");
    assert_eq!(prompt(&asked(next)), "PIN: ");
}

#[test]
fn a_number_is_asked_for_and_checked_before_a_code_goes_there() {
    let beside = FallbackRecipients {
        asks: Some(Channel::Sms),
        ..FallbackRecipients::default()
    };
    let (mut dialogue, next) = start(plan(&["sms"]), &Account::default(), beside);
    let step = asked(next);
    assert_eq!(prompt(&step), "Mobile number, with its country code: ");
    assert!(step.prompt.unwrap().echo, "people see what they mistype");
    let again = asked(answer(&mut dialogue, "12"));
    assert_eq!(again.messages.len(), 1);
    let order = order(answer(&mut dialogue, "+49 170 1234542"));
    assert_eq!(order.fallback, Some(to("+491701234542")));
    dialogue.dispatched(taken(Some(sent("483920", "+491701234542"))));
    assert_eq!(to_verify(answer(&mut dialogue, "483920")).len(), 1);
}

#[test]
fn a_server_is_asked_and_what_it_asks_back_is_asked() {
    let (mut dialogue, step) = begin(plan(&["radius+pin"]), &full());
    assert_eq!((prompt(&step), step.patience), ("Passcode: ", Some(65)));
    assert!(is_first_query(answer(&mut dialogue, "483920")));
    let challenge = RadiusReply::Challenged {
        message: "Next code".to_owned(),
        echo: true,
        challenge: Server("vip"),
    };
    let step = asked(dialogue.replied(challenge));
    assert_eq!((prompt(&step), step.patience), ("Next code ", Some(65)));
    assert!(step.prompt.unwrap().echo);
    assert_eq!(
        follows(answer(&mut dialogue, "111111")),
        Some(Server("vip"))
    );
    let step = asked(dialogue.replied(RadiusReply::Accepted(account_there())));
    assert_eq!(prompt(&step), "PIN: ");
    let Next::Verify(given) = answer(&mut dialogue, "1379") else {
        panic!("nothing to verify");
    };
    assert_eq!(accepted(&given[0]), Some(true));
}

#[test]
fn a_challenge_is_no_pass_and_a_rejection_is_judged_at_once() {
    let (mut dialogue, _) = begin(plan(&["radius+pin"]), &full());
    is_first_query(answer(&mut dialogue, "483920"));
    let rejected = RadiusReply::Rejected {
        remote: Some(account_there()),
        reserved: Some(7),
    };
    let Next::Verify(given) = dialogue.replied(rejected) else {
        panic!("nothing to verify");
    };
    assert_eq!(given.len(), 1);
    assert_eq!(accepted(&given[0]), Some(false));
}

#[test]
fn a_silent_server_is_told_and_another_way_offered() {
    let silent = |combinations: &[&str]| {
        let (mut dialogue, _) = begin(plan(combinations), &Account::default());
        is_first_query(answer(&mut dialogue, "483920"));
        dialogue.replied(RadiusReply::Silent)
    };
    let offer = asked(silent(&["radius", "totp"]));
    assert!(offer.messages[0].text.contains("is not responding"));
    assert!(prompt(&offer).ends_with("Number: "));
    assert_eq!(ended(silent(&["radius"])).1, Outcome::Cancelled);
}

#[test]
fn a_recovery_code_is_verified_here_at_the_prompt_of_a_server_and_at_a_challenge() {
    let is_given = |dialogue: &mut Talk| {
        is_first_query(answer(dialogue, "0123456789"));
        let Next::Verify(given) = dialogue.gave_other_code() else {
            panic!("nothing to verify");
        };
        assert_eq!((given.len(), accepted(&given[0])), (1, None));
    };
    let (mut dialogue, _) = begin(plan(&["radius"]), &full());
    is_given(&mut dialogue);

    let (mut dialogue, _) = begin(plan(&["radius"]), &full());
    is_first_query(answer(&mut dialogue, "483920"));
    let challenge = RadiusReply::Challenged {
        message: "Next code".to_owned(),
        echo: false,
        challenge: Server("vip"),
    };
    let _ = asked(dialogue.replied(challenge));
    is_given(&mut dialogue);
}

fn pushed(tries: u32) -> (Talk, Next) {
    let mut account = full();
    account.set_remote(account_there());
    let plan = Plan {
        tries,
        push_servers: vec!["vip".parse().unwrap()],
        ..plan(&["radius"])
    };
    start(plan, &account, FallbackRecipients::default())
}

/// The request that is announced goes out without an answer.
fn sends_push(dialogue: &mut Talk, next: Next) {
    let Next::Ask(step) = next else {
        panic!("nothing is shown: {next:?}");
    };
    assert!(step.waits && step.prompt.is_none(), "{step:?}");
    assert_eq!(step.patience, Some(65));
    assert!(is_first_query(answer(dialogue, "")));
}

fn refused() -> RadiusReply<Server> {
    RadiusReply::Rejected {
        remote: Some(account_there()),
        reserved: None,
    }
}

#[test]
fn a_push_needs_no_typing_and_after_a_refusal_a_passcode_or_another_push_is_asked_for() {
    let (mut dialogue, next) = pushed(3);
    sends_push(&mut dialogue, next);
    let _ = dialogue.replied(refused());
    let step = asked(dialogue.verified(&WRONG));
    assert_eq!(prompt(&step), "Passcode: ");
    assert!(step.messages[0].text.contains("Not approved"), "{step:?}");
    let next = answer(&mut dialogue, "resend");
    sends_push(&mut dialogue, next);
    let _ = dialogue.replied(refused());
    assert_eq!(prompt(&asked(dialogue.verified(&WRONG))), "Passcode: ");
    assert!(is_first_query(answer(&mut dialogue, "483920")));
}

#[test]
fn a_question_after_a_push_is_answered_by_enter_three_times_at_most() {
    let challenge = || RadiusReply::Challenged {
        message: "Choose 42".to_owned(),
        echo: false,
        challenge: Server("vip"),
    };
    let (mut dialogue, next) = pushed(1);
    sends_push(&mut dialogue, next);
    for _ in 0..3 {
        let step = asked(dialogue.replied(challenge()));
        assert!(prompt(&step).starts_with("Choose 42\nApprove"), "{step:?}");
        assert!(step.prompt.unwrap().optional);
        assert_eq!(follows(answer(&mut dialogue, "")), Some(Server("vip")));
    }
    let Next::End(_, outcome) = dialogue.replied(challenge()) else {
        panic!("it goes on");
    };
    assert_eq!(outcome, Outcome::Cancelled);
}

#[test]
fn an_empty_answer_to_a_question_after_a_passcode_cancels_as_before() {
    let (mut dialogue, _) = begin(plan(&["radius"]), &full());
    is_first_query(answer(&mut dialogue, "483920"));
    let step = asked(dialogue.replied(RadiusReply::Challenged {
        message: "Next code".to_owned(),
        echo: false,
        challenge: Server("vip"),
    }));
    assert!(!step.prompt.unwrap().optional);
    let Next::End(_, outcome) = answer(&mut dialogue, "") else {
        panic!("it goes on");
    };
    assert_eq!(outcome, Outcome::Cancelled);
}

#[test]
fn one_request_too_many_is_a_passcode_instead() {
    let (mut dialogue, next) = pushed(1);
    sends_push(&mut dialogue, next);
    let step = asked(dialogue.replied(RadiusReply::TooMany));
    assert_eq!(prompt(&step), "Passcode: ");
    assert!(
        step.messages[0].text.contains("Too many requests"),
        "{step:?}"
    );
}

#[test]
fn nothing_typed_is_no_password_whatever_the_caller_says() {
    let (mut dialogue, _) = pushed(1);
    assert!(is_first_query(dialogue.answer_as("", true, 0)));
    let Some(Waiting::Querying(state)) = &dialogue.waiting else {
        panic!("no server is asked");
    };
    assert!(!state.is_password());
}

#[test]
fn a_program_that_answers_every_prompt_with_the_password_tells_it_to_no_server_that_rings_phones() {
    let challenge = RadiusReply::Challenged {
        message: "Choose 42".to_owned(),
        echo: false,
        challenge: Server("vip"),
    };
    for reply in [RadiusReply::TooMany, challenge] {
        let (mut dialogue, next) = pushed(1);
        sends_push(&mut dialogue, next);
        let _ = asked(dialogue.replied(reply));
        let outcome = ended(dialogue.answer_as("correct horse", true, 0)).1;
        assert_eq!(outcome, Outcome::Cancelled);
    }
    // A server that rings no phone may want the password itself.
    let (mut dialogue, _) = begin(plan(&["radius"]), &full());
    assert!(is_first_query(dialogue.answer_as("correct horse", true, 0)));
}
