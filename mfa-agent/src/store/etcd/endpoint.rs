//! What is known of one server.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::clock::{Clock, ClockReading, Exchange};
use super::http::NOT_IN_TIME;
use super::pause::Pauses;
use super::url::EndpointUrl;
use crate::store::fleet::ClockDifference;

/// A server.
pub(super) struct Endpoint {
    pub(super) url: EndpointUrl,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Why it is left out, if it is.
    down: Option<String>,
    /// What it said last, if it answers and can't be used all the same.
    hesitation: Option<String>,
    /// Until the thread of the store asks it again.
    pauses: Pauses,
    clock: Clock,
    /// Answers of it were used.
    was_used: bool,
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
        self.lock().down.clone()
    }

    /// Whether it is time to look whether it can be used. `is_out`: no server can, so also one that answers has to be looked
    /// at.
    pub(super) fn is_due(&self, is_out: bool, now: Instant) -> bool {
        let state = self.lock();
        (is_out || state.down.is_some()) && state.pauses.is_over(now)
    }

    /// It failed. Returns whether it was in use until now.
    pub(super) fn failed(&self, reason: &str, now: Instant) -> bool {
        let mut state = self.lock();
        state.pauses.failed(now);
        // The last attempt of a request may have had no time, and what went wrong before says more.
        match &mut state.down {
            Some(_) if reason == NOT_IN_TIME => false,
            down => down.replace(reason.to_owned()).is_none(),
        }
    }

    /// It answers the thread of the store, and can't be used all the same. A login may ask it.
    pub(super) fn hesitated(&self, reason: String, now: Instant) {
        let mut state = self.lock();
        state.pauses.failed(now);
        match &mut state.down {
            Some(down) => *down = reason,
            None => state.hesitation = Some(reason),
        }
    }

    /// It answered a login, and could not be used all the same.
    pub(super) fn hesitates(&self, reason: &str) {
        self.lock().hesitation = Some(reason.to_owned());
    }

    /// Why it can't be used though it is not left out, as far as it has said so.
    pub(super) fn hesitation(&self) -> Option<String> {
        self.lock().hesitation.clone()
    }

    /// Whether it has given an answer that was used, so that it is no copy of another one.
    pub(super) fn was_used(&self) -> bool {
        self.lock().was_used
    }

    /// It answered. `is_admitted`: what the answers have to be is known. Returns whether it was left out until now.
    pub(super) fn answered(&self, is_admitted: bool) -> bool {
        let mut state = self.lock();
        state.pauses.end();
        state.hesitation = None;
        state.was_used |= is_admitted;
        state.down.take().is_some()
    }

    /// It sent its time.
    pub(super) fn dated(&self, date: &str, exchange: Exchange) {
        self.lock().clock.note(date, exchange, ClockReading::now());
    }

    /// How far this host's clock is ahead of its clock; none until an answer has come, and again after this one was set.
    pub(super) fn clock(&self) -> Option<ClockDifference> {
        self.lock().clock.at(ClockReading::now())
    }

    /// When to ask it for its time once more; see [`Clock::next_look`].
    pub(super) fn next_look(&self) -> Option<Duration> {
        let state = self.lock();
        let is_up = state.down.is_none();
        is_up.then(|| state.clock.next_look(ClockReading::now()))?
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_failed_is_left_out_until_it_answers() {
        let endpoint = Endpoint::new("https://x:1".parse().unwrap());
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        assert!(endpoint.is_up() && !endpoint.is_due(false, now));
        assert!(endpoint.failed("gone", now));
        assert!(!endpoint.failed("gone", now), "others that waited for it");
        assert!(!endpoint.is_up() && !endpoint.is_due(true, now));
        assert!(endpoint.is_due(false, later));
        assert!(!endpoint.failed(NOT_IN_TIME, later));
        assert_eq!(endpoint.down().as_deref(), Some("gone"));
        assert!(!endpoint.is_due(false, later));
        endpoint.hesitated("no leader".to_owned(), later);
        assert_eq!(endpoint.down().as_deref(), Some("no leader"));
        assert!(endpoint.answered(true));
        assert!(!endpoint.answered(true));
        assert!(endpoint.is_up());
    }

    #[test]
    fn a_server_that_only_answers_is_asked_in_an_outage_after_pauses() {
        let endpoint = Endpoint::new("https://x:1".parse().unwrap());
        let now = Instant::now();
        assert!(endpoint.is_due(true, now));
        endpoint.hesitated("no leader".to_owned(), now);
        assert!(endpoint.is_up(), "a login that waits may ask it");
        assert_eq!(endpoint.hesitation().as_deref(), Some("no leader"));
        assert!(!endpoint.is_due(true, now));
        let later = now + Duration::from_secs(1);
        assert!(endpoint.is_due(true, later) && !endpoint.is_due(false, later));
    }
}
