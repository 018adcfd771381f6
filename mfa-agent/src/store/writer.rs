//! Makes batches durable in the journal, and begins the next journal when one is full.
//!
//! A journal and its table must contain the same changes. So the table is replaced at the moment
//! when the last batch of a journal is taken from the queue, while nothing can be applied; that
//! batch is written a moment later.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::commit::Sink;
use super::fault::Fault;
use super::journal::{Batch, Journal, SIZE};
use super::shared::{Frozen, Shared, Spare};
use super::table::Table;

/// A journal grows past its size while the one before it is being sorted, but not past this: then
/// commits wait.
const LARGEST: u64 = 8 * SIZE;

/// The journal that is appended to.
pub(super) struct Writer {
    shared: Arc<Shared>,
    state: Mutex<State>,
}

struct State {
    journal: Journal,
    /// The number of its last record.
    sequence: u64,
    /// The journal that is used once the next batch is written.
    next: Option<(Spare, Arc<Table>)>,
}

impl Writer {
    /// Continues in `journal` after the record `sequence`.
    pub(super) fn new(shared: Arc<Shared>, journal: Journal, sequence: u64) -> Self {
        let state = Mutex::new(State {
            journal,
            sequence,
            next: None,
        });
        Self { shared, state }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for Writer {
    fn begin_round(&self, batch: &Batch) {
        let mut state = self.lock();
        if state.journal.end_with(batch) < SIZE {
            return;
        }
        if let Some(spare) = self.shared.take_spare() {
            let full = self.shared.freeze(Arc::clone(&spare.table));
            state.next = Some((spare, full));
        }
    }

    fn write(&self, batch: &Batch) -> Result<(), Fault> {
        let mut state = self.lock();
        let state = &mut *state;
        if state.journal.end_with(batch) > LARGEST && state.next.is_none() {
            self.shared.await_spare()?;
        }
        state.sequence = state.journal.append(batch, state.sequence)?;
        if batch.has_lines() {
            self.shared.lines_until(state.sequence);
        }
        if let Some((spare, table)) = state.next.take() {
            let full = std::mem::replace(&mut state.journal, spare.journal);
            self.shared.sort(Frozen {
                table,
                span: full.span(),
                sequence: state.sequence,
                live: batch.live,
            });
        }
        Ok(())
    }
}
