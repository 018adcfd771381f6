//! Answers that a RADIUS server verifies: the answer goes to the server, and its challenge goes to the user.

use mfa_protocol::Secret;
use mfa_protocol::login::{Prompt, Step};

use super::super::end::EndReason;
use super::super::event::RadiusReply;
use super::super::messages::error;
use super::super::plan::{Answer, RadiusDecision};
use super::{Dialogue, Next, RadiusQuery, Turn};
use crate::factors::Factor;
use crate::texts::Text;

impl Dialogue {
    /// Takes what came of [`Next::Query`].
    pub(in crate::login) fn replied<C>(
        &mut self,
        query: RadiusQuery<C>,
        reply: RadiusReply<C>,
    ) -> Next<C> {
        let RadiusQuery {
            factor,
            typed,
            is_push,
            follows,
        } = query;
        let is_first = is_push || follows.is_none() && self.user.is_pushed;
        match reply {
            RadiusReply::Accepted(remote) => {
                let decision = RadiusDecision {
                    accepted: true,
                    remote: Some(remote),
                    reserved: None,
                };
                self.give(factor, typed, decision);
                self.go_on(Vec::new())
            }
            // The other answers of this combination would not help.
            RadiusReply::Rejected { remote, reserved } => {
                let decision = RadiusDecision {
                    accepted: false,
                    remote,
                    reserved,
                };
                self.give(factor, typed, decision);
                Next::Verify(std::mem::take(&mut self.given))
            }
            RadiusReply::Challenged {
                message,
                echo,
                challenge,
            } => match (self.push.takes_challenge(), is_push) {
                (false, _) => self.too_many_challenges(),
                (true, true) => self.push_challenge(factor, (&message, echo), challenge),
                (true, false) => {
                    let turn = Turn::Challenge(factor, challenge);
                    Next::Ask(self.challenge(factor, &message, echo), turn)
                }
            },
            RadiusReply::TooMany if is_first => self.too_many_pushes(factor),
            RadiusReply::TooMany => self.too_many_challenges(),
            RadiusReply::Silent if self.has_other_way() => {
                let silent = error(&self.plan.wording.asking, &Text::ServerSilent(true));
                self.offer(vec![silent])
            }
            // Not "unavailable", which stacks may ignore: a user who does not answer the phone could cause it.
            RadiusReply::Silent => {
                self.cancelled(&Text::ServerSilent(false), EndReason::ServerSilent)
            }
        }
    }

    /// A bypass or recovery code was typed for a server; it is verified here.
    pub(in crate::login) fn take_other_code<C>(&mut self, query: RadiusQuery<C>) -> Next<C> {
        self.given.push(Answer::of(query.factor, query.typed));
        self.go_on(Vec::new())
    }

    fn give(&mut self, factor: Factor, typed: Secret, decision: RadiusDecision) {
        self.given.push(Answer {
            decision: Some(decision),
            ..Answer::of(factor, typed)
        });
    }

    fn challenge(&self, factor: Factor, message: &str, echo: bool) -> Step {
        let message = message.trim_end();
        let text = match message.is_empty() {
            true => self.plan.wording.asking.prompt_for(factor, ""),
            false => format!("{message} "),
        };
        let prompt = Prompt {
            text,
            echo,
            tail: None,
            optional: false,
        };
        Step {
            prompt: Some(prompt),
            patience: self.plan.patience,
            ..Step::default()
        }
    }
}
