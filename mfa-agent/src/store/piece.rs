//! Finds out from their names which files make up the store.
//!
//! The life of a store is divided into numbered spans. `journal.8-8` holds the changes of span 8,
//! `sorted.1-7` the result of all changes in the spans 1 to 7. A combined file is named after the spans of
//! its sources, so no separate list of files can be wrong:
//!
//! ```text
//!   sorted.1-4   sorted.5-7   journal.8-8   journal.9-9        the journals are the newest
//!   ──────────   ──────────   ───────────   ───────────
//!       1 … 4        5 … 7         8             9
//! ```
//!
//! The sources of a file are removed only after its name is durable. So if both exist, the name may not
//! survive a power cut: the sources are used, and they are complete.

use std::collections::BTreeMap;
use std::fmt;

/// Spans from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) from: u64,
    pub(super) to: u64,
}

/// The format of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Form {
    /// Changes in order; the last of these files is appended to.
    Journal,
    /// The last value of each key, in the order of keys.
    Sorted,
}

/// A file of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Piece {
    pub(super) span: Span,
    pub(super) form: Form,
}

/// The files that make up the store, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cover {
    pub(super) sorted: Vec<Span>,
    /// At least one.
    pub(super) journals: Vec<Span>,
}

/// Why the files don't make up a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Gap {
    #[error("no file holds span {0}: its journal or sorted file is gone")]
    Missing(u64),
    #[error("its last journal is gone")]
    NoJournal,
}

impl Piece {
    pub(super) fn journal(span: Span) -> Self {
        let form = Form::Journal;
        Self { span, form }
    }

    pub(super) fn sorted(span: Span) -> Self {
        let form = Form::Sorted;
        Self { span, form }
    }

    /// The piece of that name, if it is one.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (form, span) = name.split_once('.')?;
        let form = match form {
            "journal" => Form::Journal,
            "sorted" => Form::Sorted,
            _ => return None,
        };
        let (from, to) = span.split_once('-')?;
        let span = Span {
            from: from.parse().ok()?,
            to: to.parse().ok()?,
        };
        let piece = Self { span, form };
        // One name for each piece: no leading zero or sign.
        (piece.to_string() == name && 0 < span.from && span.from <= span.to).then_some(piece)
    }
}

impl fmt::Display for Piece {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = match self.form {
            Form::Journal => "journal",
            Form::Sorted => "sorted",
        };
        write!(f, "{form}.{}-{}", self.span.from, self.span.to)
    }
}

/// The pieces among `names`.
pub(super) fn pieces(names: &[String]) -> Vec<Piece> {
    names.iter().filter_map(|name| Piece::parse(name)).collect()
}

/// Which of `pieces` to use: sorted files first, then journals.
pub(super) fn cover(pieces: &[Piece]) -> Result<Cover, Gap> {
    let last = pieces.iter().map(|piece| piece.span.to).max();
    let last = last.ok_or(Gap::NoJournal)?;
    let journals = reaching(pieces, Form::Journal, |next| next == last + 1);
    let sorted = reaching(pieces, Form::Sorted, |next| journals.contains_key(&next));
    let mut at = 1;
    let mut cover = Cover {
        sorted: Vec::new(),
        journals: Vec::new(),
    };
    while !journals.contains_key(&at) {
        let span = sorted.get(&at).ok_or_else(|| first_gap(pieces, last))?;
        cover.sorted.push(*span);
        at = span.to + 1;
    }
    while at <= last {
        let span = journals.get(&at).ok_or(Gap::Missing(at))?;
        cover.journals.push(*span);
        at = span.to + 1;
    }
    Ok(cover)
}

/// For each span where a piece of `form` begins a chain that reaches a span with `is_end`: the
/// shortest such piece.
fn reaching(pieces: &[Piece], form: Form, is_end: impl Fn(u64) -> bool) -> BTreeMap<u64, Span> {
    let mut spans: Vec<Span> = pieces
        .iter()
        .filter(|piece| piece.form == form)
        .map(|piece| piece.span)
        .collect();
    // The last ones first, so that the rest of the chain is known. Of pieces that begin at the same
    // span the shortest comes last, and wins.
    spans.sort_by(|a, b| b.cmp(a));
    let mut reaching = BTreeMap::new();
    for span in spans {
        let next = span.to + 1;
        if is_end(next) || reaching.contains_key(&next) {
            reaching.insert(span.from, span);
        }
    }
    reaching
}

/// Why the pieces don't reach the span `last`.
fn first_gap(pieces: &[Piece], last: u64) -> Gap {
    let mut at = 1;
    while let Some(piece) = pieces.iter().find(|piece| piece.span.from == at) {
        at = piece.span.to + 1;
    }
    match at > last {
        true => Gap::NoJournal,
        false => Gap::Missing(at),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(names: &[&str]) -> Result<String, Gap> {
        let pieces: Vec<_> = names
            .iter()
            .map(|name| Piece::parse(name).unwrap())
            .collect();
        let cover = cover(&pieces)?;
        let sorted = cover.sorted.into_iter().map(Piece::sorted);
        let all = sorted.chain(cover.journals.into_iter().map(Piece::journal));
        Ok(all
            .map(|piece| piece.to_string())
            .collect::<Vec<_>>()
            .join(" "))
    }

    #[test]
    fn the_files_cover_all_spans_from_first_to_last() {
        let whole = ["journal.9-9", "sorted.1-4", "journal.8-8", "sorted.5-7"];
        assert_eq!(
            of(&whole).unwrap(),
            "sorted.1-4 sorted.5-7 journal.8-8 journal.9-9"
        );
        assert_eq!(of(&["journal.1-1"]).unwrap(), "journal.1-1");
    }

    #[test]
    fn the_sources_of_a_file_are_used_as_long_as_all_exist() {
        let merged = ["sorted.1-4", "sorted.5-7", "sorted.1-7", "journal.8-8"];
        assert_eq!(of(&merged).unwrap(), "sorted.1-4 sorted.5-7 journal.8-8");
        let removed = ["sorted.5-7", "sorted.1-7", "journal.8-8"];
        assert_eq!(of(&removed).unwrap(), "sorted.1-7 journal.8-8");
        let sorted = ["journal.1-3", "sorted.1-3", "journal.4-4"];
        assert_eq!(of(&sorted).unwrap(), "journal.1-3 journal.4-4");
        let kept = ["journal.1-3", "sorted.4-4", "sorted.1-4", "journal.5-5"];
        assert_eq!(of(&kept).unwrap(), "sorted.1-4 journal.5-5");
        let restated = ["sorted.1-2", "journal.3-3", "journal.4-4", "journal.3-5"];
        assert_eq!(of(&restated).unwrap(), "sorted.1-2 journal.3-5");
    }

    #[test]
    fn a_missing_file_is_noticed() {
        assert_eq!(of(&[]), Err(Gap::NoJournal));
        assert_eq!(of(&["sorted.1-4"]), Err(Gap::NoJournal));
        assert_eq!(of(&["journal.2-2"]), Err(Gap::Missing(1)));
        assert_eq!(of(&["sorted.1-4", "journal.6-6"]), Err(Gap::Missing(5)));
        assert_eq!(
            of(&["sorted.1-4", "journal.5-5", "journal.7-7"]),
            Err(Gap::Missing(6))
        );
        assert_eq!(of(&["journal.1-1", "sorted.2-2"]), Err(Gap::NoJournal));
    }

    #[test]
    fn only_names_of_pieces_are_parsed() {
        for name in [
            "journal",
            "journal.1",
            "journal.01-2",
            "journal.+1-2",
            "journal.2-1",
            "journal.0-1",
            "sorted.1-2.new",
            "table.1-1",
            "journal.1-18446744073709551616",
        ] {
            assert_eq!(Piece::parse(name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn a_cover_leaves_no_span_out_and_uses_none_twice(
            spans in proptest::collection::vec((1..12u64, 0..4u64, any::<bool>()), 0..20)
        ) {
            let pieces: Vec<_> = spans
                .into_iter()
                .map(|(from, more, sorted)| {
                    let span = Span { from, to: from + more };
                    if sorted { Piece::sorted(span) } else { Piece::journal(span) }
                })
                .collect();
            if let Ok(cover) = cover(&pieces) {
                let mut at = 1;
                for span in cover.sorted.iter().chain(&cover.journals) {
                    prop_assert_eq!(span.from, at);
                    at = span.to + 1;
                }
                let last = pieces.iter().map(|piece| piece.span.to).max().unwrap();
                prop_assert_eq!(at, last + 1);
            }
        }
    }
}
