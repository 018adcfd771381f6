//! Sets up a PIN: it is typed twice.

use mfa_protocol::Secret;
use mfa_protocol::login::{Message, Step};

use super::super::event::AnswerEvent;
use super::super::messages::{error, info};
use super::ChosenFactor;
use super::step::{FactorNext, Saying, ask};
use crate::factors::pin::{Banned, Pin};
use crate::texts::Text;

pub(super) struct PinStage {
    banned: Banned,
    /// What was typed first; none while that is awaited.
    first: Option<Pin>,
}

impl PinStage {
    pub(super) fn of(banned: Banned) -> Self {
        Self {
            banned,
            first: None,
        }
    }

    pub(super) fn begin(&self, saying: &Saying) -> FactorNext {
        let mut messages = saying.introduction();
        messages.push(info(&saying.asking, &Text::EnrollPin));
        FactorNext::Ask(ask_for_pin(messages, saying))
    }

    pub(super) fn answer(&mut self, typed: &AnswerEvent, saying: &Saying) -> FactorNext {
        if typed.is_password {
            return FactorNext::Password;
        }
        match self.first.take() {
            None => self.take_first(typed.text.clone(), saying),
            Some(pin) if pin.secret().expose() == typed.text.expose() => {
                FactorNext::Done(ChosenFactor::Pin(pin))
            }
            Some(_) => refused(&Text::PinsDiffer, saying),
        }
    }

    fn take_first(&mut self, typed: Secret, saying: &Saying) -> FactorNext {
        match Pin::new(typed, &self.banned) {
            Ok(pin) => {
                self.first = Some(pin);
                let prompt = saying.asking.prompt(&Text::PromptPinAgain);
                FactorNext::Ask(ask(Vec::new(), prompt, false))
            }
            Err(why) => refused(&Text::Pin(why), saying),
        }
    }
}

fn refused(why: &Text, saying: &Saying) -> FactorNext {
    FactorNext::Refused(ask_for_pin(vec![error(&saying.asking, why)], saying))
}

fn ask_for_pin(messages: Vec<Message>, saying: &Saying) -> Step {
    ask(messages, saying.asking.prompt(&Text::PromptNewPin), false)
}
