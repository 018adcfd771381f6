//! The lockout: a pure state machine over failures and passes.
//!
//! ```text
//!            failure, fewer than `attempts`                 `duration` over
//!              ┌──────┐                        ┌──────────────────────────────────┐
//!              ▼      │                        ▼                                  │
//!            ┌──────────┐  failure no. `attempts`   ┌────────────────────┐        │
//!   pass ──▶ │   open   │ ────────────────────────▶ │ locked until a time│ ───────┘
//!            └──────────┘                           └────────────────────┘
//!              ▲      │ failure no. `max_consecutive`          │
//!              │      ▼ in a row, however slowly they come     │
//!   unlock ────│   ┌─────────────────────────────┐             │
//!              └── │ locked for an administrator │             │ unlock
//!              ▲   └─────────────────────────────┘             │
//!              └───────────────────────────────────────────────┘
//! ```
//!
//! A lock that ends later than it can last was made while the clock was wrong. It does not hold; its failures still
//! count, so that the next one locks again and a clock that is set back by a second frees no guesses.
//!
//! While it is locked nothing is judged. Cancelled logins, empty answers and replays never come here.
//!
//! A pass clears the failures. Logins that were under way when it happened must not profit from that,
//! or one right code among many guesses at once would buy five guesses more: they share what was left
//! of the budget that they began under ([`Burst`]).

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::{Deadline, whole_seconds};

/// The longest lock that the settings accept: a year.
pub const LONGEST_LOCK: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The bounds of a lockout, from the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many failures lock the account.
    pub attempts: u32,
    /// For how long.
    pub duration: Duration,
    /// How many failures in a row lock it until an administrator unlocks, if any number does
    /// (NIST SP 800-63B §5.2.2).
    pub max_consecutive: Option<u32>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attempts: 5,
            duration: Duration::from_secs(3600),
            max_consecutive: Some(100),
        }
    }
}

impl Limits {
    /// Of each bound the one that leaves fewer guesses.
    #[must_use]
    pub fn stricter(&self, other: &Self) -> Self {
        let in_a_row = [self.max_consecutive, other.max_consecutive];
        Self {
            attempts: self.attempts.min(other.attempts),
            duration: self.duration.max(other.duration),
            max_consecutive: in_a_row.into_iter().flatten().min(),
        }
    }
}

/// What is counted for an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lockout {
    failures: u32,
    consecutive: u32,
    until: Option<Deadline>,
    /// How long the lock lasts, in seconds; none in records that were written before this was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    lasts: Option<u64>,
    at_limit: bool,
    refused: u64,
    passes: u64,
    burst: Burst,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pending: Vec<Pending>,
}

/// A guess that somebody else is judging at this moment: as long as it is not known what becomes of it, it
/// counts as if it were wrong, so that no more are under way at once than may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pending {
    id: u64,
    /// Nobody will say any more what became of it: the agent was restarted.
    until: Deadline,
}

/// What was judged among the logins that began before the last pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Burst {
    passed: u32,
    failed: u32,
}

/// Guesses that others judge at the same time.
const MAX_PENDING: usize = 16;

/// The longest that a guess is noted for.
const LONGEST_PENDING: Duration = Duration::from_secs(10 * 60);

/// When a login began, counted in passes of its account. It bounds what the login may still cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoginEpoch(u64);

/// Whether an answer may be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Open,
    /// It may not: the account is locked.
    Locked(Lock),
    /// It may not: what the logins of its era had to spend is spent. The account is not locked.
    BudgetExhausted,
}

/// Until when an account is locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lock {
    /// It ends by itself.
    Until(Timestamp),
    /// An administrator ends it.
    Administrator,
}

impl Lockout {
    /// The era of a login that begins now.
    #[must_use]
    pub fn epoch(&self) -> LoginEpoch {
        LoginEpoch(self.passes)
    }

    /// Failures that count towards the next lock, as of `now`.
    #[must_use]
    pub fn failures(&self, now: Timestamp) -> u32 {
        if self.is_over(now) { 0 } else { self.failures }
    }

    /// Failures in a row since the last pass or unlock.
    #[must_use]
    pub fn consecutive(&self) -> u32 {
        self.consecutive
    }

    /// Answers refused unjudged since the last pass or unlock.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The lock that holds at `now`.
    #[must_use]
    pub fn lock(&self, now: Timestamp) -> Option<Lock> {
        if self.at_limit {
            return Some(Lock::Administrator);
        }
        let longest = self.lasts.map_or(LONGEST_LOCK, Duration::from_secs);
        self.until?.in_force(now, longest).map(Lock::Until)
    }

    /// Whether an answer of a login of `epoch` may be judged at `now`.
    #[must_use]
    pub fn admit(&self, epoch: LoginEpoch, now: Timestamp, limits: &Limits) -> Admission {
        if let Some(lock) = self.lock(now) {
            return Admission::Locked(lock);
        }
        // Passes alone never exhaust an era: somebody who types their PIN into ten windows at once
        // is no guesser. One failure among them, and every judgement counts.
        let judged = self.burst.passed.saturating_add(self.burst.failed);
        if epoch != self.epoch() && self.burst.failed > 0 && judged >= limits.attempts {
            return Admission::BudgetExhausted;
        }
        if self.is_spoken_for(now, limits) {
            return Admission::BudgetExhausted;
        }
        Admission::Open
    }

    /// Notes that somebody else is about to judge a guess of a login of `epoch`, if it may be judged; what becomes
    /// of it is known within `wait`, or never.
    pub fn reserve(
        &mut self,
        id: u64,
        wait: Duration,
        epoch: LoginEpoch,
        now: Timestamp,
        limits: &Limits,
    ) -> Admission {
        self.pending.retain(|pending| pending.is_open(now));
        let admit = self.admit(epoch, now, limits);
        if admit != Admission::Open {
            return admit;
        }
        if self.pending.len() >= MAX_PENDING {
            return Admission::BudgetExhausted;
        }
        let until = Deadline::after(now, wait);
        self.pending.push(Pending { id, until });
        Admission::Open
    }

    /// It is known what became of that guess, or that nobody judged it. Returns whether it was noted.
    pub fn settle_reserved(&mut self, id: u64) -> bool {
        let before = self.pending.len();
        self.pending.retain(|pending| pending.id != id);
        before != self.pending.len()
    }

    /// Whether all guesses that are left are being judged by others.
    fn is_spoken_for(&self, now: Timestamp, limits: &Limits) -> bool {
        let open = self.pending.iter().filter(|pending| pending.is_open(now));
        let open = u32::try_from(open.count()).unwrap_or(u32::MAX);
        let failures = self.failures(now).saturating_add(open);
        let in_a_row = self.consecutive.saturating_add(open);
        open > 0
            && (failures >= limits.attempts
                || limits.max_consecutive.is_some_and(|max| in_a_row >= max))
    }

    /// A wrong answer of a login of `epoch` was judged.
    pub fn failed(&mut self, epoch: LoginEpoch, now: Timestamp, limits: &Limits) {
        self.settle(now);
        self.failures = self.failures.saturating_add(1);
        self.consecutive = self.consecutive.saturating_add(1);
        if epoch != self.epoch() {
            self.burst.failed = self.burst.failed.saturating_add(1);
        }
        if limits
            .max_consecutive
            .is_some_and(|max| self.consecutive >= max)
        {
            self.at_limit = true;
        }
        if self.failures >= limits.attempts {
            self.until = Some(Deadline::after(now, limits.duration));
            self.lasts = Some(whole_seconds(limits.duration));
        }
    }

    /// A right answer of a login of `epoch` was judged.
    pub fn passed(&mut self, epoch: LoginEpoch, now: Timestamp) {
        self.settle(now);
        self.burst = if epoch == self.epoch() {
            Burst {
                passed: 1,
                failed: self.failures,
            }
        } else {
            Burst {
                passed: self.burst.passed.saturating_add(1),
                ..self.burst
            }
        };
        self.passes += 1;
        self.clear();
    }

    /// An answer was refused without being judged.
    pub fn refused_one(&mut self) {
        self.refused = self.refused.saturating_add(1);
    }

    /// An administrator unlocks. Returns whether there was anything to clear.
    pub fn unlock(&mut self) -> bool {
        let before = self.clone();
        self.clear();
        self.burst = Burst::default();
        self.pending.clear();
        *self != before
    }

    fn clear(&mut self) {
        self.failures = 0;
        self.consecutive = 0;
        self.until = None;
        self.lasts = None;
        self.at_limit = false;
        self.refused = 0;
    }

    /// A lock that is over takes its failures with it.
    fn settle(&mut self, now: Timestamp) {
        if self.is_over(now) {
            self.failures = 0;
            self.until = None;
            self.lasts = None;
        }
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.until.is_some_and(|until| until.is_over(now))
    }
}

impl Pending {
    fn is_open(&self, now: Timestamp) -> bool {
        self.until.in_force(now, LONGEST_PENDING).is_some()
    }
}

#[cfg(test)]
mod tests;
