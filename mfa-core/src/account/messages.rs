//! Limits the messages to a user: a few in a short time, then none for a while.
//!
//! Otherwise an attacker with a password could fill its owner's mailbox, or run up the provider's
//! bill. The count is in the user's own record, so that neither a restart nor another host forgets
//! it; on a host whose clock is behind, it holds all the same.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Account;
use crate::clock::{Deadline, after, is_within, shared_now};

/// The limit on messages to a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageLimits {
    /// This number, 1 to 100,
    pub messages: u32,
    /// within this time,
    pub within: Duration,
    /// then none for this time.
    pub pause: Duration,
}

impl Default for MessageLimits {
    fn default() -> Self {
        Self {
            messages: 10,
            within: Duration::from_secs(5 * 60),
            pause: Duration::from_secs(30 * 60),
        }
    }
}

/// Recent messages to a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Messages {
    /// When they were sent, in seconds since 1970, oldest first; only the ones that still count.
    sent: Vec<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_until: Option<Deadline>,
    /// Why the last message could not be sent; `None` if no failure is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
    /// When the last message was sent, even if it no longer counts.
    #[serde(
        skip_serializing_if = "Option::is_none",
        with = "jiff::fmt::serde::timestamp::second::optional"
    )]
    last_sent: Option<Timestamp>,
}

/// The longest stored reason, in bytes.
const LONGEST_REASON: usize = 200;

impl Messages {
    /// Whether nothing was ever sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Number of messages that count at `now`.
    #[must_use]
    pub fn counted(&self, now: Timestamp, limits: &MessageLimits) -> u32 {
        let now = self.shared_now(now);
        let counted = self.sent.iter().filter(|sent| counts(**sent, now, limits));
        u32::try_from(counted.count()).unwrap_or(u32::MAX)
    }

    fn shared_now(&self, now: Timestamp) -> Timestamp {
        let sent = self.sent.iter();
        shared_now(now, sent.filter_map(|at| Timestamp::from_second(*at).ok()))
    }

    /// The end of the pause, if there is one.
    #[must_use]
    pub fn paused_until(&self, now: Timestamp, limits: &MessageLimits) -> Option<Timestamp> {
        self.paused_until?.binds(now, limits.pause)
    }

    /// Why the last message could not be sent.
    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// When the last message was sent.
    #[must_use]
    pub fn last_sent(&self) -> Option<Timestamp> {
        self.last_sent
    }

    /// The most bytes in a record.
    pub(super) fn room(&self) -> usize {
        256 + 16 * self.sent.len() + 2 * LONGEST_REASON
    }
}

impl Account {
    /// Recent messages to the user.
    #[must_use]
    pub fn messages(&self) -> &Messages {
        &self.messages
    }

    /// Counts a message that is about to be sent.
    ///
    /// # Errors
    ///
    /// The end of the pause, if it is one too many: nothing may be sent before.
    pub fn count_message(
        &mut self,
        now: Timestamp,
        limits: &MessageLimits,
    ) -> Result<(), Timestamp> {
        let messages = &mut self.messages;
        if let Some(until) = messages.paused_until(now, limits) {
            return Err(until);
        }
        messages.paused_until = None;
        let shared = messages.shared_now(now);
        messages.sent.retain(|sent| counts(*sent, shared, limits));
        if messages.sent.len() >= limits.messages as usize {
            return Err(after(shared, limits.within));
        }
        messages.sent.push(shared.as_second());
        messages.last_sent = Some(now);
        messages.last_error = None;
        if messages.sent.len() >= limits.messages as usize {
            messages.paused_until = Some(Deadline::after(shared, limits.pause));
        }
        Ok(())
    }

    /// Records that the last message could not be sent. Returns whether that was unknown.
    pub fn message_failed(&mut self, reason: &str) -> bool {
        let mut end = reason.len().min(LONGEST_REASON);
        while !reason.is_char_boundary(end) {
            end -= 1;
        }
        let reason = Some(reason[..end].to_owned());
        let is_news = self.messages.last_error != reason;
        self.messages.last_error = reason;
        is_news
    }
}

impl Account {
    /// Records that the last message arrived after all. Returns whether that was unknown.
    pub fn message_arrived(&mut self) -> bool {
        self.messages.last_error.take().is_some()
    }
}

fn counts(sent: i64, now: Timestamp, limits: &MessageLimits) -> bool {
    Timestamp::from_second(sent).is_ok_and(|sent| is_within(sent, now, limits.within))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::samples::at;

    const LIMITS: MessageLimits = MessageLimits {
        messages: 10,
        within: Duration::from_secs(300),
        pause: Duration::from_secs(1800),
    };

    #[test]
    fn after_ten_messages_in_five_minutes_none_is_sent_for_thirty() {
        let mut account = Account::default();
        for number in 0..10 {
            assert_eq!(account.count_message(at(number * 20), &LIMITS), Ok(()));
        }
        let end = at(180 + 1800);
        for time in [181, 400, 1979] {
            assert_eq!(account.count_message(at(time), &LIMITS), Err(end), "{time}");
        }
        assert_eq!(account.messages().paused_until(at(200), &LIMITS), Some(end));
        assert_eq!(account.count_message(at(1980), &LIMITS), Ok(()));
        assert_eq!(account.messages().counted(at(1980), &LIMITS), 1);
    }

    #[test]
    fn without_a_pause_the_limit_applies_all_the_same() {
        let limits = MessageLimits {
            pause: Duration::ZERO,
            ..LIMITS
        };
        let mut account = Account::default();
        let mut sent = |second| account.count_message(at(second), &limits).is_ok();
        assert_eq!((0..100).filter(|second| sent(*second)).count(), 10);
        assert!(sent(300), "the first is five minutes old");
        assert!(!sent(300));
    }

    #[test]
    fn messages_that_come_slowly_are_all_sent() {
        let mut account = Account::default();
        for number in 0..100 {
            assert_eq!(account.count_message(at(number * 34), &LIMITS), Ok(()));
        }
        assert!(account.messages().room() < 1024);
    }

    #[test]
    fn setting_the_clock_back_pauses_nobody_for_ever() {
        let mut account = Account::default();
        for number in 0..10 {
            account
                .count_message(at(1_000_000 + number), &LIMITS)
                .unwrap();
        }
        assert_eq!(account.count_message(at(0), &LIMITS), Ok(()));
    }

    #[test]
    fn the_hosts_of_a_fleet_share_the_limit_though_their_clocks_differ() {
        for behind in [1, 20, 590] {
            let mut account = Account::default();
            let mut sent = 0;
            for second in 0..100 {
                let own = at(1_000_000 + second);
                let other = at(1_000_000 + second - behind);
                for now in [own, other] {
                    sent += u32::from(account.count_message(now, &LIMITS).is_ok());
                }
            }
            assert_eq!(sent, LIMITS.messages, "{behind}");
            let paused = account
                .messages()
                .paused_until(at(1_000_099 - behind), &LIMITS);
            assert!(paused.is_some(), "{behind}");
        }
    }

    #[test]
    fn a_failure_is_recorded_until_the_next_message() {
        let mut account = Account::default();
        account.count_message(at(0), &LIMITS).unwrap();
        assert!(account.message_failed("the server is silent"));
        assert!(!account.message_failed("the server is silent"));
        assert_eq!(
            account.messages().last_error(),
            Some("the server is silent")
        );
        assert!(account.message_failed(&"ä".repeat(500)));
        account.count_message(at(1), &LIMITS).unwrap();
        assert_eq!(account.messages().last_error(), None);
    }
}
