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

use crate::factors::Factor;
use ascii::bare;
pub use catalogue::{Catalogue, Mistake};
pub use language::{Language, LanguageError};
pub use text::{How, Text};

/// The texts of a catalogue, with prompts that the settings word in another way.
#[derive(Clone, Debug, PartialEq)]
pub struct Texts {
    /// Prompts of the settings, with what comes after them.
    replaced: Vec<(Text, String)>,
    catalogue: Catalogue,
    ascii: bool,
}

impl Texts {
    /// Those of a catalogue.
    #[must_use]
    pub fn of(catalogue: Catalogue) -> Self {
        Self {
            replaced: Vec::new(),
            catalogue,
            ascii: false,
        }
    }

    /// Those of a catalogue for programs that show ASCII only: without accents, and in English what no letters
    /// are left of then.
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

    /// A prompt as the settings word it, or that of the catalogue with a blank after it, which a catalogue can't hold.
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
