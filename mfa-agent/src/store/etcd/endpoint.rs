//! What is known of one server.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::clock::{Clock, Exchange};
use super::http::NOT_IN_TIME;
use super::url::EndpointUrl;
use crate::store::fleet::ClockDifference;

/// How long a server that failed is left out at first; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// How long it is left out at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// A server.
pub(super) struct Endpoint {
    pub(super) url: EndpointUrl,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Since when it is left out, and why.
    down: Option<Down>,
    clock: Clock,
}

#[derive(Clone)]
struct Down {
    reason: String,
    pause: Duration,
    next_try: Instant,
}

impl Endpoint {
    pub(super) fn new(url: EndpointUrl) -> Self {
        Self {
            url,
            state: Mutex::default(),
        }
    }

    /// Whether a login that waits should try it.
    pub(super) fn is_up(&self) -> bool {
        self.lock().down.is_none()
    }

    /// Why it is left out, if it is.
    pub(super) fn down(&self) -> Option<String> {
        self.lock().down.as_ref().map(|down| down.reason.clone())
    }

    /// Whether it is left out, and it is time to look whether it is back.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.lock()
            .down
            .as_ref()
            .is_some_and(|down| down.next_try <= now)
    }

    /// It failed. Returns whether it was in use until now.
    pub(super) fn failed(&self, reason: &str, now: Instant) -> bool {
        let mut state = self.lock();
        let pause = match &state.down {
            // Another request that began at the same time.
            Some(down) if down.next_try > now => down.pause,
            Some(down) => (down.pause * 2).min(LONGEST_PAUSE),
            None => FIRST_PAUSE,
        };
        // The last attempt of a request may have had no time, and what went wrong before says more.
        let known = state.down.as_ref().filter(|_| reason == NOT_IN_TIME);
        let reason = known.map_or(reason, |down| &down.reason).to_owned();
        let down = Down {
            reason,
            pause,
            next_try: now + pause,
        };
        state.down.replace(down).is_none()
    }

    /// It answered. Returns whether it was left out until now.
    pub(super) fn answered(&self) -> bool {
        self.lock().down.take().is_some()
    }

    /// It sent its time.
    pub(super) fn dated(&self, date: &str, exchange: Exchange) {
        self.lock().clock.note(date, exchange, Instant::now());
    }

    /// How far this host's clock is ahead of its clock.
    pub(super) fn clock(&self) -> Option<ClockDifference> {
        self.lock().clock.at(Instant::now())
    }

    /// When to ask it for its time once more; see [`Clock::next_look`].
    pub(super) fn next_look(&self) -> Option<Duration> {
        let state = self.lock();
        let is_up = state.down.is_none();
        is_up.then(|| state.clock.next_look(Instant::now(), Timestamp::now()))?
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_failed_is_left_out_for_longer_and_longer() {
        let endpoint = Endpoint::new("https://x:1".parse().unwrap());
        let mut now = Instant::now();
        assert!(endpoint.is_up());
        assert!(endpoint.failed("gone", now));
        assert!(!endpoint.failed("gone", now), "others that waited for it");
        for pause in [500, 1000, 2000, 4000, 8000, 8000] {
            let pause = Duration::from_millis(pause);
            assert!(!endpoint.is_due(now + pause - Duration::from_millis(1)));
            now += pause;
            assert!(endpoint.is_due(now));
            assert!(!endpoint.failed("gone", now));
        }
        endpoint.failed(NOT_IN_TIME, now);
        assert_eq!(endpoint.down().as_deref(), Some("gone"));
        assert!(endpoint.answered());
        assert!(!endpoint.answered());
        assert!(endpoint.is_up());
    }
}
