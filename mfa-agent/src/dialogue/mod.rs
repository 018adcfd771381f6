//! The dialogue of one login: what is asked next, and when there is something to judge.
//!
//! Pure. It knows the ways that the policy leaves, which of them the user can go, and what was typed
//! so far. It does not know whether an answer is right: it hands all answers of a way over at once
//! ([`Next::Judge`]), is told the verdict, and goes on. Somebody who cannot go any way (not enrolled,
//! not even existing) is led through the first one like everybody else (rule 8 of the architecture).
//!
//! ```text
//!   ┌────────┐ answer, more factors  ┌────────┐ last answer  ┌────────┐ wrong, tries left
//!   │ asking │ ────────────────────▶ │ asking │ ───────────▶ │ judged │ ─────────────────▶ asking
//!   └────────┘                       └────────┘              └────────┘
//!     │    ▲ a number                                          │ passed, locked, out of tries
//!     │ ?  │                       empty, sshd's stand-in      ▼
//!     ▼    │                       ──────────────────────▶  ended
//!   ┌────────┐
//!   │ choice │
//!   └────────┘
//! ```

mod enrol;
mod stand_in;
mod texts;

use jiff::Timestamp;
use mfa_protocol::Secret;
use mfa_protocol::login::{Message, Outcome, Prompt, Step};

use crate::account::{Account, Verdict};
use crate::factors::{Factor, Way};
pub use enrol::{EnrolNext, Enrolment, Occasion, PROMPTS as ENROLMENT_PROMPTS, Screen};
use stand_in::is_stand_in;
use texts::few_codes;
pub use texts::{Texts, grace};

/// More answers than this a login does not take, whatever they are.
const MAX_ANSWERS: u32 = 24;

/// Fewer recovery codes than this are worth a word.
const FEW: u32 = 3;

/// What a login is to be led through.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The ways that the policy leaves, in its order. Not empty.
    pub ways: Vec<Way>,
    /// One hidden prompt for password and code; nothing else is shown.
    pub single: bool,
    /// How many times wrong answers may be tried again in this login, the first included.
    pub tries: u32,
    /// Whether the first answer was typed at an earlier prompt and may be no code at all
    /// (`try_first_pass`).
    pub first_is_a_guess: bool,
    /// The texts of the prompts.
    pub texts: Texts,
}

/// What the user can be asked for.
#[derive(Clone, Debug)]
pub struct Holdings {
    /// Which ways of the plan the user can go, by position.
    able: Vec<bool>,
    /// The longest code that the user may type, in digits.
    code_digits: u32,
    /// The question that would be asked.
    question: String,
}

impl Holdings {
    /// What `account` can be asked for at `now`; `stand_in` is asked of users without questions.
    #[must_use]
    pub fn of(account: &Account, plan: &Plan, stand_in: &str, now: Timestamp) -> Self {
        let able = |way: &Way| account.can(way, now);
        Self {
            able: plan.ways.iter().map(able).collect(),
            code_digits: account.code_digits(now),
            question: account
                .questions()
                .map_or(stand_in, |set| &set.current().text)
                .to_owned(),
        }
    }
}

/// What happens next.
#[derive(Debug)]
pub enum Next {
    /// Show and ask.
    Ask(Step),
    /// Judge these answers, and tell the dialogue.
    Judge(Vec<Given>),
    /// The login has ended.
    End(Step, Outcome),
}

/// An answer to be judged.
#[derive(Clone, Debug)]
pub struct Given {
    /// What was asked for.
    pub factor: Factor,
    /// What was typed.
    pub typed: Secret,
    /// Whether a password may stand before it.
    pub tail: bool,
}

/// A login's dialogue.
pub struct Dialogue {
    plan: Plan,
    holdings: Holdings,
    way: usize,
    given: Vec<Given>,
    choosing: bool,
    tries_left: u32,
    answers_left: u32,
    guess: bool,
}

impl Dialogue {
    /// Begins: the first way of the policy that the user can go, else the first.
    #[must_use]
    pub fn begin(plan: Plan, holdings: Holdings) -> (Self, Step) {
        let way = holdings.able.iter().position(|able| *able).unwrap_or(0);
        let dialogue = Self {
            way,
            given: Vec::new(),
            choosing: false,
            tries_left: plan.tries.max(1),
            answers_left: MAX_ANSWERS,
            guess: plan.first_is_a_guess,
            plan,
            holdings,
        };
        let step = dialogue.ask(Vec::new());
        (dialogue, step)
    }

    /// The way that is being gone, for the log.
    #[must_use]
    pub fn way(&self) -> Option<&Way> {
        self.plan.ways.get(self.way)
    }

    /// The prompts of the way, as they would be shown one after the other.
    #[must_use]
    pub fn prompts(&self) -> Vec<String> {
        self.factors()
            .iter()
            .map(|factor| self.prompt(*factor).text.clone())
            .collect()
    }

    /// Takes an answer.
    pub fn answer(&mut self, typed: Secret) -> Next {
        if typed.is_empty() || is_stand_in(typed.expose(), self.plan.single) {
            return end(Outcome::Cancelled);
        }
        self.answers_left = self.answers_left.saturating_sub(1);
        if self.answers_left == 0 {
            return end(Outcome::Cancelled);
        }
        if self.choosing {
            return self.choose(typed.expose());
        }
        if !self.plan.single && typed.expose().trim() == "?" && self.plan.ways.len() > 1 {
            self.choosing = true;
            self.given.clear();
            return Next::Ask(self.offer(Vec::new()));
        }
        if std::mem::take(&mut self.guess) && !ends_in_code(typed.expose()) {
            return Next::Ask(self.ask(Vec::new()));
        }
        self.take(typed)
    }

    /// Takes the verdict on what [`Next::Judge`] handed over.
    pub fn judged(&mut self, verdict: &Verdict) -> Next {
        match verdict {
            Verdict::Passed(passed) => {
                let code_length = passed.code_length.filter(|_| self.plan.single);
                let few = passed.recovery_left.filter(|left| *left < FEW);
                let messages = few.filter(|_| !self.plan.single).map(few_codes);
                Next::End(
                    Step {
                        messages: messages.into_iter().collect(),
                        code_length,
                        outcome: Some(Outcome::Passed),
                        ..Step::default()
                    },
                    Outcome::Passed,
                )
            }
            Verdict::Locked(_) | Verdict::Spent => self.refuse(Outcome::Locked),
            Verdict::Wrong { lock: None, .. } | Verdict::Replayed | Verdict::Stale => {
                self.tries_left -= 1;
                if self.tries_left > 0 {
                    self.given.clear();
                    return Next::Ask(self.ask(self.complaint()));
                }
                // Asked once, the answer was wrong; asked several times, the tries are used up.
                let out_of_tries = self.plan.tries > 1;
                self.refuse(if out_of_tries {
                    Outcome::Locked
                } else {
                    Outcome::Wrong
                })
            }
            Verdict::Wrong { lock: Some(_), .. } => self.refuse(Outcome::Wrong),
        }
    }

    fn take(&mut self, typed: Secret) -> Next {
        let factors = self.factors();
        let Some(factor) = factors.get(self.given.len()).copied() else {
            return end(Outcome::Cancelled);
        };
        let all = factors.len();
        self.given.push(Given {
            factor,
            typed,
            tail: self.plan.single,
        });
        if self.given.len() < all {
            return Next::Ask(self.ask(Vec::new()));
        }
        Next::Judge(std::mem::take(&mut self.given))
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
            return Next::Ask(self.offer(vec![self.plan.texts.no_such_way()]));
        };
        self.way = chosen;
        self.choosing = false;
        Next::Ask(self.ask(Vec::new()))
    }

    /// All ways of the policy are offered, whatever the user has: the list tells nothing.
    fn offer(&self, messages: Vec<Message>) -> Step {
        let prompt = self.plan.texts.choice(&self.plan.ways);
        Step {
            messages,
            prompt: Some(prompt),
            ..Step::default()
        }
    }

    fn ask(&self, messages: Vec<Message>) -> Step {
        let factor = self
            .factors()
            .get(self.given.len())
            .copied()
            .unwrap_or(Factor::Totp);
        Step {
            messages,
            prompt: Some(self.prompt(factor)),
            ..Step::default()
        }
    }

    fn prompt(&self, factor: Factor) -> Prompt {
        let tail = self.plan.single.then_some(self.holdings.code_digits);
        let text = match factor {
            Factor::Totp => self.plan.texts.totp.clone(),
            Factor::Pin => self.plan.texts.pin.clone(),
            Factor::Questions => format!("{} ", self.holdings.question),
        };
        Prompt {
            text,
            echo: false,
            tail,
        }
    }

    fn refuse(&self, outcome: Outcome) -> Next {
        let step = Step {
            messages: self.complaint(),
            outcome: Some(outcome),
            ..Step::default()
        };
        Next::End(step, outcome)
    }

    fn complaint(&self) -> Vec<Message> {
        // Programs behind `single` take a message for a failed conversation.
        if self.plan.single {
            Vec::new()
        } else {
            vec![self.plan.texts.not_accepted()]
        }
    }

    fn factors(&self) -> &[Factor] {
        self.plan.ways.get(self.way).map_or(&[], Way::factors)
    }
}

fn end(outcome: Outcome) -> Next {
    Next::End(
        Step {
            outcome: Some(outcome),
            ..Step::default()
        },
        outcome,
    )
}

/// Whether a password typed earlier may end in a code at all.
fn ends_in_code(typed: &str) -> bool {
    typed.len() >= 6 && typed.bytes().rev().take(6).all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests;
