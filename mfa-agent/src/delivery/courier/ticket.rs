//! What became of a message: a promise that the sending side keeps, and a ticket to ask with.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::delivery::SendError;

/// What has become of a message so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It was handed over. Whether it arrives is up to others.
    Sent,
    /// It was not, and nobody tries again.
    Failed(SendError),
    /// It waits, or is under way.
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
    result: Mutex<Option<Result<(), SendError>>>,
    settled: Condvar,
}

impl Ticket {
    /// Waits for `time` at most; with zero it only looks.
    #[must_use]
    pub fn wait(&self, time: Duration) -> Delivery {
        let result = self.0.result.lock().unwrap_or_else(PoisonError::into_inner);
        let (result, _) = self
            .0
            .settled
            .wait_timeout_while(result, time, |result| result.is_none())
            .unwrap_or_else(PoisonError::into_inner);
        match &*result {
            None => Delivery::Pending,
            Some(Ok(())) => Delivery::Sent,
            Some(Err(error)) => Delivery::Failed(error.clone()),
        }
    }
}

impl Promise {
    pub(super) fn new() -> (Self, Ticket) {
        let outcome = Arc::<Outcome>::default();
        (Self(Arc::clone(&outcome)), Ticket(outcome))
    }

    /// Says what became of it. The first word counts.
    pub(super) fn settle(&self, result: Result<(), SendError>) {
        let mut kept = self.0.result.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get_or_insert(result);
        self.0.settled.notify_all();
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.settle(Err(SendError::temporary(
            "the message got lost in the agent",
        )));
    }
}
