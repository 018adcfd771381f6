//! What is shown while a device is set up.
//!
//! On a terminal all that is to be kept stands in messages before the prompt: the QR code, the key, the
//! recovery codes. Cockpit hands messages on to the login page as well, but its session program writes
//! each into the journal too, drops what is not ASCII, and has a fresh page for every prompt. There keys
//! and codes stand in the prompts, which go to the user alone, and again in each that follows.

use mfa_protocol::Secret;
use mfa_protocol::login::{Message, Style};

use super::Occasion;

/// Where the user reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screen {
    /// A terminal, or what draws text as one does.
    #[default]
    Terminal,
    /// A page whose program logs messages.
    Page,
}

impl Screen {
    /// The one of a PAM service.
    #[must_use]
    pub fn of(service: &str) -> Self {
        match PAGES.contains(&service) {
            true => Self::Page,
            false => Self::Terminal,
        }
    }

    /// What comes before the first prompt.
    pub(super) fn invitation(
        self,
        occasion: Occasion,
        picture: Option<&str>,
        key: &Secret,
    ) -> Vec<Message> {
        let why = match occasion {
            Occasion::First => FIRST,
            Occasion::Lost => LOST,
        };
        let how = match self {
            Self::Terminal => SCAN,
            Self::Page => TYPE,
        };
        let mut messages = vec![info(format!("{why}{how}"))];
        if self == Self::Terminal {
            messages.extend(picture.map(|picture| info(picture.to_owned())));
            messages.push(info(with_key(key, "")));
        }
        messages
    }

    /// The prompt for the first code.
    pub(super) fn code_prompt(self, key: &Secret) -> String {
        match self {
            Self::Terminal => FIRST_CODE.to_owned(),
            Self::Page => with_key(key, FIRST_CODE),
        }
    }

    /// What comes before the question whether the recovery codes are stored.
    pub(super) fn recovery(self, codes: &[Secret]) -> Message {
        // As long as it gets at once: growing would leave a copy behind.
        let mut text = String::with_capacity(RECOVERY.len() + 32 * codes.len());
        text.push_str(RECOVERY);
        if self == Self::Terminal {
            for (number, code) in (1..).zip(codes) {
                text.push_str(if number % 2 == 1 { "\n  " } else { "     " });
                group(code.expose(), 5, &mut text);
            }
        }
        info(text)
    }

    /// That question.
    pub(super) fn stored_prompt(self, codes: &[Secret]) -> String {
        if self == Self::Terminal {
            return STORED.to_owned();
        }
        let mut text = String::with_capacity(STORED.len() + 32 * codes.len());
        for (number, code) in (1..).zip(codes) {
            group(code.expose(), 5, &mut text);
            // Blanks and line breaks are one on a page.
            text.push_str(if number < codes.len() { ", " } else { ".\n" });
        }
        text.push_str(STORED);
        text
    }
}

/// Said of a wrong first code.
pub(super) fn wrong_code() -> Message {
    Message {
        style: Style::Error,
        text: WRONG_CODE.to_owned(),
    }
}

fn info(text: String) -> Message {
    Message {
        style: Style::Info,
        text,
    }
}

fn with_key(key: &Secret, prompt: &str) -> String {
    let mut text = String::with_capacity(2 * key.expose().len() + KEY.len() + 1 + prompt.len());
    text.push_str(KEY);
    group(key.expose(), 4, &mut text);
    if !prompt.is_empty() {
        text.push('\n');
    }
    text.push_str(prompt);
    text
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

/// PAM services whose programs log what they show. Cockpit's can't be called anything else.
const PAGES: [&str; 1] = ["cockpit"];

/// The prompts of a set-up, as they are shown one after the other.
pub const PROMPTS: [&str; 2] = [FIRST_CODE, STORED];

/// ssh puts the name of user and host before the first line: it is short.
const FIRST: &str = "This login needs a second factor, and you have none.\nSet one up now: ";

/// The same after a recovery code.
pub(super) const LOST: &str = "\
That recovery code was right; it is used up now.\n\
Set up a new device, which takes the place of the lost one:\n";

pub(super) const SCAN: &str = "scan this code with an authenticator app, or type its key.";

const TYPE: &str = "type the key into an authenticator app.";

const KEY: &str = "Key: ";

const FIRST_CODE: &str = "Code that the app shows now: ";

pub(super) const WRONG_CODE: &str = "\
That is not the code that the app should show now.\n\
Check that it took over the key and that its clock is right; type the next one.";

const RECOVERY: &str = "\
The device is set up. Keep these recovery codes:\n\
each lets you in once without the device, and they are not shown again.\n";

const STORED: &str = "Type yes when they are in a safe place: ";
