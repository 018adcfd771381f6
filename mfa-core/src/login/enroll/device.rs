//! Sets up a device: shows its key, and asks for its first code.

use mfa_protocol::login::{Message, Step};
use zeroize::Zeroizing;

use super::super::event::AnswerEvent;
use super::super::messages::error;
use super::step::{FactorNext, Saying, ask};
use super::{ChosenFactor, Occasion};
use crate::account::Device;
use crate::factors::device::{Match, unspaced};
use crate::texts::Text;

/// What asks for the picture, and how often it is shown.
const SHOW_PICTURE: &str = "?";
pub(super) const PICTURES: u32 = 3;

pub(super) struct DeviceStage {
    device: Device,
    /// The QR code; where it is shown on request, until it was shown often enough.
    picture: Option<Zeroizing<String>>,
    /// How often it was shown on request.
    pictures_shown: u32,
}

impl DeviceStage {
    pub(super) fn of(device: Device, picture: Option<Zeroizing<String>>) -> Self {
        Self {
            device,
            picture,
            pictures_shown: 0,
        }
    }

    pub(super) fn begin(&self, saying: &Saying) -> FactorNext {
        let picture = self.picture.as_deref().map(String::as_str);
        let key = self.device.generator.key.to_base32();
        let how = saying.screen.how();
        let introduction = match (saying.occasion, saying.is_first) {
            (Occasion::Lost { .. }, _) => Text::EnrollLost(how),
            (Occasion::First, true) => Text::EnrollFirst(how),
            (Occasion::First, false) => Text::EnrollDevice(how),
        };
        let screen = saying.screen;
        let messages = screen.invitation(&saying.asking, &introduction, picture, &key);
        FactorNext::Ask(self.ask_for_code(messages, saying))
    }

    pub(super) fn answer(&mut self, typed: &AnswerEvent, saying: &Saying) -> FactorNext {
        let text = typed.text.expose();
        if text.trim() == SHOW_PICTURE
            && let Some(messages) = self.picture_on_request(saying)
        {
            return FactorNext::Ask(self.ask_for_code(messages, saying));
        }
        // Help that there is not; no guess at a code.
        if text.trim() == SHOW_PICTURE || saying.asking.is_resend(text) {
            return FactorNext::Ask(self.ask_for_code(Vec::new(), saying));
        }
        match self
            .device
            .check(&unspaced(text), typed.now, &typed.windows)
        {
            Match::Unused { step } => {
                self.device.use_up(step, typed.now);
                FactorNext::Done(ChosenFactor::Device(self.device.clone()))
            }
            Match::Used | Match::None => FactorNext::Wrong,
        }
    }

    pub(super) fn ask_again(&self, saying: &Saying) -> Step {
        let wrong = error(&saying.asking, &Text::EnrollWrongCode);
        self.ask_for_code(vec![wrong], saying)
    }

    /// What is shown where the picture was asked for; it costs no attempt.
    fn picture_on_request(&mut self, saying: &Saying) -> Option<Vec<Message>> {
        let picture = self.picture.as_ref()?;
        if !saying.screen.shows_on_request() || self.pictures_shown == PICTURES {
            return None;
        }
        self.pictures_shown += 1;
        let key = self.device.generator.key.to_base32();
        Some(saying.screen.on_request(&saying.asking, picture, &key))
    }

    fn ask_for_code(&self, messages: Vec<Message>, saying: &Saying) -> Step {
        let key = self.device.generator.key.to_base32();
        let prompt = saying.screen.code_prompt(&saying.asking, &key);
        ask(messages, prompt, false)
    }
}
