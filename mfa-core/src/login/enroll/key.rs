//! Sets up the security key that sshd has just verified: shows it, and asks whether it is to be one.

use super::super::event::AnswerEvent;
use super::super::messages::info;
use super::ChosenFactor;
use super::step::{FactorNext, Saying, ask};
use crate::factors::security_key::PublicKey;
use crate::texts::Text;

pub(super) struct KeyStage(PublicKey);

impl KeyStage {
    pub(super) const fn of(key: PublicKey) -> Self {
        Self(key)
    }

    pub(super) fn begin(&self, saying: &Saying) -> FactorNext {
        let mut messages = saying.introduction();
        let mut shown = info(&saying.asking, &Text::EnrollSecurityKey);
        let (name, fingerprint) = (self.0.type_name(), self.0.fingerprint());
        shown.text += &format!("\n  {name}\n  {fingerprint}");
        messages.push(shown);
        let prompt = saying.asking.prompt(&Text::PromptEnrollKey);
        FactorNext::Ask(ask(messages, prompt, true))
    }

    /// Anything but the word is no: nothing is stored for a user who has not agreed.
    pub(super) fn answer(&self, typed: &AnswerEvent, saying: &Saying) -> FactorNext {
        match saying.asking.is_yes(typed.text.expose()) {
            true => FactorNext::Done(ChosenFactor::Key(self.0.clone())),
            false => FactorNext::Refused(ask(
                Vec::new(),
                saying.asking.prompt(&Text::PromptEnrollKey),
                true,
            )),
        }
    }
}
