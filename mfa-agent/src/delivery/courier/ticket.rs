//! What became of a message: a promise that the sending side keeps, and a ticket to ask with.
//!
//! ```text
//!   pending ──▶ sent
//!      │ └────▶ failed ◀─┐
//!      └─▶ retrying ─────┴──▶ sent
//! ```

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::delivery::SendError;

/// What has become of a message so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// It was handed over. Whether it arrives is up to others.
    Sent,
    /// It was not, and nobody tries again.
    Failed(SendError),
    /// The last try failed, and it is tried again until its deadline.
    Retrying(SendError),
    /// It waits for its first try, or that is under way.
    #[default]
    Pending,
}

/// Asks what became of a message. Dropping it does not stop the message.
#[derive(Clone, Debug)]
pub struct Ticket(Arc<Outcome>);

/// Keeps the other end of a ticket, and never leaves it open.
#[derive(Debug)]
pub(super) struct Promise(Arc<Outcome>);

#[derive(Debug, Default)]
struct Outcome {
    delivery: Mutex<Delivery>,
    changed: Condvar,
}

impl Delivery {
    /// Whether it stays so.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Sent | Self::Failed(_))
    }
}

impl Ticket {
    /// Waits until the first try has ended, for `time` at most; with zero it only looks.
    #[must_use]
    pub fn wait(&self, time: Duration) -> Delivery {
        self.0
            .wait_while(time, |delivery| *delivery == Delivery::Pending)
    }

    /// Waits until nobody tries any more, for `time` at most.
    #[must_use]
    pub fn wait_for_end(&self, time: Duration) -> Delivery {
        self.0.wait_while(time, |delivery| !delivery.is_final())
    }
}

impl Promise {
    pub(super) fn new() -> (Self, Ticket) {
        let outcome = Arc::<Outcome>::default();
        (Self(Arc::clone(&outcome)), Ticket(outcome))
    }

    /// Says what became of it. The first word that is final counts.
    pub(super) fn say(&self, delivery: Delivery) {
        let mut kept = self.0.lock();
        if !kept.is_final() {
            *kept = delivery;
        }
        self.0.changed.notify_all();
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

impl Drop for Promise {
    fn drop(&mut self) {
        self.say(Delivery::Failed(SendError::temporary(
            "the message got lost in the agent",
        )));
    }
}
