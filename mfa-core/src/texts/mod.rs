//! What users see in a login, in the language of the settings.
//!
//! Catalogues are texts in the form of Project Fluent: one comes with each [`Language`], and
//! settings may name another that replaces single texts. They are checked when they are loaded,
//! with every possible value; should one fail later all the same, the English text is shown. The
//! choice of a text depends on the login alone, never on the language.

mod ascii;
mod catalogue;
mod language;
mod samples;
mod text;

use std::sync::Arc;

use crate::factors::Factor;
use ascii::bare;
pub use catalogue::{Catalogue, Mistake};
pub use language::{Language, LanguageError};
pub use text::{How, QuestionRefusal, Text};

/// The texts of a catalogue, with prompts that the settings word in another way.
#[derive(Clone, Debug, PartialEq)]
pub struct Texts {
    /// Prompts of the settings, with what comes after them.
    replaced: Vec<(Text, String)>,
    catalogue: Catalogue,
    ascii: bool,
}

impl Texts {
    /// The prompts of a catalogue.
    #[must_use]
    pub fn of(catalogue: Catalogue) -> Self {
        Self {
            replaced: Vec::new(),
            catalogue,
            ascii: false,
        }
    }

    /// The same for programs that show ASCII only: without accents, or in English if no ASCII form
    /// exists.
    #[must_use]
    pub fn in_ascii(catalogue: Catalogue) -> Self {
        Self {
            ascii: true,
            ..Self::of(catalogue)
        }
    }

    /// Words a prompt in another way.
    pub fn replace(&mut self, prompt: Text, wording: String) {
        self.replaced.retain(|(other, _)| *other != prompt);
        self.replaced.push((prompt, wording));
    }

    /// A text of the catalogue.
    #[must_use]
    pub fn say(&self, text: &Text) -> String {
        match self.ascii {
            true => self.catalogue.say_in_ascii(text),
            false => self.catalogue.say(text),
        }
    }

    /// A text with these values of its variables.
    #[must_use]
    pub fn say_with(&self, text: &Text, values: &[(&'static str, &str)]) -> String {
        self.catalogue.say_with(text, values)
    }

    /// The same with a trailing blank, which a catalogue can't contain.
    #[must_use]
    pub fn prompt(&self, text: &Text) -> String {
        let mut replaced = self.replaced.iter();
        match replaced.find(|(prompt, _)| prompt == text) {
            Some((_, wording)) => wording.clone(),
            None => self.say(text) + " ",
        }
    }

    /// What asks for a factor; `question` where the account holds the question.
    #[must_use]
    pub fn prompt_for(&self, factor: Factor, question: &str) -> String {
        match Text::prompt_for(factor) {
            Some(prompt) => self.prompt(&prompt),
            None => format!("{question} "),
        }
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
