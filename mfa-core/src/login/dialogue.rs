//! The dialogue with a user: what is asked next, and what must be done before.
//!
//! It knows the combinations that the policy allows, which of them the user can satisfy, and what was typed so far. It
//! does not know whether an answer is right: it hands over all answers of a combination at once, gets the verdict, and
//! continues. A user who can satisfy none (not enrolled, or not existing) is led through a combination that another
//! user of this policy could have (rule 8 of the architecture).

mod key;
mod post;
mod prompt;
mod push;
mod remote;
mod ways;

use jiff::Timestamp;
use mfa_protocol::Secret;
use mfa_protocol::login::{Message, Outcome, Step};

use super::end::{Consequence, End, EndReason};
use super::keys::is_key;
use super::messages::{error, info};
use super::plan::{Answer, Plan, UserFactors};
use super::split::{CodeSearch, search};
use super::stand_in::is_stand_in;
use crate::account::{FallbackCode, Passed, Verdict};
use crate::factors::address::{Channel, Recipient};
use crate::factors::{AnswerForm, Factor, FactorCombination, FactorRow, Verification};
use crate::texts::Text;
pub use key::AgentReply;
pub(super) use key::AgentTurn;
use key::{KeyState, first_way};
pub(super) use post::PendingSend;
pub use post::SendRequest;
use post::SentCodeState;
use push::PushState;

/// More answers than this a login does not take, whatever they are.
const MAX_ANSWERS: u32 = 24;

/// Fewer recovery codes than this are worth a word.
const FEW: u32 = 3;

/// The dialogue of a login.
#[derive(Debug)]
pub(super) struct Dialogue {
    pub(super) plan: Plan,
    pub(super) user: UserFactors,
    combination: usize,
    pub(super) given: Vec<Answer>,
    post: SentCodeState,
    /// The address or number that was typed in this login.
    recipient: Option<Recipient>,
    tries_left: u32,
    answers_left: u32,
    early: EarlyAnswer,
    typed: TypedSoFar,
    push: PushState,
    key: KeyState,
}

/// The answer that was typed before the login began, and may be no code at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EarlyAnswer {
    /// There is none: the user is asked for each.
    None,
    /// It comes next.
    Due,
    /// It is what is verified now.
    Current,
    /// It was verified; the user is asked for the next ones.
    Past,
}

/// What was typed since the last verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum TypedSoFar {
    #[default]
    Nothing,
    /// The password, and nothing else.
    Password,
    Other,
}

/// What happens next.
#[derive(Debug)]
pub(super) enum Next<C> {
    /// Show and ask.
    Ask(Step, Turn<C>),
    /// Look for a bypass or recovery code in an answer for this factor.
    Find(Factor, CodeSearch),
    /// Send a code.
    Send(PendingSend),
    /// Ask a RADIUS server.
    Query(RadiusQuery<C>),
    /// Show, and ask the user's SSH agent.
    Relay(Step, AgentTurn),
    /// Verify these answers.
    Verify(Vec<Answer>),
    /// The login has ended.
    End(End),
}

/// An answer for a RADIUS server.
#[derive(Clone, Debug)]
pub(super) struct RadiusQuery<C> {
    pub(super) factor: Factor,
    pub(super) typed: Secret,
    /// The challenge that it answers; none if it is the first.
    pub(super) follows: Option<C>,
    /// Whether nothing was typed: the user answers on a phone.
    pub(super) is_push: bool,
}

/// What the next answer is for.
#[derive(Clone, Debug)]
pub(super) enum Turn<C> {
    /// This factor of the way.
    Factor(Factor),
    /// Which way to go.
    Choice,
    /// Where codes are sent.
    Recipient(Channel),
    /// What a RADIUS server has asked, which judges this factor.
    Challenge(Factor, C),
    /// The same after a push: an empty answer asks the server whether the user has approved.
    PushChallenge(Factor, C),
    /// Nothing is typed: a server asks the user on a phone.
    Push(Factor),
}

impl Dialogue {
    /// Begins: the first way of the policy that the user can go with what they have, else with a recovery code, else that
    /// of the decoy.
    pub(super) fn new(plan: Plan, user: UserFactors) -> Self {
        let combination = user.way(&plan.combinations, |_| true).unwrap_or_default();
        Self {
            combination: first_way(&plan, &user, combination),
            given: Vec::new(),
            post: SentCodeState::default(),
            recipient: None,
            tries_left: plan.tries.max(1),
            answers_left: MAX_ANSWERS,
            early: match plan.first_is_a_guess {
                true => EarlyAnswer::Due,
                false => EarlyAnswer::None,
            },
            typed: TypedSoFar::default(),
            push: PushState::new(&plan),
            key: KeyState::new(),
            plan,
            user,
        }
    }

    /// The way that is being gone, for the log.
    pub(super) fn combination(&self) -> Option<&FactorCombination> {
        self.plan.combinations.get(self.combination)
    }

    /// Takes an answer to what is asked in this `turn`.
    pub(super) fn answer<C>(
        &mut self,
        turn: Turn<C>,
        typed: Secret,
        is_password: bool,
        now: Timestamp,
    ) -> Next<C> {
        // What is said on a phone, and nothing at all, is no password.
        let is_typed = !matches!(turn, Turn::Push(_)) && !typed.expose().trim().is_empty();
        let is_password = is_password && is_typed;
        self.typed = match self.typed {
            TypedSoFar::Nothing | TypedSoFar::Password if is_password => TypedSoFar::Password,
            TypedSoFar::Nothing | TypedSoFar::Password | TypedSoFar::Other => TypedSoFar::Other,
        };
        let next = match is_password && self.may_ask_phone(&turn) {
            true => cancelled_for(EndReason::Password),
            false => self.answered(turn, typed, now),
        };
        self.with_late_news(next)
    }

    fn answered<C>(&mut self, turn: Turn<C>, typed: Secret, now: Timestamp) -> Next<C> {
        let (turn, typed) = match self.without_typing(turn, typed) {
            Ok(next) => return next,
            Err(typed) => typed,
        };
        if typed.expose().trim().is_empty() || is_stand_in(typed.expose(), self.plan.single) {
            return no_answer();
        }
        self.key.typed();
        self.answers_left = self.answers_left.saturating_sub(1);
        if self.answers_left == 0 {
            return cancelled_for(EndReason::TooManyAnswers);
        }
        if self.post.is_expired(now) && expects_sent_code(&turn) {
            return self.cancelled(&Text::CodeExpired, EndReason::CodeExpired);
        }
        let is_choice = matches!(turn, Turn::Choice);
        if !is_choice && typed.expose().trim() == "?" && self.has_other_way() {
            return self.offer(Vec::new());
        }
        if !is_choice {
            self.early = match self.early {
                EarlyAnswer::None => EarlyAnswer::None,
                EarlyAnswer::Due => EarlyAnswer::Current,
                EarlyAnswer::Current | EarlyAnswer::Past => EarlyAnswer::Past,
            };
        }
        if !is_choice && self.early == EarlyAnswer::Current && !ends_in_code(typed.expose()) {
            return self.go_on(Vec::new());
        }
        match turn {
            Turn::Factor(factor) if self.means_nothing(factor, typed.expose()) => {
                self.go_on(Vec::new())
            }
            Turn::Factor(factor) => self.take(factor, typed),
            Turn::Challenge(factor, challenge) | Turn::PushChallenge(factor, challenge) => {
                Next::Query(RadiusQuery {
                    factor,
                    typed,
                    follows: Some(challenge),
                    is_push: false,
                })
            }
            Turn::Push(factor) => self.push(factor),
            Turn::Recipient(channel) => self.take_recipient(channel, typed.expose()),
            Turn::Choice => self.choose(typed.expose()),
        }
    }

    /// What follows from this verdict.
    pub(super) fn consequence(&self, verdict: &Verdict) -> Consequence {
        let outcome = match verdict {
            Verdict::Passed(passed) if self.is_followed_by_renewal(passed) => {
                return Consequence::Renews {
                    generation: passed.generation,
                };
            }
            Verdict::Passed(_) => Outcome::Passed,
            Verdict::Locked(_) | Verdict::BudgetExhausted => Outcome::Locked,
            // The user was not asked yet.
            Verdict::Password if self.early == EarlyAnswer::Current => return Consequence::GoesOn,
            Verdict::Password => Outcome::Cancelled,
            Verdict::Wrong { lock: Some(_), .. } => Outcome::Wrong,
            _ if self.is_stuck_with_key(verdict) => Outcome::Wrong,
            // What was wrong is the key and no guess of the user's: it uses up no try of the next way.
            _ if self.key.is_over_by(verdict) => return Consequence::GoesOn,
            Verdict::Wrong { lock: None, .. }
            | Verdict::Insufficient { .. }
            | Verdict::Replayed
            | Verdict::Stale => {
                match (self.tries_left, self.plan.tries) {
                    (2.., _) => return Consequence::GoesOn,
                    // Asked several times, the tries are used up; asked once, the answer was wrong.
                    (_, 2..) => Outcome::Locked,
                    _ => Outcome::Wrong,
                }
            }
        };
        Consequence::Ends(outcome)
    }

    fn is_followed_by_renewal(&self, passed: &Passed) -> bool {
        self.plan.renews && passed.instead == Some(FallbackCode::Recovery)
    }

    /// These answers are verified next.
    pub(super) fn hand_over(&mut self, answers: &[Answer]) {
        self.key.hand_over(answers);
    }

    /// Whether all that was typed since the last verdict is the password.
    pub(super) fn is_password(&self) -> bool {
        self.typed == TypedSoFar::Password
    }

    /// The same, for a verdict that is about to come.
    pub(super) fn take_is_password(&mut self) -> bool {
        std::mem::take(&mut self.typed) == TypedSoFar::Password
    }

    /// Whether a key whose count went back was a failure of this login.
    pub(super) fn is_key_counted(&self) -> bool {
        self.key.is_counted()
    }

    /// Goes on after a verdict that ends nothing.
    pub(super) fn try_again<C>(&mut self, verdict: &Verdict) -> Next<C> {
        self.given.clear();
        self.push.after_a_verdict();
        let complaint = match verdict {
            Verdict::Password => Vec::new(),
            _ => {
                self.tries_left -= u32::from(!self.key.is_over_by(verdict));
                self.complaint(Some(verdict), &self.plan.wording.asking)
            }
        };
        let next = self.after_key(verdict, complaint);
        self.with_late_news(next)
    }

    /// Ends by a verdict.
    pub(super) fn end_by(&mut self, verdict: &Verdict, outcome: Outcome) -> End {
        match verdict {
            Verdict::Passed(passed) => self.passed(passed),
            _ => self.end_by_complaint(Some(verdict), outcome),
        }
    }

    /// Ends a login that does not pass.
    pub(super) fn end_refused(&mut self, outcome: Outcome) -> End {
        self.end_by_complaint(None, outcome)
    }

    fn end_by_complaint(&mut self, verdict: Option<&Verdict>, outcome: Outcome) -> End {
        let complaint = self.complaint(verdict, &self.plan.wording.last);
        let mut end = End {
            step: told(complaint, outcome),
            outcome,
            reason: None,
        };
        self.add_late_news_to_end(&mut end);
        end
    }

    fn passed(&self, passed: &Passed) -> End {
        let code_length = passed.code_length.filter(|_| self.plan.single);
        let few = passed.recovery_left.filter(|left| *left < FEW);
        let messages = few.filter(|_| !self.plan.single);
        let messages =
            messages.map(|left| info(&self.plan.wording.asking, &Text::FewRecoveryCodes(left)));
        let step = Step {
            code_length,
            ..told(messages.into_iter().collect(), Outcome::Passed)
        };
        End {
            step,
            outcome: Outcome::Passed,
            reason: None,
        }
    }

    /// Asks for the next factor of the combination, hands over the answers if there is none, or requests an effect
    /// first.
    pub(super) fn go_on<C>(&mut self, messages: Vec<Message>) -> Next<C> {
        let Some(factor) = self.factors().get(self.given.len()).copied() else {
            return Next::Verify(std::mem::take(&mut self.given));
        };
        if let Some(channel) = Channel::of(factor)
            && !self.post.has_gone_out(channel)
        {
            return self.send(channel, messages);
        }
        if is_key(factor) {
            return self.meet_key(factor, messages);
        }
        if self.pushes(factor) {
            return self.announce_push(factor, messages);
        }
        Next::Ask(self.ask(factor, messages), Turn::Factor(factor))
    }

    /// Takes the first answer for a factor.
    fn take<C>(&mut self, factor: Factor, typed: Secret) -> Next<C> {
        if let Some(channel) = Channel::of(factor)
            && self.plan.wording.asking.is_resend(typed.expose())
        {
            return self.order(channel, Vec::new());
        }
        if is_judged_elsewhere(factor) {
            if self.user.is_pushed && self.plan.wording.asking.is_resend(typed.expose()) {
                return self.push_again(factor);
            }
            return Next::Query(RadiusQuery {
                factor,
                typed,
                follows: None,
                is_push: false,
            });
        }
        // A PIN may follow its code without a space. Bypass and recovery codes have other lengths than a device's, so the
        // user's own are looked for first.
        let search = search(&typed, self.digits_before_pin(factor));
        match self.may_pin_follow(factor) && !search.is_empty() {
            true => Next::Find(factor, search),
            false => self.take_code(factor, typed, None),
        }
    }

    /// Takes a code, and the PIN that was typed behind it.
    pub(super) fn take_code<C>(
        &mut self,
        factor: Factor,
        typed: Secret,
        pin: Option<Secret>,
    ) -> Next<C> {
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

    /// Whether the user typed a request for help that does not exist, which can't be meant as an answer.
    fn means_nothing(&self, factor: Factor, typed: &str) -> bool {
        let is_help = typed.trim() == "?" && !self.plan.single;
        match factor.row().form {
            AnswerForm::DeviceCode | AnswerForm::Digits => {
                is_help || !self.plan.single && self.plan.wording.asking.is_resend(typed)
            }
            AnswerForm::Words | AnswerForm::SentCode => is_help,
            AnswerForm::Anything | AnswerForm::Nothing => false,
        }
    }

    /// Whether a code is asked for, and next a PIN that may follow it in the same answer.
    pub(super) fn may_pin_follow(&self, factor: Factor) -> bool {
        let next = self.factors().get(self.given.len() + 1);
        next == Some(&Factor::Pin) && factor.is_code() && !self.plan.single
    }

    /// The digits of the code that is asked for. They are unknown if a user's devices differ in them.
    fn digits_before_pin(&self, factor: Factor) -> Option<u32> {
        match factor.row().form {
            AnswerForm::DeviceCode => self.user.device_digits,
            AnswerForm::SentCode => Some(self.plan.code_digits),
            AnswerForm::Digits | AnswerForm::Words | AnswerForm::Anything | AnswerForm::Nothing => {
                None
            }
        }
    }

    /// Ends the login, and says why.
    pub(super) fn cancelled<C>(&self, why: &Text, reason: EndReason) -> Next<C> {
        let why = error(&self.plan.wording.last, why);
        Next::End(End {
            step: told(vec![why], Outcome::Cancelled),
            outcome: Outcome::Cancelled,
            reason: Some(reason),
        })
    }

    pub(super) fn factors(&self) -> &[Factor] {
        self.plan
            .combinations
            .get(self.combination)
            .map_or(&[], FactorCombination::factors)
    }
}

/// Whether a RADIUS server judges it.
fn is_judged_elsewhere(factor: Factor) -> bool {
    matches!(factor.row().verification, Verification::Radius)
}

fn expects_sent_code<C>(turn: &Turn<C>) -> bool {
    matches!(turn, Turn::Factor(factor) if Channel::of(*factor).is_some())
}

fn told(messages: Vec<Message>, outcome: Outcome) -> Step {
    Step {
        messages,
        outcome: Some(outcome),
        ..Step::default()
    }
}

fn no_answer<C>() -> Next<C> {
    cancelled_for(EndReason::NoAnswer)
}

fn cancelled_for<C>(reason: EndReason) -> Next<C> {
    Next::End(End {
        step: told(Vec::new(), Outcome::Cancelled),
        outcome: Outcome::Cancelled,
        reason: Some(reason),
    })
}

/// Whether a password typed earlier may end in a code at all.
fn ends_in_code(typed: &str) -> bool {
    typed.len() >= 6 && typed.bytes().rev().take(6).all(|b| b.is_ascii_digit())
}
