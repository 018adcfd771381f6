//! The dialogue of setting up a device inside the login: the first one, or a new one after a recovery code.
//!
//! Pure: the device and its recovery codes come in, made and drawn already; what is to be shown and asked
//! comes out, and at the end the word that it may be stored. A user who goes away in the middle leaves
//! nothing behind, since nothing is stored before.
//!
//! ```text
//!   ┌──────┐ right code  ┌────────┐ "yes"
//!   │ code │ ──────────▶ │ stored │ ──────▶ to be stored
//!   └──────┘             └────────┘
//!     │  ▲ wrong, counted    │  ▲ anything else
//!     └──┘                   └──┘        empty, sshd's stand-in: cancelled, in either
//! ```

use jiff::Timestamp;
use mfa_protocol::Secret;
use mfa_protocol::login::{Message, Outcome, Prompt, Step, Style};

use super::Next;
use super::stand_in::is_stand_in;
use super::texts::Texts;
use crate::account::Device;
use crate::factors::device::{Match, Windows};

/// How often it is asked whether the codes are stored, before the login is given up.
const QUESTIONS: u32 = 5;

/// A device that is being set up.
pub struct Enrolment {
    device: Device,
    codes: Vec<Secret>,
    texts: Texts,
    stage: Stage,
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
    /// The user has used a recovery code, and is to have a new device instead of those that are lost.
    Lost,
}

/// What happens next.
#[derive(Debug)]
pub enum EnrolNext {
    /// Show and ask.
    Ask(Step),
    /// A code was wrong; count it, and tell ([`Enrolment::wrong`]).
    Wrong,
    /// Store the device and the codes, then let the user in.
    Store,
    /// The login has ended.
    End(Step, Outcome),
}

impl Enrolment {
    /// Begins. `picture` is the QR code, if it can be drawn.
    #[must_use]
    pub fn begin(
        occasion: Occasion,
        device: Device,
        codes: Vec<Secret>,
        picture: Option<&str>,
        texts: Texts,
    ) -> (Self, Step) {
        let explanation = match occasion {
            Occasion::First => FIRST,
            Occasion::Lost => LOST,
        };
        let mut messages = vec![info(explanation.to_owned())];
        messages.extend(picture.map(|picture| info(picture.to_owned())));
        let key = device.generator.key.to_base32();
        let mut text = String::with_capacity(2 * key.expose().len() + KEY.len());
        text.push_str(KEY);
        group(key.expose(), 4, &mut text);
        messages.push(info(text));
        let enrolment = Self {
            device,
            codes,
            texts,
            stage: Stage::Code,
        };
        let step = ask(messages, FIRST_CODE, false);
        (enrolment, step)
    }

    /// Takes an answer.
    pub fn answer(&mut self, typed: &Secret, now: Timestamp, windows: &Windows) -> EnrolNext {
        if typed.is_empty() || is_stand_in(typed.expose(), false) {
            return cancelled();
        }
        match self.stage {
            Stage::Code => self.take_code(typed, now, windows),
            Stage::Stored(left) => self.take_word(typed.expose(), left),
        }
    }

    /// A wrong code was counted; `locked` if that was one too many, or the account is locked anyway.
    #[must_use]
    pub fn wrong(&self, locked: bool) -> Next {
        if locked {
            let step = Step {
                messages: vec![self.texts.not_accepted()],
                outcome: Some(Outcome::Locked),
                ..Step::default()
            };
            return Next::End(step, Outcome::Locked);
        }
        let message = Message {
            style: Style::Error,
            text: WRONG_CODE.to_owned(),
        };
        Next::Ask(ask(vec![message], FIRST_CODE, false))
    }

    /// The device and the recovery codes that are to be stored.
    #[must_use]
    pub fn made(&self) -> (&Device, &[Secret]) {
        (&self.device, &self.codes)
    }

    fn take_code(&mut self, typed: &Secret, now: Timestamp, windows: &Windows) -> EnrolNext {
        let shown = typed.expose().chars().filter(|c| !c.is_whitespace());
        let code = zeroize::Zeroizing::new(shown.collect::<String>());
        match self.device.check(&code, now, windows) {
            Match::Fresh { step } => {
                self.device.use_up(step, now);
                self.stage = Stage::Stored(QUESTIONS);
                EnrolNext::Ask(ask(vec![self.recovery_codes()], STORED, true))
            }
            Match::Used | Match::None => EnrolNext::Wrong,
        }
    }

    fn take_word(&mut self, typed: &str, left: u32) -> EnrolNext {
        if matches!(typed.trim().to_lowercase().as_str(), "yes" | "y") {
            return EnrolNext::Store;
        }
        match left.checked_sub(1) {
            None | Some(0) => cancelled(),
            Some(left) => {
                self.stage = Stage::Stored(left);
                EnrolNext::Ask(ask(Vec::new(), STORED, true))
            }
        }
    }

    fn recovery_codes(&self) -> Message {
        // As long as it gets at once: growing would leave a copy behind.
        let mut text = String::with_capacity(RECOVERY.len() + 32 * self.codes.len());
        text.push_str(RECOVERY);
        for (number, code) in (1..).zip(&self.codes) {
            text.push_str(if number % 2 == 1 { "\n  " } else { "     " });
            group(code.expose(), 5, &mut text);
        }
        info(text)
    }
}

/// ssh puts the name of user and host before the first line: it is short.
const FIRST: &str = "\
This login needs a second factor, and you have none.\n\
Set one up now: scan this code with an authenticator app, or type its key.";

/// The same after a recovery code.
const LOST: &str = "\
That recovery code was right; it is used up now.\n\
Set up a new device, which takes the place of the lost one:\n\
scan this code with an authenticator app, or type its key.";

/// The prompts of a set-up, as they are shown one after the other.
pub const PROMPTS: [&str; 2] = [FIRST_CODE, STORED];

const KEY: &str = "Key: ";

const FIRST_CODE: &str = "Code that the app shows now: ";

const WRONG_CODE: &str = "\
That is not the code that the app should show now.\n\
Check that it took over the key and that its clock is right; type the next one.";

const RECOVERY: &str = "\
The device is set up. Keep these recovery codes:\n\
each lets you in once without the device, and they are not shown again.\n";

const STORED: &str = "Type yes when they are in a safe place: ";

fn ask(messages: Vec<Message>, text: &str, echo: bool) -> Step {
    let prompt = Prompt {
        text: text.to_owned(),
        echo,
        tail: None,
    };
    Step {
        messages,
        prompt: Some(prompt),
        ..Step::default()
    }
}

fn info(text: String) -> Message {
    Message {
        style: Style::Info,
        text,
    }
}

fn cancelled() -> EnrolNext {
    let step = Step {
        outcome: Some(Outcome::Cancelled),
        ..Step::default()
    };
    EnrolNext::End(step, Outcome::Cancelled)
}

/// In groups that can be read aloud.
fn group(text: &str, size: usize, into: &mut String) {
    for (at, c) in text.chars().enumerate() {
        if at > 0 && at % size == 0 {
            into.push(' ');
        }
        into.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::samples::{at, device};

    /// The code of step 1 of the sample's device (RFC 4226, appendix D).
    const RIGHT: &str = "287082";

    fn begin() -> (Enrolment, Step) {
        let codes = ["0123456789", "1111122222", "3333344444"].map(Secret::from);
        Enrolment::begin(
            Occasion::First,
            device("phone"),
            codes.into(),
            Some("QR\nQR"),
            Texts::default(),
        )
    }

    fn answer(enrolment: &mut Enrolment, text: &str) -> EnrolNext {
        enrolment.answer(&text.into(), at(59), &Windows::default())
    }

    fn texts(step: &Step) -> String {
        let messages = step.messages.iter().map(|message| message.text.as_str());
        messages.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_right_code_and_a_yes_are_needed_before_anything_is_stored() {
        let (mut enrolment, step) = begin();
        assert!(texts(&step).contains("QR\nQR") && texts(&step).contains("Key: GEZD GNBV"));
        let EnrolNext::Ask(step) = answer(&mut enrolment, "287 082") else {
            panic!("the code is right");
        };
        assert!(texts(&step).contains("01234 56789"), "{step:?}");
        assert!(step.prompt.unwrap().echo);
        assert!(matches!(answer(&mut enrolment, "no"), EnrolNext::Ask(_)));
        assert!(matches!(answer(&mut enrolment, "Yes"), EnrolNext::Store));
        assert_eq!(enrolment.made().0.last_step, Some(1), "the code is used up");
    }

    #[test]
    fn a_wrong_code_is_counted_and_may_be_tried_again() {
        let (mut enrolment, _) = begin();
        assert!(matches!(answer(&mut enrolment, "000000"), EnrolNext::Wrong));
        assert!(matches!(enrolment.wrong(false), Next::Ask(_)));
        assert!(matches!(answer(&mut enrolment, RIGHT), EnrolNext::Ask(_)));
        assert!(matches!(
            enrolment.wrong(true),
            Next::End(_, Outcome::Locked)
        ));
    }

    #[test]
    fn an_empty_answer_or_sshd_s_stand_in_cancels_at_any_prompt() {
        for typed in ["", "\u{8}\n\r\u{7f}INCORRECT"] {
            for before in [&[][..], &[RIGHT]] {
                let (mut enrolment, _) = begin();
                for text in before {
                    answer(&mut enrolment, text);
                }
                let next = answer(&mut enrolment, typed);
                assert!(
                    matches!(next, EnrolNext::End(_, Outcome::Cancelled)),
                    "{typed:?}"
                );
            }
        }
    }

    #[test]
    fn who_never_says_yes_is_not_asked_for_ever() {
        let (mut enrolment, _) = begin();
        answer(&mut enrolment, RIGHT);
        let last = (0..QUESTIONS)
            .map(|_| answer(&mut enrolment, "maybe"))
            .last();
        assert!(matches!(last, Some(EnrolNext::End(_, Outcome::Cancelled))));
    }

    #[test]
    fn all_that_is_shown_fits_eighty_columns_with_what_ssh_puts_before_it() {
        let (mut enrolment, first) = begin();
        let EnrolNext::Ask(second) = answer(&mut enrolment, RIGHT) else {
            panic!("the code is right");
        };
        let (lost, wrong) = (LOST.to_owned(), WRONG_CODE.to_owned());
        for text in [texts(&first), texts(&second), lost, wrong] {
            for (number, line) in text.lines().enumerate() {
                let room = if number == 0 { 55 } else { 80 };
                assert!(line.chars().count() <= room, "{line}");
            }
        }
    }
}
