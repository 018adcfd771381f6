//! How often a user may be asked by RADIUS servers: by a request to a phone, or by a question that follows an answer.
//!
//! Without a limit, whoever knows the password could ring until the user approves to make it stop. The count is in the
//! user's record, so that neither a restart nor another host forgets it, also one whose clock is behind. A pass does not
//! clear it: the user may have approved their own login meanwhile.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Account;
use crate::clock::{is_within, shared_now};

/// The most that a record holds, whatever the settings say.
const MOST: u32 = 20;

/// The limit on requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestLimits {
    /// This number, 1 to 20,
    pub requests: u32,
    /// within this time.
    pub within: Duration,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self {
            requests: 10,
            within: Duration::from_secs(5 * 60),
        }
    }
}

/// When the user was asked, in seconds since 1970, oldest first; only what still counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Requests(Vec<i64>);

impl Requests {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The most bytes in a record.
    pub(super) fn room(&self) -> usize {
        32 + 16 * self.0.len()
    }
}

impl Account {
    /// Counts a request that is about to be sent. Returns whether it may be: one too many is not counted, so that a
    /// caller who goes on asking does not lengthen the wait.
    #[must_use]
    pub fn count_request(&mut self, now: Timestamp, limits: &RequestLimits) -> bool {
        let requests = &mut self.requests.0;
        let time = |at: &i64| Timestamp::from_second(*at).ok();
        let now = shared_now(now, requests.iter().filter_map(time));
        requests.retain(|at| time(at).is_some_and(|at| is_within(at, now, limits.within)));
        if requests.len() >= limits.requests.min(MOST) as usize {
            return false;
        }
        requests.push(now.as_second());
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::samples::at;

    #[test]
    fn ten_requests_in_five_minutes_and_the_next_when_the_first_is_old() {
        let (mut account, limits) = (Account::default(), RequestLimits::default());
        for second in 0..10 {
            assert!(account.count_request(at(second), &limits));
        }
        for second in 10..300 {
            assert!(!account.count_request(at(second), &limits), "{second}");
        }
        assert!(account.count_request(at(300), &limits));
        assert!(!account.count_request(at(300), &limits));
        assert!(account.count_request(at(301), &limits));
    }

    #[test]
    fn a_host_whose_clock_is_behind_asks_no_more_than_the_others() {
        for behind in [1, 20, 600] {
            let (mut account, limits) = (Account::default(), RequestLimits::default());
            for second in 0..10 {
                assert!(account.count_request(at(1_000_000 + second), &limits));
            }
            let behind = at(1_000_009 - behind);
            assert!(!account.count_request(behind, &limits), "{behind}");
        }
        // Two in turn.
        let (mut account, limits) = (Account::default(), RequestLimits::default());
        let both = (0..100).flat_map(|second| [second, second - 590]);
        let asked = both.filter(|second| account.count_request(at(1_000_000 + second), &limits));
        assert_eq!(asked.count(), 10);
    }

    #[test]
    fn the_count_survives_storage_and_a_clock_set_back_blocks_nobody() {
        let (mut account, limits) = (Account::default(), RequestLimits::default());
        for second in 0..10 {
            assert!(account.count_request(at(1_000_000 + second), &limits));
        }
        let mut account = Account::decode(&account.encode().unwrap()).unwrap();
        assert!(!account.count_request(at(1_000_010), &limits));
        assert!(account.count_request(at(0), &limits));
    }
}
