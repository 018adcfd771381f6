//! Queues messages, so that logins don't wait for providers.
//!
//! A caller gets a [`Ticket`] at once. Each channel has a bounded queue and a few sending threads
//! ([`channel_queue`]). A hanging provider occupies only the threads of its own channel; each user
//! has at most one message in transit a channel, so that it takes several users to occupy them; and
//! each attempt has a time limit. Temporary failures are tried again with growing pauses until the
//! job's deadline. Everything is in memory: a restart drops waiting messages.

mod channel_queue;
mod queue;
mod ticket;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Content, SendError};
use crate::timing_decoy::TimingDecoy;
use channel_queue::ChannelQueue;
use mfa_core::factors::address::{Channel, EmailAddress, PhoneNumber, Recipient};
pub use ticket::{AtEnd, Delivery, Ticket};

/// Delivers single messages. Several threads call it concurrently.
pub trait Transport<A>: Send + Sync {
    /// Returns when the message is handed over or has failed, at `until` at the latest, give or
    /// take the time limit of the resolver.
    ///
    /// # Errors
    ///
    /// [`SendError::Temporary`] is worth another attempt, [`SendError::Permanent`] is not.
    fn send(&self, to: &A, content: &Content, until: Instant) -> Result<(), SendError>;
}

/// Queues messages and sends them.
pub struct DeliveryQueue {
    email: ChannelQueue<EmailAddress>,
    texts: ChannelQueue<PhoneNumber>,
}

/// A message to be sent.
#[derive(Clone, Debug)]
pub struct Job {
    /// The account's name.
    pub user: String,
    /// The address.
    pub to: Recipient,
    /// What it says.
    pub content: Content,
    /// When the message becomes useless: the end of the code's life, or of the login.
    pub deadline: Instant,
}

/// The queue is full, overall or for this user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "too many messages are waiting to be sent; check whether a provider hangs, or try again in a \
     minute"
)]
pub struct QueueFull;

/// The limits of a channel. The defaults are made for logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryLimits {
    /// Threads, started when needed: 4.
    pub threads: usize,
    /// Messages that wait or are in transit: 256.
    pub messages: usize,
    /// Messages of one user: 4.
    pub per_user: usize,
    /// Time limit of one attempt: 20 s.
    pub attempt: Duration,
    /// The pause after the first failed attempt: 1 s. Each later one is twice as long.
    pub first_pause: Duration,
    /// The longest pause: 15 s.
    pub longest_pause: Duration,
}

impl Default for DeliveryLimits {
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
    /// A queue without transports; `limits` apply to each channel. No thread runs yet.
    #[must_use]
    pub fn new(limits: DeliveryLimits) -> Self {
        Self {
            email: ChannelQueue::new("an e-mail", limits),
            texts: ChannelQueue::new("a text message", limits),
        }
    }

    /// Sets the transport for emails, also for waiting ones. `None` disables the channel.
    pub fn set_email(&self, transport: Option<Arc<dyn Transport<EmailAddress>>>) {
        self.email.set_carrier(transport);
    }

    /// Sets the transport for text messages, likewise.
    pub fn set_texts(&self, transport: Option<Arc<dyn Transport<PhoneNumber>>>) {
        self.texts.set_carrier(transport);
    }

    /// Queues a message; it is sent whether or not anybody waits for the ticket. Never blocks.
    /// Without a transport the ticket fails for good.
    ///
    /// # Errors
    ///
    /// [`QueueFull`].
    pub fn submit(&self, job: Job) -> Result<Ticket, QueueFull> {
        self.submit_and_tell(job, Box::new(|_| {}))
    }

    /// The same, and calls `at_end` with the result, whether or not anybody waits for the ticket: a
    /// message may arrive long after its login was told that it is on its way.
    ///
    /// # Errors
    ///
    /// [`QueueFull`]; `at_end` is not called then.
    pub fn submit_and_tell(&self, job: Job, at_end: AtEnd) -> Result<Ticket, QueueFull> {
        let Job {
            user,
            to,
            content,
            deadline,
        } = job;
        match to {
            Recipient::Email(to) => self.email.submit(user, to, content, deadline, at_end),
            Recipient::Phone(to) => self.texts.submit(user, to, content, deadline, at_end),
        }
    }

    /// What a message by `channel` would show, for users without an address.
    #[must_use]
    pub fn decoy(&self, channel: Channel) -> TimingDecoy<Delivery> {
        match channel {
            Channel::Email => self.email.decoy(),
            Channel::Sms => self.texts.decoy(),
        }
    }

    /// Stops: waiting messages fail, messages in transit are awaited until `until`. Returns whether
    /// all threads have ended.
    pub fn stop(&self, until: Instant) -> bool {
        // Both are closed before either is awaited.
        self.email.close();
        self.texts.close();
        let email_ended = self.email.await_end(until);
        self.texts.await_end(until) && email_ended
    }
}

#[cfg(test)]
mod tests;
