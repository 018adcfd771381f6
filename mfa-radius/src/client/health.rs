//! Which servers were silent a short time ago, and are skipped.
//!
//! ```text
//!            silent, and has answered nobody meanwhile
//!   living ─────────────────────────────────────────────▶ dead for `dead_time`, then living again
//!      ▲                                                     │
//!      └────────────────── any answer ───────────────────────┘
//! ```
//!
//! So one person who ignores a phone call does not disable a server that answers others.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Default)]
struct One {
    answered: Option<Instant>,
    dead_until: Option<Instant>,
}

/// The state of each server, by its index.
pub(super) struct Health {
    servers: Mutex<Vec<One>>,
    dead_time: Duration,
}

impl Health {
    pub(super) fn new(servers: usize, dead_time: Duration) -> Self {
        Self {
            servers: Mutex::new(vec![One::default(); servers]),
            dead_time,
        }
    }

    pub(super) fn is_dead(&self, index: usize, now: Instant) -> bool {
        self.servers()
            .get(index)
            .is_some_and(|one| one.dead_until.is_some_and(|until| now < until))
    }

    pub(super) fn lives(&self, index: usize, now: Instant) {
        if let Some(one) = self.servers().get_mut(index) {
            one.answered = one.answered.max(Some(now));
            one.dead_until = None;
        }
    }

    /// Marks a server dead if it answered nothing between `since` and `now`.
    pub(super) fn silent(&self, index: usize, since: Instant, now: Instant) {
        if let Some(one) = self.servers().get_mut(index)
            && one.answered.is_none_or(|answered| answered < since)
        {
            one.dead_until = one.dead_until.max(now.checked_add(self.dead_time));
        }
    }

    fn servers(&self) -> MutexGuard<'_, Vec<One>> {
        // Each change is one assignment, so a panic elsewhere leaves nothing half done.
        self.servers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_silent_server_is_dead_for_its_time() {
        let health = Health::new(2, MINUTE);
        let start = Instant::now();
        health.silent(0, start, start + SECOND);
        assert!(health.is_dead(0, start + MINUTE));
        assert!(!health.is_dead(1, start + MINUTE));
        assert!(!health.is_dead(0, start + MINUTE + SECOND));
    }

    #[test]
    fn an_answer_brings_it_back() {
        let health = Health::new(1, MINUTE);
        let start = Instant::now();
        health.silent(0, start, start + SECOND);
        health.lives(0, start + 2 * SECOND);
        assert!(!health.is_dead(0, start + 2 * SECOND));
    }

    #[test]
    fn a_server_that_answered_somebody_meanwhile_is_not_dead() {
        let health = Health::new(1, MINUTE);
        let start = Instant::now();
        health.lives(0, start + SECOND);
        health.silent(0, start, start + 2 * SECOND);
        assert!(!health.is_dead(0, start + 2 * SECOND));
        health.silent(0, start + 2 * SECOND, start + 3 * SECOND);
        assert!(health.is_dead(0, start + 3 * SECOND));
    }
}
