//! Pushes: a RADIUS server asks the user on a phone, and nothing is typed.
//!
//! The request goes out at once when the factor's turn comes. After an answer that was not accepted, a passcode can be
//! typed instead, or the word that asks once more. A login asks a phone a few times only, and answers a few questions
//! of a server in a row only: a user who is asked again and again approves in the end.

use mfa_protocol::Secret;
use mfa_protocol::login::{Message, Prompt, Step};

use super::super::messages::{error, info};
use super::super::plan::Plan;
use super::{Dialogue, EndReason, Next, RadiusQuery, Turn, is_judged_elsewhere};
use crate::factors::Factor;
use crate::texts::Text;

/// How many questions of a server a login answers before the next verdict.
const MAX_CHALLENGES: u32 = 3;

/// What a login has asked of a phone so far.
#[derive(Debug)]
pub(super) struct PushState {
    /// How many more requests this login sends.
    left: u32,
    /// Whether a passcode is typed, because a request was not approved or must not be sent.
    is_typed: bool,
    /// How many more questions of the server it answers.
    challenges_left: u32,
    /// Whether nothing was typed since the last verdict.
    is_last: bool,
}

impl PushState {
    pub(super) const fn new(plan: &Plan) -> Self {
        Self {
            left: plan.pushes,
            is_typed: false,
            challenges_left: MAX_CHALLENGES,
            is_last: false,
        }
    }

    /// Whether the verdict is about a request to a phone.
    pub(super) const fn is_last(&self) -> bool {
        self.is_last
    }

    /// The next request is sent only if the user asks for it: who has just refused does not want another one.
    pub(super) const fn after_a_verdict(&mut self) {
        self.is_typed = true;
        self.challenges_left = MAX_CHALLENGES;
    }

    /// Whether the login answers one more question of a server.
    pub(super) const fn takes_challenge(&mut self) -> bool {
        let takes = self.challenges_left > 0;
        self.challenges_left = self.challenges_left.saturating_sub(1);
        takes
    }
}

/// Whether this has the form of what an app or token shows: six digits or more, or the characters of a one-time
/// password that a key types.
fn is_passcode(typed: &str) -> bool {
    let typed = typed.trim();
    let is_all = |of: fn(&char) -> bool| typed.chars().all(|c| of(&c));
    match typed.len() {
        0..6 => false,
        6..32 => is_all(char::is_ascii_digit),
        32.. => is_all(char::is_ascii_alphanumeric),
    }
}

impl Dialogue {
    /// Whether the server of this user may ring a phone because of what was typed.
    pub(in crate::login) fn could_ring(&self, typed: &Secret) -> bool {
        self.user.is_pushed && !is_passcode(typed.expose())
    }

    /// Whether the answer goes to a server that asks this user on a phone. Such a server needs no password: a program that
    /// answers every prompt with it would tell it to the server.
    pub(super) fn may_ask_phone<C>(&self, turn: &Turn<C>) -> bool {
        let factor = match turn {
            Turn::Factor(factor) | Turn::Challenge(factor, _) | Turn::PushChallenge(factor, _) => {
                *factor
            }
            Turn::Choice | Turn::Recipient(_) | Turn::Push(_) => return false,
        };
        is_judged_elsewhere(factor) && self.user.is_pushed
    }

    /// Whether a phone is asked now, instead of the user.
    pub(super) fn pushes(&self, factor: Factor) -> bool {
        is_judged_elsewhere(factor)
            && self.user.is_pushed
            && !self.plan.single
            && !self.push.is_typed
            && self.push.left > 0
    }

    /// Says that a request goes out; it does once the message is shown.
    pub(super) fn announce_push<C>(
        &mut self,
        factor: Factor,
        mut messages: Vec<Message>,
    ) -> Next<C> {
        self.push.left = self.push.left.saturating_sub(1);
        messages.push(info(&self.plan.wording.asking, &Text::PushSent));
        let step = Step {
            messages,
            patience: self.plan.patience,
            waits: true,
            ..Step::default()
        };
        Next::Ask(step, Turn::Push(factor))
    }

    /// The user asks for another request.
    pub(super) fn push_again<C>(&mut self, factor: Factor) -> Next<C> {
        match self.push.left {
            0 => self.too_many_pushes(factor),
            _ => self.announce_push(factor, Vec::new()),
        }
    }

    /// No more requests go to the phone: a passcode is asked for instead.
    pub(super) fn too_many_pushes<C>(&mut self, factor: Factor) -> Next<C> {
        self.push.is_typed = true;
        let too_many = error(&self.plan.wording.asking, &Text::PushTooMany);
        Next::Ask(self.ask(factor, vec![too_many]), Turn::Factor(factor))
    }

    /// What follows from an answer that needs no typing; the turn and the answer if it needs some.
    pub(super) fn without_typing<C>(
        &mut self,
        turn: Turn<C>,
        typed: Secret,
    ) -> Result<Next<C>, (Turn<C>, Secret)> {
        let is_empty = typed.expose().trim().is_empty();
        match turn {
            Turn::Push(factor) => {
                self.push.is_last = true;
                Ok(self.push(factor))
            }
            Turn::PushChallenge(factor, challenge) if is_empty => Ok(Next::Query(RadiusQuery {
                factor,
                typed: Secret::default(),
                follows: Some(challenge),
                is_push: true,
            })),
            turn => {
                self.push.is_last = false;
                Err((turn, typed))
            }
        }
    }

    pub(super) fn push<C>(&self, factor: Factor) -> Next<C> {
        Next::Query(RadiusQuery {
            factor,
            typed: Secret::default(),
            follows: None,
            is_push: true,
        })
    }

    /// A server's question after a push. What it says, such as a number to be compared, is part of the prompt: many
    /// programs show no other message.
    pub(super) fn push_challenge<C>(
        &self,
        factor: Factor,
        (message, echo): (&str, bool),
        challenge: C,
    ) -> Next<C> {
        let own = self.plan.wording.asking.prompt(&Text::PromptPush);
        let text = match message.trim_end() {
            "" => own,
            message => format!("{message}\n{own}"),
        };
        let step = Step {
            prompt: Some(Prompt {
                text,
                echo,
                tail: None,
                optional: true,
            }),
            patience: self.plan.patience,
            ..Step::default()
        };
        Next::Ask(step, Turn::PushChallenge(factor, challenge))
    }

    /// A server asks back without end.
    pub(super) fn too_many_challenges<C>(&self) -> Next<C> {
        self.cancelled(&Text::ChallengeTooMany, EndReason::TooManyChallenges)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_the_form_of_a_passcode_rings_no_phone_and_words_may() {
        let typed_by_a_key = "cccjgjgkhcbbirdrfdnlnghhfgrtnnlgedjlftrbdeut";
        for passcode in ["483920", " 48392011 ", typed_by_a_key] {
            assert!(is_passcode(passcode), "{passcode}");
        }
        for word in ["", "1", "push", "phone2", "sms", "12345", "push 123456"] {
            assert!(!is_passcode(word), "{word}");
        }
    }
}
