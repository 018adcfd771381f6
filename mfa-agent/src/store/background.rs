//! Threads that maintain a store while logins go on.
//!
//! A failed task is tried again, first after a second, then less and less often: the journal can
//! grow for a while. Only a broken table ends the threads, and the store is opened again.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::fault::Fault;
use super::shared::{Shared, State};
use crate::log;

const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A maintenance task.
pub(super) trait Task: Send + 'static {
    /// The name of its thread.
    const NAME: &'static str;

    /// Whether logins fail in the end if it does.
    const IS_URGENT: bool = true;

    /// Whether there is something to do.
    fn is_due(&self, shared: &Shared, state: &State) -> bool;

    fn work(&self, shared: &Shared) -> Result<(), Fault>;

    /// Records the result.
    fn note(&self, _: &mut State, _: Option<&Fault>) {}
}

/// The threads of a store; dropping this ends them.
pub(super) struct Background {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Background {
    /// No thread yet.
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::clone(shared),
            threads: Vec::new(),
        }
    }

    /// Starts a thread for `task`.
    pub(super) fn start<T: Task>(&mut self, task: T) -> Result<(), Fault> {
        let thread = self.spawn(task)?;
        self.threads.push(thread);
        Ok(())
    }

    /// Starts a thread that may wait for others, and that is not joined at the end.
    pub(super) fn start_detached<T: Task>(&self, task: T) -> Result<(), Fault> {
        self.spawn(task).map(drop)
    }

    fn spawn<T: Task>(&self, task: T) -> Result<JoinHandle<()>, Fault> {
        let shared = Arc::clone(&self.shared);
        std::thread::Builder::new()
            .name(T::NAME.to_owned())
            .spawn(move || run(&task, &shared))
            .map_err(Fault::of("can't start a thread for the store"))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.shared.change(|state| state.stopping = true);
        for thread in self.threads.drain(..) {
            // A panic in it was logged already.
            let _ = thread.join();
        }
    }
}

fn run<T: Task>(task: &T, shared: &Shared) {
    let mut pause = SHORTEST_PAUSE;
    while shared.await_work(|state| task.is_due(shared, state)) {
        let fault = task.work(shared).err();
        if shared.state().stopping {
            return;
        }
        shared.change(|state| {
            task.note(state, fault.as_ref());
            state.broken = state
                .broken
                .take()
                .or_else(|| fault.clone().filter(|fault| fault.in_memory));
        });
        let Some(fault) = fault else {
            pause = SHORTEST_PAUSE;
            continue;
        };
        if fault.in_memory {
            return;
        }
        report::<T>(shared, &fault);
        shared.pause(pause);
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

fn report<T: Task>(shared: &Shared, fault: &Fault) {
    if fault.full && T::IS_URGENT {
        shared.ballast.free();
    }
    log::limited(
        "store",
        format_args!(
            "the maintenance of the store fails: {fault}; logins still work for a while. Check \
             the disk (dmesg, df)"
        ),
    );
}
