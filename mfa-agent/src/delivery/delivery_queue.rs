//! Takes messages off the hands of those who wait for something else.
//!
//! Whoever submits gets a [`Ticket`] at once. Each channel has a lane: a queue with a bound, and a few
//! threads that send ([`channel_queue`]). A provider that hangs fills the threads of its own lane and no others; of
//! one user at most one message is under way in a lane, so that it takes several users to fill them; and an
//! attempt ends at its time limit. What failed for the time being is tried again, with growing pauses,
//! until the deadline of its job. All of it is in memory: a restart voids what is under way.

mod channel_queue;
mod queue;
mod ticket;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Notice, SendError};
use crate::timing_decoy::TimingDecoy;
use channel_queue::ChannelQueue;
use mfa_core::factors::address::{Channel, EmailAddress, PhoneNumber, Recipient};
pub use ticket::{AtEnd, Delivery, Ticket};

/// Hands one message over, once. Called by several threads at a time.
pub trait Transport<A>: Send + Sync {
    /// Returns when the message is handed over, or when it is clear that it is not; at `until` at the
    /// latest, give or take the time limit of the resolver.
    ///
    /// # Errors
    ///
    /// [`SendError::Temporary`] is worth another try, [`SendError::Permanent`] is not.
    fn send(&self, to: &A, notice: &Notice, until: Instant) -> Result<(), SendError>;
}

/// Queues messages and sends them.
pub struct DeliveryQueue {
    email: ChannelQueue<EmailAddress>,
    texts: ChannelQueue<PhoneNumber>,
}

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct Job {
    /// Whose login it is for: the account's name.
    pub user: String,
    /// Where it goes.
    pub to: Recipient,
    pub notice: Notice,
    /// When it is of no use any more: the end of the code's life, or of the login.
    pub deadline: Instant,
}

/// As many messages wait as may, in all or of this user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "too many messages wait to be sent; look for a provider that hangs, or try again in a minute"
)]
pub struct QueueFull;

/// How much a lane takes on. The default is made for people who log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Threads, which are started when they are needed first: 4.
    pub threads: usize,
    /// Messages that wait or are under way: 256.
    pub messages: usize,
    /// Of these, of one user: 4.
    pub per_user: usize,
    /// What one attempt may take: 20 s.
    pub attempt: Duration,
    /// The pause after the first failed attempt: 1 s. Each following one is twice as long.
    pub first_pause: Duration,
    /// The longest pause: 15 s.
    pub longest_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            threads: 4,
            messages: 256,
            per_user: 4,
            attempt: Duration::from_secs(20),
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(15),
        }
    }
}

impl DeliveryQueue {
    /// A courier without providers; `limits` are those of each lane. No thread runs yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            email: ChannelQueue::new("an e-mail", limits),
            texts: ChannelQueue::new("a text message", limits),
        }
    }

    /// Who sends mails from now on; what waits goes by the new one already. With `None`, nobody.
    pub fn set_email(&self, transport: Option<Arc<dyn Transport<EmailAddress>>>) {
        self.email.set_carrier(transport);
    }

    /// Who sends text messages from now on, likewise.
    pub fn set_texts(&self, transport: Option<Arc<dyn Transport<PhoneNumber>>>) {
        self.texts.set_carrier(transport);
    }

    /// Queues a message; it is sent whether or not anybody waits for the ticket. Never blocks. A channel
    /// that nobody is set for fails in the ticket, for good.
    ///
    /// # Errors
    ///
    /// [`QueueFull`].
    pub fn submit(&self, job: Job) -> Result<Ticket, QueueFull> {
        self.submit_and_tell(job, Box::new(|_| {}))
    }

    /// The same, and `at_end` is told what became of it, whether or not anybody waits for the ticket: a message
    /// may arrive long after its login has been told that it is on its way.
    ///
    /// # Errors
    ///
    /// [`QueueFull`]; `at_end` is told nothing then.
    pub fn submit_and_tell(&self, job: Job, at_end: AtEnd) -> Result<Ticket, QueueFull> {
        let Job {
            user,
            to,
            notice,
            deadline,
        } = job;
        match to {
            Recipient::Email(to) => self.email.submit(user, to, notice, deadline, at_end),
            Recipient::Phone(to) => self.texts.submit(user, to, notice, deadline, at_end),
        }
    }

    /// What a message by `channel` would show, for those to whom none is sent.
    #[must_use]
    pub fn decoy(&self, channel: Channel) -> TimingDecoy<Delivery> {
        match channel {
            Channel::Email => self.email.decoy(),
            Channel::Sms => self.texts.decoy(),
        }
    }

    /// Ends: what waits fails, what is under way is waited for until `until`. Returns whether all threads
    /// have ended.
    pub fn stop(&self, until: Instant) -> bool {
        // Both are told before either is waited for.
        self.email.close();
        self.texts.close();
        let email_ended = self.email.await_end(until);
        self.texts.await_end(until) && email_ended
    }
}

#[cfg(test)]
mod tests;
