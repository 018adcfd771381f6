//! The dialogue, answer by answer.

use mfa_protocol::login::{Outcome, Step};

use super::*;
use crate::account::samples::{at, full};
use crate::account::{Account, Passed, Verdict};
use crate::factors::Factor;
use crate::factors::device::Windows;
use crate::lockout::Lock;
use crate::texts::Wording;

fn plan(combinations: &[&str]) -> Plan {
    Plan {
        combinations: combinations
            .iter()
            .map(|combination| combination.parse().unwrap())
            .collect(),
        single: false,
        tries: 1,
        first_is_a_guess: false,
        wording: Wording::default(),
        code_digits: 6,
        usual_digits: 6,
        region: None,
        patience: Some(65),
        renews: false,
        pushes: 3,
        push_servers: Vec::new(),
        echo: Echo::default(),
        keys: KeyPlan::default(),
    }
}

/// A login, and the state that takes what happens next.
#[derive(Debug, Default)]
struct Talk {
    waiting: Option<Waiting>,
    /// A recovery code of the user's.
    other_code: &'static str,
}

/// What a driver keeps of a challenge.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Server(&'static str);

type Effect = super::Effect<Server>;

#[derive(Debug)]
enum Waiting {
    Prompting(Prompting<Server>),
    Sending(SendingCode),
    Querying(QueryingRadius<Server>),
    Asking(AskingAgent),
    Verifying(Verifying),
}

/// What the login wants done.
#[derive(Debug)]
enum Next {
    Ask(Step),
    Send(SendRequest),
    /// The challenge that it answers.
    Query(Option<Server>),
    /// What the user's SSH agent is asked.
    Relay(Step),
    Verify(Vec<Answer>),
    End(Step, Outcome),
}

impl Talk {
    /// Keeps the state; what may be a recovery code is looked up at once.
    fn keep(&mut self, effect: Effect) -> Next {
        let (waiting, next) = match effect {
            Effect::Prompt(step, state) => (Waiting::Prompting(state), Next::Ask(step)),
            Effect::SendCode(state) => {
                let request = state.request().clone();
                (Waiting::Sending(state), Next::Send(request))
            }
            Effect::QueryRadius(state) => {
                let follows = state.follows().cloned();
                (Waiting::Querying(state), Next::Query(follows))
            }
            Effect::AskAgent(step, state) => (Waiting::Asking(state), Next::Relay(step)),
            Effect::Verify(state) => {
                let answers = state.answers().to_vec();
                (Waiting::Verifying(state), Next::Verify(answers))
            }
            Effect::FindCode(state) => {
                let found = state.candidates().position(|text| text == self.other_code);
                return self.keep(state.found(found));
            }
            Effect::End(end) => return Next::End(end.step, end.outcome),
            other => panic!("no dialogue: {other:?}"),
        };
        self.waiting = Some(waiting);
        next
    }

    fn answer(&mut self, typed: &str, second: i64) -> Next {
        self.answer_as(typed, false, second)
    }

    fn answer_as(&mut self, typed: &str, is_password: bool, second: i64) -> Next {
        let Some(Waiting::Prompting(state)) = self.waiting.take() else {
            panic!("not asked");
        };
        let typed = AnswerEvent {
            text: typed.into(),
            is_password,
            now: at(second),
            windows: Windows::default(),
        };
        self.keep(state.answer(typed))
    }

    fn verified(&mut self, verdict: &Verdict) -> Next {
        let Some(Waiting::Verifying(state)) = self.waiting.take() else {
            panic!("nothing to verify");
        };
        self.keep(state.verified(verdict))
    }

    fn dispatched(&mut self, result: SendResult) -> Next {
        let Some(Waiting::Sending(state)) = self.waiting.take() else {
            panic!("nothing to send");
        };
        self.keep(state.sent(result))
    }

    fn replied(&mut self, reply: RadiusReply<Server>) -> Next {
        let Some(Waiting::Querying(state)) = self.waiting.take() else {
            panic!("nobody is asked");
        };
        self.keep(state.replied(reply))
    }

    fn gave_other_code(&mut self) -> Next {
        let Some(Waiting::Querying(state)) = self.waiting.take() else {
            panic!("nobody is asked");
        };
        self.keep(state.take_other_code())
    }

    fn learned_late(&mut self, news: DeliveryStatus) {
        let Some(Waiting::Prompting(state)) = self.waiting.as_mut() else {
            panic!("not asked");
        };
        state.learn_late(news);
    }
}

fn begin(plan: Plan, account: &Account) -> (Talk, Step) {
    let (talk, next) = start(plan, account, FallbackRecipients::default());
    (talk, asked(next))
}

fn start(plan: Plan, account: &Account, fallback: FallbackRecipients) -> (Talk, Next) {
    let factors = factors(&plan, account, fallback);
    let mut talk = Talk::default();
    let next = talk.keep(super::begin(plan, factors));
    (talk, next)
}

fn factors(plan: &Plan, account: &Account, fallback: FallbackRecipients) -> UserFactors {
    let decoy = PromptDecoy {
        combination: 0,
        question: "Where was it?",
        is_pushed: false,
    };
    UserFactors::of(account, plan, &decoy, fallback, at(0))
}

fn answer(talk: &mut Talk, typed: &str) -> Next {
    talk.answer(typed, 0)
}

fn all_prompts(combinations: &[&str], account: &Account) -> Vec<String> {
    let plan = plan(combinations);
    let factors = factors(&plan, account, FallbackRecipients::default());
    prompts(plan, factors)
}

fn prompt(step: &Step) -> &str {
    &step.prompt.as_ref().unwrap().text
}

fn asked(next: Next) -> Step {
    match next {
        Next::Ask(step) => step,
        other => panic!("not asked: {other:?}"),
    }
}

fn ended(next: Next) -> (Step, Outcome) {
    match next {
        Next::End(step, outcome) => (step, outcome),
        other => panic!("not ended: {other:?}"),
    }
}

fn to_verify(next: Next) -> Vec<(Factor, String)> {
    match next {
        Next::Verify(given) => given
            .into_iter()
            .map(|g| (g.factor, g.typed.expose().to_owned()))
            .collect(),
        other => panic!("nothing to verify: {other:?}"),
    }
}

const WRONG: Verdict = Verdict::Wrong {
    failures: 1,
    lock: None,
    out_of_sync: None,
    expended: None,
    key: None,
};

mod beyond;
mod combinations;
mod keys;
mod machine;

#[test]
fn the_first_way_that_the_user_can_go_is_asked() {
    let mut account = full();
    account.remove(Factor::Totp);
    let (_, step) = begin(plan(&["totp", "pin", "questions"]), &account);
    assert_eq!(prompt(&step), "PIN: ");
}

#[test]
fn somebody_unknown_is_asked_like_somebody_who_has_everything() {
    let combinations = ["totp+questions", "pin"];
    let (_, first) = begin(plan(&combinations), &Account::default());
    let (_, same) = begin(plan(&combinations), &full());
    assert_eq!(first, same);
    let unknown = all_prompts(&combinations, &Account::default());
    let known = all_prompts(&combinations, &full());
    assert_eq!(unknown.len(), known.len());
    assert_eq!(unknown[1], "Where was it? ");
    assert_eq!(known[1], "Question 0? ");
}

#[test]
fn somebody_who_can_go_none_of_the_ways_is_led_through_that_of_the_decoy() {
    let plan = plan(&["totp", "pin"]);
    let decoy = PromptDecoy {
        combination: 1,
        question: "Where was it?",
        is_pushed: false,
    };
    for (account, expected) in [(Account::default(), "PIN: "), (full(), "OTP code: ")] {
        let fallback = FallbackRecipients::default();
        let factors = UserFactors::of(&account, &plan, &decoy, fallback, at(0));
        let next = Talk::default().keep(super::begin(plan.clone(), factors));
        assert_eq!(prompt(&asked(next)), expected);
    }
}

#[test]
fn all_factors_of_a_combination_are_asked_before_any_is_verified() {
    let (mut dialogue, step) = begin(plan(&["totp+pin+questions"]), &full());
    assert_eq!(prompt(&step), "OTP code: ");
    assert_eq!(prompt(&asked(answer(&mut dialogue, "287082"))), "PIN: ");
    assert_eq!(
        prompt(&asked(answer(&mut dialogue, "1379"))),
        "Question 0? "
    );
    assert_eq!(
        to_verify(answer(&mut dialogue, "blue")),
        [
            (Factor::Totp, "287082".to_owned()),
            (Factor::Pin, "1379".to_owned()),
            (Factor::Questions, "blue".to_owned()),
        ]
    );
}

#[test]
fn a_question_mark_offers_all_ways_of_the_policy_to_everybody() {
    for account in [full(), Account::default()] {
        let (mut dialogue, _) = begin(plan(&["totp", "pin+questions"]), &account);
        let offer = asked(answer(&mut dialogue, "?"));
        assert_eq!(
            prompt(&offer),
            "Ways to log in:\n  1  a code from your device\n  2  your PIN, then a security \
             question\nNumber: "
        );
        let again = asked(answer(&mut dialogue, "3"));
        assert_eq!(again.messages.len(), 1, "it says what to type");
        assert_eq!(prompt(&asked(answer(&mut dialogue, "2"))), "PIN: ");
    }
}

#[test]
fn help_that_there_is_not_is_asked_for_once_more_and_no_guess() {
    for (combination, typed, shown) in [
        ("questions", "?", "Question 0? "),
        ("totp", "?", "OTP code: "),
        ("totp", " Resend ", "OTP code: "),
        ("pin", "?", "PIN: "),
        ("pin", "resend", "PIN: "),
    ] {
        let (mut dialogue, _) = begin(plan(&[combination]), &full());
        let again = asked(answer(&mut dialogue, typed));
        assert_eq!(prompt(&again), shown, "{combination}: {typed:?}");
        to_verify(answer(&mut dialogue, "287082"));
    }
    // It may be what somebody has answered.
    let (mut dialogue, _) = begin(plan(&["questions"]), &full());
    to_verify(answer(&mut dialogue, "resend"));
}

#[test]
fn where_one_answer_holds_both_both_are_asked_for() {
    let single = Plan {
        single: true,
        ..plan(&["totp"])
    };
    let (_, first) = begin(single.clone(), &full());
    assert_eq!(prompt(&first), "Password and code: ");
    let guessed = Plan {
        first_is_a_guess: true,
        tries: 2,
        ..single
    };
    let (mut dialogue, first) = begin(guessed, &full());
    assert_eq!(
        prompt(&first),
        "Password and code: ",
        "nobody has asked before"
    );
    let again = asked(answer(&mut dialogue, "hunter"));
    assert_eq!(prompt(&again), "OTP code: ", "the password is known");
}

#[test]
fn empty_answers_and_sshds_stand_in_cancel() {
    for typed in ["", " ", "\x08\n\r\x7fINCORRECT", "\x08\n\r\x7fIN"] {
        let (mut dialogue, _) = begin(plan(&["totp"]), &full());
        assert_eq!(ended(answer(&mut dialogue, typed)).1, Outcome::Cancelled);
    }
}

#[test]
fn a_wrong_answer_ends_a_login_of_one_try() {
    let (mut dialogue, _) = begin(plan(&["totp"]), &full());
    to_verify(answer(&mut dialogue, "000000"));
    let (step, outcome) = ended(dialogue.verified(&WRONG));
    assert_eq!(outcome, Outcome::Wrong);
    assert_eq!(step.outcome, Some(Outcome::Wrong));
}

#[test]
fn with_several_tries_it_asks_again_and_then_is_out_of_tries() {
    let (mut dialogue, _) = begin(
        Plan {
            tries: 2,
            ..plan(&["totp"])
        },
        &full(),
    );
    to_verify(answer(&mut dialogue, "000000"));
    let step = asked(dialogue.verified(&WRONG));
    assert_eq!((prompt(&step), step.messages.len()), ("OTP code: ", 1));
    to_verify(answer(&mut dialogue, "000001"));
    assert_eq!(ended(dialogue.verified(&WRONG)).1, Outcome::Locked);
}

#[test]
fn a_locked_user_and_a_wrong_answer_are_told_the_same() {
    let says = |verdict: &Verdict| {
        let (mut dialogue, _) = begin(plan(&["totp"]), &full());
        to_verify(answer(&mut dialogue, "000000"));
        ended(dialogue.verified(verdict)).0.messages
    };
    assert_eq!(says(&Verdict::Locked(Lock::Administrator)), says(&WRONG));
    assert_eq!(says(&Verdict::Replayed), says(&WRONG));
}

#[test]
fn a_single_prompt_asks_for_the_end_of_the_answer_and_shows_nothing_else() {
    let (mut dialogue, step) = begin(
        Plan {
            single: true,
            ..plan(&["totp"])
        },
        &full(),
    );
    assert_eq!(step.prompt.as_ref().unwrap().tail, Some(6));
    to_verify(answer(&mut dialogue, "287082"));
    assert!(ended(dialogue.verified(&WRONG)).0.messages.is_empty());
    let (mut dialogue, _) = begin(
        Plan {
            single: true,
            ..plan(&["totp"])
        },
        &full(),
    );
    to_verify(answer(&mut dialogue, "287082"));
    let passed = Verdict::Passed(Passed {
        code_length: Some(6),
        ..Passed::default()
    });
    assert_eq!(ended(dialogue.verified(&passed)).0.code_length, Some(6));
}

#[test]
fn a_password_without_a_code_is_no_attempt_when_the_user_can_still_be_asked() {
    let guess = Plan {
        single: true,
        first_is_a_guess: true,
        tries: 2,
        ..plan(&["totp"])
    };
    let (mut dialogue, _) = begin(guess.clone(), &full());
    asked(answer(&mut dialogue, "hunter"));
    to_verify(answer(&mut dialogue, "hunter"));
    let (mut dialogue, _) = begin(guess, &full());
    to_verify(answer(&mut dialogue, "287082"));
}

#[test]
fn a_password_that_ends_like_a_code_costs_nothing_and_the_user_is_asked_once() {
    let guess = Plan {
        single: true,
        first_is_a_guess: true,
        tries: 2,
        ..plan(&["totp"])
    };
    let (mut dialogue, _) = begin(guess, &full());
    to_verify(answer(&mut dialogue, "hunter123456"));
    asked(dialogue.verified(&Verdict::Password));
    to_verify(answer(&mut dialogue, "hunter123456"));
    let outcome = ended(dialogue.verified(&Verdict::Password)).1;
    assert_eq!(outcome, Outcome::Cancelled);
}

#[test]
fn a_login_does_not_take_answers_for_ever() {
    let (mut dialogue, _) = begin(plan(&["totp", "pin"]), &full());
    let ends = (0..24).any(|_| matches!(answer(&mut dialogue, "?"), Next::End(..)));
    assert!(ends);
}
