//! What users see in a login, in the language of the settings.
//!
//! Catalogues come in as texts in the form of Project Fluent: one comes with each [`Language`], and settings
//! may name another one that replaces single texts. They are checked when they come in, with each thing that
//! a text can be told, so that nothing goes wrong later; should it all the same, the English text is shown.
//! Pure. Which text is shown depends on the login alone, never on the language, and no answer comes in here.

mod ascii;
mod catalogue;
mod language;
mod text;

use std::sync::Arc;

use ascii::bare;
pub use catalogue::{Catalogue, Mistake};
pub use language::{Language, LanguageError};
pub use text::{How, Text};

/// The prompts and, for all the rest, the catalogue.
#[derive(Clone, Debug, PartialEq)]
pub struct Texts {
    /// Asks for a code.
    pub totp: String,
    /// Asks for the password and a code in one answer.
    pub password_and_code: String,
    /// Asks for the PIN.
    pub pin: String,
    /// Asks for a code that was sent by mail.
    pub email: String,
    /// Asks for a code that was sent by text message.
    pub sms: String,
    /// Asks for what a RADIUS server judges.
    pub radius: String,
    /// Asks for the number of a telephone, to send a code there.
    pub number: String,
    catalogue: Catalogue,
    ascii: bool,
}

impl Texts {
    /// Those of a catalogue.
    #[must_use]
    pub fn of(catalogue: Catalogue) -> Self {
        Self::made(catalogue, false)
    }

    /// Those of a catalogue for programs that show ASCII only: without accents, and in English what no letters
    /// are left of then.
    #[must_use]
    pub fn in_ascii(catalogue: Catalogue) -> Self {
        Self::made(catalogue, true)
    }

    fn made(catalogue: Catalogue, ascii: bool) -> Self {
        let mut texts = Self {
            totp: String::new(),
            password_and_code: String::new(),
            pin: String::new(),
            email: String::new(),
            sms: String::new(),
            radius: String::new(),
            number: String::new(),
            catalogue,
            ascii,
        };
        texts.totp = texts.prompt(&Text::PromptTotp);
        texts.password_and_code = texts.prompt(&Text::PromptPasswordAndCode);
        texts.pin = texts.prompt(&Text::PromptPin);
        texts.email = texts.prompt(&Text::PromptEmail);
        texts.sms = texts.prompt(&Text::PromptSms);
        texts.radius = texts.prompt(&Text::PromptRadius);
        texts.number = texts.prompt(&Text::PromptNumber);
        texts
    }

    /// A text of the catalogue.
    #[must_use]
    pub fn say(&self, text: &Text) -> String {
        match self.ascii {
            true => self.catalogue.say_in_ascii(text),
            false => self.catalogue.say(text),
        }
    }

    /// The same with a blank after it, which a catalogue can't hold.
    #[must_use]
    pub fn prompt(&self, text: &Text) -> String {
        self.say(text) + " "
    }

    /// Whether `typed` says yes: the word of the catalogue or the English one, or the first letter of one.
    #[must_use]
    pub fn is_yes(&self, typed: &str) -> bool {
        self.words(&Text::WordYes).iter().any(|word| {
            let initial = word.chars().next().map(String::from);
            is_same(word, typed) || initial.is_some_and(|initial| is_same(&initial, typed))
        })
    }

    /// Whether `typed` asks for a code to be sent again: the word of the catalogue or the English one.
    #[must_use]
    pub fn is_resend(&self, typed: &str) -> bool {
        let words = self.words(&Text::WordResend);
        words.iter().any(|word| is_same(word, typed))
    }

    fn words(&self, word: &Text) -> [String; 2] {
        [self.catalogue.say(word), self.catalogue.in_english(word)]
    }
}

/// Without regard to case, accents and blanks around it. What was typed may be a code, so no copy is made of it.
fn is_same(word: &str, typed: &str) -> bool {
    bare(typed).eq(bare(word))
}

/// What a login is worded in.
#[derive(Clone, Debug, Default)]
pub struct Wording {
    /// As long as it asks.
    pub asking: Arc<Texts>,
    /// After the last prompt, where a program may show less than before.
    pub last: Arc<Texts>,
}

impl Default for Texts {
    fn default() -> Self {
        Self::of(Catalogue::default())
    }
}

#[cfg(test)]
mod tests;
