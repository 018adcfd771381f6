//! Where stands what can be judged only when all files are there: limits that bound one another, texts
//! that must differ. What is wrong is told where the last of the keys stands that make it wrong.

use toml::Spanned;

use crate::config::asking::mistake;
use crate::config::document::Document;
use crate::config::error::{Problem, Source};
use crate::config::settings::{Prompts, Settings};
use crate::policy::Place;

/// The places.
#[derive(Default)]
pub(super) struct Places {
    lockout: Option<Place>,
    prompts: Option<Place>,
}

impl Places {
    /// Remembers those of a file.
    pub(super) fn note(&mut self, document: &Document, source: &Source) {
        let place = |span| Some(source.place(span));
        let limits = [
            document.lockout.attempts.as_ref().map(Spanned::span),
            document.lockout.max_consecutive.as_ref().map(Spanned::span),
        ];
        if let Some(span) = limits.into_iter().flatten().next_back() {
            self.lockout = place(span);
        }
        let texts = [&document.prompts.totp, &document.prompts.pin];
        let texts = texts.map(|text| text.as_ref().map(Spanned::span));
        if let Some(span) = texts.into_iter().flatten().next_back() {
            self.prompts = place(span);
        }
    }

    /// What is wrong in the end.
    pub(super) fn check(&self, settings: &Settings) -> Vec<Problem> {
        let found = [
            (&self.lockout, mistake(&settings.lockout)),
            (&self.prompts, alike(&settings.prompts)),
        ];
        let problem = |(place, message): (&Option<Place>, Option<String>)| {
            let place = place.clone()?;
            message.map(|message| Problem { place, message })
        };
        found.into_iter().filter_map(problem).collect()
    }
}

/// ocserv takes the same prompt once more for "wrong, try again".
fn alike(prompts: &Prompts) -> Option<String> {
    (prompts.totp.trim() == prompts.pin.trim()).then(|| {
        format!(
            "both prompts are {:?}; expected a text of its own for each",
            prompts.pin
        )
    })
}
