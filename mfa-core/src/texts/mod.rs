//! What users see in a login, in the language of the settings.
//!
//! Catalogues are texts in the form of Project Fluent: one comes with each [`Language`], and
//! settings may name another that replaces single texts. They are checked when they are loaded,
//! with every possible value; should one fail later all the same, the English text is shown. The
//! choice of a text depends on the login alone, never on the language.

mod ascii;
mod catalogue;
mod language;
mod text;

use std::sync::Arc;

use ascii::bare;
pub use catalogue::{Catalogue, Mistake};
pub use language::{Language, LanguageError};
pub use text::{How, Text};

/// The prompts, and the catalogue for all other texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Texts {
    /// Asks for a TOTP or HOTP code.
    pub totp: String,
    /// Asks for the password and a code in one answer.
    pub password_and_code: String,
    /// Asks for the PIN.
    pub pin: String,
    /// Asks for a code sent by email.
    pub email: String,
    /// Asks for a code sent by text message.
    pub sms: String,
    /// Asks for an answer that a RADIUS server verifies.
    pub radius: String,
    /// Asks for a telephone number, to send a code there.
    pub number: String,
    catalogue: Catalogue,
    ascii: bool,
}

impl Texts {
    /// The prompts of a catalogue.
    #[must_use]
    pub fn of(catalogue: Catalogue) -> Self {
        Self::made(catalogue, false)
    }

    /// The same for programs that show ASCII only: without accents, or in English if no ASCII form
    /// exists.
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

    /// The same with a trailing blank, which a catalogue can't contain.
    #[must_use]
    pub fn prompt(&self, text: &Text) -> String {
        self.say(text) + " "
    }

    /// Whether `typed` means yes: the word of the catalogue or the English one, or its first
    /// letter.
    #[must_use]
    pub fn is_yes(&self, typed: &str) -> bool {
        self.words(&Text::WordYes).iter().any(|word| {
            let initial = word.chars().next().map(String::from);
            is_same(word, typed) || initial.is_some_and(|initial| is_same(&initial, typed))
        })
    }

    /// Whether `typed` asks for another code: the word of the catalogue or the English one.
    #[must_use]
    pub fn is_resend(&self, typed: &str) -> bool {
        let words = self.words(&Text::WordResend);
        words.iter().any(|word| is_same(word, typed))
    }

    fn words(&self, word: &Text) -> [String; 2] {
        [self.catalogue.say(word), self.catalogue.in_english(word)]
    }
}

/// Ignores case, accents and surrounding blanks. What was typed may be a code, so it is not copied.
fn is_same(word: &str, typed: &str) -> bool {
    bare(typed).eq(bare(word))
}

/// The texts of a login.
#[derive(Clone, Debug, Default)]
pub struct Wording {
    /// While it asks.
    pub asking: Arc<Texts>,
    /// After the last prompt, where a program may be able to show less.
    pub last: Arc<Texts>,
}

impl Default for Texts {
    fn default() -> Self {
        Self::of(Catalogue::default())
    }
}

#[cfg(test)]
mod tests;
