//! The result of a message: the sending side sets it, and a ticket reads it.
//!
//! ```text
//!   pending ──▶ sent
//!      │ └────▶ failed ◀─┐
//!      └─▶ retrying ─────┴──▶ sent
//! ```

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::delivery::SendError;

/// The state of a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// It was handed over. Whether it arrives is up to others.
    Sent,
    /// It failed, and there is no further attempt.
    Failed(SendError),
    /// The last attempt failed, and it is tried again until its deadline.
    Retrying(SendError),
    /// The first attempt has not ended yet.
    #[default]
    Pending,
}

/// Reads the state of a message. Dropping it does not stop the message.
#[derive(Clone, Debug)]
pub struct Ticket(Arc<Outcome>);

/// Gets the final state of a message, once, on the sending thread, before any waiting caller.
pub type AtEnd = Box<dyn FnOnce(&Delivery) + Send>;

/// The writing end of a ticket; it never leaves the ticket open.
pub(super) struct Promise {
    outcome: Arc<Outcome>,
    at_end: Mutex<Option<AtEnd>>,
}

#[derive(Debug, Default)]
struct Outcome {
    delivery: Mutex<Delivery>,
    changed: Condvar,
}

impl Delivery {
    /// Whether the state is final.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Sent | Self::Failed(_))
    }
}

impl Ticket {
    /// Waits at most `time` until the first attempt has ended; with zero it only looks.
    #[must_use]
    pub fn wait(&self, time: Duration) -> Delivery {
        self.0
            .wait_while(time, |delivery| *delivery == Delivery::Pending)
    }

    /// Waits at most `time` for the final state.
    #[must_use]
    pub fn wait_for_end(&self, time: Duration) -> Delivery {
        self.0.wait_while(time, |delivery| !delivery.is_final())
    }
}

impl Promise {
    pub(super) fn new(at_end: AtEnd) -> (Self, Ticket) {
        let outcome = Arc::<Outcome>::default();
        let promise = Self {
            outcome: Arc::clone(&outcome),
            at_end: Mutex::new(Some(at_end)),
        };
        (promise, Ticket(outcome))
    }

    /// Sets the state; the first final one counts. Don't hold a lock: the callback may take a
    /// while.
    pub(super) fn say(&self, delivery: Delivery) {
        if delivery.is_final()
            && let Some(at_end) = self.take_at_end()
        {
            at_end(&delivery);
        }
        let mut kept = self.outcome.lock();
        if !kept.is_final() {
            *kept = delivery;
        }
        self.outcome.changed.notify_all();
    }

    fn take_at_end(&self) -> Option<AtEnd> {
        let mut at_end = self.at_end.lock().unwrap_or_else(PoisonError::into_inner);
        at_end.take()
    }
}

impl Outcome {
    fn lock(&self) -> MutexGuard<'_, Delivery> {
        self.delivery.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_while(&self, time: Duration, goes_on: impl Fn(&Delivery) -> bool) -> Delivery {
        let goes_on = |delivery: &mut Delivery| goes_on(delivery);
        let waited = self.changed.wait_timeout_while(self.lock(), time, goes_on);
        let (delivery, _) = waited.unwrap_or_else(PoisonError::into_inner);
        delivery.clone()
    }
}

impl fmt::Debug for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Promise").field(&self.outcome).finish()
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.say(Delivery::Failed(SendError::temporary(
            "the agent lost the message",
        )));
    }
}
