//! The journal: the first place where a change is durable.
//!
//! A commit appends to a file that has its full size from the beginning, which saves the file system the
//! work of growing it, and syncs it. A full journal is closed, and its content becomes a sorted file.
//!
//! ```text
//!  journal.8-8   │ head │ put, line │ put, put │ … │ put (torn) │ 0 0 0 0 …      grows past its size if it must
//!                        └─────────── replayed ───┘  └ ignored ┘
//! ```
//!
//! Only unacknowledged changes may be missing at the end of the last journal. A batch torn by a power cut
//! is the last one; a broken record before a later *batch*, or before a journal that continues with a
//! higher number, was durable once and has been damaged. So was a broken record among those with which a
//! journal repeats the ones before it. A damaged store is not opened: it would let users in without asking for
//! the second factor that they have.

use std::collections::{BTreeMap, BTreeSet};

use super::StoreId;
use super::disk::{DiskFile, Files};
use super::fault::Fault;
use super::piece::{Piece, Span};
use super::record::{ALIGNMENT, Head, Position, RecordEntry, Seed, decode, encode, size};

/// Its size in bytes. One journal is sorted at a time, so this bounds what a start has to read.
pub(super) const SIZE: u64 = 1 << 20;

/// The first record of a journal that does not know what precedes it.
const CONTINUES: u64 = 0;

/// Changes in the order in which they took place.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Each with the bytes that all records occupy after it.
    items: Vec<(Item, u64)>,
    /// The bytes that all records occupy after the batch.
    pub(super) live: u64,
    bytes: u64,
}

#[derive(Debug)]
enum Item {
    Put(Vec<u8>, Vec<u8>),
    Remove(Vec<u8>),
    Line(Vec<u8>),
    Settled(u64),
}

impl Batch {
    /// An empty batch.
    pub(super) fn new(live: u64) -> Self {
        Self {
            live,
            ..Self::default()
        }
    }

    /// Takes the content, and leaves an empty batch.
    pub(super) fn take(&mut self) -> Self {
        let live = self.live;
        std::mem::replace(self, Self::new(live))
    }

    /// The record under `key` is now `value`, or removed; it was `old`.
    pub(super) fn changed(&mut self, key: &[u8], old: Option<&[u8]>, value: Option<&[u8]>) {
        let old = old.map_or(0, |old| size(key, old));
        let new = value.map_or(0, |new| size(key, new));
        self.live = self.live.saturating_sub(old).saturating_add(new);
        let item = match value {
            Some(value) => Item::Put(key.to_vec(), value.to_vec()),
            None => Item::Remove(key.to_vec()),
        };
        self.push(item);
    }

    /// A line of the audit log for the change before it.
    pub(super) fn line(&mut self, line: &[u8]) {
        self.push(Item::Line(line.to_vec()));
    }

    /// All lines up to the record `sequence` are in the audit log.
    pub(super) fn settled(&mut self, sequence: u64) {
        self.push(Item::Settled(sequence));
    }

    /// Whether it contains lines of the audit log.
    pub(super) fn has_lines(&self) -> bool {
        let is_line = |(item, _): &(Item, u64)| matches!(item, Item::Line(_));
        self.items.iter().any(is_line)
    }

    /// The bytes that it occupies in a journal.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn push(&mut self, item: Item) {
        self.bytes += match item.entry() {
            RecordEntry::Put { key, value } => size(key, value),
            RecordEntry::Remove { key } => size(key, b""),
            RecordEntry::Line(line) => size(b"", line),
            _ => size(b"", &[0; 8]),
        };
        self.items.push((item, self.live));
    }
}

impl Item {
    fn entry(&self) -> RecordEntry<'_> {
        match self {
            Self::Put(key, value) => RecordEntry::Put { key, value },
            Self::Remove(key) => RecordEntry::Remove { key },
            Self::Line(line) => RecordEntry::Line(line),
            Self::Settled(sequence) => RecordEntry::Settled(*sequence),
        }
    }
}

/// A journal, open for appending.
pub(super) struct Journal {
    file: Box<dyn DiskFile>,
    span: Span,
    end: u64,
    buffer: Vec<u8>,
}

impl Journal {
    /// Makes the journal of `span` with `content`, which repeats the journals of this span up to
    /// the record `sequence`. Also returns the number of its last record.
    pub(super) fn restating(
        files: &Files,
        id: StoreId,
        span: Span,
        sequence: u64,
        content: &Batch,
    ) -> Result<(Self, u64), Fault> {
        let mut buffer = Vec::new();
        let head = Position {
            sequence,
            first: sequence,
            live: content.live,
        };
        encode(
            &mut buffer,
            Seed::of(span),
            head,
            RecordEntry::Head(Head { id, span }),
        );
        let mut last = append_batch(&mut buffer, span, sequence, content);
        if sequence != CONTINUES {
            last += 1;
            let end = Position {
                sequence: last,
                first: sequence + 1,
                live: content.live,
            };
            encode(&mut buffer, Seed::of(span), end, RecordEntry::End);
        }
        let end = buffer.len() as u64;
        let rest = vec![0; (SIZE as usize).saturating_sub(buffer.len())];
        let name = Piece::journal(span).to_string();
        let (file, ()) = files.publish(&name, |file| {
            file.write_at(&buffer, 0)
                .and_then(|()| file.write_at(&rest, end))
                .map_err(Fault::of(format_args!("{name} can't be written")))
        })?;
        let journal = Self {
            file,
            span,
            end,
            buffer: Vec::new(),
        };
        Ok((journal, last))
    }

    /// Makes an empty journal, which will continue the one before.
    pub(super) fn spare(files: &Files, id: StoreId, span: Span) -> Result<Self, Fault> {
        Ok(Self::restating(files, id, span, CONTINUES, &Batch::new(0))?.0)
    }

    /// The spans whose changes it holds.
    pub(super) fn span(&self) -> Span {
        self.span
    }

    /// Where the next batch would end.
    pub(super) fn end_with(&self, batch: &Batch) -> u64 {
        self.end + batch.bytes()
    }

    /// Makes `batch` durable, and returns the number of its last record.
    pub(super) fn append(&mut self, batch: &Batch, sequence: u64) -> Result<u64, Fault> {
        let name = Piece::journal(self.span);
        self.buffer.clear();
        let last = append_batch(&mut self.buffer, self.span, sequence, batch);
        self.file
            .write_at(&self.buffer, self.end)
            .and_then(|()| self.file.sync())
            .map_err(Fault::of(format_args!("{name} can't be written")))?;
        self.end += self.buffer.len() as u64;
        Ok(last)
    }
}

/// Encodes `batch` after the record `sequence`; returns the number of its last record.
fn append_batch(into: &mut Vec<u8>, span: Span, sequence: u64, batch: &Batch) -> u64 {
    let seed = Seed::of(span);
    let mut place = Position {
        sequence,
        first: sequence + 1,
        live: batch.live,
    };
    for (item, live) in &batch.items {
        place.sequence += 1;
        place.live = *live;
        encode(into, seed, place, item.entry());
    }
    place.sequence
}

/// The content of journals, read one after the other.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct History {
    /// The last value of each changed key.
    pub(super) last: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    /// Lines that the audit log may lack, by record number.
    pub(super) lines: BTreeMap<u64, Vec<u8>>,
    /// Lines up to this record are in the audit log.
    settled: u64,
    /// The number of the last record.
    pub(super) sequence: u64,
    /// The bytes that all records occupy.
    pub(super) live: u64,
}

/// Why a journal lacks acknowledged changes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Damage {
    #[error("{0} is damaged at byte {1}")]
    At(Piece, u64),
    #[error("{0} has only {1} bytes")]
    Short(Piece, usize),
    #[error("{0} belongs to another store, {1}")]
    Foreign(Piece, StoreId),
    #[error("the file before {0} is damaged: record {1} is missing")]
    Missing(Piece, u64),
}

impl History {
    /// Empty, after the record `sequence`.
    pub(super) fn after(sequence: u64, live: u64) -> Self {
        Self {
            sequence,
            live,
            ..Self::default()
        }
    }

    /// Reads the journal of `span`, which comes next.
    pub(super) fn read(&mut self, bytes: &[u8], span: Span, id: StoreId) -> Result<(), Damage> {
        let piece = Piece::journal(span);
        let seed = Seed::of(span);
        // A journal has its full size from the beginning.
        if bytes.len() < SIZE as usize {
            return Err(Damage::Short(piece, bytes.len()));
        }
        let (head, mut at) = head_of(bytes, span, id)?;
        if head.sequence != CONTINUES {
            self.sequence = head.sequence;
            self.live = head.live;
        }
        while let Some((place, entry, size)) = decode(&bytes[at..], seed) {
            if place.sequence != self.sequence + 1 {
                return Err(Damage::Missing(piece, self.sequence + 1));
            }
            self.take(place, entry);
            at += size;
        }
        let left_over = (at..bytes.len())
            .step_by(ALIGNMENT)
            .filter_map(|at| decode(&bytes[at..], seed));
        // What a journal repeats was synced before it had its name, and ends with a record that says so.
        let repeated = (head.sequence != CONTINUES).then_some(head.sequence + 1);
        for (place, ..) in left_over {
            if place.first > self.sequence + 1 || Some(place.first) == repeated {
                return Err(Damage::At(piece, at as u64));
            }
        }
        Ok(())
    }

    fn take(&mut self, place: Position, entry: RecordEntry<'_>) {
        self.sequence = place.sequence;
        self.live = place.live;
        match entry {
            RecordEntry::Put { key, value } => {
                self.last.insert(key.to_vec(), Some(value.to_vec()));
            }
            RecordEntry::Remove { key } => {
                self.last.insert(key.to_vec(), None);
            }
            RecordEntry::Line(line) => {
                self.lines.insert(place.sequence, line.to_vec());
            }
            RecordEntry::Settled(until) => {
                self.settled = until;
                self.lines = self.lines.split_off(&until.saturating_add(1));
            }
            RecordEntry::Head(_) | RecordEntry::End => {}
        }
    }

    /// Keeps the newest lines, at most `most` bytes. Returns how many it dropped.
    pub(super) fn limit_lines(&mut self, most: u64) -> usize {
        let mut bytes = 0;
        let kept = self.lines.iter().rev().take_while(|(_, line)| {
            bytes += size(b"", line);
            bytes <= most
        });
        let first = kept.last().map_or(u64::MAX, |(sequence, _)| *sequence);
        let all = self.lines.len();
        self.lines = self.lines.split_off(&first);
        all - self.lines.len()
    }

    /// Adds lines of journals whose changes are no longer needed, unless they are settled.
    pub(super) fn add_lines(&mut self, lines: BTreeMap<u64, Vec<u8>>) {
        let known: BTreeSet<&[u8]> = self.lines.values().map(Vec::as_slice).collect();
        let missing: Vec<_> = lines
            .into_iter()
            .filter(|(sequence, line)| *sequence > self.settled && !known.contains(line.as_slice()))
            .collect();
        self.lines.extend(missing);
    }

    /// All of it in one batch, for a journal that replaces the others.
    pub(super) fn restated(&self) -> Batch {
        let mut batch = Batch::new(self.live);
        batch.settled(self.settled);
        for (key, value) in &self.last {
            batch.push(match value {
                Some(value) => Item::Put(key.clone(), value.clone()),
                None => Item::Remove(key.clone()),
            });
        }
        for line in self.lines.values() {
            batch.line(line);
        }
        batch
    }
}

/// Only the lines of a journal, as far as it can be read.
pub(super) fn lines_of(bytes: &[u8], span: Span, id: StoreId) -> BTreeMap<u64, Vec<u8>> {
    let mut lines = BTreeMap::new();
    let Ok((_, mut at)) = head_of(bytes, span, id) else {
        return lines;
    };
    while let Some((place, entry, size)) = decode(&bytes[at..], Seed::of(span)) {
        if let RecordEntry::Line(line) = entry {
            lines.insert(place.sequence, line.to_vec());
        }
        at += size;
    }
    lines
}

/// Checks the head; returns where it ends.
fn head_of(bytes: &[u8], span: Span, id: StoreId) -> Result<(Position, usize), Damage> {
    let piece = Piece::journal(span);
    match decode(bytes, Seed::of(span)) {
        Some((place, RecordEntry::Head(head), size)) if head.span == span => match head.id == id {
            true => Ok((place, size)),
            false => Err(Damage::Foreign(piece, head.id)),
        },
        _ => Err(Damage::At(piece, 0)),
    }
}

/// The ID of the store that the journal of `span` belongs to.
pub(super) fn id_of(bytes: &[u8], span: Span) -> Result<StoreId, Damage> {
    match decode(bytes, Seed::of(span)) {
        Some((_, RecordEntry::Head(head), _)) if head.span == span => Ok(head.id),
        _ => Err(Damage::At(Piece::journal(span), 0)),
    }
}
