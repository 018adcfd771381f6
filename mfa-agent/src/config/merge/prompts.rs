//! `[prompts]`: the language, a catalogue of one's own, and single prompts, gathered from all files.
//!
//! What a catalogue says is known only when all settings are there; then it is read into texts, and what is
//! wrong with it is told. A prompt that stands in the settings wins over both catalogues.

use std::path::PathBuf;
use std::sync::Arc;

use toml::Spanned;

use super::lists::{named, read};
use super::set;
use crate::config::document::{self, Text};
use crate::config::error::{Problem, Source};
use crate::config::lists::Lists;
use crate::config::settings::Prompts;
use mfa_core::factors::Factor;
use mfa_core::policy::Place;
use mfa_core::texts::{Catalogue, Language, Mistake, Text as LoginText, Texts};

/// `[prompts]` in the making.
#[derive(Default)]
pub(super) struct Prompting {
    language: Language,
    catalogue_file: Option<(Place, PathBuf)>,
    /// In the order of [`prompts`].
    written: [Option<String>; 7],
    /// Where the last key stands.
    last: Option<Place>,
}

/// The prompts that may follow one another in a login, so that no two may be alike.
const NAMES: [&str; 6] = ["totp", "pin", "email", "sms", "radius", "number"];

impl Prompting {
    /// Lays a file over those that came before.
    pub(super) fn add(&mut self, written: document::Prompts, source: &Source) {
        let texts = [
            written.totp,
            written.pin,
            written.email,
            written.sms,
            written.radius,
            written.number,
            written.password_and_code,
        ];
        let span = |text: &Option<Text>| text.as_ref().map(Spanned::span);
        let keys = texts.iter().map(span).chain([
            written.language.as_ref().map(Spanned::span),
            written.catalogue_file.as_ref().map(Spanned::span),
        ]);
        if let Some(last) = keys.flatten().max_by_key(|span| span.start) {
            self.last = Some(source.place(last));
        }
        let language = written.language.map(|language| language.into_inner().0);
        set(&mut self.language, language);
        if let Some(file) = written.catalogue_file {
            self.catalogue_file = named(file, source);
        }
        for (slot, text) in self.written.iter_mut().zip(texts) {
            set(slot, text.map(|text| Some(text.into_inner().0.0)));
        }
    }

    /// The texts, or what is wrong.
    pub(super) fn finish(self, lists: &Lists) -> Result<Prompts, Vec<Problem>> {
        let catalogue = match &self.catalogue_file {
            None => Catalogue::of(self.language),
            Some((place, file)) => {
                let text = read(lists, place, "catalogue_file", file)?;
                Catalogue::with(self.language, text).map_err(|mistakes| {
                    let problem = |mistake: Mistake| Problem {
                        place: Place {
                            file: file.as_path().into(),
                            line: mistake.line,
                        },
                        message: mistake.message,
                    };
                    mistakes.into_iter().map(problem).collect::<Vec<_>>()
                })?
            }
        };
        let in_ascii = self.laid_over(Texts::in_ascii(catalogue.clone()));
        let texts = self.laid_over(Texts::of(catalogue));
        if let (Some(message), Some(place)) = (alike(&texts), self.last.clone()) {
            return Err(vec![Problem { place, message }]);
        }
        Ok(Prompts {
            texts: Arc::new(texts),
            in_ascii: Arc::new(in_ascii),
        })
    }

    fn laid_over(&self, mut texts: Texts) -> Texts {
        for (prompt, wording) in prompts().into_iter().zip(&self.written) {
            if let (Some(prompt), Some(wording)) = (prompt, wording) {
                texts.replace(prompt, wording.clone());
            }
        }
        texts
    }
}

/// What the keys word, in their order.
fn prompts() -> [Option<LoginText>; 7] {
    [
        LoginText::prompt_for(Factor::Totp),
        LoginText::prompt_for(Factor::Pin),
        LoginText::prompt_for(Factor::Email),
        LoginText::prompt_for(Factor::Sms),
        LoginText::prompt_for(Factor::Radius),
        Some(LoginText::PromptNumber),
        Some(LoginText::PromptPasswordAndCode),
    ]
}

/// ocserv takes the same prompt once more for "wrong, try again".
fn alike(texts: &Texts) -> Option<String> {
    let texts = prompts()
        .into_iter()
        .flatten()
        .map(|prompt| texts.prompt(&prompt));
    let named: Vec<_> = NAMES.into_iter().zip(texts).collect();
    let mut pairs = named.iter().enumerate().flat_map(|(i, first)| {
        let others = named[i + 1..].iter();
        others.map(move |second| (first, second))
    });
    let ((first, text), (second, _)) =
        pairs.find(|((_, one), (_, other))| one.trim() == other.trim())?;
    Some(format!(
        "{first} and {second} are both {text:?}; expected a text of its own for each"
    ))
}
