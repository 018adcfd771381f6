//! One open instance of the store, usable until its first error.
//!
//! ```text
//!   open    1  the files that make up the store are read and checked
//!           2  the content of the journals is written to a new journal, which is synced with its name
//!           3  files that are no longer needed are removed
//! ```
//!
//! An old journal is never appended to, because its last sync may have failed and the kernel may show data
//! that it could not write. Nothing is changed before the second step is done, so a failed opening loses
//! nothing. Files that never became part of the store are removed before: a full disk may be full of them.

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
use super::snapshot::{self, LayersSnapshot};
use super::sorted::SortedFile;
use super::sorting::Sorter;
use super::table::{self, Table};
use super::writer::Writer;
use super::{Change, Guard, Revision, StoreId, Swap};
use crate::log;

/// Bytes of lines for the audit log that are kept over an opening.
const MOST_LINES: u64 = 4 << 20;

/// What outlives an instance.
#[derive(Clone)]
pub(super) struct Surroundings {
    pub(super) files: Arc<Files>,
    pub(super) audit_log: AuditLog,
    pub(super) ballast: Arc<Ballast>,
}

/// A working instance, or a broken one that will be replaced.
pub(super) struct Open {
    /// Lines of an earlier process that the audit log may lack, oldest first.
    pub(super) lines: Vec<Vec<u8>>,
    pub(super) id: StoreId,
    /// The last span when it was opened: it grows with each opening.
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
    /// The span of the next journal, which repeats all of this.
    span: Span,
}

impl Open {
    /// Opens the store in `path`.
    pub(super) fn new(path: &Path, around: &Surroundings) -> Result<Self, Fault> {
        let files = &*around.files;
        let found = Found::read(files)?;
        table::remove_left_over(path, &found.names)?;
        found.remove_unfinished(files);
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

    /// Why it is unusable, if it is.
    pub(super) fn failure(&self) -> Option<Fault> {
        self.commits.failure().or_else(|| self.shared.broken())
    }

    /// The current layers.
    pub(super) fn layers(&self) -> Arc<Layers> {
        self.shared.layers()
    }

    /// Makes changes one by one while `guards` hold, and returns once they are durable.
    pub(super) fn swap_all_if(
        &self,
        guards: &[Guard<'_>],
        changes: &[Change<'_>],
    ) -> Result<Option<Vec<Swap>>, Fault> {
        // Files are read before anybody has to wait for it.
        let before = self.layers();
        let guarded = guards
            .iter()
            .map(|guard| ahead(&before, guard.key))
            .collect::<Result<Vec<_>, Fault>>()?;
        let in_files = changes
            .iter()
            .map(|change| ahead(&before, change.key))
            .collect::<Result<Vec<_>, Fault>>()?;
        // Must not be the last owner of a table: dropping it would remove its files during a login.
        let version = before.version;
        drop(before);
        self.commits.commit(|batch| {
            let now = self.layers();
            let current = |key: &[u8], in_files: Option<Vec<u8>>| match now.in_tables(key)? {
                Some(known) => Ok(known),
                None if now.version == version => Ok(in_files),
                None => now.in_files(key),
            };
            for (guard, in_files) in guards.iter().zip(guarded) {
                if current(guard.key, in_files)?.as_deref() != bytes(guard.expected) {
                    return Ok((None, false));
                }
            }
            let mut outcomes = Vec::with_capacity(changes.len());
            for (change, in_files) in changes.iter().zip(in_files) {
                let current = current(change.key, in_files)?;
                outcomes.push(apply(change, current, &now.active, batch)?);
            }
            let any = outcomes.contains(&Swap::Done);
            Ok((Some(outcomes), any))
        })
    }
}

impl Open {
    /// The content of this moment. Changes wait for the copy of the recent ones, which takes milliseconds.
    pub(super) fn snapshot(&self) -> Result<LayersSnapshot, Fault> {
        let (layers, active) = self.commits.commit(|_| {
            let layers = self.layers();
            let active = snapshot::copy(&layers.active)?;
            Ok(((layers, active), false))
        })?;
        LayersSnapshot::new(&layers, active)
    }
}

#[cfg(test)]
impl Open {
    pub(super) fn break_for_test(&self) {
        self.shared
            .change(|state| state.broken = Some(Fault::new("a test broke it")));
    }
}

/// What the files have of `key`, unless the tables know it.
fn ahead(layers: &Layers, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
    match layers.in_tables(key)? {
        Some(_) => Ok(None),
        None => layers.in_files(key),
    }
}

fn bytes(revision: Option<&Revision>) -> Option<&[u8]> {
    revision.map(|revision| revision.0.as_slice())
}

fn apply(
    change: &Change<'_>,
    current: Option<Vec<u8>>,
    table: &Table,
    batch: &mut Batch,
) -> Result<Swap, Fault> {
    let expected = bytes(change.expected);
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

/// The number of the last line, once `history` was repeated up to the record `sequence`.
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
                    "the store dropped {let_go} audit lines, since the audit file could not be \
                     written for a long time; they may be missing there"
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

    /// Writes the journal that replaces all others.
    fn restate(&self, files: &Files) -> Result<(Journal, u64), Fault> {
        let (id, span) = (self.id, self.span);
        let (sequence, batch) = (self.history.sequence, self.history.restated());
        Journal::restating(files, id, span, sequence, &batch)
    }

    /// Removes files that were being written when the store was closed, such as by a merge on a full disk: the rest of
    /// the opening needs room.
    fn remove_unfinished(&self, files: &Files) {
        for name in self.names.iter().filter(|name| is_unfinished(name)) {
            files.remove_needless(name);
        }
    }

    /// Removes files that were replaced.
    fn remove_replaced(&self, files: &Files) {
        let used: Vec<String> = self
            .sorted
            .iter()
            .map(|file| Piece::sorted(file.span()).to_string())
            .collect();
        for name in &self.names {
            let is_piece = Piece::parse(name).is_some() && !used.contains(name);
            if is_piece {
                files.remove_needless(name);
            }
        }
    }
}

fn is_unfinished(name: &str) -> bool {
    name.strip_suffix(UNFINISHED)
        .is_some_and(|name| Piece::parse(name).is_some())
}

/// The ID of the store that the files belong to.
fn id(files: &Files, cover: &Cover) -> Result<StoreId, Fault> {
    let span = cover.journals.first().copied();
    let span = span.ok_or_else(|| Fault::new(piece::Gap::NoJournal.to_string()))?;
    journal::id_of(&bytes_of(files, span)?, span).map_err(|damage| Fault::new(damage.to_string()))
}

fn bytes_of(files: &Files, span: Span) -> Result<Vec<u8>, Fault> {
    files.read(&Piece::journal(span).to_string())
}

/// Adds the lines of journals that are kept only for them. A damaged one does not prevent the
/// opening.
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
