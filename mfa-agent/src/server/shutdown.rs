//! Lets a shutdown wait for the calls under way, and for nothing else.
//!
//! Who carries out a call holds a [`CallGuard`]; replies are written without one, because what they say is
//! durable by then and the other side may be slow. Closing lets nobody in any more.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The gate; open when made.
#[derive(Default)]
pub(super) struct ShutdownGuard {
    state: Mutex<State>,
    left: Condvar,
}

#[derive(Default)]
struct State {
    inside: usize,
    closed: bool,
}

/// The right to carry out one call. Given back when dropped.
pub(super) struct CallGuard<'a>(&'a ShutdownGuard);

impl ShutdownGuard {
    /// Goes in; `None` once the gate is closed.
    pub(super) fn enter(&self) -> Option<CallGuard<'_>> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        state.inside += 1;
        Some(CallGuard(self))
    }

    /// Closes, and waits until nobody is inside, but no longer than `limit`: a call may hang in
    /// something that is not ours, such as the name service. Returns whether all have left.
    pub(super) fn close(&self, limit: Duration) -> bool {
        let mut state = self.lock();
        state.closed = true;
        let waited = self
            .left
            .wait_timeout_while(state, limit, |state| state.inside > 0);
        waited.unwrap_or_else(PoisonError::into_inner).0.inside == 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CallGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.inside -= 1;
        if state.closed {
            self.0.left.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_waits_for_those_inside_and_lets_nobody_else_in() {
        let shutdown = ShutdownGuard::default();
        let pass = shutdown.enter();
        assert!(
            !shutdown.close(Duration::from_millis(1)),
            "somebody is inside"
        );
        assert!(shutdown.enter().is_none());
        std::thread::scope(|scope| {
            let closing = scope.spawn(|| shutdown.close(Duration::from_secs(60)));
            drop(pass);
            assert!(closing.join().unwrap());
        });
    }
}
