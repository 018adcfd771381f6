//! Lists that are in more than one file: some join, and of the others only the last holds. Who wrote one of
//! them may not know of the other, so both places are kept to be told.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;

use crate::config::document::Document;
use crate::config::error::Source;
use crate::config::settings::{Overridden, SelfService};
use crate::config::values::Parsed;
use mfa_core::factors::{Factor, FactorCombination};
use mfa_core::policy::{Ask, Place};

/// Where lists are that say something, and those that came after them.
#[derive(Default)]
pub(super) struct ListPlaces {
    known: BTreeMap<&'static str, Place>,
    /// What is to be told.
    pub(super) overridden: Vec<Overridden>,
}

impl ListPlaces {
    /// Takes note of the lists of a file.
    pub(super) fn note(&mut self, document: &Document, source: &Source) {
        let Document {
            server,
            admin,
            pin,
            policy,
            self_service,
            questions,
            ..
        } = document;
        let joined = [
            ("[server] trusted", list(server.trusted.as_ref())),
            ("[admin] groups", list(admin.groups.as_ref())),
            ("[pin] banned", list(pin.banned.as_ref())),
        ];
        let ways = |list: &[Spanned<Parsed<FactorCombination>>]| {
            let ways = list.iter().map(|way| &way.get_ref().0);
            ways.eq(&Ask::default().ways)
        };
        let factors = |list: &[Parsed<Factor>]| {
            let factors = list.iter().map(|factor| &factor.0);
            factors.eq(&SelfService::default().factors)
        };
        let replaced = [
            ("[policy] require", list_or(policy.require.as_ref(), ways)),
            (
                "[policy] session_scope",
                list(policy.session_scope.as_ref()),
            ),
            (
                "[self_service] factors",
                list_or(self_service.factors.as_ref(), factors),
            ),
            ("[questions] catalogue", list(questions.catalogue.as_ref())),
        ];
        for (key, list) in joined {
            self.add(key, list, source, true);
        }
        for (key, list) in replaced {
            self.add(key, list, source, false);
        }
    }

    fn add(&mut self, key: &'static str, list: Option<List>, source: &Source, joins: bool) {
        let Some(list) = list else { return };
        let place = source.place(list.span);
        if let Some(earlier) = self.known.get(key)
            && (!joins || list.is_empty)
        {
            self.overridden.push(Overridden {
                key,
                place: place.clone(),
                earlier: earlier.clone(),
                joins,
            });
        }
        match (list.is_empty || list.is_built_in, joins) {
            (false, _) => {
                self.known.insert(key, place);
            }
            (true, false) => {
                self.known.remove(key);
            }
            (true, true) => {}
        }
    }
}

struct List {
    span: Range<usize>,
    is_empty: bool,
    /// It says what holds without it, as the lists of the file that is shipped do.
    is_built_in: bool,
}

fn list<T>(written: Option<&Spanned<Vec<T>>>) -> Option<List> {
    list_or(written, |_| false)
}

fn list_or<T>(
    written: Option<&Spanned<Vec<T>>>,
    is_built_in: impl Fn(&[T]) -> bool,
) -> Option<List> {
    written.map(|list| List {
        span: list.span(),
        is_empty: list.get_ref().is_empty(),
        is_built_in: is_built_in(list.get_ref()),
    })
}
