//! How many events there were since the agent started, for monitors.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::Event;

/// Counts of events. The words of events and results are the program's own, so this is bounded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By event and result.
    pub events: BTreeMap<(&'static str, &'static str), u64>,
    /// Logins that locked an account.
    pub locks: u64,
}

/// Counts that go on.
#[derive(Debug, Default)]
pub(super) struct Counting(Mutex<Counts>);

impl Counting {
    pub(super) fn count(&self, event: &Event) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts
            .events
            .entry((event.event, event.result))
            .or_default() += 1;
        if event.event == "login" && event.result == "wrong" && event.locked_until.is_some() {
            counts.locks += 1;
        }
    }

    pub(super) fn now(&self) -> Counts {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_counted_by_result_and_locks_once() {
        let counting = Counting::default();
        let login = |result, locked_until: Option<&str>| Event {
            event: "login",
            result,
            locked_until: locked_until.map(str::to_owned),
            ..Event::default()
        };
        let until = Some("2026-11-22T13:16:00Z");
        for event in [
            login("wrong", None),
            login("wrong", until),
            login("locked", until),
            login("passed", None),
        ] {
            counting.count(&event);
        }
        let counts = counting.now();
        assert_eq!(counts.locks, 1);
        assert_eq!(counts.events[&("login", "wrong")], 2);
        assert_eq!(counts.events.len(), 3);
    }
}
