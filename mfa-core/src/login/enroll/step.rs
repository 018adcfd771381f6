//! What the set-up of one factor is given, and what it hands back.

use std::sync::Arc;

use mfa_protocol::login::{Message, Prompt, Step};

use super::super::dialogue::SendRequest;
use super::super::messages::info;
use super::{ChosenFactor, Occasion, Screen};
use crate::texts::{Text, Texts};

/// In what words, and where, it is said.
pub(super) struct Saying {
    pub(super) asking: Arc<Texts>,
    pub(super) screen: Screen,
    pub(super) occasion: Occasion,
    /// Whether no factor was set up before in this login.
    pub(super) is_first: bool,
}

/// What happens next in the set-up of a factor.
pub(super) enum FactorNext {
    /// Show and ask.
    Ask(Step),
    /// The same, after something that can't be taken. It is no guess, and yet bounded.
    Refused(Step),
    /// Send a code.
    Send(SendRequest),
    /// A code was wrong.
    Wrong,
    /// The password was typed where a secret of its own is chosen: the program answers every prompt with it.
    Password,
    /// The code that was sent came back too late.
    Expired,
    /// It is set up.
    Done(ChosenFactor),
}

impl Saying {
    /// What comes before the first factor, unless its own text says so.
    pub(super) fn introduction(&self) -> Vec<Message> {
        match self.is_first {
            true => vec![info(&self.asking, &Text::EnrollNone)],
            false => Vec::new(),
        }
    }
}

pub(super) fn ask(messages: Vec<Message>, text: String, echo: bool) -> Step {
    let prompt = Prompt {
        text,
        echo,
        tail: None,
        optional: false,
    };
    Step {
        messages,
        prompt: Some(prompt),
        ..Step::default()
    }
}
