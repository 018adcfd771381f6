//! Logins that somebody is in the middle of: the agent waits for them before it ends.
//!
//! Only those of programs that guard logins are counted. An ordinary process could sit at a prompt for as
//! long as it likes, and is not waited for.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many there are.
#[derive(Default)]
pub(super) struct ActiveLogins {
    count: Mutex<usize>,
    changed: Condvar,
}

/// One of them, until it is dropped.
pub(super) struct ActiveLogin(Arc<ActiveLogins>);

impl ActiveLogins {
    /// Counts one.
    pub(super) fn enter(self: &Arc<Self>) -> ActiveLogin {
        *self.count() += 1;
        ActiveLogin(Arc::clone(self))
    }

    /// Waits until there is none, but no longer than `limit`; whether there is none.
    pub(super) fn await_none(&self, limit: Duration) -> bool {
        let waited = self
            .changed
            .wait_timeout_while(self.count(), limit, |count| *count > 0);
        let (count, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *count == 0
    }

    fn count(&self) -> MutexGuard<'_, usize> {
        self.count.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ActiveLogin {
    fn drop(&mut self) {
        let mut count = self.0.count();
        *count = count.saturating_sub(1);
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn nobody_is_waited_for_where_nobody_is_and_the_last_one_ends_the_wait() {
        let active_logins = Arc::new(ActiveLogins::default());
        assert!(active_logins.await_none(LONG));
        let (first, second) = (active_logins.enter(), active_logins.enter());
        assert!(!active_logins.await_none(Duration::ZERO));
        drop(first);
        assert!(!active_logins.await_none(Duration::ZERO));
        let waiting = Arc::clone(&active_logins);
        let thread = std::thread::spawn(move || waiting.await_none(LONG));
        drop(second);
        assert!(thread.join().unwrap());
    }
}
