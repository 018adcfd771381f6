//! Where stands what can be judged only when all files are there: limits that bound one another. What is
//! wrong is told where the last of the keys stands that make it wrong.

use toml::Spanned;

use crate::config::asking::mistake;
use crate::config::document::Document;
use crate::config::error::{Problem, Source};
use crate::config::settings::Settings;
use mfa_core::policy::Place;

/// The places.
#[derive(Default)]
pub(super) struct Places {
    lockout: Option<Place>,
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
    }

    /// What is wrong in the end.
    pub(super) fn check(&self, settings: &Settings) -> Option<Problem> {
        let place = self.lockout.clone();
        let problem = place.zip(mistake(&settings.lockout));
        problem.map(|(place, message)| Problem { place, message })
    }
}
