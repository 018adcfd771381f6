//! The PINs that nobody may choose and the questions to choose from, gathered from all files.
//!
//! Each can stand in the settings or in a file that they name. Which of it holds is known only when all
//! settings are there: then the named files count, and what is wrong with them.

use std::path::PathBuf;

use toml::Spanned;

use crate::config::defaults::{shipped_pins, shipped_questions};
use crate::config::document;
use crate::config::error::{Problem, Source};
use crate::config::lists::{self, Lists};
use crate::config::merge::set;
use crate::config::settings::{Pin, Questions};
use crate::config::values::{OptionalPath, Parsed};
use mfa_core::factors::pin::BannedPin;
use mfa_core::policy::Place;

/// `[pin]` and `[questions]` in the making.
#[derive(Default)]
pub(super) struct Knowledge {
    banned: Vec<BannedPin>,
    banned_file: BannedFile,
    /// Not empty.
    catalogue: Option<(Place, Vec<String>)>,
    catalogue_file: Option<(Place, PathBuf)>,
    own: Option<bool>,
}

/// Where more banned PINs are.
#[derive(Default)]
enum BannedFile {
    /// In the list that comes with the agent.
    #[default]
    Shipped,
    /// Nowhere.
    None,
    /// There; the place is that of the key.
    At(Place, PathBuf),
}

impl Knowledge {
    pub(super) fn pin(&mut self, written: document::Pin, source: &Source) {
        let banned = written.banned.map(|list| list.into_inner().into_iter());
        let banned = banned.map(|list| list.map(|pin| pin.0.0));
        self.banned.extend(banned.into_iter().flatten());
        if let Some(file) = written.banned_file {
            self.banned_file = named(file, source).map_or(BannedFile::None, |(place, file)| {
                BannedFile::At(place, file)
            });
        }
    }

    pub(super) fn questions(
        &mut self,
        written: document::Questions,
        source: &Source,
    ) -> Vec<Problem> {
        set(&mut self.own, written.own.map(Some));
        if let Some(file) = written.catalogue_file {
            self.catalogue_file = named(file, source);
        }
        let Some(list) = written.catalogue else {
            return Vec::new();
        };
        let whole = source.place(list.span());
        let questions: Vec<_> = list
            .into_inner()
            .into_iter()
            .map(|question| {
                let place = source.place(question.span());
                (place, question.into_inner().0.0)
            })
            .collect();
        if questions.is_empty() {
            self.catalogue = None;
            return Vec::new();
        }
        match lists::catalogue(&whole, questions) {
            Ok(catalogue) => {
                self.catalogue = Some((whole, catalogue));
                Vec::new()
            }
            Err(problems) => problems,
        }
    }

    /// What holds in the end, or what is wrong.
    pub(super) fn finish(self, lists: &Lists) -> Result<(Pin, Questions), Vec<Problem>> {
        let banned = match self.banned_file {
            BannedFile::Shipped => Ok(shipped_pins().collect()),
            BannedFile::None => Ok(Vec::new()),
            BannedFile::At(place, file) => read(lists, &place, "banned_file", &file)
                .and_then(|text| lists::banned(&file, text)),
        };
        let catalogue = catalogue(self.catalogue, self.catalogue_file, lists);
        let (banned, catalogue) = match (banned, catalogue) {
            (Ok(banned), Ok(catalogue)) => (banned, catalogue),
            (banned, catalogue) => {
                let problems = [banned.err(), catalogue.err()];
                return Err(problems.into_iter().flatten().flatten().collect());
            }
        };
        let pin = Pin {
            banned: self.banned.into_iter().chain(banned).collect(),
        };
        let own = self.own.unwrap_or(true);
        Ok((pin, Questions { catalogue, own }))
    }
}

/// The files that a file of settings names, whether they hold in the end or not.
pub(super) fn named_files(document: document::Document) -> impl Iterator<Item = PathBuf> {
    let files = [
        document.pin.banned_file,
        document.questions.catalogue_file,
        document.prompts.catalogue_file,
    ];
    files
        .into_iter()
        .flatten()
        .filter_map(|file| file.into_inner().0.0)
}

fn catalogue(
    inline: Option<(Place, Vec<String>)>,
    file: Option<(Place, PathBuf)>,
    lists: &Lists,
) -> Result<Vec<String>, Vec<Problem>> {
    match (inline, file) {
        (None, None) => Ok(shipped_questions()),
        (Some((_, catalogue)), None) => Ok(catalogue),
        (None, Some((place, file))) => read(lists, &place, "catalogue_file", &file)
            .and_then(|text| lists::questions(&file, text)),
        (Some((other, _)), Some((place, _))) => {
            let message = format!(
                "catalogue_file stands beside the catalogue at {other}; expected one of the two: take one \
                 out, or write catalogue = [] or catalogue_file = \"\" where it is to hold no more"
            );
            Err(vec![Problem { place, message }])
        }
    }
}

/// The text of a file that `key` names at `place`.
pub(super) fn read<'a>(
    lists: &'a Lists,
    place: &Place,
    key: &str,
    file: &PathBuf,
) -> Result<&'a str, Vec<Problem>> {
    let why = match lists.get(file) {
        Some(Ok(text)) => return Ok(text),
        Some(Err(why)) => why,
        None => "was not read",
    };
    Err(vec![Problem {
        place: place.clone(),
        message: format!("{key} {file:?}: {why}"),
    }])
}

pub(super) fn named(
    file: Spanned<Parsed<OptionalPath>>,
    source: &Source,
) -> Option<(Place, PathBuf)> {
    let place = source.place(file.span());
    file.into_inner().0.0.map(|file| (place, file))
}
