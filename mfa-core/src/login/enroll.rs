//! The dialogue of setting up a device inside the login: the first one, or a new one after a recovery code.
//!
//! Pure: the device and its recovery codes come in; what to show and ask comes out, and at the end the device to store.
//! If a user leaves early, nothing remains, since nothing is stored before the end.
//!
//! ```text
//!   ┌──────┐ right code  ┌────────┐ "yes"
//!   │ code │ ──────────▶ │ stored │ ──────▶ to be stored
//!   └──────┘             └────────┘
//!     │  ▲ wrong, counted    │  ▲ anything else
//!     └──┘                   └──┘        empty, sshd's stand-in: cancelled, in either
//! ```

mod screen;
#[cfg(test)]
mod tests;

use std::fmt;

use jiff::Timestamp;
use mfa_protocol::Secret;
use mfa_protocol::login::{Message, Outcome, Prompt, Step};
use zeroize::Zeroizing;

use super::end::End;
use super::event::FreshDevice;
use super::messages::{error, info};
use super::stand_in::is_stand_in;
use crate::account::Device;
use crate::factors::device::{Match, Windows, unspaced};
use crate::texts::{Text, Wording};
pub use screen::{Screen, prompts};

/// What asks for the picture, and how often it is shown.
const SHOW_PICTURE: &str = "?";
const PICTURES: u32 = 3;

/// How often it is asked whether the codes are stored, before the login is given up.
const QUESTIONS: u32 = 5;

/// More answers than this a set-up does not take, whatever they are.
const MAX_ANSWERS: u32 = 100;

/// A device that is being set up.
pub(super) struct Enrollment {
    device: Device,
    codes: Vec<Secret>,
    wording: Wording,
    screen: Screen,
    stage: Stage,
    occasion: Occasion,
    answers_left: u32,
    /// The picture, where it is shown on request.
    picture: Option<Zeroizing<String>>,
    /// How often it was shown.
    pictures_shown: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The first code is awaited.
    Code,
    /// The word that the recovery codes are stored is awaited, so many times more.
    Stored(u32),
}

/// Why a device is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// The user has nothing.
    First,
    /// The user has used a recovery code and enrols a new device, which replaces the lost ones.
    Lost {
        /// What the account could be passed with when that code was right.
        generation: u64,
    },
}

/// What happens next.
#[derive(Debug)]
pub(super) enum EnrollNext {
    /// Show and ask.
    Ask(Step),
    /// A code was wrong; count it.
    Wrong,
    /// Store the device and the codes, then let the user in.
    Store,
    /// The user has given up, or it took too many answers.
    GivenUp,
}

/// Tells no key.
impl fmt::Debug for Enrollment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Enrollment({:?})", self.stage)
    }
}

impl Enrollment {
    /// Begins.
    pub(super) fn begin(
        occasion: Occasion,
        made: FreshDevice,
        screen: Screen,
        wording: Wording,
    ) -> (Self, Step) {
        let picture = made.picture.as_deref().map(String::as_str);
        let enrollment = Self {
            device: made.device,
            codes: made.codes,
            occasion,
            answers_left: MAX_ANSWERS,
            wording,
            screen,
            stage: Stage::Code,
            picture: picture
                .filter(|_| screen.shows_on_request())
                .map(|picture| picture.to_owned().into()),
            pictures_shown: 0,
        };
        let key = enrollment.device.generator.key.to_base32();
        let messages = screen.invitation(&enrollment.wording.asking, occasion, picture, &key);
        let step = enrollment.ask_for_code(messages);
        (enrollment, step)
    }

    /// Takes an answer.
    pub(super) fn answer(
        &mut self,
        typed: &Secret,
        now: Timestamp,
        windows: &Windows,
    ) -> EnrollNext {
        self.answers_left = self.answers_left.saturating_sub(1);
        let is_none = typed.expose().trim().is_empty() || is_stand_in(typed.expose(), false);
        if is_none || self.answers_left == 0 {
            return EnrollNext::GivenUp;
        }
        if self.stage == Stage::Code
            && typed.expose().trim() == SHOW_PICTURE
            && let Some(messages) = self.picture_on_request()
        {
            return EnrollNext::Ask(self.ask_for_code(messages));
        }
        match self.stage {
            Stage::Code => self.take_code(typed, now, windows),
            Stage::Stored(left) => self.take_word(typed.expose(), left),
        }
    }

    /// What is shown after a wrong code that was counted.
    pub(super) fn ask_again(&self) -> Step {
        self.ask_for_code(vec![error(&self.wording.asking, &Text::EnrollWrongCode)])
    }

    /// The end, if that was one too many or the account is locked anyway.
    pub(super) fn locked(&self) -> End {
        End {
            step: Step {
                messages: vec![error(&self.wording.last, &Text::NotAccepted)],
                outcome: Some(Outcome::Locked),
                ..Step::default()
            },
            outcome: Outcome::Locked,
            reason: None,
        }
    }

    /// What is shown once they are stored.
    pub(super) fn done(&self) -> Message {
        info(&self.wording.last, &Text::EnrollDone)
    }

    /// The device and the recovery codes to store.
    pub(super) fn made(&self) -> (&Device, &[Secret]) {
        (&self.device, &self.codes)
    }

    /// Why it is set up.
    pub(super) fn occasion(&self) -> Occasion {
        self.occasion
    }

    /// What is shown where the picture was asked for; it costs no attempt.
    fn picture_on_request(&mut self) -> Option<Vec<Message>> {
        let picture = self.picture.as_ref()?;
        if self.pictures_shown == PICTURES {
            return None;
        }
        self.pictures_shown += 1;
        let key = self.device.generator.key.to_base32();
        let asking = &self.wording.asking;
        Some(self.screen.on_request(asking, picture, &key))
    }

    fn take_code(&mut self, typed: &Secret, now: Timestamp, windows: &Windows) -> EnrollNext {
        let (code, texts) = (unspaced(typed.expose()), &self.wording.asking);
        // Help that there is not; no guess at a code.
        if typed.expose().trim() == "?" || texts.is_resend(typed.expose()) {
            return EnrollNext::Ask(self.ask_for_code(Vec::new()));
        }
        match self.device.check(&code, now, windows) {
            Match::Unused { step } => {
                self.device.use_up(step, now);
                self.stage = Stage::Stored(QUESTIONS);
                let codes = self.screen.recovery(&self.wording.asking, &self.codes);
                EnrollNext::Ask(self.ask_whether_stored(vec![codes]))
            }
            Match::Used | Match::None => EnrollNext::Wrong,
        }
    }

    fn take_word(&mut self, typed: &str, left: u32) -> EnrollNext {
        if self.wording.asking.is_yes(typed) {
            return EnrollNext::Store;
        }
        match left.checked_sub(1) {
            None | Some(0) => EnrollNext::GivenUp,
            Some(left) => {
                self.stage = Stage::Stored(left);
                EnrollNext::Ask(self.ask_whether_stored(Vec::new()))
            }
        }
    }

    fn ask_for_code(&self, messages: Vec<Message>) -> Step {
        let key = self.device.generator.key.to_base32();
        ask(
            messages,
            self.screen.code_prompt(&self.wording.asking, &key),
            false,
        )
    }

    fn ask_whether_stored(&self, messages: Vec<Message>) -> Step {
        ask(
            messages,
            self.screen.stored_prompt(&self.wording.asking, &self.codes),
            true,
        )
    }
}

fn ask(messages: Vec<Message>, text: String, echo: bool) -> Step {
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
