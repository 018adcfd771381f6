//! Lines of the audit log in the journal.
//!
//! A line is durable together with its change, so that no crash loses one; the audit log is written
//! later. A journal is kept until the audit log has its lines durably; if the audit log can't be
//! written, only a few are kept. The audit log may be slow, so its own thread waits for it and no
//! change does.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::WriteOut;
use super::piece::Span;
use crate::log;

/// At most this number of full journals is kept for their lines.
const MOST_KEPT: usize = 4;

/// How often lines are settled while their journal is in use.
const INTERVAL: Duration = Duration::from_secs(60);

/// Writes the lines to the audit log; the same for every instance of a store.
#[derive(Clone, Default)]
pub(super) struct AuditLog(Arc<Mutex<Option<WriteOut>>>);

impl AuditLog {
    /// From now on lines can be settled.
    pub(super) fn set(&self, write_out: WriteOut) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(write_out);
    }

    fn write_out(&self) -> bool {
        let write_out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        write_out.as_ref().is_some_and(|write_out| write_out())
    }
}

/// Where the lines are.
pub(super) struct Lines {
    audit_log: AuditLog,
    state: Mutex<State>,
}

struct State {
    /// The last record in the journal that is a line.
    written: u64,
    /// Lines up to this record are in the audit log.
    settled: u64,
    next_try: Instant,
    /// Full journals that are already sorted, with the last record of each; oldest first.
    closed: VecDeque<(Span, u64)>,
}

impl Lines {
    /// The audit log may lack lines up to the record `written`.
    pub(super) fn new(audit_log: AuditLog, written: u64) -> Self {
        let state = Mutex::new(State {
            written,
            settled: 0,
            next_try: Instant::now() + INTERVAL,
            closed: VecDeque::new(),
        });
        Self { audit_log, state }
    }

    /// The journal holds lines up to the record `sequence`. Returns whether they should be settled
    /// now.
    pub(super) fn written_until(&self, sequence: u64) -> bool {
        let mut state = self.lock();
        state.written = sequence;
        state.is_due(Instant::now())
    }

    /// Whether there are lines that should be settled now.
    pub(super) fn are_due(&self) -> bool {
        self.lock().is_due(Instant::now())
    }

    /// The journal of `span` is sorted; `last` is its last record.
    pub(super) fn closed(&self, span: Span, last: u64) {
        let mut state = self.lock();
        state.closed.push_back((span, last));
        if state.written > state.settled {
            state.next_try = Instant::now();
        }
    }

    /// Writes the audit log; returns the last record whose line is durable there.
    pub(super) fn write_out(&self, now: Instant) -> Option<u64> {
        let until = {
            let mut state = self.lock();
            if !state.is_due(now) {
                return None;
            }
            state.next_try = now + INTERVAL;
            state.written
        };
        self.audit_log.write_out().then_some(until)
    }

    /// Lines up to `until` are durable in the audit log.
    pub(super) fn settled(&self, until: u64) {
        let mut state = self.lock();
        state.settled = state.settled.max(until);
    }

    /// The journals that are no longer needed.
    pub(super) fn take_removable(&self) -> Vec<Span> {
        let mut state = self.lock();
        let mut removable = Vec::new();
        while let Some((span, last)) = state.closed.front().copied() {
            let is_settled = state.settled >= last.min(state.written);
            if !is_settled && state.closed.len() <= MOST_KEPT {
                break;
            }
            if !is_settled {
                log::limited(
                    "audit lines",
                    "the store dropped the oldest audit lines, since the audit file could not be \
                     written for a long time; they may be missing there",
                );
            }
            state.closed.pop_front();
            removable.push(span);
        }
        removable
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_due(&self, now: Instant) -> bool {
        self.written > self.settled && now >= self.next_try
    }
}
