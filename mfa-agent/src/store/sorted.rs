//! Sorted files: the last value of each key after the changes of some spans, in the order of keys.
//!
//! ```text
//!   sorted.1-7   │ head │ put a │ put b │ remove c │ … │ end │
//!                  every 8 KiB a key is indexed, so that one small read finds any record
//! ```
//!
//! The whole file is checked when it is opened, because a missing record would let a user in without a
//! second factor. A removed key is kept as long as an older file may hold it.

use std::cell::Cell;
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::StoreId;
use super::cursor::{self, Cursor};
use super::disk::{DiskFile, Files};
use super::fault::Fault;
use super::piece::{Piece, Span};
use super::record::{Head, Position, RecordEntry, Seed, encode};

/// A key, and its record unless it was removed.
pub(super) type Item = (Vec<u8>, Option<Vec<u8>>);

/// Bytes that are read to find one record.
const INDEXED: u64 = 8 << 10;

/// Bytes that are read at a time when the whole file is read.
const CHUNK: usize = 256 << 10;

/// Bytes that are written between syncs, so that other syncs on this disk do not wait longer.
const SYNCED: usize = 1 << 20;

thread_local! {
    /// What a thread reads records into: so much memory is dear to get. Records are sealed.
    static MEMORY: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A sorted file, open for reading.
pub(super) struct SortedFile {
    file: Box<dyn DiskFile>,
    number: u64,
    span: Span,
    size: u64,
    content: Content,
}

/// A summary of a sorted file.
#[derive(Default)]
struct Content {
    /// The number of the last journal record in it.
    sequence: u64,
    /// The bytes that all records occupied then.
    live: u64,
    /// Some keys, each with the offset of its record; the first key is among them.
    index: Vec<(Box<[u8]>, u64)>,
}

/// The source of a new sorted file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) id: StoreId,
    pub(super) span: Span,
    pub(super) sequence: u64,
    pub(super) live: u64,
}

impl SortedFile {
    /// Writes `items`, which are in the order of their keys.
    pub(super) fn create(
        files: &Files,
        origin: Origin,
        items: impl Iterator<Item = Result<Item, Fault>>,
    ) -> Result<Self, Fault> {
        let name = Piece::sorted(origin.span).to_string();
        let (file, (size, content)) = files.publish(&name, |file| {
            let mut writer = Writer::new(file, &name, origin);
            for item in items {
                let (key, value) = item?;
                writer.add(&key, value.as_deref())?;
            }
            writer.end()
        })?;
        let span = origin.span;
        Ok(Self {
            file,
            number: next_number(),
            span,
            size,
            content,
        })
    }

    /// Opens the file of `span`, and checks all of it.
    pub(super) fn open(files: &Files, id: StoreId, span: Span) -> Result<Self, Fault> {
        let name = Piece::sorted(span).to_string();
        let file = files.open(&name)?;
        let size = file
            .size()
            .map_err(Fault::of(format_args!("{name} can't be examined")))?;
        let mut sorted = Self {
            file,
            number: next_number(),
            span,
            size,
            content: Content::default(),
        };
        sorted.content = sorted.checked(id)?;
        Ok(sorted)
    }

    fn checked(&self, id: StoreId) -> Result<Content, Fault> {
        let mut check = Check::default();
        let mut content = Content::default();
        let mut cursor = self.cursor(0, CHUNK);
        while let Some((place, entry, at)) = cursor.next(&*self.file)? {
            if !check.follows(place, entry, id, self.span) {
                return Err(self.damaged(at));
            }
            match entry {
                RecordEntry::Put { key, .. } | RecordEntry::Remove { key }
                    if is_due(&content.index, at) =>
                {
                    content.index.push((key.into(), at));
                }
                RecordEntry::Head(_) => {
                    (content.sequence, content.live) = (place.sequence, place.live)
                }
                _ => {}
            }
        }
        match check.ended {
            true => Ok(content),
            false => Err(self.damaged(self.size)),
        }
    }

    pub(super) fn span(&self) -> Span {
        self.span
    }

    /// Its number, which no other file has had in this process.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// Its size in bytes.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// The number of the last journal record in it.
    pub(super) fn sequence(&self) -> u64 {
        self.content.sequence
    }

    /// The bytes that all records occupied when it was written.
    pub(super) fn live(&self) -> u64 {
        self.content.live
    }

    /// The record under `key`; `Some(None)` if it was removed, `None` if this file does not know
    /// it.
    pub(super) fn load(&self, key: &[u8]) -> Result<Option<Option<Vec<u8>>>, Fault> {
        let Some(at) = self.before(key) else {
            return Ok(None);
        };
        let memory = MEMORY.take();
        let mut cursor = self.cursor(at, INDEXED as usize + 1024).with_memory(memory);
        let found = self.search(&mut cursor, key);
        MEMORY.set(cursor.into_memory());
        found
    }

    /// The same, from where the cursor is.
    fn search(&self, cursor: &mut Cursor, key: &[u8]) -> Result<Option<Option<Vec<u8>>>, Fault> {
        while let Some((_, entry, _)) = cursor.next(&*self.file)? {
            let (found, value) = match entry {
                RecordEntry::Put { key, value } => (key, Some(value)),
                RecordEntry::Remove { key } => (key, None),
                _ => return Ok(None),
            };
            if found == key {
                return Ok(Some(value.map(<[u8]>::to_vec)));
            }
            if found > key {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// Where to look for `key`; `None` if it is before all keys here.
    fn before(&self, key: &[u8]) -> Option<u64> {
        let index = &self.content.index;
        let after = index.partition_point(|(known, _)| **known <= *key);
        Some(index.get(after.checked_sub(1)?)?.1)
    }

    /// Its items from `start` on.
    pub(super) fn range(self: &Arc<Self>, start: Bound<&[u8]>) -> Range {
        let first = self.content.index.first().map_or(self.size, |(_, at)| *at);
        let at = match start {
            Bound::Unbounded => first,
            Bound::Included(key) | Bound::Excluded(key) => self.before(key).unwrap_or(first),
        };
        Range {
            file: Arc::clone(self),
            cursor: self.cursor(at, CHUNK / 4),
            start: start.map(<[u8]>::to_vec),
        }
    }

    fn cursor(&self, at: u64, chunk: usize) -> Cursor {
        Cursor::new(Piece::sorted(self.span), self.size, at, chunk)
    }

    fn damaged(&self, at: u64) -> Fault {
        cursor::damaged(Piece::sorted(self.span), at)
    }
}

fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn is_due(index: &[(Box<[u8]>, u64)], at: u64) -> bool {
    index.last().is_none_or(|(_, last)| at >= last + INDEXED)
}

/// Items of a sorted file, in the order of their keys.
pub(super) struct Range {
    file: Arc<SortedFile>,
    cursor: Cursor,
    start: Bound<Vec<u8>>,
}

impl Range {
    fn next_item(&mut self) -> Result<Option<Item>, Fault> {
        Ok(match self.cursor.next(&*self.file.file)? {
            Some((_, RecordEntry::Put { key, value }, _)) => {
                Some((key.to_vec(), Some(value.to_vec())))
            }
            Some((_, RecordEntry::Remove { key }, _)) => Some((key.to_vec(), None)),
            _ => None,
        })
    }
}

impl Iterator for Range {
    type Item = Result<Item, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let item = match self.next_item().transpose()? {
                Ok(item) => item,
                Err(fault) => return Some(Err(fault)),
            };
            let is_before = match &self.start {
                Bound::Included(start) => item.0 < *start,
                Bound::Excluded(start) => item.0 <= *start,
                Bound::Unbounded => false,
            };
            if !is_before {
                self.start = Bound::Unbounded;
                return Some(Ok(item));
            }
        }
    }
}

/// Checks that the records of a file are in order.
#[derive(Default)]
struct Check {
    count: u64,
    last_key: Vec<u8>,
    ended: bool,
}

impl Check {
    fn follows(
        &mut self,
        place: Position,
        entry: RecordEntry<'_>,
        id: StoreId,
        span: Span,
    ) -> bool {
        let number = self.count;
        self.count += 1;
        match entry {
            RecordEntry::Head(head) => number == 0 && head.id == id && head.span == span,
            _ if number == 0 || self.ended || place.sequence != number => false,
            RecordEntry::Put { key, .. } | RecordEntry::Remove { key } => {
                let grows = number == 1 || *key > *self.last_key;
                self.last_key.clear();
                self.last_key.extend(key);
                grows
            }
            RecordEntry::End => {
                self.ended = true;
                true
            }
            RecordEntry::Line(_) | RecordEntry::Settled(_) => false,
        }
    }
}

struct Writer<'a> {
    file: &'a dyn DiskFile,
    name: &'a str,
    origin: Origin,
    buffer: Vec<u8>,
    written: u64,
    count: u64,
    index: Vec<(Box<[u8]>, u64)>,
}

impl<'a> Writer<'a> {
    fn new(file: &'a dyn DiskFile, name: &'a str, origin: Origin) -> Self {
        let mut writer = Self {
            file,
            name,
            origin,
            buffer: Vec::new(),
            written: 0,
            count: 0,
            index: Vec::new(),
        };
        let head = Head {
            id: origin.id,
            span: origin.span,
        };
        let place = Position {
            sequence: origin.sequence,
            first: origin.sequence,
            live: origin.live,
        };
        writer.encode(place, RecordEntry::Head(head));
        writer
    }

    fn add(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Fault> {
        let at = self.written + self.buffer.len() as u64;
        if is_due(&self.index, at) {
            self.index.push((key.into(), at));
        }
        let entry = match value {
            Some(value) => RecordEntry::Put { key, value },
            None => RecordEntry::Remove { key },
        };
        self.encode(self.place(), entry);
        if self.buffer.len() >= SYNCED {
            self.write_out()?;
            self.file
                .sync()
                .map_err(Fault::of(format_args!("{} can't be synced", self.name)))?;
        }
        Ok(())
    }

    fn place(&self) -> Position {
        Position {
            sequence: self.count,
            first: self.count,
            live: 0,
        }
    }

    fn encode(&mut self, place: Position, entry: RecordEntry<'_>) {
        encode(&mut self.buffer, Seed::of(self.origin.span), place, entry);
        self.count += 1;
    }

    fn write_out(&mut self) -> Result<(), Fault> {
        self.file
            .write_at(&self.buffer, self.written)
            .map_err(Fault::of(format_args!("{} can't be written", self.name)))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Returns the length of the file, and its summary.
    fn end(mut self) -> Result<(u64, Content), Fault> {
        self.encode(self.place(), RecordEntry::End);
        self.write_out()?;
        let content = Content {
            sequence: self.origin.sequence,
            live: self.origin.live,
            index: self.index,
        };
        Ok((self.written, content))
    }
}

#[cfg(test)]
#[path = "sorted_tests.rs"]
mod tests;
