//! The content of the store at one moment, read while changes go on.
//!
//! Sorted files never change, so they are read where they are, even if they were merged and removed meanwhile. The tables
//! of recent changes are at most as large as a journal, and are copied.

use std::iter::Peekable;

use super::StoreError;
use super::fault::Fault;
use super::layers::Layers;
use super::merge::{Merge, Source};
use super::sorted::Item;
use super::table::Table;

/// A key and its record.
pub type Record = (Vec<u8>, Vec<u8>);

/// The records of one moment, in the order of their keys.
pub trait Snapshot: Send {
    /// The next records, at least one, until they have `bytes` in all; none at the end.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when they can't be read.
    fn next(&mut self, bytes: usize) -> Result<Vec<Record>, StoreError>;
}

/// Copies the content of a table.
pub(super) fn copy(table: &Table) -> Result<Vec<Item>, Fault> {
    table.range(std::ops::Bound::Unbounded)?.collect()
}

/// The layers of a store, with copies of their tables.
pub(super) struct LayersSnapshot(Peekable<Merge>);

impl LayersSnapshot {
    /// `active` is a copy of the active table of `layers`.
    pub(super) fn new(layers: &Layers, active: Vec<Item>) -> Result<Self, Fault> {
        let mut sources: Vec<Source> = vec![Box::new(active.into_iter().map(Ok))];
        if let Some(frozen) = &layers.frozen {
            sources.push(Box::new(copy(frozen)?.into_iter().map(Ok)));
        }
        for file in &layers.sorted {
            sources.push(Box::new(file.range(std::ops::Bound::Unbounded)));
        }
        Ok(Self(Merge::new(sources).peekable()))
    }
}

impl Snapshot for LayersSnapshot {
    fn next(&mut self, bytes: usize) -> Result<Vec<Record>, StoreError> {
        let mut records = Vec::new();
        let mut size = 0;
        while size < bytes {
            match self.0.next().transpose() {
                Ok(None) => break,
                Ok(Some((_, None))) => {}
                Ok(Some((key, Some(record)))) => {
                    size += key.len() + record.len();
                    records.push((key, record));
                }
                Err(fault) => return Err(StoreError::new(fault.reason)),
            }
        }
        Ok(records)
    }
}
