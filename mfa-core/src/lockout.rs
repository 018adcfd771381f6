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
//! While an account is locked, no answer is verified. Cancelled logins, empty answers and replays never
//! get here.
//!
//! A lock that ends later than it can last was made while the clock was wrong, and is ignored. Its failures
//! still count, so that the next one locks again, and setting the clock back frees no guesses. One that ends a few minutes
//! later was made by a host whose clock is ahead, and holds ([`crate::clock::AHEAD`]).
//!
//! A pass clears the failures. Concurrent logins that began before it share what was left of their budget
//! ([`Burst`]); otherwise one right code among many simultaneous guesses would buy five more guesses.

mod later;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::clock::{Deadline, whole_seconds};

/// The longest lock that the settings accept: a year.
pub const LONGEST_LOCK: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// The limits of a lockout, from the settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Number of failures that lock the account.
    pub attempts: u32,
    /// How long it is locked.
    pub duration: Duration,
    /// Number of failures in a row that lock it until an administrator unlocks it, if any (NIST SP
    /// 800-63B §5.2.2).
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
    /// For each limit, the stricter one.
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

/// The counters of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lockout {
    failures: u32,
    consecutive: u32,
    until: Option<Deadline>,
    /// How long the lock lasts, in seconds; `None` in records from before this was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    lasts: Option<u64>,
    at_limit: bool,
    refused: u64,
    passes: u64,
    burst: Burst,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pending: Vec<Pending>,
}

/// A guess that a RADIUS server is verifying now. Until its result is known it counts as wrong, so
/// that no more guesses run at once than may be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Pending {
    id: u64,
    /// After this time no result will come: the agent was restarted.
    until: Deadline,
}

/// Results of logins that began before the last pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Burst {
    passed: u32,
    failed: u32,
}

/// Guesses that other servers verify at the same time.
const MAX_PENDING: usize = 16;

/// The longest time for which a pending guess is kept.
const LONGEST_PENDING: Duration = Duration::from_secs(10 * 60);

/// When a login began, counted in passes of its account. It bounds how many guesses the login may
/// still use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoginEpoch(u64);

/// Whether an answer may be verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// Yes.
    Open,
    /// No: the account is locked.
    Locked(Lock),
    /// No: the logins of this epoch have used up their budget. The account is not locked.
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
    /// The epoch of a login that begins now.
    #[must_use]
    pub fn epoch(&self) -> LoginEpoch {
        LoginEpoch(self.passes)
    }

    /// Failures that count towards the next lock at `now`.
    #[must_use]
    pub fn failures(&self, now: Timestamp) -> u32 {
        if self.is_over(now) { 0 } else { self.failures }
    }

    /// Failures in a row since the last pass or unlock.
    #[must_use]
    pub fn consecutive(&self) -> u32 {
        self.consecutive
    }

    /// Answers refused without verifying since the last pass or unlock.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// The lock at `now`, if there is one.
    #[must_use]
    pub fn lock(&self, now: Timestamp) -> Option<Lock> {
        if self.at_limit {
            return Some(Lock::Administrator);
        }
        self.ends(now).map(Lock::Until)
    }

    /// When the lock ends by itself, if it is in force at `now`.
    fn ends(&self, now: Timestamp) -> Option<Timestamp> {
        let longest = self.lasts.map_or(LONGEST_LOCK, Duration::from_secs);
        self.until?.binds(now, longest)
    }

    /// Whether an answer of a login of `epoch` may be verified at `now`.
    #[must_use]
    pub fn admit(&self, epoch: LoginEpoch, now: Timestamp, limits: &Limits) -> Admission {
        if let Some(lock) = self.lock(now) {
            return Admission::Locked(lock);
        }
        // Passes alone never exhaust an epoch: a user who types the PIN into ten windows is not
        // guessing. After one failure, every answer counts.
        let verified = self.burst.passed.saturating_add(self.burst.failed);
        if epoch != self.epoch() && self.burst.failed > 0 && verified >= limits.attempts {
            return Admission::BudgetExhausted;
        }
        if self.is_fully_reserved(now, limits) {
            return Admission::BudgetExhausted;
        }
        Admission::Open
    }

    /// Reserves a guess of a login of `epoch` that another server will verify, if it may be
    /// verified; the result is known within `wait`, or never.
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

    /// The result of that guess is known, or nobody verified it. Returns whether it was reserved.
    pub fn settle_reserved(&mut self, id: u64) -> bool {
        let before = self.pending.len();
        self.pending.retain(|pending| pending.id != id);
        before != self.pending.len()
    }

    /// Whether all remaining guesses are reserved.
    fn is_fully_reserved(&self, now: Timestamp, limits: &Limits) -> bool {
        let open = self.pending.iter().filter(|pending| pending.is_open(now));
        let open = u32::try_from(open.count()).unwrap_or(u32::MAX);
        let failures = self.failures(now).saturating_add(open);
        let in_a_row = self.consecutive.saturating_add(open);
        open > 0
            && (failures >= limits.attempts
                || limits.max_consecutive.is_some_and(|max| in_a_row >= max))
    }

    /// Records a wrong answer of a login of `epoch`.
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

    /// Records a right answer of a login of `epoch`.
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

    /// Records an answer that was refused without verifying.
    pub fn refused_one(&mut self) {
        self.refused = self.refused.saturating_add(1);
    }

    /// Unlocks the account. Returns whether there was anything to clear.
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

    /// Clears a lock that is over, together with its failures.
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
        self.until.binds(now, LONGEST_PENDING).is_some()
    }
}

#[cfg(test)]
mod tests;
