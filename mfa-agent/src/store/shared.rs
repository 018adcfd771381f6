//! The state that the threads of an open store share.
//!
//! ```text
//!   writer    appends to the journal, and changes to the spare one when it is full
//!   sorter    makes a sorted file of a full journal, and the next spare journal   (sorting)
//!   merger    makes one sorted file of several                                    (merging)
//!   settler   drops lines that the audit log has                                  (settling)
//! ```
//!
//! A file is used once its name is durable, and its sources are removed after that.

use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use super::StoreId;
use super::ballast::Ballast;
use super::disk::Files;
use super::fault::Fault;
use super::journal::Journal;
use super::layers::Layers;
use super::lines::Lines;
use super::piece::{Piece, Span};
use super::sorted::{Item, Origin, SortedFile};
use super::table::Table;

/// How long commits wait for a journal to be sorted.
const PATIENCE: Duration = Duration::from_secs(10);

/// An open store, as its threads see it.
pub(super) struct Shared {
    pub(super) files: Arc<Files>,
    pub(super) folder: PathBuf,
    pub(super) id: StoreId,
    pub(super) lines: Lines,
    pub(super) ballast: Arc<Ballast>,
    layers: RwLock<Arc<Layers>>,
    state: Mutex<State>,
    /// Signals a change that a thread may wait for.
    changed: Condvar,
}

/// The state that changes while it is open.
#[derive(Default)]
pub(super) struct State {
    /// The journal that is used next.
    pub(super) spare: Option<Spare>,
    /// The full journal that is to be sorted.
    pub(super) frozen: Option<Frozen>,
    /// The last span that has a journal.
    pub(super) last_span: u64,
    /// The store is being closed.
    pub(super) stopping: bool,
    /// Why the last attempt to sort a journal or to make a spare one failed.
    pub(super) failure: Option<Fault>,
    /// The state in this process's memory can no longer be trusted.
    pub(super) broken: Option<Fault>,
}

/// A journal and its table, ready for use.
pub(super) struct Spare {
    pub(super) journal: Journal,
    pub(super) table: Arc<Table>,
}

/// The content of a full journal.
#[derive(Clone)]
pub(super) struct Frozen {
    pub(super) table: Arc<Table>,
    pub(super) span: Span,
    pub(super) sequence: u64,
    pub(super) live: u64,
}

/// The arguments of [`Shared::new`].
pub(super) struct Beginning {
    pub(super) files: Arc<Files>,
    pub(super) folder: PathBuf,
    pub(super) id: StoreId,
    pub(super) lines: Lines,
    pub(super) ballast: Arc<Ballast>,
    pub(super) layers: Layers,
    pub(super) last_span: u64,
}

impl Shared {
    pub(super) fn new(beginning: Beginning) -> Self {
        Self {
            files: beginning.files,
            folder: beginning.folder,
            id: beginning.id,
            lines: beginning.lines,
            ballast: beginning.ballast,
            layers: RwLock::new(Arc::new(beginning.layers)),
            state: Mutex::new(State {
                last_span: beginning.last_span,
                ..State::default()
            }),
            changed: Condvar::new(),
        }
    }

    /// The current layers.
    pub(super) fn layers(&self) -> Arc<Layers> {
        Arc::clone(&self.layers.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn change_layers(&self, change: impl FnOnce(&mut Layers)) {
        let mut layers = self.layers.write().unwrap_or_else(PoisonError::into_inner);
        let mut changed = Layers::clone(&layers);
        change(&mut changed);
        changed.version += 1;
        *layers = Arc::new(changed);
    }

    /// Why the store has to be opened again, if so.
    pub(super) fn broken(&self) -> Option<Fault> {
        self.state().broken.clone()
    }

    /// The spare journal, if there is one and no other waits to be sorted.
    pub(super) fn take_spare(&self) -> Option<Spare> {
        let mut state = self.state();
        match state.frozen {
            Some(_) => None,
            None => state.spare.take(),
        }
    }

    /// Sends changes to `table` from now on; returns the table before.
    pub(super) fn freeze(&self, table: Arc<Table>) -> Arc<Table> {
        let full = Arc::clone(&self.layers().active);
        self.change_layers(|layers| {
            layers.frozen = Some(std::mem::replace(&mut layers.active, table));
        });
        full
    }

    /// All of `frozen` is durable in its journal, and can be sorted.
    pub(super) fn sort(&self, frozen: Frozen) {
        self.change(|state| state.frozen = Some(frozen));
    }

    /// The journal contains lines of the audit log up to the record `sequence`.
    pub(super) fn lines_until(&self, sequence: u64) {
        if self.lines.written_until(sequence) {
            self.changed.notify_all();
        }
    }

    /// Waits for a spare journal.
    pub(super) fn await_spare(&self) -> Result<(), Fault> {
        let waited = self
            .changed
            .wait_timeout_while(self.state(), PATIENCE, |state| {
                (state.frozen.is_some() || state.spare.is_none())
                    && state.failure.is_none()
                    && state.broken.is_none()
            });
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match state.broken.as_ref().or(state.failure.as_ref()) {
            Some(fault) => Err(fault.clone()),
            None if state.spare.is_some() => Ok(()),
            None => Err(Fault::new("the disk is too slow for the changes")),
        }
    }

    /// Waits until `is_due`, or until the store is being closed. Returns whether it is due.
    pub(super) fn await_work(&self, is_due: impl Fn(&State) -> bool) -> bool {
        let waited = self
            .changed
            .wait_while(self.state(), |state| !state.stopping && !is_due(state));
        !waited.unwrap_or_else(PoisonError::into_inner).stopping
    }

    /// Waits for `pause`, or until the store is being closed.
    pub(super) fn pause(&self, pause: Duration) {
        let waited = self
            .changed
            .wait_timeout_while(self.state(), pause, |state| !state.stopping);
        drop(waited);
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A sorted file of `items`, durable with its name. If there is no older one, removed keys are
    /// left out.
    pub(super) fn publish(
        &self,
        origin: Origin,
        items: impl Iterator<Item = Result<Item, Fault>>,
        is_oldest: bool,
    ) -> Result<Arc<SortedFile>, Fault> {
        let items = items
            .map(|item| match self.state().stopping {
                true => Err(Fault::new("the store is being closed")),
                false => item,
            })
            .filter(|item| !(is_oldest && matches!(item, Ok((_, None)))));
        SortedFile::create(&self.files, origin, items).map(Arc::new)
    }

    /// Removes full journals that are no longer needed.
    pub(super) fn remove_settled(&self) {
        for span in self.lines.take_removable() {
            self.files
                .remove_needless(&Piece::journal(span).to_string());
        }
    }
}
