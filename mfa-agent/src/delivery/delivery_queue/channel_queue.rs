//! The queue of one channel, and its threads.
//!
//! ```text
//!   submit ──▶ waiting ──its time has come, and its user has none in transit──▶ in transit ──▶ sent
//!                 ▲ │                                                             │ │
//!                 │ └──deadline──▶ failed ◀──permanent, or no time for another────┘ │
//!                 └─────────────────temporary: after a pause────────────────────────┘
//! ```
//!
//! The lock is never held while a message is sent, and a pausing message holds no thread. A code is wiped
//! as soon as its message has left the queue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::queue::{Chosen, QueueState, QueuedMessage};
use super::ticket::{AtEnd, Promise};
use super::{Delivery, DeliveryLimits, QueueFull, Ticket, Transport};
use crate::delivery::{Content, SendError};
use crate::log::{self, Level};
use crate::timing_decoy::TimingDecoy;

/// Mostly for a TLS handshake.
const STACK: usize = 512 << 10;

/// How long an idle thread sleeps at a time.
const LONG: Duration = Duration::from_secs(3600);

pub(super) struct ChannelQueue<A>(Arc<Shared<A>>);

struct Shared<A> {
    name: &'static str,
    limits: DeliveryLimits,
    state: Mutex<QueueState<A>>,
    /// Threads wait for this.
    work: Condvar,
    /// The caller that stops the queue waits for this.
    ended: Condvar,
}

impl<A: Send + Sync + 'static> ChannelQueue<A> {
    pub(super) fn new(name: &'static str, limits: DeliveryLimits) -> Self {
        Self(Arc::new(Shared {
            name,
            limits,
            state: Mutex::new(QueueState::empty()),
            work: Condvar::new(),
            ended: Condvar::new(),
        }))
    }

    pub(super) fn set_carrier(&self, transport: Chosen<A>) {
        self.0.lock().transport = transport;
    }

    pub(super) fn submit(
        &self,
        user: String,
        to: A,
        content: Content,
        deadline: Instant,
        at_end: AtEnd,
    ) -> Result<Ticket, QueueFull> {
        let (promise, ticket) = Promise::new(at_end);
        let mut state = self.0.lock();
        if let Some(error) = self.0.is_out_of_order(&state) {
            drop(state);
            promise.say(Delivery::Failed(error));
            return Ok(ticket);
        }
        if !state.has_room_for(&user, &self.0.limits) {
            return Err(QueueFull);
        }
        self.start_thread_for_one_more(&mut state)?;
        let submitted = Instant::now();
        state.waiting.push_back(QueuedMessage {
            user,
            submitted,
            to,
            content,
            deadline,
            not_before: submitted,
            pause: self.0.limits.first_pause,
            failure: None,
            promise,
        });
        drop(state);
        self.0.work.notify_one();
        Ok(ticket)
    }

    /// What users without an address see: what the last message of the channel would have shown.
    pub(super) fn decoy(&self) -> TimingDecoy<Delivery> {
        let state = self.0.lock();
        if let Some(error) = self.0.is_out_of_order(&state) {
            return TimingDecoy::new(Duration::ZERO, Delivery::Failed(error));
        }
        let first_tries = state.under_way.iter().filter_map(|one| one.fresh_since);
        state.last.at(Instant::now(), first_tries)
    }

    /// Starts a thread if there is more to do than there are idle threads.
    fn start_thread_for_one_more(&self, state: &mut QueueState<A>) -> Result<(), QueueFull> {
        let free = state.threads - state.under_way.len();
        if free > state.waiting.len() || state.threads >= self.0.limits.threads {
            return Ok(());
        }
        let shared = Arc::clone(&self.0);
        let started = thread::Builder::new()
            .name("delivery".to_owned())
            .stack_size(STACK)
            .spawn(move || shared.run());
        match started {
            Ok(_) => state.threads += 1,
            // The other threads will send it.
            Err(_) if state.threads > 0 => {}
            Err(e) => {
                log::limited_at(
                    Level::Error,
                    "threads that send messages",
                    format_args!(
                        "can't start a thread to send messages: {e}; raise TasksMax= of mfa-agent.service"
                    ),
                );
                return Err(QueueFull);
            }
        }
        Ok(())
    }

    /// Accepts no more messages, and fails the waiting ones.
    pub(super) fn close(&self) {
        let mut state = self.0.lock();
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.0.work.notify_all();
        for message in waiting {
            message.promise.say(Delivery::Failed(stopping()));
        }
    }

    pub(super) fn await_end(&self, until: Instant) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        let waited = self
            .0
            .ended
            .wait_timeout_while(self.0.lock(), left, |state| state.threads > 0);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.threads == 0
    }
}

impl<A> Drop for ChannelQueue<A> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        self.0.work.notify_all();
        drop(waiting);
    }
}

impl<A> Shared<A> {
    fn lock(&self) -> MutexGuard<'_, QueueState<A>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_out_of_order(&self, state: &QueueState<A>) -> Option<SendError> {
        if state.closed {
            return Some(stopping());
        }
        state
            .transport
            .is_none()
            .then(|| SendError::permanent(format!("no way to send {} is configured", self.name)))
    }

    /// One thread: sends messages until the queue closes.
    fn run(&self) {
        while let Some((message, transport)) = self.next() {
            let result = self.attempt(&message, transport.as_deref());
            self.put_down(message, result);
        }
        self.lock().threads -= 1;
        self.ended.notify_all();
    }

    /// Waits for the next message; `None` when the queue has closed.
    fn next(&self) -> Option<(QueuedMessage<A>, Chosen<A>)> {
        let mut state = self.lock();
        loop {
            if state.closed {
                return None;
            }
            let now = Instant::now();
            if let Some(message) = state.take_expired(now) {
                drop(state);
                self.fail(&message, message.failure.clone().unwrap_or_else(crowded));
                state = self.lock();
                continue;
            }
            if let Some(message) = state.take_ready(now) {
                return Some((message, state.transport.clone()));
            }
            let time = state.next_event(now).map_or(LONG, |at| at - now);
            let waited = self.work.wait_timeout(state, time);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn attempt(
        &self,
        message: &QueuedMessage<A>,
        transport: Option<&dyn Transport<A>>,
    ) -> Result<(), SendError> {
        let Some(transport) = transport else {
            return Err(SendError::permanent(format!(
                "no way to send {} is configured any longer",
                self.name
            )));
        };
        let until = message.deadline.min(Instant::now() + self.limits.attempt);
        catch_unwind(AssertUnwindSafe(|| {
            transport.send(&message.to, &message.content, until)
        }))
        .unwrap_or_else(|_| Err(SendError::permanent("a bug in the agent; please report it")))
    }

    /// Records the result of an attempt.
    fn put_down(&self, message: QueuedMessage<A>, result: Result<(), SendError>) {
        let now = Instant::now();
        let next_try = now + message.pause;
        let mut state = self.lock();
        state.under_way.retain(|one| one.user != message.user);
        let delivery = match result {
            Ok(()) => Delivery::Sent,
            Err(error) if error.is_temporary() && next_try < message.deadline && !state.closed => {
                Delivery::Retrying(error)
            }
            Err(error) => Delivery::Failed(error),
        };
        if message.failure.is_none() {
            state.remember(&message, now - message.submitted, &delivery);
        }
        match delivery {
            Delivery::Retrying(error) => {
                let message = message.put_off(error, next_try, self.limits.longest_pause);
                state.waiting.push_back(message);
            }
            Delivery::Failed(error) => {
                drop(state);
                self.fail(&message, error);
            }
            Delivery::Sent | Delivery::Pending => {
                drop(state);
                message.promise.say(delivery);
            }
        }
        // The user's next message may be ready now, for any thread.
        self.work.notify_all();
    }

    /// The ticket may have been dropped, so the log gets the error, too.
    fn fail(&self, message: &QueuedMessage<A>, error: SendError) {
        log::limited(
            "delivery",
            format_args!(
                "{} to {} could not be sent: {error}",
                self.name, message.user
            ),
        );
        message.promise.say(Delivery::Failed(error));
    }
}

fn crowded() -> SendError {
    SendError::temporary(
        "it waited too long behind other messages; check whether the provider is slow",
    )
}

fn stopping() -> SendError {
    SendError::temporary("the agent is stopping")
}
