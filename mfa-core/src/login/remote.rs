//! What a RADIUS server judges: the answer goes there, and what it asks back goes to the user.

use mfa_protocol::Secret;
use mfa_protocol::login::{Prompt, Step};

use super::messages::error;
use super::{Answer, Dialogue, Next, Turn};
use crate::factors::Factor;
use crate::texts::Text;

/// An answer for a RADIUS server.
#[derive(Clone, Debug)]
pub struct RadiusQuery {
    /// What was typed.
    pub typed: Secret,
    /// Whether it is the first, or answers a challenge.
    pub is_first: bool,
}

/// What a RADIUS server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Right.
    Accepted,
    /// Wrong.
    Rejected,
    /// It asks for more (RFC 2865 §4.4). Never a pass.
    Challenged {
        /// The question.
        message: String,
        /// Whether the answer may be seen while it is typed (RFC 2869 §5.10).
        echo: bool,
    },
    /// Nothing: nobody judged the answer.
    Silent,
}

impl Dialogue {
    /// Takes what came of [`Next::Inquire`].
    pub fn inquired(&mut self, typed: Secret, reply: Reply) -> Next {
        match reply {
            Reply::Accepted => {
                self.give(typed, true);
                self.go_on(Vec::new())
            }
            // What else the way asks for would not help.
            Reply::Rejected => {
                self.give(typed, false);
                Next::Judge(std::mem::take(&mut self.given))
            }
            Reply::Challenged { message, echo } => self.challenge(message, echo),
            Reply::Silent if self.has_other_way() => {
                let silent = error(&self.plan.wording.asking, &Text::ServerSilent(true));
                self.offer(vec![silent])
            }
            // Not unavailable, which stacks may pass over: whoever lets a phone ring decides this.
            Reply::Silent => self.cancelled(&Text::ServerSilent(false)),
        }
    }

    /// What was typed for a server is a bypass or recovery code; it is judged here.
    pub fn gave_other_code(&mut self, typed: Secret) -> Next {
        self.given.push(Answer::of(Factor::Radius, typed));
        self.go_on(Vec::new())
    }

    pub(super) fn inquire(&mut self, typed: Secret, is_first: bool) -> Next {
        self.turn = Turn::Outside;
        Next::Inquire(RadiusQuery { typed, is_first })
    }

    fn give(&mut self, typed: Secret, accepted: bool) {
        self.given.push(Answer {
            accepted: Some(accepted),
            ..Answer::of(Factor::Radius, typed)
        });
    }

    fn challenge(&mut self, message: String, echo: bool) -> Next {
        self.turn = Turn::Challenge;
        let message = message.trim_end();
        let text = match message.is_empty() {
            true => self.plan.wording.asking.prompt_for(Factor::Radius, ""),
            false => format!("{message} "),
        };
        let prompt = Prompt {
            text,
            echo,
            tail: None,
        };
        Next::Ask(Step {
            prompt: Some(prompt),
            patience: self.plan.patience,
            ..Step::default()
        })
    }
}
