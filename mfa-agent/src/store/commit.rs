//! Group commit: one flush for all who wait for one.
//!
//! A committer that finds no flush under way leads: it flushes, on its own thread, all that has been
//! applied so far. Those who arrive meanwhile wait, and one of them leads the next round for all. So a
//! lone login pays for one flush and no hand-over between threads, and sixty-four at once share a few.
//!
//! A committer returns only after a flush that began after its change was applied. A flush that failed
//! has failed for good (the kernel may have dropped the dirty pages, and a second fdatasync would
//! report success): every later commit fails too, until the store is opened anew.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Why a flush failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FlushError {
    /// Whether there was no space left.
    pub(super) full: bool,
    /// The words for the log.
    pub(super) reason: String,
}

/// Makes durable what was applied before it was called.
pub(super) trait Flush: Send + Sync {
    fn flush(&self) -> Result<(), FlushError>;
}

pub(super) struct GroupCommit<F> {
    flush: F,
    state: Mutex<State>,
    round_over: Condvar,
}

#[derive(Default)]
struct State {
    /// Rounds that have begun.
    begun: u64,
    /// The last round that ended well.
    durable: u64,
    /// Whether a leader is flushing.
    leading: bool,
    /// Who waits for that leader.
    waiting: usize,
    failed: Option<FlushError>,
}

impl<F: Flush> GroupCommit<F> {
    pub(super) fn new(flush: F) -> Self {
        Self {
            flush,
            state: Mutex::default(),
            round_over: Condvar::new(),
        }
    }

    /// Returns once everything that the caller has applied is durable.
    pub(super) fn commit(&self) -> Result<(), FlushError> {
        let mut state = self.lock();
        // A round under way may have begun before our change was applied: the next one counts.
        let wanted = state.begun + 1;
        while state.durable < wanted {
            if let Some(error) = &state.failed {
                return Err(error.clone());
            }
            state = if state.leading {
                self.wait(state)
            } else {
                self.lead(state)
            };
        }
        Ok(())
    }

    /// Why nothing can be committed any more, if that is so.
    pub(super) fn failure(&self) -> Option<FlushError> {
        self.lock().failed.clone()
    }

    /// Nothing can be committed any more, for a reason found elsewhere.
    pub(super) fn fail(&self, error: FlushError) {
        self.lock().failed.get_or_insert(error);
        self.round_over.notify_all();
    }

    fn wait<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.waiting += 1;
        let mut state = self
            .round_over
            .wait(state)
            .unwrap_or_else(PoisonError::into_inner);
        state.waiting -= 1;
        state
    }

    fn lead<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.leading = true;
        state.begun += 1;
        let round = state.begun;
        drop(state);

        // sled asserts where it could return an error; a leader that vanished would hang all others.
        let flushed = catch_unwind(AssertUnwindSafe(|| self.flush.flush())).unwrap_or_else(|_| {
            Err(FlushError {
                full: false,
                reason: "the flush panicked".to_owned(),
            })
        });

        let mut state = self.lock();
        state.leading = false;
        match flushed {
            Ok(()) => state.durable = round,
            Err(error) => state.failed = Some(error),
        }
        self.round_over.notify_all();
        state
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

    /// A flush that says when it begins and ends when it is told to, with what it is told.
    struct Stepped {
        begun: Sender<()>,
        end: Mutex<Receiver<Result<(), FlushError>>>,
        count: AtomicU64,
    }

    impl Flush for Stepped {
        fn flush(&self) -> Result<(), FlushError> {
            self.count.fetch_add(1, Ordering::SeqCst);
            self.begun.send(()).unwrap();
            self.end.lock().unwrap().recv().unwrap()
        }
    }

    type Rig = (
        GroupCommit<Stepped>,
        Receiver<()>,
        Sender<Result<(), FlushError>>,
    );

    fn rig() -> Rig {
        let (begun, has_begun) = channel();
        let (end, ends) = channel();
        let flush = Stepped {
            begun,
            end: Mutex::new(ends),
            count: AtomicU64::new(0),
        };
        (GroupCommit::new(flush), has_begun, end)
    }

    fn until_waiting(group: &GroupCommit<Stepped>, many: usize) {
        while group.lock().waiting < many {
            std::thread::yield_now();
        }
    }

    fn broken() -> FlushError {
        FlushError {
            full: false,
            reason: "test".to_owned(),
        }
    }

    #[test]
    fn a_commit_returns_only_when_its_flush_has_ended() {
        let (group, begun, end) = rig();
        std::thread::scope(|scope| {
            let (done, is_done) = channel();
            let group = &group;
            scope.spawn(move || done.send(group.commit()).unwrap());
            begun.recv().unwrap();
            assert!(is_done.recv_timeout(Duration::from_millis(50)).is_err());
            end.send(Ok(())).unwrap();
            assert_eq!(is_done.recv().unwrap(), Ok(()));
        });
    }

    #[test]
    fn a_flush_that_began_before_does_not_count_and_the_next_serves_all_who_wait() {
        let (group, begun, end) = rig();
        std::thread::scope(|scope| {
            let (done, is_done) = channel();
            let group = &group;
            let spawn = |name| {
                let done = done.clone();
                scope.spawn(move || done.send((name, group.commit())).unwrap());
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
            assert_eq!(group.flush.count.load(Ordering::SeqCst), 2);
        });
    }

    #[test]
    fn a_failed_flush_fails_all_who_waited_and_all_later_commits() {
        let (group, begun, end) = rig();
        std::thread::scope(|scope| {
            let group = &group;
            let first = scope.spawn(|| group.commit());
            begun.recv().unwrap();
            let late = scope.spawn(|| group.commit());
            until_waiting(group, 1);
            end.send(Err(broken())).unwrap();
            assert_eq!(first.join().unwrap(), Err(broken()));
            assert_eq!(late.join().unwrap(), Err(broken()));
        });
        assert_eq!(group.commit(), Err(broken()));
        assert_eq!(group.failure(), Some(broken()));
        assert_eq!(group.flush.count.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn a_flush_that_panics_fails_its_committers_and_hangs_nobody() {
        struct Panics;
        impl Flush for Panics {
            fn flush(&self) -> Result<(), FlushError> {
                panic!("as sled does")
            }
        }
        let group = GroupCommit::new(Panics);
        assert!(group.commit().is_err());
        assert!(group.commit().is_err());
    }
}
