//! One sink's thread and the bounded queue before it.
//!
//! Whoever pushes holds the lock for a moment only, and the thread never holds it while it writes: a
//! sink that hangs fills its queue, and then loses lines, but holds up nobody. A line that can't be
//! written is tried again once a second, and the log hears of it once, not once a line.
//!
//! ```text
//!   Parked ──push, which wakes it──▶ Writing ──nothing left──▶ Lingering ──5 ms──▶ Parked
//!                                       ▲──────lines came, or flush───┘
//! ```
//!
//! Waking a thread costs the one who does it a good part of what a login costs. So after it has
//! written the thread lingers for a few milliseconds, and what comes meanwhile needs no waking.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::queue::{Next, Origin, Queue};
use super::sink::{Sink, WriteError};
use crate::log::{self, Level};

/// Lines that wait at most.
pub(super) const QUEUE: usize = 4096;

/// How late a line may be for the sake of not waking the thread for each.
const LINGER: Duration = Duration::from_millis(5);

const BETWEEN_TRIES: Duration = Duration::from_secs(1);

pub(crate) struct Worker<L>(Arc<Shared<L>>);

struct Shared<L> {
    state: Mutex<State<L>>,
    /// The thread waits for this.
    work: Condvar,
    /// Those who flush wait for this.
    written: Condvar,
}

struct State<L> {
    queue: Queue<L>,
    stage: Stage,
    /// How many wait for everything to be written.
    flushing: usize,
    reopen: bool,
    closed: bool,
}

/// What the thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// It has a line in hand, or is about to look for one.
    Writing,
    /// It will look for lines in a moment, unasked.
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
                stage: Stage::Writing,
                flushing: 0,
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

    /// Queues a line, or counts it as lost.
    pub(crate) fn push(&self, line: L, origin: Origin) {
        let mut state = self.0.lock();
        state.queue.push(line, origin);
        if state.stage == Stage::Parked {
            // The next one need not wake it again.
            state.stage = Stage::Writing;
            drop(state);
            self.0.work.notify_one();
        }
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

    /// Called when all is written: returns a moment later, or earlier if somebody can't wait.
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

    /// Returns when there may be something to do.
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

    /// Whether the thread is wanted before it has lingered long enough.
    fn is_urgent(&self) -> bool {
        self.closed || self.reopen || (self.flushing > 0 && !self.queue.is_empty())
    }
}

/// The thread's side.
struct Run<S: Sink> {
    shared: Arc<Shared<S::Line>>,
    sink: S,
    linger: Duration,
    failing: bool,
}

impl<S: Sink> Run<S> {
    fn run(mut self) {
        while let Some(line) = self.next() {
            if !self.write_until_done(&line) {
                return;
            }
        }
    }

    /// The next line. `None` when the audit has ended.
    fn next(&mut self) -> Option<S::Line> {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        let mut lingered = false;
        loop {
            if std::mem::take(&mut state.reopen) {
                self.sink.reopen();
            }
            if let Some(next) = state.queue.pop() {
                state.stage = Stage::Writing;
                return Some(match next {
                    Next::Line(line) => line,
                    Next::Lost(count) => self.sink.lost(count),
                });
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

    /// Returns `false` when the audit has ended before that.
    fn write_until_done(&mut self, line: &S::Line) -> bool {
        while let Err(error) = self.sink.write(line) {
            self.report(&error);
            if !self.pause() {
                return false;
            }
        }
        if std::mem::take(&mut self.failing) {
            log::limited_at(
                Level::Info,
                "audit lines that are written again",
                format_args!("audit lines are written to {} again", self.sink.name()),
            );
        }
        true
    }

    fn report(&mut self, WriteError(reason): &WriteError) {
        if !std::mem::replace(&mut self.failing, true) {
            log::limited_at(
                Level::Error,
                "audit lines that can't be written",
                format_args!(
                    "audit lines can't be written to {}: {reason}; trying again every second, {QUEUE} \
                     lines can wait",
                    self.sink.name()
                ),
            );
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
            let waited = self.shared.work.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{self, Receiver, Sender};

    use super::*;

    const FOREVER: Duration = Duration::from_secs(3600);

    /// Hands on what is written, once it is let through.
    struct Gate {
        through: Receiver<()>,
        out: Sender<String>,
    }

    impl Sink for Gate {
        type Line = String;

        fn name(&self) -> String {
            "a gate".to_owned()
        }

        fn write(&mut self, line: &String) -> Result<(), WriteError> {
            let _ = self.through.recv();
            self.out.send(line.clone())?;
            Ok(())
        }

        fn reopen(&mut self) {}

        fn lost(&self, count: u64) -> String {
            format!("{count} lost")
        }
    }

    struct Rig {
        worker: Worker<String>,
        gate: Option<Sender<()>>,
        out: Receiver<String>,
    }

    impl Rig {
        fn new(most: usize, linger: Duration) -> Self {
            let ((gate, through), (sender, out)) = (mpsc::channel(), mpsc::channel());
            let sink = Gate {
                through,
                out: sender,
            };
            Self {
                worker: Worker::start_with("test", sink, most, linger).unwrap(),
                gate: Some(gate),
                out,
            }
        }

        fn open(linger: Duration) -> Self {
            let mut rig = Self::new(100, linger);
            rig.gate = None;
            rig
        }

        fn push(&self, line: &str) {
            self.worker.push(line.to_owned(), Origin::Privileged);
        }

        fn await_stage(&self, stage: Stage) {
            while self.worker.0.lock().stage != stage {
                thread::yield_now();
            }
        }
    }

    #[test]
    fn what_comes_while_the_thread_lingers_wakes_nobody_and_is_written_by_a_flush() {
        let rig = Rig::open(FOREVER);
        rig.await_stage(Stage::Lingering);
        rig.push("one");
        rig.push("two");
        assert_eq!(rig.worker.0.lock().stage, Stage::Lingering);
        assert!(rig.out.try_recv().is_err());
        assert!(rig.worker.flush(Instant::now() + FOREVER));
        assert_eq!(rig.out.try_iter().collect::<Vec<_>>(), ["one", "two"]);
    }

    #[test]
    fn a_thread_with_nothing_to_do_parks_and_the_next_line_wakes_it_once() {
        let rig = Rig::new(100, Duration::ZERO);
        for line in ["one", "two"] {
            rig.await_stage(Stage::Parked);
            rig.push(line);
            assert_eq!(rig.worker.0.lock().stage, Stage::Writing);
            rig.gate.as_ref().unwrap().send(()).unwrap();
            assert_eq!(rig.out.recv().unwrap(), line);
        }
    }

    #[test]
    fn a_flush_of_nothing_is_done_and_one_of_a_line_in_hand_is_not() {
        let mut rig = Rig::new(100, FOREVER);
        assert!(rig.worker.flush(Instant::now() + FOREVER));
        rig.push("held up");
        assert!(!rig.worker.flush(Instant::now() + Duration::from_millis(20)));
        rig.gate = None;
        assert!(rig.worker.flush(Instant::now() + FOREVER));
        assert_eq!(rig.out.try_iter().count(), 1);
    }

    #[test]
    fn a_sink_that_hangs_loses_lines_of_ordinary_users_before_those_of_root() {
        let mut rig = Rig::new(4, Duration::ZERO);
        rig.await_stage(Stage::Parked);
        for n in 1..=50 {
            rig.worker.push(format!("eve {n}"), Origin::Ordinary);
        }
        rig.push("root");
        rig.gate = None;
        assert!(rig.worker.flush(Instant::now() + FOREVER));
        let out: Vec<String> = rig.out.try_iter().collect();
        assert_eq!(out.last().unwrap(), "root");
        assert!(out.iter().any(|line| line.ends_with(" lost")), "{out:?}");
    }

    #[test]
    fn a_dropped_worker_still_writes_what_waits() {
        let rig = Rig::open(FOREVER);
        rig.await_stage(Stage::Lingering);
        rig.push("last");
        drop(rig.worker);
        assert_eq!(rig.out.recv().unwrap(), "last");
        assert!(rig.out.recv().is_err(), "the thread has ended");
    }
}
