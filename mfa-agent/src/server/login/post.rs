//! Sending the code of a login.
//!
//! Every message is counted on the record first, also for locked users and users without an address, so that callers
//! can't tell them apart. The delivery queue sends the message; the login waits a few seconds for its result, outside
//! of any call; for the first message it waits after it has asked for the code. After a failure the next code goes to
//! the next address of the user.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{Timestamp, Zoned};

use super::super::Agent;
use super::super::error::Failure;
use super::super::random;
use super::super::wait::MessageWait;
use super::{Context, Login};
use crate::audit::Event;
use crate::delivery::{AtEnd, Content, Delivery, Job, MessagePurpose, Notice};
use crate::log;
use crate::repository::{After, Key};
use mfa_core::account::Account;
use mfa_core::factors::address::{Channel, Recipient};
use mfa_core::factors::random_code::RandomCode;
use mfa_core::factors::sent_code::{SentCode, expiry};
use mfa_core::lockout::Admission;
use mfa_core::login::{DeliveryStatus, SendRequest, SendResult};

/// How long a login waits to tell whether a message was taken. Less than the module waits for a reply to an answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// How much longer than its code a login lives, so that a user who types it late gets a message.
const LATE: Duration = Duration::from_secs(60);

/// A message that was handed over.
pub(in crate::server) struct Sending {
    channel: Channel,
    code: Option<SentCode>,
    /// What the log calls the address.
    label: String,
    expires: Timestamp,
}

/// What became of a message at once.
pub(super) enum Posted {
    /// It is on its way, and waited for.
    Waiting(MessageWait, Sending),
    /// There is nothing to wait for.
    AtOnce(SendResult),
}

/// A message that is waited for once its prompt is shown.
pub(in crate::server) struct LateMessage {
    pub(super) wait: MessageWait,
    pub(super) sending: Sending,
}

/// The same, once the wait is over.
pub(in crate::server) struct LearnedLate {
    pub(super) delivery: Delivery,
    pub(super) sending: Sending,
}

impl LateMessage {
    /// Waits.
    pub(in crate::server) fn run(self) -> LearnedLate {
        LearnedLate {
            delivery: self.wait.run(),
            sending: self.sending,
        }
    }
}

/// Addresses that messages of a login could not be sent to, the last failure at the end. A message may fail long after
/// its login has gone on.
#[derive(Clone, Default)]
pub(super) struct FailedRecipients(Arc<Mutex<Vec<Recipient>>>);

impl FailedRecipients {
    fn lock(&self) -> MutexGuard<'_, Vec<Recipient>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts the end of a message down.
    fn note(&self, to: &Recipient, has_failed: bool) {
        let mut failed = self.lock();
        failed.retain(|other| other != to);
        if has_failed {
            failed.push(to.clone());
        }
    }
}

/// What to do about a message.
enum Address {
    /// It goes there; what the log calls it, and the generation that its code depends on.
    To(Recipient, String, Option<u64>),
    /// There is no address to send it to, or the user should get no message.
    Nobody,
    /// It is one too many.
    TooMany,
}

impl Agent {
    /// Has a code sent.
    pub(super) fn post(&self, login: &mut Login, order: &SendRequest) -> Result<Posted, Failure> {
        let (now, lifetime) = (Timestamp::now(), login.settings.delivery.lifetime);
        let expires = order.expires.unwrap_or_else(|| expiry(now, lifetime));
        let address = self.count_message(login, order, now)?;
        if !login.settings.delivery.is_on(order.channel) {
            return Ok(nothing_sent(DeliveryStatus::Failed, expires));
        }
        login.outlive(lifetime + LATE);
        match address {
            Address::To(to, label, unless_changed_since) => {
                let code = match order.again.clone().filter(|again| again.to == to) {
                    Some(again) => again,
                    None => SentCode {
                        code: RandomCode::new(random()?, login.settings.delivery.digits).text(),
                        to,
                        unless_changed_since,
                    },
                };
                Ok(self.hand_over(login, order.channel, (code, label), (now, expires)))
            }
            Address::Nobody => {
                let sending = Sending {
                    channel: order.channel,
                    code: None,
                    label: String::new(),
                    expires,
                };
                Ok(Posted::Waiting(self.send_to_nobody(order.channel), sending))
            }
            Address::TooMany => {
                let reason = "too many messages in a short time";
                self.note_message(login, order.channel, "refused", reason);
                Ok(nothing_sent(DeliveryStatus::TooMany, expires))
            }
        }
    }

    /// Gives a message to the courier.
    fn hand_over(
        &self,
        login: &mut Login,
        channel: Channel,
        (code, label): (SentCode, String),
        (now, expires): (Timestamp, Timestamp),
    ) -> Posted {
        let job = Job {
            user: login.context.user.to_string(),
            to: code.to.clone(),
            content: Content::Code(self.notice(login, &code, expires, now)),
            deadline: Instant::now() + left(expires, now),
        };
        login.has_arrived = Arc::default();
        let at_end = self.at_end(login, channel, (&code.to, &label));
        let Ok(ticket) = self.delivery_queue.submit_and_tell(job, at_end) else {
            let reason = "too many messages are waiting to be sent";
            self.note_message(login, channel, "failed", reason);
            return nothing_sent(DeliveryStatus::Failed, expires);
        };
        let sending = Sending {
            channel,
            code: Some(code),
            label,
            expires,
        };
        Posted::Waiting(MessageWait::Ticket(ticket, PATIENCE), sending)
    }

    /// What a user waits for who gets no message.
    fn send_to_nobody(&self, channel: Channel) -> MessageWait {
        let timing_decoy = self.delivery_queue.decoy(channel);
        match timing_decoy.time < PATIENCE {
            true => MessageWait::Nobody(timing_decoy.time, timing_decoy.end),
            false => MessageWait::Nobody(PATIENCE, Delivery::Pending),
        }
    }

    /// What the dialogue is told of a message.
    pub(super) fn posted(
        &self,
        login: &Login,
        sending: Sending,
        delivery: &Delivery,
    ) -> Result<SendResult, Failure> {
        let failure = match delivery {
            Delivery::Sent | Delivery::Pending => None,
            Delivery::Failed(error) | Delivery::Retrying(error) => Some(error.to_string()),
        };
        // What is final has been recorded by then.
        if let (Delivery::Retrying(error), Some(code)) = (delivery, &sending.code) {
            let reason = format!("to {}: {error}", sending.label);
            login.failed.note(&code.to, true);
            self.note_message(login, sending.channel, "retrying", &reason);
            self.remember_failure(&login.key, &format!("{error}; trying again"))?;
        }
        Ok(SendResult {
            code: sending.code,
            expires: sending.expires,
            news: match failure {
                None => DeliveryStatus::OnItsWay,
                Some(_) => DeliveryStatus::Failed,
            },
        })
    }

    /// Sends a new code to the next address of the user, if the message failed for good. The reply does not wait for this
    /// message: the user has waited for the first one. Where the messages of others fail too, the next address would not
    /// help, and a user with two would see something else than others do.
    pub(super) fn send_elsewhere(
        &self,
        login: &mut Login,
        (channel, expires): (Channel, Timestamp),
        delivery: &Delivery,
    ) -> Result<Option<SendResult>, Failure> {
        let is_own_failure = self.delivery_queue.decoy(channel).end == Delivery::Sent;
        if !matches!(delivery, Delivery::Failed(_)) || !is_own_failure {
            return Ok(None);
        }
        let account = self.repository.load(&login.key)?.unwrap_or_default();
        let has_another = {
            let failed = login.failed.lock();
            let next = account.contact_after(channel, &failed);
            next.is_some_and(|next| !failed.contains(&next.to))
        };
        if !has_another {
            return Ok(None);
        }
        let request = SendRequest {
            channel,
            fallback: None,
            again: None,
            expires: Some(expires),
        };
        Ok(match self.post(login, &request)? {
            Posted::Waiting(_, sending) if sending.code.is_some() => Some(sending.so_far()),
            Posted::Waiting(..) | Posted::AtOnce(_) => None,
        })
    }

    fn count_message(
        &self,
        login: &Login,
        order: &SendRequest,
        now: Timestamp,
    ) -> Result<Address, Failure> {
        let budget = login.settings.delivery.budget;
        self.repository.change(&login.key, |account| {
            let mut account = account.unwrap_or_default();
            let open = account.lockout().admit(login.epoch, now, &login.limits) == Admission::Open;
            let address = match account.count_message(now, &budget) {
                Err(_) => Address::TooMany,
                Ok(()) if !open => Address::Nobody,
                Ok(()) => login.address(&account, order),
            };
            Ok::<_, Failure>((After::Put(account.into()), address))
        })
    }

    /// Records the end of a message, which may come when its login is over: sent at a second try, or refused by
    /// a provider that took long.
    fn at_end(&self, login: &Login, channel: Channel, (to, label): (&Recipient, &str)) -> AtEnd {
        let (agent, context, key) = (self.me.clone(), login.context.clone(), login.key.clone());
        let has_arrived = Arc::clone(&login.has_arrived);
        let failed = login.failed.clone();
        let (whole, to) = (to.clone(), label.to_owned());
        Box::new(move |delivery| {
            failed.note(&whole, matches!(delivery, Delivery::Failed(_)));
            let Some(agent) = agent.upgrade() else {
                return;
            };
            let remembered = match delivery {
                Delivery::Failed(error) => {
                    let reason = format!("to {to}: {error}");
                    agent.record_message(&context, channel, ("failed", &reason));
                    agent.remember_failure(&key, &error.to_string())
                }
                _ => {
                    has_arrived.store(true, Ordering::SeqCst);
                    agent.record_message(&context, channel, ("sent", &to));
                    agent.forget_failure(&key)
                }
            };
            if let Err(error) = remembered {
                let user = &context.user;
                log::limited(
                    "ends of messages",
                    format_args!(
                        "mfactl status {user} can't tell how the last message went: {}",
                        error.reason()
                    ),
                );
            }
        })
    }

    fn remember_failure(&self, key: &Key, error: &str) -> Result<(), Failure> {
        self.remember(key, |account| account.message_failed(error))
    }

    fn forget_failure(&self, key: &Key) -> Result<(), Failure> {
        // Nearly always there is nothing to forget, and nothing to write.
        self.remember(key, Account::message_arrived)
    }

    fn remember(&self, key: &Key, change: impl Fn(&mut Account) -> bool) -> Result<(), Failure> {
        self.repository.change(key, |account| {
            let mut account = account.unwrap_or_default();
            let after = match change(&mut account) {
                true => After::Put(account.into()),
                false => After::Same,
            };
            Ok((after, ()))
        })
    }

    fn notice(&self, login: &Login, code: &SentCode, expires: Timestamp, now: Timestamp) -> Notice {
        let minutes = left(expires, now).as_secs().div_ceil(60);
        Notice {
            purpose: MessagePurpose::Login,
            code: code.code.clone(),
            host: self.host_name(),
            service: login.context.place().to_owned(),
            address: login.context.rhost().map(str::to_owned),
            at: Zoned::now().strftime("%Y-%m-%d %H:%M %Z").to_string(),
            minutes: u32::try_from(minutes).unwrap_or(u32::MAX),
        }
    }

    fn note_message(&self, login: &Login, channel: Channel, result: &'static str, reason: &str) {
        self.record_message(&login.context, channel, (result, reason));
    }

    fn record_message(
        &self,
        context: &Context,
        channel: Channel,
        (result, reason): (&'static str, &str),
    ) {
        let event = Event {
            factor: Some(channel.name().to_owned()),
            ..context.message(result, reason)
        };
        self.record(event, context.peer);
    }
}

impl Sending {
    /// By which channel it goes, and until when its code is good.
    pub(super) fn terms(&self) -> (Channel, Timestamp) {
        (self.channel, self.expires)
    }

    /// What is known of the message that was just handed over.
    pub(super) fn so_far(&self) -> SendResult {
        SendResult {
            code: self.code.clone(),
            expires: self.expires,
            news: DeliveryStatus::OnItsWay,
        }
    }
}

impl Login {
    /// Where a code of this login goes: to the number that was just typed, to the user's own address, or to the address
    /// that the template makes from the user name.
    fn address(&self, account: &Account, order: &SendRequest) -> Address {
        let theirs = account
            .contact_after(order.channel, &self.failed.lock())
            .map(|contact| contact.to.clone());
        match (theirs, order.fallback.clone()) {
            (Some(to), _) => {
                let label = account.contact_label(&to);
                Address::To(to, label, None)
            }
            (None, Some(to)) => {
                let label = account.contact_label(&to);
                Address::To(to, label, Some(self.generation_at_begin))
            }
            (None, None) => Address::Nobody,
        }
    }
}

/// No message went out this time; a code that was sent before is as good as it was.
fn nothing_sent(news: DeliveryStatus, expires: Timestamp) -> Posted {
    Posted::AtOnce(SendResult {
        code: None,
        expires,
        news,
    })
}

fn left(expires: Timestamp, now: Timestamp) -> Duration {
    let left = expires.duration_since(now);
    Duration::try_from(left).unwrap_or_default()
}
