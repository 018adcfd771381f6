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
        let prompts = &document.prompts;
        let texts = [
            &prompts.totp,
            &prompts.pin,
            &prompts.email,
            &prompts.sms,
            &prompts.radius,
            &prompts.number,
        ];
        let spans = texts.map(|text| text.as_ref().map(Spanned::span));
        if let Some(span) = spans.into_iter().flatten().max_by_key(|span| span.start) {
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
    let texts = [
        ("totp", &prompts.totp),
        ("pin", &prompts.pin),
        ("email", &prompts.email),
        ("sms", &prompts.sms),
        ("radius", &prompts.radius),
        ("number", &prompts.number),
    ];
    let mut pairs = texts.iter().enumerate().flat_map(|(i, first)| {
        let others = texts[i + 1..].iter();
        others.map(move |second| (first, second))
    });
    let ((first, text), (second, _)) =
        pairs.find(|((_, one), (_, other))| one.trim() == other.trim())?;
    Some(format!(
        "{first} and {second} are both {text:?}; expected a text of its own for each"
    ))
}
