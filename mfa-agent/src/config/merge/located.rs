//! Keys that are judged together only when all files are there, each with the place where it stands.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::Spanned;

use crate::config::error::{Problem, Source};
use crate::config::values::Parsed;
use crate::delivery::Roots;
use mfa_core::policy::Place;

/// A value, and where it stands.
pub(super) type Located<T> = Option<(Place, T)>;

/// Overrides a value, where a file has one.
pub(super) fn keep<T, U>(
    slot: &mut Located<U>,
    written: Option<Spanned<T>>,
    source: &Source,
    value: impl FnOnce(T) -> U,
) {
    if let Some(written) = written {
        let place = source.place(written.span());
        *slot = Some((place, value(written.into_inner())));
    }
}

/// [`keep`], for what is parsed into its final type.
pub(super) fn keep_parsed<T>(
    slot: &mut Located<T>,
    written: Option<Spanned<Parsed<T>>>,
    source: &Source,
) {
    keep(slot, written, source, |value| value.0);
}

/// The value alone.
pub(super) fn bare<T>(located: Located<T>) -> Option<T> {
    located.map(|(_, value)| value)
}

/// What is found while a section is put together.
#[derive(Default)]
pub(super) struct Diagnostics {
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
    /// Where files and programs are named, by the key.
    pub(super) files: BTreeMap<String, Place>,
}

impl Diagnostics {
    pub(super) fn problem(&mut self, place: &Place, message: impl Into<String>) {
        self.problems.push(Problem {
            place: place.clone(),
            message: message.into(),
        });
    }

    /// A value that has to be there; if it isn't, it is missed at `place`.
    pub(super) fn demand<T>(
        &mut self,
        located: Located<T>,
        place: &Place,
        missing: &str,
    ) -> Option<T> {
        if located.is_none() {
            self.problem(place, missing);
        }
        bare(located)
    }

    /// Refuses those of the keys that are there.
    pub(super) fn refuse(&mut self, keys: &[(&str, Option<&Place>)], why: &str) {
        for (key, place) in keys {
            if let Some(place) = place {
                self.problem(place, format!("{key} {why}"));
            }
        }
    }

    /// A file or a program, whose place is remembered by its key.
    pub(super) fn named<T>(&mut self, key: impl Into<String>, located: Located<T>) -> Option<T> {
        let (place, value) = located?;
        self.files.insert(key.into(), place);
        Some(value)
    }

    /// Whose certificates are believed.
    pub(super) fn roots(&mut self, key: &str, ca_file: Located<PathBuf>) -> Roots {
        self.named(key, ca_file).map_or(Roots::System, Roots::File)
    }
}

/// Where a key stands, if it does.
pub(super) fn at<T>(located: &Located<T>) -> Option<&Place> {
    located.as_ref().map(|(place, _)| place)
}
