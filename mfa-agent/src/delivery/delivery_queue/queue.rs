//! The state of a channel's queue: waiting messages, messages in transit, and the result of the
//! last one.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ticket::Promise;
use super::{Delivery, DeliveryLimits, Transport};
use crate::delivery::{Content, SendError};
use crate::timing_decoy::TimingDecoy;

/// What most providers accept.
pub(super) const USUAL: Duration = Duration::from_millis(300);

/// The transport, if one is set.
pub(super) type Chosen<A> = Option<Arc<dyn Transport<A>>>;

/// The state of a queue.
pub(super) struct QueueState<A> {
    pub(super) transport: Chosen<A>,
    pub(super) waiting: VecDeque<QueuedMessage<A>>,
    /// Messages that are being sent, at most one for each thread.
    pub(super) under_way: Vec<UnderWay>,
    /// The last message whose first try has ended.
    pub(super) last: TimingDecoy<Delivery>,
    /// Whose message failed, if the last one did.
    failed: Option<String>,
    pub(super) threads: usize,
    pub(super) closed: bool,
}

pub(super) struct QueuedMessage<A> {
    pub(super) user: String,
    pub(super) submitted: Instant,
    pub(super) to: A,
    pub(super) content: Content,
    pub(super) deadline: Instant,
    pub(super) not_before: Instant,
    /// Before the next attempt.
    pub(super) pause: Duration,
    /// Why the last attempt failed.
    pub(super) failure: Option<SendError>,
    pub(super) promise: Promise,
}

/// What the queue remembers of a message while it is being sent.
pub(super) struct UnderWay {
    pub(super) user: String,
    /// When it was submitted, if this is its first attempt.
    pub(super) fresh_since: Option<Instant>,
}

impl<A> QueueState<A> {
    /// An empty queue without a transport.
    pub(super) fn empty() -> Self {
        Self {
            transport: None,
            waiting: VecDeque::new(),
            under_way: Vec::new(),
            last: TimingDecoy::new(USUAL, Delivery::Sent),
            failed: None,
            threads: 0,
            closed: false,
        }
    }

    /// Records the end of a message's first attempt. A failure may be due to its own address, so it
    /// does not count for others unless another user's message failed just before.
    pub(super) fn remember(
        &mut self,
        message: &QueuedMessage<A>,
        time: Duration,
        delivery: &Delivery,
    ) {
        let has_failed = matches!(delivery, Delivery::Failed(_) | Delivery::Retrying(_));
        let failed = has_failed.then(|| message.user.clone());
        let is_sign = match (&self.failed, &failed) {
            (_, None) => true,
            (Some(before), Some(now)) => before != now,
            (None, Some(_)) => false,
        };
        if is_sign {
            self.last = TimingDecoy::new(time, delivery.clone());
        }
        self.failed = failed;
    }

    pub(super) fn has_room_for(&self, user: &str, limits: &DeliveryLimits) -> bool {
        let of_user = |other: &&str| *other == user;
        let users = self.waiting.iter().map(|message| message.user.as_str());
        let all = users.chain(self.under_way.iter().map(|one| one.user.as_str()));
        let (total, own) = all.fold((0, 0), |(total, own), other| {
            (total + 1, own + usize::from(of_user(&other)))
        });
        total < limits.messages && own < limits.per_user
    }

    pub(super) fn take_expired(&mut self, now: Instant) -> Option<QueuedMessage<A>> {
        let place = self
            .waiting
            .iter()
            .position(|message| message.deadline <= now)?;
        self.waiting.remove(place)
    }

    pub(super) fn take_ready(&mut self, now: Instant) -> Option<QueuedMessage<A>> {
        let place = self.waiting.iter().position(|message| {
            let is_under_way = |one: &UnderWay| one.user == message.user;
            message.not_before <= now && !self.under_way.iter().any(is_under_way)
        })?;
        let message = self.waiting.remove(place)?;
        self.under_way.push(UnderWay {
            user: message.user.clone(),
            fresh_since: message.failure.is_none().then_some(message.submitted),
        });
        Some(message)
    }

    /// When the next pause or deadline ends. The end of an attempt wakes the threads anyway.
    pub(super) fn next_event(&self, now: Instant) -> Option<Instant> {
        let events = self
            .waiting
            .iter()
            .map(|message| match message.not_before > now {
                true => message.not_before.min(message.deadline),
                false => message.deadline,
            });
        events.min()
    }
}

impl<A> QueuedMessage<A> {
    /// Schedules the next attempt at `next_try`, and a longer pause after it, up to `longest`.
    pub(super) fn put_off(
        mut self,
        error: SendError,
        next_try: Instant,
        longest: Duration,
    ) -> Self {
        self.promise.say(Delivery::Retrying(error.clone()));
        self.not_before = next_try;
        self.pause = (self.pause * 2).min(longest);
        self.failure = Some(error);
        self
    }
}
