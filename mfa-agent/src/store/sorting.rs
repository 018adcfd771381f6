//! Turns a full journal into a sorted file, and makes the next journal.
//!
//! ```text
//!   frozen table ──▶ sorted file, durable ──▶ journal removed        a start has two journals to read at most
//! ```

use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::background::Task;
use super::fault::Fault;
use super::journal::Journal;
use super::piece::Span;
use super::shared::{Frozen, Shared, Spare, State};
use super::sorted::Origin;
use super::table::Table;

/// How long a sorted table is kept for current readers.
const LONGEST_READ: Duration = Duration::from_secs(1);

pub(super) struct Sorter;

impl Task for Sorter {
    const NAME: &'static str = "store-sort";

    fn is_due(&self, _: &Shared, state: &State) -> bool {
        state.frozen.is_some() || state.spare.is_none()
    }

    fn work(&self, shared: &Shared) -> Result<(), Fault> {
        let frozen = shared.state().frozen.clone();
        if let Some(frozen) = frozen {
            sort(shared, &frozen)?;
        }
        prepare_spare(shared)
    }

    fn note(&self, state: &mut State, fault: Option<&Fault>) {
        state.failure = fault.cloned();
    }
}

fn sort(shared: &Shared, frozen: &Frozen) -> Result<(), Fault> {
    let origin = Origin {
        id: shared.id,
        span: frozen.span,
        sequence: frozen.sequence,
        live: frozen.live,
    };
    let is_oldest = shared.layers().sorted.is_empty();
    let items = frozen.table.range(Bound::Unbounded)?;
    let file = shared.publish(origin, items, is_oldest)?;
    shared.change_layers(|layers| {
        layers.sorted.insert(0, file);
        layers.frozen = None;
    });
    shared.lines.closed(frozen.span, frozen.sequence);
    shared.change(|state| state.frozen = None);
    shared.remove_settled();
    await_readers(&frozen.table);
    Ok(())
}

/// Waits until nobody reads the table any more, so that it is dropped on this thread and not in a
/// login. Only the caller's clone remains.
fn await_readers(table: &Arc<Table>) {
    let until = Instant::now() + LONGEST_READ;
    while Arc::strong_count(table) > 1 && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn prepare_spare(shared: &Shared) -> Result<(), Fault> {
    let number = {
        let state = shared.state();
        if state.spare.is_some() {
            return Ok(());
        }
        state.last_span + 1
    };
    let span = Span {
        from: number,
        to: number,
    };
    let table = Arc::new(Table::create(&shared.files, &shared.folder, number)?);
    let journal = Journal::spare(&shared.files, shared.id, span)?;
    shared.change(|state| {
        state.last_span = number;
        state.spare = Some(Spare { journal, table });
    });
    Ok(())
}
