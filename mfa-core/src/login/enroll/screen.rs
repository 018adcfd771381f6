//! What is shown while a device is set up.
//!
//! On a terminal the secrets are in messages before the prompt: the QR code, the key, the recovery codes. Cockpit also
//! shows messages on the login page, but its session program writes each to the journal, drops characters that are not
//! ASCII, and has a new page for every prompt. So keys and codes are in the prompts there, which only the user sees,
//! and are repeated in each following prompt.

use mfa_protocol::Secret;
use mfa_protocol::login::{Message, Style};

use super::super::entry::SetUp;
use crate::factors::address::Channel;
use crate::factors::questions::QUESTIONS;
use crate::factors::{Factor, FactorRow, Stored};
use crate::texts::{How, Text, Texts};

/// Where the user reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Screen {
    /// A terminal, or what draws text as one does.
    #[default]
    Terminal,
    /// A terminal behind sshd. OpenSSH's client shows bytes that are not ASCII in octal: always after the last prompt,
    /// and before it if its locale has no UTF-8, which the agent can't know. So the picture is shown on request.
    Ssh,
    /// A page whose program logs messages.
    Page,
}

impl Screen {
    /// The one of a PAM service.
    #[must_use]
    pub fn of(service: &str) -> Self {
        match service {
            "sshd" => Self::Ssh,
            _ if PAGES.contains(&service) => Self::Page,
            _ => Self::Terminal,
        }
    }

    /// Whether secrets may be in messages.
    fn shows_messages(self) -> bool {
        self != Self::Page
    }

    /// How a key gets into a device.
    pub(super) fn how(self) -> How {
        match self {
            Self::Terminal => How::Scan,
            Self::Ssh | Self::Page => How::Type,
        }
    }

    /// What comes before the prompt for the first code of a device: what `introduction` says, and the key.
    pub(super) fn invitation(
        self,
        texts: &Texts,
        introduction: &Text,
        picture: Option<&str>,
        key: &Secret,
    ) -> Vec<Message> {
        let mut messages = vec![info(texts.say(introduction))];
        if self.shows_messages() {
            messages.push(info(with_key(texts, key, "")));
        }
        match (self, picture) {
            (Self::Terminal, Some(picture)) => messages.push(info(picture.to_owned())),
            (Self::Ssh, Some(_)) => messages.push(info(texts.say(&Text::EnrollPicture))),
            _ => {}
        }
        messages
    }

    /// What comes where the picture was asked for. The key is above it, since ssh puts a name before the first line, and
    /// below it, since a picture in octal fills the screen.
    pub(super) fn on_request(self, texts: &Texts, picture: &str, key: &Secret) -> Vec<Message> {
        let key = || with_key(texts, key, "");
        let instead = texts.say(&Text::EnrollGarbled);
        [key(), picture.to_owned(), key(), instead].map(info).into()
    }

    /// Whether the picture is shown only then.
    pub(super) fn shows_on_request(self) -> bool {
        self == Self::Ssh
    }

    /// The prompt for the first code.
    pub(super) fn code_prompt(self, texts: &Texts, key: &Secret) -> String {
        let prompt = texts.prompt(&Text::EnrollCode);
        match self {
            Self::Terminal | Self::Ssh => prompt,
            Self::Page => with_key(texts, key, &prompt),
        }
    }

    /// What comes before the question whether the recovery codes are stored: what `introduction` says, and the codes.
    pub(super) fn recovery(self, texts: &Texts, introduction: &Text, codes: &[Secret]) -> Message {
        let before = texts.say(introduction);
        // As long as it gets at once: growing would leave a copy behind.
        let mut text = String::with_capacity(before.len() + 1 + 32 * codes.len());
        text.push_str(&before);
        text.push('\n');
        if self.shows_messages() {
            for (number, code) in (1..).zip(codes) {
                text.push_str(if number % 2 == 1 { "\n  " } else { "     " });
                group(code.expose(), 5, &mut text);
            }
        }
        info(text)
    }

    /// That question.
    pub(super) fn stored_prompt(self, texts: &Texts, codes: &[Secret]) -> String {
        let prompt = texts.prompt(&Text::EnrollStored);
        if self.shows_messages() {
            return prompt;
        }
        let mut text = String::with_capacity(prompt.len() + 32 * codes.len());
        for (number, code) in (1..).zip(codes) {
            group(code.expose(), 5, &mut text);
            // Blanks and line breaks are one on a page.
            text.push_str(if number < codes.len() { ", " } else { ".\n" });
        }
        text.push_str(&prompt);
        text
    }
}

fn info(text: String) -> Message {
    Message {
        style: Style::Info,
        text,
    }
}

fn with_key(texts: &Texts, key: &Secret, prompt: &str) -> String {
    let name = texts.prompt(&Text::EnrollKey);
    let mut text = String::with_capacity(2 * key.expose().len() + name.len() + 1 + prompt.len());
    text.push_str(&name);
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
#[must_use]
pub fn prompts(texts: &Texts, set_up: &SetUp) -> Vec<String> {
    let factors = set_up.combination.factors().iter();
    let mut prompts: Vec<String> = factors
        .flat_map(|f| prompts_of(texts, *f, set_up))
        .collect();
    if set_up.has_codes {
        prompts.push(texts.prompt(&Text::EnrollStored));
    }
    prompts
}

fn prompts_of(texts: &Texts, factor: Factor, set_up: &SetUp) -> Vec<String> {
    let texts_of = |all: &[Text]| all.iter().map(|text| texts.prompt(text)).collect();
    match factor.row().stored {
        Stored::Devices => texts_of(&[Text::EnrollCode]),
        Stored::Pin => texts_of(&[Text::PromptNewPin, Text::PromptPinAgain]),
        Stored::Questions => (1..)
            .take(QUESTIONS)
            .flat_map(|number| {
                [
                    Text::PromptQuestion(number),
                    Text::PromptAnswer(number),
                    Text::PromptAnswerAgain(number),
                ]
            })
            .map(|text| texts.prompt(&text))
            .collect(),
        Stored::Contacts(channel) => {
            let is_known = set_up
                .address
                .as_ref()
                .is_some_and(|to| to.channel() == channel);
            let asked = match channel {
                Channel::Email => Text::PromptAddress,
                Channel::Sms => Text::PromptNumber,
            };
            let asked = (!is_known).then(|| texts.prompt(&asked));
            let code = texts.prompt_for(factor, "");
            asked.into_iter().chain([code]).collect()
        }
        Stored::Keys => texts_of(&[Text::PromptEnrollKey]),
        // A login sets up none.
        Stored::Remote => Vec::new(),
    }
}
