//! The dialogue of setting up factors inside the login: the first ones, or a new device after a recovery code.
//!
//! Pure: what is set up and its recovery codes come in; what to show, ask and send comes out, and at the end all that is
//! to be stored. If a user leaves early, nothing remains, since nothing is stored before the end.
//!
//! ```text
//!   ┌────────┐ done  ┌────────┐ done  ┌────────┐ "yes"
//!   │ factor │ ────▶ │ factor │ ────▶ │ stored │ ──────▶ to be stored
//!   └────────┘       └────────┘       └────────┘
//!     │  ▲ refused, or wrong and counted │  ▲ anything else
//!     └──┘                               └──┘     empty, sshd's stand-in: cancelled, in each
//! ```

mod address;
mod device;
mod key;
mod pin;
mod questions;
mod screen;
mod step;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;

use mfa_protocol::Secret;
use mfa_protocol::login::{Message, Outcome, Step};

use super::dialogue::SendRequest;
use super::end::{End, EndReason};
use super::event::{AnswerEvent, FreshFactor, FreshFactors, SendResult};
use super::messages::{DeliveryStatus, error, info};
use super::stand_in::is_stand_in;
use crate::account::Device;
use crate::factors::address::Recipient;
use crate::factors::pin::Pin;
use crate::factors::questions::QuestionText;
use crate::factors::security_key::PublicKey;
use crate::texts::{Text, Wording};
use address::AddressStage;
use device::DeviceStage;
use key::KeyStage;
use pin::PinStage;
use questions::QuestionsStage;
pub use screen::{Screen, prompts};
use step::{FactorNext, Saying, ask};

/// How often it is asked whether the codes are stored, before the login is given up.
const QUESTIONS: u32 = 5;

/// More answers than this a set-up does not take, whatever they are.
const MAX_ANSWERS: u32 = 60;

/// More PINs, questions and addresses than this are not refused in a set-up.
const MAX_REFUSALS: u32 = 10;

/// Factors that are being set up.
pub(super) struct Enrollment {
    /// Those to come, the present one first.
    stages: VecDeque<FactorStage>,
    /// Those that are done.
    chosen: Vec<ChosenFactor>,
    codes: Vec<Secret>,
    wording: Wording,
    screen: Screen,
    occasion: Occasion,
    answers_left: u32,
    refusals_left: u32,
    /// How often more it is asked whether the recovery codes are stored.
    questions_left: u32,
}

/// The set-up of one factor.
enum FactorStage {
    Device(Box<DeviceStage>),
    Pin(PinStage),
    Questions(QuestionsStage),
    Address(AddressStage),
    Key(KeyStage),
}

/// A factor to be stored.
pub enum ChosenFactor {
    /// A device, whose first code is used up.
    Device(Device),
    /// A PIN, to be hashed.
    Pin(Pin),
    /// Three questions with their answers, to be hashed.
    Questions(Vec<(QuestionText, Secret)>),
    /// An address whose code came back.
    Address(Recipient),
    /// A security key that sshd has verified.
    Key(PublicKey),
}

/// Why something is set up.
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
    /// Send a code.
    Send(SendRequest),
    /// A code was wrong; count it.
    Wrong,
    /// Store the factors and the codes, then let the user in.
    Store,
    /// The login has ended.
    End(End),
}

/// Tells no key, and nothing that was typed.
impl fmt::Debug for Enrollment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Enrollment({} to come)", self.stages.len())
    }
}

impl Enrollment {
    /// Begins.
    pub(super) fn begin(
        occasion: Occasion,
        fresh: FreshFactors,
        screen: Screen,
        wording: Wording,
    ) -> (Self, EnrollNext) {
        let mut enrollment = Self {
            stages: fresh.factors.into_iter().map(FactorStage::of).collect(),
            chosen: Vec::new(),
            codes: fresh.codes,
            occasion,
            answers_left: MAX_ANSWERS,
            refusals_left: MAX_REFUSALS,
            questions_left: QUESTIONS,
            wording,
            screen,
        };
        let next = enrollment.begin_stage();
        (enrollment, next)
    }

    /// Takes an answer.
    pub(super) fn answer(&mut self, typed: &AnswerEvent) -> EnrollNext {
        self.answers_left = self.answers_left.saturating_sub(1);
        let text = typed.text.expose();
        if text.trim().is_empty() || is_stand_in(text, false) || self.answers_left == 0 {
            return given_up();
        }
        let saying = self.saying();
        let Some(stage) = self.stages.front_mut() else {
            return self.take_word(typed.text.expose());
        };
        let next = stage.answer(typed, &saying);
        self.follow(next)
    }

    /// Takes what came of [`EnrollNext::Send`].
    pub(super) fn sent(&mut self, result: SendResult) -> EnrollNext {
        let saying = self.saying();
        match self.stages.front_mut() {
            Some(FactorStage::Address(stage)) => EnrollNext::Ask(stage.sent(result, &saying)),
            // Nothing else sends.
            _ => given_up(),
        }
    }

    /// Takes what became of a message whose prompt is already shown.
    pub(super) fn learn_late(&mut self, news: DeliveryStatus) {
        if let Some(FactorStage::Address(stage)) = self.stages.front_mut() {
            stage.learn_late(news);
        }
    }

    /// What follows a wrong code that was counted.
    pub(super) fn ask_again(&mut self) -> EnrollNext {
        let saying = self.saying();
        match self.stages.front_mut() {
            Some(FactorStage::Device(stage)) => EnrollNext::Ask(stage.ask_again(&saying)),
            Some(FactorStage::Address(stage)) => EnrollNext::Ask(stage.ask_again(&saying)),
            // Nothing else has a code.
            Some(FactorStage::Pin(_) | FactorStage::Questions(_) | FactorStage::Key(_)) | None => {
                given_up()
            }
        }
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

    /// What is shown once they are stored, and what the audit log says of it.
    pub(super) fn done(&self) -> (Message, EndReason) {
        match self.is_one_device() {
            true => (
                info(&self.wording.last, &Text::EnrollDone),
                EndReason::DeviceStored,
            ),
            false => (
                info(&self.wording.last, &Text::EnrollAllDone),
                EndReason::FactorsStored,
            ),
        }
    }

    /// The factors and the recovery codes to store.
    pub(super) fn made(&self) -> (&[ChosenFactor], &[Secret]) {
        (&self.chosen, &self.codes)
    }

    /// Why they are set up.
    pub(super) fn occasion(&self) -> Occasion {
        self.occasion
    }

    fn saying(&self) -> Saying {
        Saying {
            asking: self.wording.asking.clone(),
            screen: self.screen,
            occasion: self.occasion,
            is_first: self.chosen.is_empty(),
        }
    }

    fn begin_stage(&mut self) -> EnrollNext {
        let saying = self.saying();
        let next = match self.stages.front_mut() {
            Some(stage) => stage.begin(&saying),
            None => return self.ask_for_word(),
        };
        self.follow(next)
    }

    fn follow(&mut self, next: FactorNext) -> EnrollNext {
        match next {
            FactorNext::Ask(step) => EnrollNext::Ask(step),
            FactorNext::Refused(step) => {
                self.refusals_left = self.refusals_left.saturating_sub(1);
                match self.refusals_left {
                    0 => given_up(),
                    _ => EnrollNext::Ask(step),
                }
            }
            FactorNext::Send(request) => EnrollNext::Send(request),
            FactorNext::Wrong => EnrollNext::Wrong,
            FactorNext::Password => EnrollNext::password(),
            FactorNext::Expired => {
                let why = error(&self.wording.last, &Text::CodeExpired);
                ended(vec![why], EndReason::CodeExpired)
            }
            FactorNext::Done(chosen) => {
                self.stages.pop_front();
                self.chosen.push(chosen);
                self.begin_stage()
            }
        }
    }

    /// Shows the recovery codes, if there are any.
    fn ask_for_word(&mut self) -> EnrollNext {
        if self.codes.is_empty() {
            return EnrollNext::Store;
        }
        let text = match self.is_one_device() {
            true => Text::EnrollRecovery,
            false => Text::EnrollCodes,
        };
        let codes = self
            .screen
            .recovery(&self.wording.asking, &text, &self.codes);
        EnrollNext::Ask(self.ask_whether_stored(vec![codes]))
    }

    fn take_word(&mut self, typed: &str) -> EnrollNext {
        if self.wording.asking.is_yes(typed) {
            return EnrollNext::Store;
        }
        self.questions_left = self.questions_left.saturating_sub(1);
        match self.questions_left {
            0 => given_up(),
            _ => EnrollNext::Ask(self.ask_whether_stored(Vec::new())),
        }
    }

    fn ask_whether_stored(&self, messages: Vec<Message>) -> Step {
        let prompt = self.screen.stored_prompt(&self.wording.asking, &self.codes);
        ask(messages, prompt, true)
    }

    fn is_one_device(&self) -> bool {
        matches!(self.chosen.as_slice(), [ChosenFactor::Device(_)])
    }
}

impl EnrollNext {
    /// The end, where the password was typed instead.
    pub(super) fn password() -> Self {
        ended(Vec::new(), EndReason::Password)
    }
}

impl FactorStage {
    fn of(factor: FreshFactor) -> Self {
        match factor {
            FreshFactor::Device(device, picture) => {
                Self::Device(Box::new(DeviceStage::of(device, picture)))
            }
            FreshFactor::Pin(banned) => Self::Pin(PinStage::of(banned)),
            FreshFactor::Questions(choice) => Self::Questions(QuestionsStage::of(choice)),
            FreshFactor::Address(choice) => Self::Address(AddressStage::of(choice)),
            FreshFactor::Key(key) => Self::Key(KeyStage::of(key)),
        }
    }

    fn begin(&mut self, saying: &Saying) -> FactorNext {
        match self {
            Self::Device(stage) => stage.begin(saying),
            Self::Pin(stage) => stage.begin(saying),
            Self::Questions(stage) => stage.begin(saying),
            Self::Address(stage) => stage.begin(saying),
            Self::Key(stage) => stage.begin(saying),
        }
    }

    fn answer(&mut self, typed: &AnswerEvent, saying: &Saying) -> FactorNext {
        match self {
            Self::Device(stage) => stage.answer(typed, saying),
            Self::Pin(stage) => stage.answer(typed, saying),
            Self::Questions(stage) => stage.answer(typed, saying),
            Self::Address(stage) => stage.answer(typed, saying),
            Self::Key(stage) => stage.answer(typed, saying),
        }
    }
}

fn given_up() -> EnrollNext {
    ended(Vec::new(), EndReason::NotFinished)
}

fn ended(messages: Vec<Message>, reason: EndReason) -> EnrollNext {
    EnrollNext::End(End {
        step: Step {
            messages,
            outcome: Some(Outcome::Cancelled),
            ..Step::default()
        },
        outcome: Outcome::Cancelled,
        reason: Some(reason),
    })
}
