//! One open instance of the store, good until its first error.
//!
//! ```text
//!   open    1  the files that make up the store are read, and all of them are checked
//!           2  what the journals say is written to a new journal, and synced, and so is its name
//!           3  what is not needed any more is removed
//! ```
//!
//! Nothing of an old journal is built upon, whoever wrote it and whatever became of its last sync: the
//! kernel may show what it could not write. Until the second step is done nothing is changed, so whatever
//! stops an opening, the next one finds all that this one found.

use std::path::Path;
use std::sync::Arc;

use super::background::Background;
use super::ballast::Ballast;
use super::commit::GroupCommit;
use super::disk::{Files, UNFINISHED};
use super::fault::Fault;
use super::journal::{self, Batch, History, Journal};
use super::layers::Layers;
use super::lines::{AuditLog, Lines};
use super::merging::Merger;
use super::piece::{self, Cover, Form, Piece, Span};
use super::settling::Settler;
use super::shared::{Beginning, Shared};
use super::sorted::SortedFile;
use super::sorting::Sorter;
use super::table::{self, Table};
use super::writer::Writer;
use super::{Change, StoreId, Swap};
use crate::log;

/// How many bytes of lines that the audit log may lack are kept over an opening.
const MOST_LINES: u64 = 4 << 20;

/// What outlives an instance.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) files: Arc<Files>,
    pub(super) audit_log: AuditLog,
    pub(super) ballast: Arc<Ballast>,
}

/// A working instance, or one that broke and waits to be replaced.
pub(super) struct Open {
    /// Lines of an earlier process that may be missing in the audit log, the oldest first.
    pub(super) lines: Vec<Vec<u8>>,
    pub(super) id: StoreId,
    /// The last span that was begun when it was opened: it grows with each opening.
    pub(super) generation: u64,
    shared: Arc<Shared>,
    commits: Arc<GroupCommit<Writer>>,
    _background: Background,
}

/// What was found in the folder.
struct Found {
    id: StoreId,
    names: Vec<String>,
    sorted: Vec<SortedFile>,
    history: History,
    /// All that the next journal says again.
    span: Span,
}

impl Open {
    /// Opens the store in `path`.
    pub(super) fn new(path: &Path, around: &Surroundings) -> Result<Self, Fault> {
        let files = &*around.files;
        let found = Found::read(files)?;
        table::remove_left_over(path, &found.names)?;
        let table = Table::create(&around.files, path, found.span.to)?;
        for (key, value) in &found.history.last {
            table.put(key, value.as_deref())?;
        }
        let (journal, sequence) = found.restate(files)?;
        found.remove_replaced(files);

        let (id, generation, live) = (found.id, found.span.to, found.history.live);
        let lines = Lines::new(
            around.audit_log.clone(),
            last_line(&found.history, sequence),
        );
        let old_lines = found.history.lines.into_values().collect();
        let layers = Layers {
            active: Arc::new(table),
            frozen: None,
            sorted: found.sorted.into_iter().rev().map(Arc::new).collect(),
            version: 0,
        };
        let shared = Arc::new(Shared::new(Beginning {
            files: Arc::clone(&around.files),
            folder: path.to_owned(),
            id,
            lines,
            ballast: Arc::clone(&around.ballast),
            layers,
            last_span: generation,
        }));
        let writer = Writer::new(Arc::clone(&shared), journal, sequence);
        let commits = Arc::new(GroupCommit::new(writer, live));
        let mut background = Background::new(&shared);
        background.start(Sorter)?;
        background.start(Merger)?;
        background.start_detached(Settler {
            commits: Arc::downgrade(&commits),
        })?;
        Ok(Self {
            lines: old_lines,
            id,
            generation,
            shared,
            commits,
            _background: background,
        })
    }

    /// Why nothing can be done with it any more.
    pub(super) fn failure(&self) -> Option<Fault> {
        self.commits.failure().or_else(|| self.shared.broken())
    }

    /// The layers as they are now.
    pub(super) fn layers(&self) -> Arc<Layers> {
        self.shared.layers()
    }

    /// Makes changes, each for itself, and returns once they are durable.
    pub(super) fn swap_all(&self, changes: &[Change<'_>]) -> Result<Vec<Swap>, Fault> {
        // What the files hold is looked up before anybody has to wait for it.
        let before = self.layers();
        let in_files = changes
            .iter()
            .map(|change| match before.in_tables(change.key)? {
                Some(_) => Ok(None),
                None => before.in_files(change.key),
            })
            .collect::<Result<Vec<_>, Fault>>()?;
        // Not to be the last one to hold a table: that would end it, and its files, in a login.
        let version = before.version;
        drop(before);
        self.commits.commit(|batch| {
            let now = self.layers();
            let mut outcomes = Vec::with_capacity(changes.len());
            for (change, in_files) in changes.iter().zip(in_files) {
                let current = match now.in_tables(change.key)? {
                    Some(known) => known,
                    None if now.version == version => in_files,
                    None => now.in_files(change.key)?,
                };
                outcomes.push(apply(change, current, &now.active, batch)?);
            }
            let any = outcomes.contains(&Swap::Done);
            Ok((outcomes, any))
        })
    }
}

#[cfg(test)]
impl Open {
    pub(super) fn break_for_test(&self) {
        self.shared
            .change(|state| state.broken = Some(Fault::new("a test broke it")));
    }
}

fn apply(
    change: &Change<'_>,
    current: Option<Vec<u8>>,
    table: &Table,
    batch: &mut Batch,
) -> Result<Swap, Fault> {
    let expected = change.expected.map(|revision| revision.0.as_slice());
    if current.as_deref() != expected {
        return Ok(Swap::Conflict);
    }
    table.put(change.key, change.new)?;
    batch.changed(change.key, expected, change.new);
    if let Some(line) = change.line {
        batch.line(line);
    }
    Ok(Swap::Done)
}

/// The number of the last line, once `history` was said again up to the record `sequence`.
fn last_line(history: &History, sequence: u64) -> u64 {
    match history.lines.is_empty() {
        true => 0,
        false => sequence,
    }
}

impl Found {
    fn read(files: &Files) -> Result<Self, Fault> {
        let names = files.names()?;
        let pieces = piece::pieces(&names);
        let cover = piece::cover(&pieces).map_err(|gap| Fault::new(gap.to_string()))?;
        let id = id(files, &cover)?;
        let sorted = cover
            .sorted
            .iter()
            .map(|span| SortedFile::open(files, id, *span))
            .collect::<Result<Vec<_>, _>>()?;
        let (sequence, live) = sorted
            .last()
            .map_or((0, 0), |file| (file.sequence(), file.live()));
        let mut history = History::after(sequence, live);
        for span in &cover.journals {
            history
                .read(&bytes_of(files, *span)?, *span, id)
                .map_err(|damage| Fault::new(damage.to_string()))?;
        }
        add_lines(files, id, &pieces, &cover, &mut history);
        let let_go = history.limit_lines(MOST_LINES);
        if let_go > 0 {
            log::limited(
                "audit lines",
                format_args!(
                    "the store no longer keeps {let_go} lines for the audit log, which could not be written \
                     for long; they may be missing there"
                ),
            );
        }
        let from = cover.sorted.last().map_or(1, |span| span.to + 1);
        let to = pieces.iter().map(|piece| piece.span.to).max().unwrap_or(0) + 1;
        Ok(Self {
            id,
            names,
            sorted,
            history,
            span: Span { from, to },
        })
    }

    /// Writes the journal that takes the place of all others.
    fn restate(&self, files: &Files) -> Result<(Journal, u64), Fault> {
        let (id, span) = (self.id, self.span);
        let (sequence, batch) = (self.history.sequence, self.history.restated());
        Journal::restating(files, id, span, sequence, &batch)
    }

    /// Removes what the files that are in use took the place of, and what was never finished.
    fn remove_replaced(&self, files: &Files) {
        let used: Vec<String> = self
            .sorted
            .iter()
            .map(|file| Piece::sorted(file.span()).to_string())
            .collect();
        for name in &self.names {
            let is_piece = Piece::parse(name).is_some() && !used.contains(name);
            if is_piece || is_unfinished(name) {
                files.remove_needless(name);
            }
        }
    }
}

fn is_unfinished(name: &str) -> bool {
    name.strip_suffix(UNFINISHED)
        .is_some_and(|name| Piece::parse(name).is_some())
}

/// The store that the files say they belong to.
fn id(files: &Files, cover: &Cover) -> Result<StoreId, Fault> {
    let span = cover.journals.first().copied();
    let span = span.ok_or_else(|| Fault::new(piece::Gap::NoJournal.to_string()))?;
    journal::id_of(&bytes_of(files, span)?, span).map_err(|damage| Fault::new(damage.to_string()))
}

fn bytes_of(files: &Files, span: Span) -> Result<Vec<u8>, Fault> {
    files.read(&Piece::journal(span).to_string())
}

/// Adds the lines of journals that are kept for nothing else. A damaged one keeps no store closed.
fn add_lines(files: &Files, id: StoreId, pieces: &[Piece], cover: &Cover, history: &mut History) {
    let kept = pieces
        .iter()
        .filter(|piece| piece.form == Form::Journal && !cover.journals.contains(&piece.span));
    for piece in kept {
        match bytes_of(files, piece.span) {
            Ok(bytes) => history.add_lines(journal::lines_of(&bytes, piece.span, id)),
            Err(fault) => log::warn(fault),
        }
    }
}
