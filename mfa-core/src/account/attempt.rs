//! Judging an attempt: the answers of one login against the record.
//!
//! This is the one place where a guess is weighed. It is a function of the record and the attempt; if
//! the swap that follows conflicts, it runs again on the newer record, so that of many attempts at
//! once each sees what the others did.

mod find;
mod reserved;

use jiff::Timestamp;
use mfa_protocol::Secret;

use super::recovery::Recovery;
use super::{Account, Drift, NewSession, Remote};
use crate::factors::address::Recipient;
use crate::factors::bypass::BYPASS_DIGITS;
use crate::factors::device::{DeviceKind, Windows};
use crate::factors::recovery::Pepper;
use crate::factors::{Factor, FactorCombination};
use crate::lockout::{Admission, Limits, Lock, LoginEpoch};
use find::MatchResult;

/// The answers of one login, all asked for together needed together.
pub struct Attempt {
    /// When the login began.
    pub epoch: LoginEpoch,
    /// One answer for each factor of the way that was gone; none if they were not prepared because
    /// the account was locked.
    pub answers: Vec<PreparedAnswer>,
    /// The time of the judgement.
    pub now: Timestamp,
    /// How far off a code may be.
    pub windows: Windows,
    /// The bounds of the lockout.
    pub limits: Limits,
    /// The session that a pass begins, if the policy grants one here.
    pub opening: Option<NewSession>,
    /// Whether a pass by a recovery code begins none, because a new device is to be set up first.
    pub renews: bool,
    /// What recovery codes are hashed with.
    pub pepper: Pepper,
    /// The guess that was noted before a RADIUS server judged it, and that it has rejected: whatever else is
    /// among the answers, this attempt is wrong and is counted.
    pub rejected: Option<u64>,
    /// Whether all answers are the password that was checked before in this login: if it is not right here, it is no guess
    /// either.
    pub is_password: bool,
}

/// An answer, as far as it could be prepared outside the record.
pub enum PreparedAnswer {
    /// A code, to be checked against every device.
    Code {
        /// What was typed, or its end.
        typed: Secret,
        /// Whether a password may stand before the code.
        tail: bool,
    },
    /// An answer that was hashed already, because that takes long.
    Hashed {
        /// PIN or question.
        factor: Factor,
        /// What it was compared with; if the record holds something else by now, nothing is judged.
        phc: String,
        /// Whether it matched.
        matches: bool,
    },
    /// A code that was sent, or a bypass or recovery code in place of one that others make.
    Sent {
        /// What was asked for.
        factor: Factor,
        /// What was typed.
        typed: Secret,
        /// Where the code was sent, if it was that.
        came_back: Option<ConfirmedRecipient>,
    },
    /// An answer that a RADIUS server judged.
    Remote {
        /// The account there; if the record holds another by now, nothing is judged.
        remote: Remote,
        /// Whether it was right.
        accepted: bool,
    },
    /// An answer for a factor that the user does not have. Always wrong.
    Impossible,
}

/// An address that a code came back from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmedRecipient {
    /// The address.
    pub to: Recipient,
    /// It was none of the user's: it is good only as long as they can pass what they could then, and one
    /// of theirs from now on.
    pub unless_changed_since: Option<u64>,
}

/// What became of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything was right.
    Passed(Passed),
    /// Something was wrong, and a failure was counted.
    Wrong {
        /// Failures now counted towards a lock.
        failures: u32,
        /// The lock that this failure caused.
        lock: Option<Lock>,
        /// The device whose code it would have been, had the device not gone astray.
        out_of_sync: Option<(String, Drift)>,
        /// The code that it would have been, were that one still good.
        expended: Option<Expended>,
    },
    /// A code was right but used before. Nothing else was judged, no failure was counted.
    Replayed,
    /// The account is locked; nothing was judged.
    Locked(Lock),
    /// Logins that began with this one have used up the attempts of their time; nothing was judged.
    BudgetExhausted,
    /// The password was typed in place of a factor, and is not right as one. No failure was counted.
    Password,
    /// The record changed under the preparation; prepare again from the newer one.
    Stale,
}

/// What a pass was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// The device whose code was right.
    pub device: Option<String>,
    /// What kind of device that is.
    pub kind: Option<DeviceKind>,
    /// What was typed in place of a device's code.
    pub instead: Option<FallbackCode>,
    /// How many recovery codes are left then; none if none were ever made, or if there is no factor beside which new ones
    /// could be made.
    pub recovery_left: Option<u32>,
    /// How many characters of the answer were the code.
    pub code_length: Option<u32>,
    /// What the user could pass then ([`Account::generation`]).
    pub generation: u64,
    /// An address that is theirs from now on, because a code has come back from there.
    pub enrolled: Option<Recipient>,
}

/// A bypass or recovery code that was good once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expended {
    /// It has passed a login.
    Used(FallbackCode),
    /// A bypass code whose time is over.
    Expired,
}

impl Expended {
    /// What the audit log says of it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Used(FallbackCode::Bypass) => "a bypass code that was used before",
            Self::Used(FallbackCode::Recovery) => "a recovery code that was used before",
            Self::Expired => "a bypass code that has expired",
        }
    }
}

/// A code that is no device's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallbackCode {
    /// One that an administrator issued.
    Bypass,
    /// One of the user's own.
    Recovery,
}

impl FallbackCode {
    /// The word for it in the audit log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Recovery => "recovery",
        }
    }
}

impl Verdict {
    /// Whether an answer was judged, and wrong.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        matches!(self, Self::Wrong { .. })
    }
}

impl Account {
    /// Judges `attempt` and records what it did to the account. After every verdict
    /// but [`Verdict::Stale`] the record is written, changed or not, so that all take as long.
    pub fn attempt(&mut self, attempt: &Attempt) -> Verdict {
        if let Some(id) = attempt.rejected {
            self.lockout.settle_reserved(id);
        }
        match self
            .lockout
            .admit(attempt.epoch, attempt.now, &attempt.limits)
        {
            Admission::Open => {}
            Admission::Locked(lock) => {
                self.lockout.refused_one();
                return Verdict::Locked(lock);
            }
            // It has been judged already.
            Admission::BudgetExhausted if attempt.rejected.is_some() => {}
            Admission::BudgetExhausted => return Verdict::BudgetExhausted,
        }
        let results: Vec<MatchResult> = attempt
            .answers
            .iter()
            .map(|answer| self.find(answer, attempt))
            .collect();
        if attempt.rejected.is_some() {
            self.use_steps(&results, attempt);
            return match attempt.is_password {
                true => Verdict::Password,
                false => self.count_failure(attempt, None, None),
            };
        }
        let unprepared = results.is_empty();
        if unprepared || results.iter().any(|f| matches!(f, MatchResult::Stale)) {
            return Verdict::Stale;
        }
        // A right code is used up whatever came with it, and a used one hides what came with it:
        // neither helps somebody who has seen a code to try out PINs.
        self.use_steps(&results, attempt);
        if results
            .iter()
            .any(|f| matches!(f, MatchResult::Used { .. }))
        {
            return Verdict::Replayed;
        }
        let is_wrong =
            |f: &MatchResult| matches!(f, MatchResult::Wrong | MatchResult::OutOfSync { .. });
        if attempt.is_password && results.iter().any(is_wrong) {
            return Verdict::Password;
        }
        let out_of_sync = self.lose_sync(&results, attempt.now);
        if out_of_sync.is_some() || results.iter().any(|f| matches!(f, MatchResult::Wrong)) {
            let expended = self.find_expended(attempt);
            return self.count_failure(attempt, out_of_sync, expended);
        }
        self.lockout.passed(attempt.epoch, attempt.now);
        self.open_session(&results, attempt);
        self.pass(&results, attempt.now)
    }

    /// A bypass code begins no session: it passes once, and a session would pass again.
    fn open_session(&mut self, results: &[MatchResult], attempt: &Attempt) {
        let begins_none = |result: &MatchResult| match result {
            MatchResult::Bypass(_) => true,
            MatchResult::Recovery(..) => attempt.renews,
            _ => false,
        };
        if results.iter().any(begins_none) {
            return;
        }
        let way = results.iter().filter_map(MatchResult::factor).collect();
        if let (Some(opening), Some(passed)) = (&attempt.opening, FactorCombination::new(way)) {
            self.begin_session(opening, passed, attempt.now);
        }
    }

    /// Remembers where a device is that has gone astray.
    fn lose_sync(&mut self, results: &[MatchResult], now: Timestamp) -> Option<(String, Drift)> {
        let mut out_of_sync = None;
        for result in results {
            let MatchResult::OutOfSync { device, step } = result else {
                continue;
            };
            if let Some(device) = self.devices.get_mut(*device) {
                device.lose_sync(*step, now);
                let drift = device.drift(now).map(|(drift, _)| drift);
                out_of_sync = drift.map(|drift| (device.label.to_string(), drift));
            }
        }
        out_of_sync
    }

    fn use_steps(&mut self, results: &[MatchResult], attempt: &Attempt) {
        for result in results {
            match result {
                MatchResult::Code { device, step } => {
                    if let Some(device) = self.devices.get_mut(*device) {
                        device.use_up(*step, attempt.now);
                    }
                }
                MatchResult::Used { device } => {
                    if let Some(device) = self.devices.get_mut(*device) {
                        device.catch_up(attempt.now, &attempt.windows);
                    }
                }
                MatchResult::Bypass(_) => self.use_bypass(attempt),
                MatchResult::Recovery(_, code) => self.use_recovery(*code),
                MatchResult::Knowledge(_)
                | MatchResult::Sent(_)
                | MatchResult::Remote
                | MatchResult::OutOfSync { .. }
                | MatchResult::Wrong
                | MatchResult::Stale => {}
            }
        }
    }

    /// A first code of a device that is being set up was wrong: it counts like any other.
    pub fn wrong_first_code(
        &mut self,
        epoch: LoginEpoch,
        now: Timestamp,
        limits: &Limits,
    ) -> Verdict {
        match self.lockout.admit(epoch, now, limits) {
            Admission::Open => Verdict::Wrong {
                lock: self.fail(epoch, now, limits),
                failures: self.lockout.failures(now),
                out_of_sync: None,
                expended: None,
            },
            Admission::Locked(lock) => {
                self.lockout.refused_one();
                Verdict::Locked(lock)
            }
            Admission::BudgetExhausted => Verdict::BudgetExhausted,
        }
    }

    fn count_failure(
        &mut self,
        attempt: &Attempt,
        out_of_sync: Option<(String, Drift)>,
        expended: Option<Expended>,
    ) -> Verdict {
        let lock = self.fail(attempt.epoch, attempt.now, &attempt.limits);
        Verdict::Wrong {
            failures: self.lockout.failures(attempt.now),
            lock,
            out_of_sync,
            expended,
        }
    }

    fn use_bypass(&mut self, attempt: &Attempt) {
        if let Some(bypass) = self.bypass.take() {
            self.used_bypass = Some(bypass.digest(&attempt.pepper));
        }
    }

    /// Counts a failure. Returns the lock that stands then.
    pub(super) fn fail(
        &mut self,
        epoch: LoginEpoch,
        now: Timestamp,
        limits: &Limits,
    ) -> Option<Lock> {
        self.lockout.failed(epoch, now, limits);
        let lock = self.lockout.lock(now);
        if lock.is_some() {
            self.sessions.clear();
        }
        lock
    }

    fn pass(&mut self, results: &[MatchResult], now: Timestamp) -> Verdict {
        let mut passed = Passed {
            recovery_left: self.recovery_left().filter(|_| !self.enrolled().is_empty()),
            ..Passed::default()
        };
        for result in results {
            match result {
                MatchResult::Code { device, .. } => {
                    if let Some(device) = self.devices.get(*device) {
                        passed.device = Some(device.label.to_string());
                        passed.kind = Some(device.kind());
                        passed.code_length = Some(device.generator.digits.into());
                    }
                }
                MatchResult::Bypass(_) => {
                    passed.instead = Some(FallbackCode::Bypass);
                    passed.code_length = Some(BYPASS_DIGITS);
                }
                MatchResult::Recovery(..) => {
                    passed.instead = Some(FallbackCode::Recovery);
                    passed.code_length = self.recovery.as_ref().map(Recovery::digits);
                }
                MatchResult::Sent(to) => {
                    passed.device = Some(to.masked());
                    if self.code_came_back(to, now) {
                        passed.enrolled = Some(to.clone());
                    }
                }
                MatchResult::Remote => {
                    if let Some(remote) = &mut self.remote {
                        passed.device = Some(remote.server.to_string());
                        remote.dates.last_used_at = Some(now);
                    }
                }
                MatchResult::Knowledge(factor) => self.use_knowledge(*factor, now),
                MatchResult::Used { .. }
                | MatchResult::OutOfSync { .. }
                | MatchResult::Wrong
                | MatchResult::Stale => {}
            }
        }
        passed.generation = self.generation;
        Verdict::Passed(passed)
    }
}

#[cfg(test)]
mod tests;
