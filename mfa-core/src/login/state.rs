//! The states of a login. Each has methods only for what can happen in it; they take the state, so that nothing happens
//! twice.

mod effect;

use mfa_protocol::Secret;
use mfa_protocol::login::{Message, Outcome, Step};

use super::dialogue::{
    AgentReply, AgentTurn, Dialogue, Next, PendingSend, RadiusQuery, SendRequest, Turn,
};
use super::end::{Consequence, End, EndReason, outcome_of};
use super::enroll::{ChosenFactor, EnrollNext, Enrollment, Occasion, Screen};
use super::event::{AnswerEvent, FreshDevice, FreshFactors, RadiusReply, SendResult};
use super::messages::DeliveryStatus;
use super::plan::{Answer, Plan, UserFactors};
use super::split::CodeSearch;
use crate::account::{Counted, Enrolled, Refused, Verdict};
use crate::factors::sent_code::SentCode;
use crate::factors::{Factor, FactorCombination};
use crate::texts::Wording;
pub use effect::Effect;

/// The user is asked.
#[derive(Debug)]
pub struct Prompting<C>(Asking<C>);

#[derive(Debug)]
enum Asking<C> {
    /// For what they have.
    Factors(Box<Dialogue>, Turn<C>),
    /// For what they set up.
    Enrollment(Box<Enrollment>),
}

/// What was typed may be a bypass or recovery code.
#[derive(Debug)]
pub struct FindingCode {
    dialogue: Box<Dialogue>,
    factor: Factor,
    search: CodeSearch,
}

/// A code is sent.
#[derive(Debug)]
pub struct SendingCode(Sending);

#[derive(Debug)]
enum Sending {
    /// For a factor that the user has.
    Factor(Box<Dialogue>, PendingSend),
    /// For an address that is set up.
    Enrollment(Box<Enrollment>, SendRequest),
}

/// A RADIUS server verifies an answer.
#[derive(Debug)]
pub struct QueryingRadius<C> {
    dialogue: Box<Dialogue>,
    query: RadiusQuery<C>,
}

/// The user's SSH agent is asked.
#[derive(Debug)]
pub struct AskingAgent(Box<Dialogue>, AgentTurn);

/// Answers are verified.
#[derive(Debug)]
pub struct Verifying {
    dialogue: Box<Dialogue>,
    answers: Vec<Answer>,
    is_password: bool,
}

/// A device is made for a user who has lost theirs.
#[derive(Debug)]
pub struct MakingDevice {
    wording: Wording,
    /// What the account could be passed with when the recovery code was right.
    generation: u64,
}

/// A wrong first code of what is set up is counted.
#[derive(Debug)]
pub struct CountingWrongCode(Box<Enrollment>);

/// What was set up and its recovery codes are stored.
#[derive(Debug)]
pub struct StoringFactors(Box<Enrollment>);

/// Begins a login that is asked for what the user has.
#[must_use]
pub fn begin<C>(plan: Plan, factors: UserFactors) -> Effect<C> {
    let mut dialogue = Box::new(Dialogue::new(plan, factors));
    let next = dialogue.go_on(Vec::new());
    dialogue.then(next)
}

/// Begins a set-up.
#[must_use]
pub fn enroll<C>(
    occasion: Occasion,
    fresh: FreshFactors,
    screen: Screen,
    wording: Wording,
) -> Effect<C> {
    let (enrollment, next) = Enrollment::begin(occasion, fresh, screen, wording);
    Box::new(enrollment).then(next)
}

/// The prompts that such a login would show one after the other.
#[must_use]
pub fn prompts(plan: Plan, factors: UserFactors) -> Vec<String> {
    Dialogue::new(plan, factors).past_vain_keys().prompts()
}

impl Dialogue {
    fn then<C>(mut self: Box<Self>, next: Next<C>) -> Effect<C> {
        match next {
            Next::Ask(step, turn) => Effect::Prompt(step, Prompting(Asking::Factors(self, turn))),
            Next::Find(factor, search) => Effect::FindCode(FindingCode {
                dialogue: self,
                factor,
                search,
            }),
            Next::Send(send) => Effect::SendCode(SendingCode(Sending::Factor(self, send))),
            Next::Query(query) => Effect::QueryRadius(QueryingRadius {
                dialogue: self,
                query,
            }),
            Next::Relay(step, turn) => Effect::AskAgent(step, AskingAgent(self, turn)),
            Next::Verify(answers) => {
                self.hand_over(&answers);
                Effect::Verify(Verifying {
                    is_password: self.take_is_password(),
                    dialogue: self,
                    answers,
                })
            }
            Next::End(end) => Effect::End(end),
        }
    }

    fn after<C>(mut self: Box<Self>, verdict: &Verdict) -> Effect<C> {
        match self.consequence(verdict) {
            Consequence::Renews { generation } => Effect::MakeDevice(MakingDevice {
                wording: self.plan.wording.clone(),
                generation,
            }),
            Consequence::Ends(outcome) => Effect::End(self.end_by(verdict, outcome)),
            Consequence::GoesOn => {
                let next = self.try_again(verdict);
                self.then(next)
            }
        }
    }
}

impl Enrollment {
    fn then<C>(self: Box<Self>, next: EnrollNext) -> Effect<C> {
        match next {
            EnrollNext::Ask(step) => Effect::Prompt(step, Prompting(Asking::Enrollment(self))),
            EnrollNext::Send(request) => {
                Effect::SendCode(SendingCode(Sending::Enrollment(self, request)))
            }
            EnrollNext::Wrong => Effect::CountWrongCode(CountingWrongCode(self)),
            EnrollNext::Store => Effect::StoreFactors(StoringFactors(self)),
            EnrollNext::End(end) => Effect::End(end),
        }
    }
}

impl<C> Prompting<C> {
    /// Whether the user is asked for what they set up.
    pub fn is_set_up(&self) -> bool {
        matches!(self.0, Asking::Enrollment(_))
    }

    /// Takes an answer.
    #[must_use]
    pub fn answer(self, typed: AnswerEvent) -> Effect<C> {
        match self.0 {
            Asking::Factors(mut dialogue, turn) => {
                let next = dialogue.answer(turn, typed.text, typed.is_password, typed.now);
                dialogue.then(next)
            }
            Asking::Enrollment(mut enrollment) => {
                let next = match enrollment.answer(&typed) {
                    EnrollNext::Wrong if typed.is_password => EnrollNext::password(),
                    next => next,
                };
                enrollment.then(next)
            }
        }
    }

    /// Takes a code that was sent to another address because the message to the first one failed, whose prompt is
    /// already shown.
    pub fn sent_elsewhere(&mut self, code: SentCode) {
        match &mut self.0 {
            Asking::Factors(dialogue, _) => dialogue.sent_elsewhere(code),
            Asking::Enrollment(_) => {}
        }
    }

    /// Takes the result of a message whose prompt is already shown. The next step reports it.
    pub fn learn_late(&mut self, news: DeliveryStatus) {
        match &mut self.0 {
            Asking::Factors(dialogue, _) => dialogue.learned_late(news),
            // If a recovery code was right instead of that message's, nobody waits for it any more.
            Asking::Enrollment(enrollment) => enrollment.learn_late(news),
        }
    }
}

impl FindingCode {
    /// The parts that may be a code, in the order to check them.
    pub fn candidates(&self) -> impl Iterator<Item = &str> {
        self.search.candidates()
    }

    /// Takes which of the candidates is a bypass or recovery code of the user's.
    #[must_use]
    pub fn found<C>(mut self, candidate: Option<usize>) -> Effect<C> {
        let (code, pin) = self.search.found(candidate);
        let next = self.dialogue.take_code(self.factor, code, pin);
        let next = self.dialogue.with_late_news(next);
        self.dialogue.then(next)
    }
}

impl<C> Effect<C> {
    /// The way that the user is asked to go, for the log; none where nothing is asked or sent, or a device is set up.
    #[must_use]
    pub fn combination(&self) -> Option<&FactorCombination> {
        match self {
            Self::Prompt(_, Prompting(Asking::Factors(dialogue, _))) => dialogue.combination(),
            Self::SendCode(SendingCode(Sending::Factor(dialogue, _)))
            | Self::AskAgent(_, AskingAgent(dialogue, _)) => dialogue.combination(),
            _ => None,
        }
    }
}

impl SendingCode {
    /// What to send.
    #[must_use]
    pub fn request(&self) -> &SendRequest {
        match &self.0 {
            Sending::Factor(_, send) => &send.request,
            Sending::Enrollment(_, request) => request,
        }
    }

    /// Takes what came of it.
    #[must_use]
    pub fn sent<C>(self, result: SendResult) -> Effect<C> {
        match self.0 {
            Sending::Factor(mut dialogue, send) => {
                let next = dialogue.dispatched(send, result);
                dialogue.then(next)
            }
            Sending::Enrollment(mut enrollment, _) => {
                let next = enrollment.sent(result);
                enrollment.then(next)
            }
        }
    }
}

impl AskingAgent {
    /// Takes what the agent has answered.
    #[must_use]
    pub fn answered<C>(mut self, reply: AgentReply) -> Effect<C> {
        let next = self.0.relayed(self.1, reply);
        self.0.then(next)
    }

    /// Takes a code that was sent to another address because the message to the first one failed.
    pub fn sent_elsewhere(&mut self, code: SentCode) {
        self.0.sent_elsewhere(code);
    }

    /// Takes the result of a message whose prompt is already shown. The next step reports it.
    pub fn learn_late(&mut self, news: DeliveryStatus) {
        self.0.learned_late(news);
    }
}

impl<C> QueryingRadius<C> {
    /// What was typed.
    #[must_use]
    pub fn typed(&self) -> &Secret {
        &self.query.typed
    }

    /// The challenge that it answers; none if it is the first answer.
    #[must_use]
    pub fn follows(&self) -> Option<&C> {
        self.query.follows.as_ref()
    }

    /// Whether nothing was typed, because the user answers on a phone.
    #[must_use]
    pub fn is_push(&self) -> bool {
        self.query.is_push
    }

    /// Whether a phone may ring because of it: by a push, or by what was typed at a server that pushes. Such servers
    /// take words for one ("push", "phone2"), so everything counts that has not the form of a passcode.
    #[must_use]
    pub fn may_ring(&self) -> bool {
        match (self.is_push(), self.follows()) {
            (true, follows) => follows.is_none(),
            (false, _) => self.dialogue.could_ring(self.typed()),
        }
    }

    /// Whether all that was typed is the password.
    #[must_use]
    pub fn is_password(&self) -> bool {
        self.dialogue.is_password()
    }

    /// Whether the user can go none of the ways; for the log.
    #[must_use]
    pub fn is_unenrolled(&self) -> bool {
        self.dialogue.user.is_unenrolled()
    }

    /// Takes what the server said.
    #[must_use]
    pub fn replied(mut self, reply: RadiusReply<C>) -> Effect<C> {
        let next = self.dialogue.replied(self.query, reply);
        self.dialogue.then(next)
    }

    /// What was typed is a bypass or recovery code; no server is asked.
    #[must_use]
    pub fn take_other_code(mut self) -> Effect<C> {
        let next = self.dialogue.take_other_code(self.query);
        self.dialogue.then(next)
    }

    /// Handles a verdict that came before a server was asked, or without one.
    #[must_use]
    pub fn consequence(&self, counted: Counted) -> Consequence {
        match counted {
            Counted::Failure { .. } => Consequence::GoesOn,
            Counted::Refused(refused) => Consequence::Ends(outcome_of(refused)),
        }
    }

    /// The guess was refused before a server was asked, or after one that did not judge it: the login ends.
    #[must_use]
    pub fn refused(mut self, refused: Refused) -> Effect<C> {
        let outcome = outcome_of(refused);
        Effect::End(self.dialogue.end_refused(outcome))
    }
}

impl Verifying {
    /// What to verify, all together.
    #[must_use]
    pub fn answers(&self) -> &[Answer] {
        &self.answers
    }

    /// Whether all of it is the password that was checked before in this login.
    #[must_use]
    pub fn is_password(&self) -> bool {
        self.is_password
    }

    /// Whether a security key whose count went back was a failure of this login already.
    #[must_use]
    pub fn is_key_counted(&self) -> bool {
        self.dialogue.is_key_counted()
    }

    /// The way that was gone, for the log.
    #[must_use]
    pub fn combination(&self) -> Option<&FactorCombination> {
        self.dialogue.combination()
    }

    /// Whether the user can go none of the ways; for the log.
    #[must_use]
    pub fn is_unenrolled(&self) -> bool {
        self.dialogue.user.is_unenrolled()
    }

    /// Whether a pass by a recovery code is followed by setting up a new device.
    #[must_use]
    pub fn renews(&self) -> bool {
        self.dialogue.plan.renews
    }

    /// What follows from this verdict.
    #[must_use]
    pub fn consequence(&self, verdict: &Verdict) -> Consequence {
        self.dialogue.consequence(verdict)
    }

    /// Takes the verdict. A code that was sent and came back is used up by it, whatever it is.
    #[must_use]
    pub fn verified<C>(mut self, verdict: &Verdict) -> Effect<C> {
        if self.answers.iter().any(Answer::has_come_back) {
            self.dialogue.spend_sent_code();
        }
        self.dialogue.after(verdict)
    }
}

impl MakingDevice {
    /// Takes the device, and asks for its first code.
    #[must_use]
    pub fn made<C>(self, made: FreshDevice, screen: Screen) -> Effect<C> {
        let generation = self.generation;
        enroll(
            Occasion::Lost { generation },
            made.into(),
            screen,
            self.wording,
        )
    }
}

impl CountingWrongCode {
    /// What follows from this: a wrong first code may be typed again until the account is locked.
    #[must_use]
    pub fn consequence(&self, counted: Counted) -> Consequence {
        match counted {
            Counted::Failure { .. } => Consequence::GoesOn,
            Counted::Refused(_) => Consequence::Ends(Outcome::Locked),
        }
    }

    /// Takes what counting it came to.
    #[must_use]
    pub fn counted<C>(mut self, counted: Counted) -> Effect<C> {
        match counted {
            Counted::Failure { .. } => {
                let next = self.0.ask_again();
                self.0.then(next)
            }
            Counted::Refused(_) => Effect::End(self.0.locked()),
        }
    }
}

impl StoringFactors {
    /// What was set up, and the recovery codes.
    #[must_use]
    pub fn made(&self) -> (&[ChosenFactor], &[Secret]) {
        self.0.made()
    }

    /// Why it was set up.
    #[must_use]
    pub fn occasion(&self) -> Occasion {
        self.0.occasion()
    }

    /// Why the login passes once it is stored.
    #[must_use]
    pub fn reason(&self) -> EndReason {
        self.0.done().1
    }

    /// Takes what came of it.
    #[must_use]
    pub fn stored<C>(self, stored: Enrolled) -> Effect<C> {
        match stored {
            Enrolled::Stored => {
                let (message, reason) = self.0.done();
                ended(vec![message], Outcome::Passed, reason)
            }
            Enrolled::Locked => ended(Vec::new(), Outcome::Locked, EndReason::LockedMeanwhile),
            Enrolled::Otherwise => {
                ended(Vec::new(), Outcome::Cancelled, EndReason::ChangedMeanwhile)
            }
        }
    }
}

fn ended<C>(messages: Vec<Message>, outcome: Outcome, reason: EndReason) -> Effect<C> {
    Effect::End(End {
        step: Step {
            messages,
            outcome: Some(outcome),
            ..Step::default()
        },
        outcome,
        reason: Some(reason),
    })
}
