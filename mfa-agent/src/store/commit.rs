//! Group commit: one write for all waiting changes.
//!
//! A committer applies its change and queues it under the lock, so the queue has the order of the
//! changes. If no write is running it leads: on its own thread it makes everything in the queue
//! durable. Committers that arrive meanwhile wait, and one of them leads the next round. So a
//! single login pays for one write and no thread switch, and sixty-four concurrent ones share a
//! few: a leader that has company lets others run first, and some of them come along.
//!
//! A committer returns after the round that wrote its change. A failed write is final, because the
//! kernel may have dropped the dirty pages and a second fdatasync would report success: every later
//! commit fails until the store is opened again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::fault::Fault;
use super::journal::Batch;

/// Makes batches durable, one after the other.
pub(super) trait Sink: Send + Sync {
    /// `batch` is written next. Called while nothing can be applied.
    fn begin_round(&self, batch: &Batch);

    /// Makes `batch` durable.
    fn write(&self, batch: &Batch) -> Result<(), Fault>;

    /// Lets other threads run.
    fn let_others_run(&self) {
        thread::yield_now();
    }
}

pub(super) struct GroupCommit<S> {
    sink: S,
    state: Mutex<State>,
    /// The same as `state.failed.is_some()`, without the lock: every read checks it.
    broken: AtomicBool,
    /// For even and for odd rounds: there are never more than two to wait for.
    round_over: [Condvar; 2],
}

#[derive(Default)]
struct State {
    /// The batch of the next round.
    queue: Batch,
    /// Number of rounds that have begun.
    begun: u64,
    /// The last round that succeeded.
    durable: u64,
    /// Whether a leader is writing.
    leading: bool,
    /// Number of committers that wait for that leader.
    waiting: usize,
    /// Number of changes in the queue.
    queued: usize,
    /// Number of changes in the last round.
    together: usize,
    failed: Option<Fault>,
}

impl<S: Sink> GroupCommit<S> {
    /// Commits to `sink`, which holds `live` bytes of records.
    pub(super) fn new(sink: S, live: u64) -> Self {
        let state = State {
            queue: Batch::new(live),
            ..State::default()
        };
        Self {
            sink,
            state: Mutex::new(state),
            broken: AtomicBool::new(false),
            round_over: Default::default(),
        }
    }

    /// Runs `apply`, which makes a change in memory, queues it, and says whether there is anything
    /// to write; returns once that is durable. If `apply` fails, every later commit fails.
    pub(super) fn commit<T>(
        &self,
        apply: impl FnOnce(&mut Batch) -> Result<(T, bool), Fault>,
    ) -> Result<T, Fault> {
        let mut state = self.lock();
        if let Some(error) = &state.failed {
            return Err(error.clone());
        }
        let (outcome, changed) = match apply(&mut state.queue) {
            Ok(applied) => applied,
            Err(error) => {
                self.end_round(state, Err(error.clone()));
                return Err(error);
            }
        };
        if changed {
            state.queued += 1;
            self.until_durable(state)?;
        }
        Ok(outcome)
    }

    /// Why commits fail, if they do.
    pub(super) fn failure(&self) -> Option<Fault> {
        if !self.broken.load(Ordering::Acquire) {
            return None;
        }
        self.lock().failed.clone()
    }

    fn until_durable<'a>(&'a self, mut state: MutexGuard<'a, State>) -> Result<(), Fault> {
        // A running round took the queue before this change: the next one counts.
        let wanted = state.begun + 1;
        while state.durable < wanted {
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            if !state.leading {
                return self.lead(state);
            }
            state.waiting += 1;
            state = self
                .round(wanted)
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
            state.waiting -= 1;
        }
        Ok(())
    }

    /// Writes everything in the queue, including the caller's own change.
    fn lead<'a>(&'a self, mut state: MutexGuard<'a, State>) -> Result<(), Fault> {
        state.leading = true;
        if state.together.max(state.queued) > 1 {
            // Who is about to commit comes along: a write costs as much for many as for one.
            drop(state);
            self.sink.let_others_run();
            state = self.lock();
            if let Some(error) = &state.failed {
                // A change that failed half-way may be in the queue.
                let error = error.clone();
                state.leading = false;
                return Err(error);
            }
        }
        state.begun += 1;
        state.together = std::mem::take(&mut state.queued);
        let batch = state.queue.take();
        let begun = catch_unwind(AssertUnwindSafe(|| self.sink.begin_round(&batch)));
        drop(state);

        // A panicking leader would hang all others.
        let write = begun.and_then(|()| catch_unwind(AssertUnwindSafe(|| self.sink.write(&batch))));
        let written = write.unwrap_or_else(|_| Err(Fault::new("the write panicked")));

        let mut state = self.lock();
        state.leading = false;
        self.end_round(state, written.clone());
        written
    }

    /// Wakes the waiters of this round, and one of the next round: it leads, unless a new committer
    /// is faster.
    fn end_round(&self, mut state: MutexGuard<'_, State>, outcome: Result<(), Fault>) {
        let round = state.begun;
        if let Err(error) = outcome {
            state.failed.get_or_insert(error);
            self.broken.store(true, Ordering::Release);
            drop(state);
            self.round(round + 1).notify_all();
        } else if state.failed.is_none() {
            state.durable = round;
            // Waking is a system call, whether or not there is anybody to wake.
            if state.waiting == 0 {
                return;
            }
            drop(state);
            self.round(round + 1).notify_one();
        }
        // Without the lock, because the woken threads need it.
        self.round(round).notify_all();
    }

    fn round(&self, round: u64) -> &Condvar {
        &self.round_over[usize::from(round % 2 == 1)]
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Duration;

    use super::*;

    /// A flush that reports when it begins, and ends with the result that the test gives it.
    struct Stepped {
        begun: Sender<()>,
        end: Mutex<Receiver<Result<(), Fault>>>,
        count: AtomicU64,
        pause: Option<Pause>,
    }

    /// Says that a leader lets others run, and waits for the test.
    struct Pause {
        begun: Sender<()>,
        end: Mutex<Receiver<()>>,
    }

    impl Sink for Stepped {
        fn begin_round(&self, _: &Batch) {}

        fn write(&self, _: &Batch) -> Result<(), Fault> {
            self.count.fetch_add(1, Ordering::SeqCst);
            self.begun.send(()).unwrap();
            self.end.lock().unwrap().recv().unwrap()
        }

        fn let_others_run(&self) {
            if let Some(pause) = &self.pause {
                pause.begun.send(()).unwrap();
                pause.end.lock().unwrap().recv().unwrap();
            }
        }
    }

    type Rig = (
        GroupCommit<Stepped>,
        Receiver<()>,
        Sender<Result<(), Fault>>,
    );

    fn rig() -> Rig {
        let (begun, has_begun) = channel();
        let (end, ends) = channel();
        let flush = Stepped {
            begun,
            end: Mutex::new(ends),
            count: AtomicU64::new(0),
            pause: None,
        };
        (GroupCommit::new(flush, 0), has_begun, end)
    }

    fn until_waiting(group: &GroupCommit<Stepped>, many: usize) {
        while group.lock().waiting < many {
            std::thread::yield_now();
        }
    }

    fn commit<S: Sink>(group: &GroupCommit<S>) -> Result<(), Fault> {
        group.commit(|batch| {
            batch.changed(b"k", None, Some(b"v"));
            Ok(((), true))
        })
    }

    fn broken() -> Fault {
        Fault::new("test")
    }

    #[test]
    fn a_commit_returns_only_when_its_flush_has_ended() {
        let (group, begun, end) = rig();
        std::thread::scope(|scope| {
            let (done, is_done) = channel();
            let group = &group;
            scope.spawn(move || done.send(commit(group)).unwrap());
            begun.recv().unwrap();
            assert!(is_done.recv_timeout(Duration::from_millis(50)).is_err());
            end.send(Ok(())).unwrap();
            assert_eq!(is_done.recv().unwrap(), Ok(()));
        });
    }

    #[test]
    fn a_flush_that_began_earlier_does_not_count_and_the_next_serves_all_waiters() {
        let (group, begun, end) = rig();
        std::thread::scope(|scope| {
            let (done, is_done) = channel();
            let group = &group;
            let spawn = |name| {
                let done = done.clone();
                scope.spawn(move || done.send((name, commit(group))).unwrap());
            };
            spawn("first");
            begun.recv().unwrap();
            for _ in 0..8 {
                spawn("late");
            }
            until_waiting(group, 8);
            end.send(Ok(())).unwrap();
            assert_eq!(is_done.recv().unwrap(), ("first", Ok(())));
            begun.recv().unwrap();
            assert!(is_done.recv_timeout(Duration::from_millis(50)).is_err());
            end.send(Ok(())).unwrap();
            for _ in 0..8 {
                assert_eq!(is_done.recv().unwrap(), ("late", Ok(())));
            }
            assert_eq!(group.sink.count.load(Ordering::SeqCst), 2);
        });
    }

    #[test]
    fn a_failed_flush_fails_all_waiters_and_all_later_commits() {
        let (group, begun, end) = rig();
        std::thread::scope(|scope| {
            let group = &group;
            let first = scope.spawn(|| commit(group));
            begun.recv().unwrap();
            let late = scope.spawn(|| commit(group));
            until_waiting(group, 1);
            end.send(Err(broken())).unwrap();
            assert_eq!(first.join().unwrap(), Err(broken()));
            assert_eq!(late.join().unwrap(), Err(broken()));
        });
        assert_eq!(commit(&group), Err(broken()));
        assert_eq!(group.failure(), Some(broken()));
        assert_eq!(group.sink.count.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_change_that_can_not_be_applied_fails_all_later_commits() {
        let (group, _begun, _end) = rig();
        group
            .commit(|_| Err::<((), bool), _>(broken()))
            .unwrap_err();
        assert_eq!(commit(&group), Err(broken()));
    }

    /// A group whose next leader has company, and what it says and waits for when it lets others run.
    fn with_company() -> (Rig, Receiver<()>, Sender<()>) {
        let (mut group, begun, end) = rig();
        let (pauses, has_let) = channel();
        let (go_on, goes_on) = channel();
        group.sink.pause = Some(Pause {
            begun: pauses,
            end: Mutex::new(goes_on),
        });
        group.state.get_mut().unwrap().together = 2;
        ((group, begun, end), has_let, go_on)
    }

    #[test]
    fn who_commits_while_a_leader_lets_others_run_comes_along() {
        let ((group, begun, end), has_let, go_on) = with_company();
        std::thread::scope(|scope| {
            let group = &group;
            let first = scope.spawn(|| commit(group));
            has_let.recv().unwrap();
            let late = scope.spawn(|| commit(group));
            until_waiting(group, 1);
            go_on.send(()).unwrap();
            begun.recv().unwrap();
            end.send(Ok(())).unwrap();
            assert_eq!(first.join().unwrap(), Ok(()));
            assert_eq!(late.join().unwrap(), Ok(()));
        });
        assert_eq!(group.sink.count.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_change_that_fails_while_a_leader_lets_others_run_is_not_written() {
        let ((group, _begun, _end), has_let, go_on) = with_company();
        std::thread::scope(|scope| {
            let group = &group;
            let first = scope.spawn(|| commit(group));
            has_let.recv().unwrap();
            let waits = scope.spawn(|| commit(group));
            until_waiting(group, 1);
            let failed = group.commit(|batch| {
                batch.changed(b"half", None, Some(b"v"));
                Err::<((), bool), _>(broken())
            });
            assert_eq!(failed, Err(broken()));
            go_on.send(()).unwrap();
            assert_eq!(first.join().unwrap(), Err(broken()));
            assert_eq!(waits.join().unwrap(), Err(broken()));
        });
        assert_eq!(group.sink.count.load(Ordering::SeqCst), 0);
        assert_eq!(commit(&group), Err(broken()));
    }

    #[test]
    fn an_empty_change_waits_for_nothing() {
        let (group, _begun, _end) = rig();
        assert_eq!(group.commit(|_| Ok((7, false))), Ok(7));
        assert_eq!(group.sink.count.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_flush_that_panics_fails_its_committers_and_hangs_nobody() {
        struct Panics;
        impl Sink for Panics {
            fn begin_round(&self, _: &Batch) {}

            fn write(&self, _: &Batch) -> Result<(), Fault> {
                panic!("as sled does")
            }
        }
        let group = GroupCommit::new(Panics, 0);
        assert!(commit(&group).is_err());
        assert!(commit(&group).is_err());
    }
}
