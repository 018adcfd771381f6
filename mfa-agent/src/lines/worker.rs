//! The thread of a sink, and the bounded queue before it.
//!
//! A caller holds the lock only for a moment, and the thread never holds it while it writes: a sink that
//! hangs fills its queue and then loses lines, but blocks nobody. A line that can't be written is tried
//! again every second, and is logged once.
//!
//! A sync waits for the lines that were pushed before it, and for no later ones but those that are written with them.
//!
//! ```text
//!   Parked ──push, which wakes it──▶ Writing ──nothing left──▶ Lingering ──5 ms──▶ Parked
//!                                       ▲──────lines came, or flush───┘
//! ```
//!
//! Waking a thread costs a large part of what a login costs. So after writing, the thread lingers for a
//! few milliseconds, and lines that come meanwhile need no wake-up. What has come by then is written together.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::queue::{Next, Origin, Queue};
use super::sink::{Sink, WriteError};

/// Lines that wait at most.
pub(crate) const QUEUE: usize = 4096;

/// The delay of a line that saves waking the thread for each.
const LINGER: Duration = Duration::from_millis(5);

/// Lines that are written together at most.
const TOGETHER: usize = 64;

const BETWEEN_TRIES: Duration = Duration::from_secs(1);

pub(crate) struct Worker<L>(Arc<Shared<L>>);

struct Shared<L> {
    state: Mutex<State<L>>,
    /// The thread waits for this.
    work: Condvar,
    /// Callers that flush wait for this.
    written: Condvar,
}

struct State<L> {
    queue: Queue<L>,
    /// Number of lines that the thread has taken.
    taken: u64,
    sync: Sync,
    stage: Stage,
    /// Number of callers that wait until everything is written.
    flushing: usize,
    /// Why lines can't be written now.
    failure: Option<String>,
    reopen: bool,
    closed: bool,
}

/// Callers that wait for lines to be durable. Each request has a number.
#[derive(Default)]
struct Sync {
    asked: u64,
    answered: u64,
    /// The last request needs this number of taken lines.
    after: u64,
    /// The last answer.
    is_durable: bool,
}

/// What the thread is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It has a line, or is about to take one.
    Writing,
    /// It will look for lines in a moment without being woken.
    Lingering,
    /// It sleeps until it is woken.
    Parked,
}

impl<L: Send + 'static> Worker<L> {
    /// Starts the thread of `sink`.
    pub(crate) fn start(name: &str, sink: impl Sink<Line = L>) -> io::Result<Self> {
        Self::start_with(name, sink, QUEUE, LINGER)
    }

    fn start_with(
        name: &str,
        sink: impl Sink<Line = L>,
        most: usize,
        linger: Duration,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                queue: Queue::new(most),
                taken: 0,
                sync: Sync::default(),
                stage: Stage::Writing,
                flushing: 0,
                failure: None,
                reopen: false,
                closed: false,
            }),
            work: Condvar::new(),
            written: Condvar::new(),
        });
        let run = Run {
            shared: Arc::clone(&shared),
            sink,
            linger,
            failing: false,
        };
        thread::Builder::new()
            .name(name.to_owned())
            .stack_size(128 << 10)
            .spawn(move || run.run())?;
        Ok(Self(shared))
    }

    /// Queues a line, or counts it as lost. Returns whether it is queued.
    pub(crate) fn push(&self, line: L, origin: Origin) -> bool {
        let mut state = self.0.lock();
        let is_queued = state.queue.push(line, origin);
        if state.stage == Stage::Parked {
            // The next push need not wake it again.
            state.stage = Stage::Writing;
            drop(state);
            self.0.work.notify_one();
        }
        is_queued
    }

    /// Why lines can't be written now, as far as that was tried.
    pub(crate) fn failure(&self) -> Option<String> {
        self.0.lock().failure.clone()
    }

    pub(crate) fn reopen(&self) {
        self.0.lock().reopen = true;
        self.0.work.notify_one();
    }

    /// Waits until all is written; returns whether it is.
    pub(crate) fn flush(&self, deadline: Instant) -> bool {
        let mut state = self.0.lock();
        state.flushing += 1;
        self.0.work.notify_one();
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = self
            .0
            .written
            .wait_timeout_while(state, left, |state| !state.idle());
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.flushing -= 1;
        state.idle()
    }

    /// Waits until every line that is queued now is durable; returns whether it is.
    pub(crate) fn sync(&self, deadline: Instant) -> bool {
        let mut state = self.0.lock();
        let request = state.request_sync();
        self.0.work.notify_one();
        let left = deadline.saturating_duration_since(Instant::now());
        let waited = self
            .0
            .written
            .wait_timeout_while(state, left, |state| state.sync.answered < request);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.sync.answered >= request && state.sync.is_durable
    }
}

impl<L> Drop for Worker<L> {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.work.notify_one();
    }
}

impl<L> Shared<L> {
    fn lock(&self) -> MutexGuard<'_, State<L>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits a moment after all is written, or less if a caller can't wait.
    fn linger<'a>(
        &self,
        mut state: MutexGuard<'a, State<L>>,
        time: Duration,
    ) -> MutexGuard<'a, State<L>> {
        state.stage = Stage::Lingering;
        self.written.notify_all();
        let waited = self
            .work
            .wait_timeout_while(state, time, |state| !state.is_urgent());
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    fn answer(&self, state: &mut State<L>, request: u64, is_durable: bool) {
        state.sync.answered = request;
        state.sync.is_durable = is_durable;
        self.written.notify_all();
    }

    /// Sleeps until there may be something to do.
    fn park<'a>(&self, mut state: MutexGuard<'a, State<L>>) -> MutexGuard<'a, State<L>> {
        state.stage = Stage::Parked;
        self.written.notify_all();
        self.work
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<L> State<L> {
    fn idle(&self) -> bool {
        self.queue.is_empty() && self.stage != Stage::Writing
    }

    fn request_sync(&mut self) -> u64 {
        self.sync.asked += 1;
        self.sync.after = self.taken + self.queue.len() as u64;
        self.sync.asked
    }

    /// The request that can be answered now, if there is one.
    fn due_sync(&self) -> Option<u64> {
        let is_due = self.sync.answered < self.sync.asked && self.taken >= self.sync.after;
        is_due.then_some(self.sync.asked)
    }

    /// Whether a caller needs the thread before it has lingered long enough.
    fn is_urgent(&self) -> bool {
        let is_waited_for = self.flushing > 0 && !self.queue.is_empty();
        self.closed || self.reopen || is_waited_for || self.sync.answered < self.sync.asked
    }
}

struct Run<S: Sink> {
    shared: Arc<Shared<S::Line>>,
    sink: S,
    linger: Duration,
    failing: bool,
}

impl<S: Sink> Run<S> {
    fn run(mut self) {
        while let Some(lines) = self.next() {
            if !self.write_until_done(&lines) {
                return;
            }
        }
    }

    /// The next lines; `None` when the audit has ended.
    fn next(&mut self) -> Option<Vec<S::Line>> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        let mut lingered = false;
        loop {
            if std::mem::take(&mut state.reopen) {
                self.sink.reopen();
            }
            if let Some(request) = state.due_sync() {
                drop(state);
                let is_durable = self.sync();
                state = shared.lock();
                shared.answer(&mut state, request, is_durable);
                continue;
            }
            let lines = self.take(&mut state);
            if !lines.is_empty() {
                state.stage = Stage::Writing;
                return Some(lines);
            }
            if state.closed {
                return None;
            }
            state = match std::mem::replace(&mut lingered, true) {
                false => shared.linger(state, self.linger),
                true => shared.park(state),
            };
        }
    }

    /// The lines that wait, or as many as are written together.
    fn take(&self, state: &mut State<S::Line>) -> Vec<S::Line> {
        let mut lines = Vec::new();
        while lines.len() < TOGETHER
            && let Some(next) = state.queue.pop()
        {
            lines.push(match next {
                Next::Lost(count) => self.sink.lost(count),
                Next::Line(line) => {
                    state.taken += 1;
                    line
                }
            });
        }
        lines
    }

    /// Returns `false` if the audit ended before the lines were written.
    fn write_until_done(&mut self, mut lines: &[S::Line]) -> bool {
        while !lines.is_empty() {
            match self.sink.write(lines) {
                // A part of a line is no success yet.
                Ok(0) => {}
                Ok(count) => {
                    lines = lines.get(count..).unwrap_or_default();
                    self.recover();
                }
                Err(error) => {
                    self.report(&error);
                    if !self.pause() {
                        return false;
                    }
                }
            }
        }
        true
    }

    fn sync(&mut self) -> bool {
        match self.sink.sync() {
            Ok(is_durable) => {
                self.recover();
                is_durable
            }
            Err(error) => {
                self.report(&error);
                false
            }
        }
    }

    fn recover(&mut self) {
        if std::mem::take(&mut self.failing) {
            self.shared.lock().failure = None;
            self.sink.report_recovery();
        }
    }

    fn report(&mut self, error: &WriteError) {
        self.shared.lock().failure = Some(error.0.clone());
        if !std::mem::replace(&mut self.failing, true) {
            self.sink.report_failure(error);
        }
    }

    /// Waits before the next attempt; returns `false` if the audit ended meanwhile. The pause
    /// delays no sync.
    fn pause(&mut self) -> bool {
        let until = Instant::now() + BETWEEN_TRIES;
        let mut state = self.shared.lock();
        let request = state.sync.asked;
        self.shared.answer(&mut state, request, false);
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
            let waited = self.shared.work.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests;
