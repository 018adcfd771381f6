//! One sink's thread and the bounded queue before it.
//!
//! Whoever pushes holds the lock for a moment only, and the thread never holds it while it writes: a
//! sink that hangs fills its queue, and then loses lines, but holds up nobody. A line that can't be
//! written is tried again once a second, and the log hears of it once, not once a line.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::Event;
use super::sink::{Entry, Sink, WriteError};
use crate::log;

/// Lines that wait at most.
pub(super) const QUEUE: usize = 4096;

const BETWEEN_TRIES: Duration = Duration::from_secs(1);

pub(super) struct Worker(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: VecDeque<Arc<Entry>>,
    lost: u64,
    /// The thread has a line in hand.
    writing: bool,
    reopen: bool,
    closed: bool,
}

impl Worker {
    pub(super) fn start(name: &str, sink: impl Sink) -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let thread = Arc::clone(&shared);
        thread::Builder::new()
            .name(name.to_owned())
            .stack_size(128 << 10)
            .spawn(move || {
                Run {
                    shared: thread,
                    sink,
                    failing: false,
                }
                .run()
            })?;
        Ok(Self(shared))
    }

    /// Queues a line, or counts it as lost.
    pub(super) fn push(&self, entry: &Arc<Entry>) {
        let mut state = self.0.lock();
        if state.lines.len() >= QUEUE {
            state.lost += 1;
            return;
        }
        state.lines.push_back(Arc::clone(entry));
        self.0.changed.notify_all();
    }

    pub(super) fn reopen(&self) {
        self.0.lock().reopen = true;
        self.0.changed.notify_all();
    }

    /// Waits until all is written; returns whether it is.
    pub(super) fn flush(&self, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = self
            .0
            .changed
            .wait_timeout_while(self.0.lock(), left, |state| !state.idle());
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.idle()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn idle(&self) -> bool {
        self.lines.is_empty() && !self.writing && self.lost == 0
    }
}

/// The thread's side.
struct Run<S> {
    shared: Arc<Shared>,
    sink: S,
    failing: bool,
}

impl<S: Sink> Run<S> {
    fn run(mut self) {
        while let Some(entry) = self.next() {
            if !self.write_until_done(&entry) {
                return;
            }
            self.shared.lock().writing = false;
            self.shared.changed.notify_all();
        }
    }

    /// The next line; lines that were lost come before those that came after them, as nearly as can
    /// be told. `None` when the audit has ended.
    fn next(&mut self) -> Option<Arc<Entry>> {
        let mut state = self.shared.lock();
        loop {
            if std::mem::take(&mut state.reopen) {
                self.sink.reopen();
            }
            if state.lost > 0 {
                let lost = std::mem::take(&mut state.lost);
                state.writing = true;
                return Some(Arc::new(lost_entry(lost)));
            }
            if let Some(entry) = state.lines.pop_front() {
                state.writing = true;
                return Some(entry);
            }
            if state.closed {
                return None;
            }
            state = self
                .shared
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Returns `false` when the audit has ended before that.
    fn write_until_done(&mut self, entry: &Entry) -> bool {
        while let Err(error) = self.sink.write(entry) {
            self.report(&error);
            if !self.pause() {
                return false;
            }
        }
        if std::mem::take(&mut self.failing) {
            log::info(format_args!(
                "audit lines are written to {} again",
                self.sink.name()
            ));
        }
        true
    }

    fn report(&mut self, WriteError(reason): &WriteError) {
        if !std::mem::replace(&mut self.failing, true) {
            log::error(format_args!(
                "audit lines can't be written to {}: {reason}; trying again every second, {QUEUE} \
                 lines can wait",
                self.sink.name()
            ));
        }
    }

    /// Waits before the next try; returns `false` when the audit has ended meanwhile.
    fn pause(&mut self) -> bool {
        let until = Instant::now() + BETWEEN_TRIES;
        let mut state = self.shared.lock();
        loop {
            if state.closed {
                return false;
            }
            if std::mem::take(&mut state.reopen) {
                self.sink.reopen();
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

fn lost_entry(lost: u64) -> Entry {
    let event = Event {
        event: "audit-lost",
        result: "lost",
        reason: Some("lines came faster than they could be written".to_owned()),
        count: Some(lost),
        ..Event::default()
    };
    Entry {
        event,
        time: Timestamp::now(),
    }
}
