//! Reads the records of a sorted file in order.

use super::disk::DiskFile;
use super::fault::Fault;
use super::piece::Piece;
use super::record::{Position, RecordEntry, Seed, decode, extent};

/// No record is longer.
const LONGEST: usize = 128 << 10;

/// A position in a file, and the bytes read ahead.
pub(super) struct Cursor {
    piece: Piece,
    seed: Seed,
    size: u64,
    at: u64,
    chunk: usize,
    buffer: Vec<u8>,
    /// Where in the file the buffer begins.
    from: u64,
}

impl Cursor {
    /// Reads `piece`, which is `size` bytes long, from `at` on, `chunk` bytes at a time.
    pub(super) fn new(piece: Piece, size: u64, at: u64, chunk: usize) -> Self {
        Self {
            piece,
            seed: Seed::of(piece.span),
            size,
            at,
            chunk,
            buffer: Vec::new(),
            from: at,
        }
    }

    /// The same, with the memory of an earlier one.
    pub(super) fn with_memory(self, memory: Vec<u8>) -> Self {
        Self {
            buffer: memory,
            ..self
        }
    }

    /// Its memory, for another one.
    pub(super) fn into_memory(self) -> Vec<u8> {
        let mut memory = self.buffer;
        memory.clear();
        memory
    }

    /// The next record of `file` and its position; `None` at the end.
    pub(super) fn next(
        &mut self,
        file: &dyn DiskFile,
    ) -> Result<Option<(Position, RecordEntry<'_>, u64)>, Fault> {
        if self.at >= self.size {
            return Ok(None);
        }
        let buffered = self.buffer.get(self.offset()..).unwrap_or_default();
        if extent(buffered).is_none_or(|extent| extent > buffered.len()) {
            self.fill(file)?;
        }
        let at = self.at;
        let buffered = self.buffer.get(self.offset()..).unwrap_or_default();
        let Some((place, entry, size)) = decode(buffered, self.seed) else {
            return Err(damaged(self.piece, at));
        };
        self.at += size as u64;
        Ok(Some((place, entry, at)))
    }

    fn offset(&self) -> usize {
        (self.at - self.from) as usize
    }

    /// Reads a chunk from here, or as much as the record here needs.
    fn fill(&mut self, file: &dyn DiskFile) -> Result<(), Fault> {
        self.read(file, self.chunk)?;
        match extent(&self.buffer) {
            Some(extent) if extent > self.buffer.len() => self.read(file, extent.min(LONGEST)),
            _ => Ok(()),
        }
    }

    fn read(&mut self, file: &dyn DiskFile, most: usize) -> Result<(), Fault> {
        let left = self.size - self.at;
        self.from = self.at;
        self.buffer.clear();
        self.buffer.resize(most.min(left as usize), 0);
        let mut filled = 0;
        while filled < self.buffer.len() {
            let read = file.read_at(&mut self.buffer[filled..], self.at + filled as u64);
            match read.map_err(Fault::of(format_args!("{} can't be read", self.piece)))? {
                0 => break,
                more => filled += more,
            }
        }
        self.buffer.truncate(filled);
        Ok(())
    }
}

/// The bytes are not a valid record.
pub(super) fn damaged(piece: Piece, at: u64) -> Fault {
    Fault::new(format!("{piece} is damaged at byte {at}"))
}
