//! The dialogue of one login: what is asked next, and when there is something to do about it.
//!
//! Pure. It knows the ways that the policy leaves, which of them the user can go, and what was typed
//! so far. It does not know whether an answer is right: it hands all answers of a way over at once
//! ([`Next::Judge`]), is told the verdict, and goes on. What touches the world, sending a code or asking
//! a RADIUS server, is an order to the edge as well, which tells what came of it. Somebody who cannot go
//! any way (not enrolled, not even existing) is led through one that another user of this policy may be led through
//! (rule 8 of the architecture).
//!
//! ```text
//!   ┌──────┐ taken   ┌────────┐ answer, more factors  ┌────────┐ last answer  ┌────────┐ wrong, tries left
//!   │ send │ ──────▶ │ asking │ ────────────────────▶ │ asking │ ───────────▶ │ judged │ ─────────────────▶ asking
//!   └──────┘         └────────┘                       └────────┘              └────────┘
//!      ▲    resend    │  │   ▲ a number                 │    ▲ challenge        │ passed, locked, out of tries
//!      └──────────────┘  │ ? │                          ▼    │                  ▼
//!                        ▼   │                       ┌─────────┐ empty,    ──▶ ended
//!                      ┌────────┐                    │ inquire │ expired,
//!                      │ choice │ ◀───── silent ──── └─────────┘ stand-in
//!                      └────────┘
//! ```

mod enrol;
mod messages;
mod plan;
mod post;
mod remote;
mod split;
mod stand_in;

use jiff::Timestamp;
use mfa_protocol::Secret;
use mfa_protocol::login::{Message, Outcome, Prompt, Step};

use crate::account::{Passed, Verdict};
use crate::factors::address::Channel;
use crate::factors::{AnswerForm, Factor, FactorCombination, FactorRow};
use crate::texts::{Text, Texts};
pub use enrol::{EnrolNext, Enrolment, Occasion, Screen, prompts as enrolment_prompts};
pub use messages::{DeliveryStatus, grace, not_met};
use messages::{choice, error, info};
pub use plan::{Answer, FallbackFactors, Next, Plan, PromptDecoy, UserFactors};
use post::SentCodeState;
pub use post::{SendRequest, SendResult};
pub use remote::{RadiusQuery, Reply};
use split::{code_and_pin, other_code_and_pin};
use stand_in::is_stand_in;

/// More answers than this a login does not take, whatever they are.
const MAX_ANSWERS: u32 = 24;

/// Fewer recovery codes than this are worth a word.
const FEW: u32 = 3;

/// A login's dialogue.
pub struct Dialogue {
    plan: Plan,
    holdings: UserFactors,
    way: usize,
    given: Vec<Answer>,
    turn: Turn,
    post: SentCodeState,
    tries_left: u32,
    answers_left: u32,
    guess: bool,
}

/// What the next answer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The next factor of the way.
    Factor,
    /// Which way to go.
    Choice,
    /// Where codes are to be sent.
    Number,
    /// What a RADIUS server has asked.
    Challenge,
    /// Nothing: the edge has something to do first.
    Outside,
}

impl Dialogue {
    /// Begins: the first way of the policy that the user can go, else that of the decoy.
    #[must_use]
    pub fn begin(plan: Plan, holdings: UserFactors) -> (Self, Next) {
        let way = holdings.able.iter().position(|able| *able);
        let way = way.unwrap_or(holdings.decoy_way);
        let mut dialogue = Self {
            way,
            given: Vec::new(),
            turn: Turn::Outside,
            post: SentCodeState::default(),
            tries_left: plan.tries.max(1),
            answers_left: MAX_ANSWERS,
            guess: plan.first_is_a_guess,
            plan,
            holdings,
        };
        let next = dialogue.go_on(Vec::new());
        (dialogue, next)
    }

    /// The way that is being gone, for the log.
    #[must_use]
    pub fn way(&self) -> Option<&FactorCombination> {
        self.plan.ways.get(self.way)
    }

    /// The prompts of the way, as they would be shown one after the other.
    #[must_use]
    pub fn prompts(&self) -> Vec<String> {
        let number = self
            .asks_for_number()
            .then(|| self.plan.wording.asking.prompt(&Text::PromptNumber));
        let texts = self
            .factors()
            .iter()
            .map(|factor| self.prompt(*factor).text.clone());
        number.into_iter().chain(texts).collect()
    }

    /// Takes an answer, typed at `now`. `is_other_code` says whether a text is a bypass or recovery code of
    /// the user's.
    pub fn answer(
        &mut self,
        typed: Secret,
        now: Timestamp,
        is_other_code: &dyn Fn(&str) -> bool,
    ) -> Next {
        let next = self.answered(typed, now, is_other_code);
        self.with_late_news(next)
    }

    fn answered(
        &mut self,
        typed: Secret,
        now: Timestamp,
        is_other_code: &dyn Fn(&str) -> bool,
    ) -> Next {
        if typed.expose().trim().is_empty() || is_stand_in(typed.expose(), self.plan.single) {
            return end(Outcome::Cancelled);
        }
        self.answers_left = self.answers_left.saturating_sub(1);
        if self.answers_left == 0 {
            return end(Outcome::Cancelled);
        }
        if self.post.is_expired(now) && self.expects_sent_code() {
            return self.cancelled(&Text::CodeExpired);
        }
        if self.turn == Turn::Choice {
            return self.choose(typed.expose());
        }
        if typed.expose().trim() == "?" && self.has_other_way() {
            return self.offer(Vec::new());
        }
        if std::mem::take(&mut self.guess) && !ends_in_code(typed.expose()) {
            return self.go_on(Vec::new());
        }
        if self.turn == Turn::Factor && self.means_nothing(typed.expose()) {
            return self.go_on(Vec::new());
        }
        match self.turn {
            Turn::Number => self.take_number(typed.expose()),
            Turn::Factor | Turn::Challenge => self.take(typed, is_other_code),
            Turn::Choice | Turn::Outside => end(Outcome::Cancelled),
        }
    }

    /// How the login ends by this verdict on what [`Next::Judge`] handed over; none if it goes on.
    #[must_use]
    pub fn end_by(&self, verdict: &Verdict) -> Option<Outcome> {
        match verdict {
            Verdict::Passed(_) => Some(Outcome::Passed),
            Verdict::Locked(_) | Verdict::BudgetExhausted => Some(Outcome::Locked),
            Verdict::Password => Some(Outcome::Cancelled),
            Verdict::Wrong { lock: Some(_), .. } => Some(Outcome::Wrong),
            Verdict::Wrong { lock: None, .. } | Verdict::Replayed | Verdict::Stale => {
                match (self.tries_left, self.plan.tries) {
                    (2.., _) => None,
                    // Asked several times, the tries are used up; asked once, the answer was wrong.
                    (_, 2..) => Some(Outcome::Locked),
                    _ => Some(Outcome::Wrong),
                }
            }
        }
    }

    /// Takes the verdict.
    pub fn judged(&mut self, verdict: &Verdict) -> Next {
        let next = self.after(verdict);
        self.with_late_news(next)
    }

    fn after(&mut self, verdict: &Verdict) -> Next {
        match (verdict, self.end_by(verdict)) {
            (Verdict::Passed(passed), _) => self.passed(passed),
            (_, Some(outcome)) => self.refuse(outcome),
            (_, None) => {
                self.tries_left -= 1;
                self.given.clear();
                self.go_on(self.complaint(&self.plan.wording.asking))
            }
        }
    }

    fn passed(&self, passed: &Passed) -> Next {
        let code_length = passed.code_length.filter(|_| self.plan.single);
        let few = passed.recovery_left.filter(|left| *left < FEW);
        let messages = few.filter(|_| !self.plan.single);
        let messages =
            messages.map(|left| info(&self.plan.wording.asking, &Text::FewRecoveryCodes(left)));
        let step = Step {
            code_length,
            ..told(messages.into_iter().collect(), Outcome::Passed)
        };
        Next::End(step, Outcome::Passed)
    }

    /// Asks for the next factor of the way, hands over what was given when there is none, or has something
    /// done first.
    fn go_on(&mut self, messages: Vec<Message>) -> Next {
        let Some(factor) = self.current() else {
            return Next::Judge(std::mem::take(&mut self.given));
        };
        if let Some(channel) = Channel::of(factor)
            && !self.post.has_gone_out(channel)
        {
            return self.send(channel, messages);
        }
        self.turn = Turn::Factor;
        Next::Ask(self.ask(messages))
    }

    fn take(&mut self, typed: Secret, is_other_code: &dyn Fn(&str) -> bool) -> Next {
        let Some(factor) = self.current() else {
            return end(Outcome::Cancelled);
        };
        if let Some(channel) = Channel::of(factor)
            && self.plan.wording.asking.is_resend(typed.expose())
        {
            return self.order(channel);
        }
        if factor == Factor::Radius {
            let is_first = self.turn == Turn::Factor;
            return self.inquire(typed, is_first);
        }
        let (typed, pin) = match self.split(&typed, is_other_code) {
            Some((code, pin)) => (code, Some(pin)),
            None => (typed, None),
        };
        let sent = Channel::of(factor).and_then(|_| self.post.code().cloned());
        self.given.push(Answer {
            sent,
            tail: self.plan.single,
            ..Answer::of(factor, typed)
        });
        if let Some(pin) = pin {
            self.given.push(Answer::of(Factor::Pin, pin));
        }
        self.go_on(Vec::new())
    }

    /// What was typed as a code with its PIN behind it. Bypass and recovery codes have other lengths than a
    /// device's, so the user's own are looked for first.
    fn split(
        &self,
        typed: &Secret,
        is_other_code: &dyn Fn(&str) -> bool,
    ) -> Option<(Secret, Secret)> {
        let digits = self.digits_before_pin()?;
        let split = code_and_pin(typed, digits);
        match other_code_and_pin(typed, is_other_code) {
            Some(other) => Some(other),
            None => split.filter(|_| !is_other_code(typed.expose())),
        }
    }

    /// Whether what was typed asks for help where there is none, and can't be meant as an answer.
    fn means_nothing(&self, typed: &str) -> bool {
        let is_help = typed.trim() == "?" && !self.plan.single;
        match self.current().map(|factor| factor.row().form) {
            Some(AnswerForm::DeviceCode | AnswerForm::Digits) => {
                is_help || !self.plan.single && self.plan.wording.asking.is_resend(typed)
            }
            Some(AnswerForm::Words | AnswerForm::SentCode) => is_help,
            Some(AnswerForm::Anything) | None => false,
        }
    }

    /// The digits of the code that is asked for, if a PIN is asked for next and may follow without a space.
    fn digits_before_pin(&self) -> Option<u32> {
        let next = self.factors().get(self.given.len() + 1)?;
        if *next != Factor::Pin || self.plan.single {
            return None;
        }
        match self.current()?.row().form {
            AnswerForm::DeviceCode => self.holdings.device_digits,
            AnswerForm::SentCode => Some(self.plan.code_digits),
            AnswerForm::Digits | AnswerForm::Words | AnswerForm::Anything => None,
        }
    }

    fn choose(&mut self, typed: &str) -> Next {
        let typed = typed.trim();
        let by_number = typed.parse::<usize>().ok().and_then(|n| n.checked_sub(1));
        let chosen = by_number.filter(|n| *n < self.plan.ways.len()).or_else(|| {
            self.plan
                .ways
                .iter()
                .position(|way| way.to_string() == typed)
        });
        let Some(chosen) = chosen else {
            return self.offer(vec![error(&self.plan.wording.asking, &Text::WaysUnknown)]);
        };
        self.way = chosen;
        self.go_on(Vec::new())
    }

    /// All ways of the policy are offered, whatever the user has: the list tells nothing.
    fn offer(&mut self, messages: Vec<Message>) -> Next {
        self.turn = Turn::Choice;
        self.given.clear();
        let prompt = choice(&self.plan.wording.asking, &self.plan.ways);
        Next::Ask(Step {
            messages,
            prompt: Some(prompt),
            ..Step::default()
        })
    }

    fn ask(&self, messages: Vec<Message>) -> Step {
        let factor = self.current().unwrap_or(Factor::Totp);
        Step {
            messages,
            prompt: Some(self.prompt(factor)),
            patience: self.plan.patience.filter(|_| factor == Factor::Radius),
            ..Step::default()
        }
    }

    fn prompt(&self, factor: Factor) -> Prompt {
        let tail = self.plan.single.then_some(self.holdings.code_digits);
        let texts = &self.plan.wording.asking;
        let text = match factor.row().fits_one_answer && self.asks_for_password() {
            true => texts.prompt(&Text::PromptPasswordAndCode),
            false => texts.prompt_for(factor, &self.holdings.question),
        };
        Prompt {
            text,
            echo: false,
            tail,
        }
    }

    /// Whether the answer is to hold the password, too. After a password that was typed earlier and had no code
    /// behind it, the code alone is missing.
    fn asks_for_password(&self) -> bool {
        self.plan.single && self.guess == self.plan.first_is_a_guess
    }

    fn refuse(&self, outcome: Outcome) -> Next {
        let complaint = self.complaint(&self.plan.wording.last);
        Next::End(told(complaint, outcome), outcome)
    }

    /// Ends the login, and says why.
    fn cancelled(&self, why: &Text) -> Next {
        let why = error(&self.plan.wording.last, why);
        Next::End(told(vec![why], Outcome::Cancelled), Outcome::Cancelled)
    }

    fn complaint(&self, texts: &Texts) -> Vec<Message> {
        // Programs behind `single` take a message for a failed conversation.
        if self.plan.single {
            Vec::new()
        } else {
            vec![error(texts, &Text::NotAccepted)]
        }
    }

    fn current(&self) -> Option<Factor> {
        self.factors().get(self.given.len()).copied()
    }

    fn factors(&self) -> &[Factor] {
        self.plan
            .ways
            .get(self.way)
            .map_or(&[], FactorCombination::factors)
    }

    fn has_other_way(&self) -> bool {
        !self.plan.single && self.plan.ways.len() > 1
    }

    fn expects_sent_code(&self) -> bool {
        let is_sent = |factor| Channel::of(factor).is_some();
        self.turn == Turn::Factor && self.current().is_some_and(is_sent)
    }
}

fn told(messages: Vec<Message>, outcome: Outcome) -> Step {
    Step {
        messages,
        outcome: Some(outcome),
        ..Step::default()
    }
}

fn end(outcome: Outcome) -> Next {
    Next::End(told(Vec::new(), outcome), outcome)
}

/// Whether a password typed earlier may end in a code at all.
fn ends_in_code(typed: &str) -> bool {
    typed.len() >= 6 && typed.bytes().rev().take(6).all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests;
