//! Verifies an attempt: the answers of one login, against the record.
//!
//! No guess is verified anywhere else. It is a function of the record and the attempt, and runs
//! again on the newer record if the swap conflicts, so that of simultaneous attempts each sees the
//! effects of the others.

mod counted;
mod find;
mod key;
mod reserved;

use jiff::Timestamp;
use mfa_protocol::Secret;

use super::recovery::Recovery;
use super::{Account, Drift, NewSession, PassedAgain, Remote};
use crate::factors::address::Recipient;
use crate::factors::bypass::BYPASS_DIGITS;
use crate::factors::device::{DeviceKind, Windows};
use crate::factors::recovery::Pepper;
use crate::factors::{Factor, FactorCombination};
use crate::lockout::{Admission, Limits, Lock, LoginEpoch};
pub use counted::{Counted, Refused};
use find::MatchResult;
pub use key::{KeyFault, KeyProof};

/// All answers of one login attempt. They are verified together.
pub struct Attempt {
    /// When the login began.
    pub epoch: LoginEpoch,
    /// One answer for each factor; empty if they were not prepared because the account was locked.
    pub answers: Vec<PreparedAnswer>,
    /// The time of verification.
    pub now: Timestamp,
    /// The accepted windows of codes.
    pub windows: Windows,
    /// The limits of the lockout.
    pub limits: Limits,
    /// The session that a pass begins, if the policy grants one here.
    pub opening: Option<NewSession>,
    /// Whether a pass by a recovery code begins no session, because a new device must be enrolled
    /// first.
    pub renews: bool,
    /// The key for hashing recovery codes.
    pub pepper: Pepper,
    /// The guess that was reserved before a RADIUS server verified it, and that the server
    /// rejected: the attempt is wrong and counts, whatever the other answers are.
    pub rejected: Option<u64>,
    /// Whether all answers are the password that was checked earlier in this login: if it is wrong
    /// here, it is not a guess.
    pub is_password: bool,
    /// Whether a security key whose count went back was a failure of this login already.
    pub is_key_counted: bool,
}

/// An answer, prepared as far as possible without the record.
pub enum PreparedAnswer {
    /// A code, compared with every device.
    Code {
        /// The requested factor.
        factor: Factor,
        /// The answer, or its end.
        typed: Secret,
        /// Whether a password may precede the code.
        tail: bool,
    },
    /// An answer that was hashed in advance, because that takes long.
    Hashed {
        /// PIN or question.
        factor: Factor,
        /// The hash it was compared with; if the record has another by now, nothing is verified.
        phc: String,
        /// Whether it matched.
        matches: bool,
    },
    /// A sent code, or a bypass or recovery code instead of a sent code or a server's answer.
    Sent {
        /// The requested factor.
        factor: Factor,
        /// The answer.
        typed: Secret,
        /// Where the code was sent, if it matches a sent code.
        came_back: Option<ConfirmedRecipient>,
    },
    /// An answer that a RADIUS server verified.
    Remote {
        /// The account there; if the record has another by now, nothing is verified.
        remote: Remote,
        /// Whether the server accepted it.
        accepted: bool,
    },
    /// A security key that the login has met.
    Key(KeyProof),
    /// An answer for a factor that the user does not have. Always wrong.
    Impossible,
}

/// An address that a sent code was confirmed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfirmedRecipient {
    /// The address.
    pub to: Recipient,
    /// Set if the address was not in the record: it is valid only while the user's factors are
    /// unchanged, and is stored by the pass.
    pub unless_changed_since: Option<u64>,
}

/// The result of an attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All answers are right.
    Passed(Passed),
    /// An answer is wrong, and a failure was counted.
    Wrong {
        /// Failures that count towards a lock.
        failures: u32,
        /// The lock that this failure caused.
        lock: Option<Lock>,
        /// The device that is out of sync, if the answer is a code of one.
        out_of_sync: Option<(String, Drift)>,
        /// The used or expired code, if the answer is one.
        expended: Option<Expended>,
        /// The label of the security key that does not count, and why, if one was met.
        key: Option<(String, KeyFault)>,
    },
    /// A security key of the user's was met, but does not count: its signature does not show enough, or it may have been
    /// copied. Nothing else was verified, no failure was counted: nobody has guessed anything.
    Insufficient {
        /// The label of the key.
        key: String,
        /// Why it does not count.
        fault: KeyFault,
    },
    /// A code is right but was used before. Nothing else was verified, no failure was counted.
    Replayed,
    /// The account is locked; nothing was verified.
    Locked(Lock),
    /// The logins of this epoch have used up their attempts; nothing was verified.
    BudgetExhausted,
    /// The password was typed instead of a factor, and is wrong. No failure was counted.
    Password,
    /// The record changed during the preparation; prepare again from the newer one.
    Stale,
}

/// The details of a pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// The device whose code was right, or the security key.
    pub device: Option<String>,
    /// The fingerprint of the security key.
    pub fingerprint: Option<String>,
    /// The maker's ID of the device.
    pub credential_id: Option<String>,
    /// What kind of device that is.
    pub kind: Option<DeviceKind>,
    /// What was typed instead of a device's code.
    pub instead: Option<FallbackCode>,
    /// The remaining recovery codes; `None` if there never were any.
    pub recovery_left: Option<u32>,
    /// Number of characters of the answer that were the code.
    pub code_length: Option<u32>,
    /// The version of the user's factors ([`Account::generation`]).
    pub generation: u64,
    /// A new address of the user, confirmed by a code that was sent there.
    pub enrolled: Option<Recipient>,
    /// The session whose code was typed again; nothing else was verified.
    pub again: Option<PassedAgain>,
}

/// A bypass or recovery code that is no longer valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expended {
    /// It passed a login already.
    Used(FallbackCode),
    /// A bypass code whose time is over.
    Expired,
}

impl Expended {
    /// Its text in the audit log.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Used(FallbackCode::Bypass) => "a bypass code that was already used",
            Self::Used(FallbackCode::Recovery) => "a recovery code that was already used",
            Self::Expired => "a bypass code that has expired",
        }
    }
}

/// A code that is not from a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallbackCode {
    /// Issued by an administrator.
    Bypass,
    /// One of the user's own.
    Recovery,
}

impl FallbackCode {
    /// Its name in the audit log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bypass => "bypass",
            Self::Recovery => "recovery",
        }
    }
}

impl Verdict {
    /// Whether an answer was verified, and wrong.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        matches!(self, Self::Wrong { .. })
    }
}

/// What there is to say of a wrong answer.
#[derive(Default)]
struct Findings {
    out_of_sync: Option<(String, Drift)>,
    expended: Option<Expended>,
    key: Option<(String, KeyFault)>,
}

/// The only answer, if it holds a password and a code.
fn single_code(attempt: &Attempt) -> Option<&str> {
    match attempt.answers.as_slice() {
        [
            PreparedAnswer::Code {
                typed, tail: true, ..
            },
        ] => Some(typed.expose()),
        _ => None,
    }
}

impl Account {
    /// Verifies `attempt` and records the effects in the account. After every verdict but
    /// [`Verdict::Stale`] the record is written, changed or not, so that all take equally long.
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
            // The server has verified it already.
            Admission::BudgetExhausted if attempt.rejected.is_some() => {}
            Admission::BudgetExhausted => return Verdict::BudgetExhausted,
        }
        if let Some(again) = self.passed_again(attempt) {
            return Verdict::Passed(Passed {
                code_length: Some(again.code_length),
                generation: self.generation,
                again: Some(again),
                ..Passed::default()
            });
        }
        if single_code(attempt).is_some_and(|typed| self.began_a_session(typed, &attempt.pepper)) {
            return Verdict::Replayed;
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
                false => self.count_failure(attempt, Findings::default()),
            };
        }
        let unprepared = results.is_empty();
        if unprepared || results.iter().any(|f| matches!(f, MatchResult::Stale)) {
            return Verdict::Stale;
        }
        // A right code is used up and a used code hides the other answers: neither lets an attacker
        // who saw a code try out PINs.
        self.use_steps(&results, attempt);
        if results
            .iter()
            .any(|f| matches!(f, MatchResult::Used { .. }))
        {
            return Verdict::Replayed;
        }
        let out_of_sync = self.lose_sync(&results, attempt.now);
        let wrong_key = results.iter().find_map(MatchResult::wrong_key);
        let key = wrong_key.and_then(|it| self.note_wrong_key(it, attempt.now));
        if let Some((label, fault)) = &key
            && !fault.is_failure(attempt.is_key_counted)
        {
            return Verdict::Insufficient {
                key: label.clone(),
                fault: *fault,
            };
        }
        if results.iter().any(MatchResult::is_wrong) {
            if attempt.is_password && key.is_none() {
                return Verdict::Password;
            }
            let findings = Findings {
                out_of_sync,
                expended: self.find_expended(attempt),
                key,
            };
            return self.count_failure(attempt, findings);
        }
        self.lockout.passed(attempt.epoch, attempt.now);
        self.open_session(&results, attempt);
        self.pass(&results, attempt.now)
    }

    /// The session whose code is the only answer. It is not verified again, and it resets no failures.
    fn passed_again(&self, attempt: &Attempt) -> Option<PassedAgain> {
        let opening = attempt.opening.as_ref()?;
        self.session_by_answer(opening, single_code(attempt)?, &attempt.pepper, attempt.now)
    }

    /// How many characters of the answer are the code.
    fn code_length(&self, result: &MatchResult) -> Option<u32> {
        match result {
            MatchResult::Code { device, .. } => {
                let device = self.devices.get(*device)?;
                Some(device.generator.digits.into())
            }
            _ => None,
        }
    }

    /// A bypass code begins no session: it passes once, and a session would pass again. Nor does a recovery code that would
    /// have to be typed again.
    fn open_session(&mut self, results: &[MatchResult], attempt: &Attempt) {
        let opening = attempt.opening.as_ref();
        let is_by_answer = opening.is_some_and(|opening| opening.by_answer.is_some());
        let begins_none = |result: &MatchResult| match result {
            MatchResult::Bypass(_) => true,
            MatchResult::Recovery(..) => attempt.renews || is_by_answer,
            _ => false,
        };
        if results.iter().any(begins_none) {
            return;
        }
        let combination = results.iter().filter_map(MatchResult::factor).collect();
        if let (Some(opening), Some(passed)) =
            (&attempt.opening, FactorCombination::new(combination))
        {
            let length = results.first().and_then(|result| self.code_length(result));
            let code = single_code(attempt)
                .zip(length)
                .filter(|_| is_by_answer)
                .map(|(typed, length)| (typed, length, &attempt.pepper));
            self.begin_session(opening, passed, code, attempt.now);
        }
    }

    /// Records how far a device is out of sync.
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
                MatchResult::Code { device, step, .. } => {
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
                MatchResult::Key { index, counter } => self.count_key(*index, *counter),
                MatchResult::Knowledge(_)
                | MatchResult::Sent(_)
                | MatchResult::Remote
                | MatchResult::OutOfSync { .. }
                | MatchResult::WrongKey { .. }
                | MatchResult::Wrong
                | MatchResult::Stale => {}
            }
        }
    }

    /// Counts a wrong first code of a device that is being enrolled, like any other wrong code.
    pub fn wrong_first_code(
        &mut self,
        epoch: LoginEpoch,
        now: Timestamp,
        limits: &Limits,
    ) -> Counted {
        match self.lockout.admit(epoch, now, limits) {
            Admission::Open => self.count_guess(epoch, now, limits),
            Admission::Locked(lock) => {
                self.lockout.refused_one();
                Counted::Refused(Refused::Locked(lock))
            }
            Admission::BudgetExhausted => Counted::Refused(Refused::BudgetExhausted),
        }
    }

    fn count_failure(&mut self, attempt: &Attempt, findings: Findings) -> Verdict {
        let lock = self.fail(attempt.epoch, attempt.now, &attempt.limits);
        let Findings {
            out_of_sync,
            expended,
            key,
        } = findings;
        Verdict::Wrong {
            failures: self.lockout.failures(attempt.now),
            lock,
            out_of_sync,
            expended,
            key,
        }
    }

    fn use_bypass(&mut self, attempt: &Attempt) {
        if let Some(bypass) = self.bypass.take() {
            self.used_bypass = Some(bypass.digest(&attempt.pepper));
        }
    }

    /// Counts a failure. Returns the resulting lock.
    pub(super) fn fail(
        &mut self,
        epoch: LoginEpoch,
        now: Timestamp,
        limits: &Limits,
    ) -> Option<Lock> {
        self.lockout.failed(epoch, now, limits);
        let lock = self.lockout.lock(now);
        if lock.is_some() {
            self.end_sessions();
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
                        let id = device.credential_id.as_ref();
                        passed.credential_id = id.map(ToString::to_string);
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
                    if self.code_came_back(to, now) {
                        passed.enrolled = Some(to.clone());
                    }
                    passed.device = Some(self.contact_label(to));
                }
                MatchResult::Remote => {
                    if let Some(remote) = &mut self.remote {
                        passed.device = Some(remote.server.to_string());
                        remote.dates.last_used_at = Some(now);
                    }
                }
                MatchResult::Key { index, .. } => {
                    if let Some((label, fingerprint)) = self.use_key(*index, now) {
                        passed.device.get_or_insert(label);
                        passed.fingerprint = Some(fingerprint);
                    }
                }
                MatchResult::Knowledge(factor) => self.use_knowledge(*factor, now),
                MatchResult::Used { .. }
                | MatchResult::WrongKey { .. }
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
mod key_tests;
#[cfg(test)]
mod tests;
