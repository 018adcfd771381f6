//! The result of counting a wrong guess outside of an [`Attempt`](super::Attempt). It never lets in.

use jiff::Timestamp;

use super::{Account, Verdict};
use crate::lockout::{Limits, Lock, LoginEpoch};

/// What counting a wrong guess comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// A failure was counted, and the login may go on.
    Failure {
        /// Failures that count towards a lock.
        failures: u32,
    },
    /// The login ends.
    Refused(Refused),
}

/// Why a login ends by a guess that is wrong or not verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// A failure was counted, and it locks the account.
    Wrong {
        /// Failures that count towards a lock.
        failures: u32,
        /// The lock.
        lock: Lock,
    },
    /// The account is locked already; nothing was verified.
    Locked(Lock),
    /// The logins of this epoch have used up their attempts; nothing was verified.
    BudgetExhausted,
}

impl Account {
    pub(super) fn count_guess(
        &mut self,
        epoch: LoginEpoch,
        now: Timestamp,
        limits: &Limits,
    ) -> Counted {
        let lock = self.fail(epoch, now, limits);
        let failures = self.lockout.failures(now);
        match lock {
            None => Counted::Failure { failures },
            Some(lock) => Counted::Refused(Refused::Wrong { failures, lock }),
        }
    }
}

/// As the audit log tells it.
impl From<Counted> for Verdict {
    fn from(counted: Counted) -> Self {
        match counted {
            Counted::Failure { failures } => wrong(failures, None),
            Counted::Refused(refused) => refused.into(),
        }
    }
}

/// As the audit log tells it.
impl From<Refused> for Verdict {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Wrong { failures, lock } => wrong(failures, Some(lock)),
            Refused::Locked(lock) => Self::Locked(lock),
            Refused::BudgetExhausted => Self::BudgetExhausted,
        }
    }
}

fn wrong(failures: u32, lock: Option<Lock>) -> Verdict {
    Verdict::Wrong {
        failures,
        lock,
        out_of_sync: None,
        expended: None,
        key: None,
    }
}
