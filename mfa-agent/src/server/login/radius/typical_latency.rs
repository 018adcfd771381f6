//! What those see of a RADIUS server who have no account at one: a refusal that takes as long as the last real
//! one did, or silence, where the last question met with that.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a server that nobody has asked yet seems to take.
const USUAL: Duration = Duration::from_millis(20);

/// How the last question that was not answered with yes or another question fared.
pub(in crate::server) struct TypicalLatency(Mutex<(Duration, bool)>);

impl Default for TypicalLatency {
    fn default() -> Self {
        Self(Mutex::new((USUAL, false)))
    }
}

impl TypicalLatency {
    /// A question took so long, and was rejected or not answered.
    pub(in crate::server) fn note(&self, time: Duration, is_silent: bool) {
        *self.lock() = (time, is_silent);
    }

    pub(super) fn time(&self) -> Duration {
        self.lock().0
    }

    pub(super) fn is_silent(&self) -> bool {
        self.lock().1
    }

    fn lock(&self) -> MutexGuard<'_, (Duration, bool)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
