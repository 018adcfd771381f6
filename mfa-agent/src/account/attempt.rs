//! Judging an attempt: the answers of one login against the record.
//!
//! This is the one place where a guess is weighed. It is a function of the record and the attempt; if
//! the swap that follows conflicts, it runs again on the newer record, so that of many attempts at
//! once each sees what the others did.

mod find;

use jiff::Timestamp;
use mfa_protocol::Secret;

use super::recovery::Recovery;
use super::{Account, BYPASS_DIGITS, Drift, Opening, Remote};
use crate::factors::address::Recipient;
use crate::factors::device::{Kind, Windows};
use crate::factors::recovery::Pepper;
use crate::factors::{Factor, Way};
use crate::lockout::{Era, Gate, Limits, Lock};
use find::Finding;

/// The answers of one login, all asked for together needed together.
pub struct Attempt {
    /// When the login began.
    pub era: Era,
    /// One answer for each factor of the way that was gone; none if they were not prepared because
    /// the account was locked.
    pub answers: Vec<Answered>,
    /// The time of the judgement.
    pub now: Timestamp,
    /// How far off a code may be.
    pub windows: Windows,
    /// The bounds of the lockout.
    pub limits: Limits,
    /// The session that a pass begins, if the policy grants one here.
    pub opening: Option<Opening>,
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
pub enum Answered {
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
        came_back: Option<CameBack>,
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
pub struct CameBack {
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
        astray: Option<(String, Drift)>,
        /// The code that it would have been, were that one still good.
        expended: Option<Expended>,
    },
    /// A code was right but used before. Nothing else was judged, no failure was counted.
    Replayed,
    /// The account is locked; nothing was judged.
    Locked(Lock),
    /// Logins that began with this one have used up the attempts of their time; nothing was judged.
    Spent,
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
    pub kind: Option<Kind>,
    /// What was typed in place of a device's code.
    pub instead: Option<Instead>,
    /// How many recovery codes are left then; none if none were ever made.
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
    Used(Instead),
    /// A bypass code whose time is over.
    Expired,
}

impl Expended {
    /// What the audit log says of it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Used(Instead::Bypass) => "a bypass code that was used before",
            Self::Used(Instead::Recovery) => "a recovery code that was used before",
            Self::Expired => "a bypass code that has expired",
        }
    }
}

/// A code that is no device's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instead {
    /// One that an administrator issued.
    Bypass,
    /// One of the user's own.
    Recovery,
}

impl Instead {
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
        match self.lockout.gate(attempt.era, attempt.now, &attempt.limits) {
            Gate::Open => {}
            Gate::Locked(lock) => {
                self.lockout.refused_one();
                return Verdict::Locked(lock);
            }
            // It has been judged already.
            Gate::Spent if attempt.rejected.is_some() => {}
            Gate::Spent => return Verdict::Spent,
        }
        let findings: Vec<Finding> = attempt
            .answers
            .iter()
            .map(|answer| self.find(answer, attempt))
            .collect();
        if attempt.rejected.is_some() {
            self.use_steps(&findings, attempt);
            return match attempt.is_password {
                true => Verdict::Password,
                false => self.count_failure(attempt, None, None),
            };
        }
        let unprepared = findings.is_empty();
        if unprepared || findings.iter().any(|f| matches!(f, Finding::Stale)) {
            return Verdict::Stale;
        }
        // A right code is used up whatever came with it, and a used one hides what came with it:
        // neither helps somebody who has seen a code to try out PINs.
        self.use_steps(&findings, attempt);
        if findings.iter().any(|f| matches!(f, Finding::Used { .. })) {
            return Verdict::Replayed;
        }
        let is_wrong = |f: &Finding| matches!(f, Finding::Wrong | Finding::Astray { .. });
        if attempt.is_password && findings.iter().any(is_wrong) {
            return Verdict::Password;
        }
        let astray = self.go_astray(&findings, attempt.now);
        if astray.is_some() || findings.iter().any(|f| matches!(f, Finding::Wrong)) {
            let expended = self.find_expended(attempt);
            return self.count_failure(attempt, astray, expended);
        }
        self.lockout.passed(attempt.era, attempt.now);
        self.open_session(&findings, attempt);
        self.pass(&findings, attempt.now)
    }

    /// A bypass code begins no session: it passes once, and a session would pass again.
    fn open_session(&mut self, findings: &[Finding], attempt: &Attempt) {
        let begins_none = |finding: &Finding| match finding {
            Finding::Bypass(_) => true,
            Finding::Recovery(..) => attempt.renews,
            _ => false,
        };
        if findings.iter().any(begins_none) {
            return;
        }
        let way = findings.iter().filter_map(Finding::factor).collect();
        if let (Some(opening), Some(passed)) = (&attempt.opening, Way::new(way)) {
            self.begin_session(opening, passed, attempt.now);
        }
    }

    /// Remembers where a device is that has gone astray.
    fn go_astray(&mut self, findings: &[Finding], now: Timestamp) -> Option<(String, Drift)> {
        let mut astray = None;
        for finding in findings {
            let Finding::Astray { device, step } = finding else {
                continue;
            };
            if let Some(device) = self.devices.get_mut(*device) {
                device.go_astray(*step, now);
                let drift = device.drift(now).map(|(drift, _)| drift);
                astray = drift.map(|drift| (device.label.to_string(), drift));
            }
        }
        astray
    }

    fn use_steps(&mut self, findings: &[Finding], attempt: &Attempt) {
        for finding in findings {
            match finding {
                Finding::Code { device, step } => {
                    if let Some(device) = self.devices.get_mut(*device) {
                        device.use_up(*step, attempt.now);
                    }
                }
                Finding::Used { device } => {
                    if let Some(device) = self.devices.get_mut(*device) {
                        device.catch_up(attempt.now, &attempt.windows);
                    }
                }
                Finding::Bypass(_) => self.use_bypass(attempt),
                Finding::Recovery(_, code) => self.use_recovery(*code),
                Finding::Knowledge(_)
                | Finding::Sent(_)
                | Finding::Remote
                | Finding::Astray { .. }
                | Finding::Wrong
                | Finding::Stale => {}
            }
        }
    }

    /// A first code of a device that is being set up was wrong: it counts like any other.
    pub fn wrong_first_code(&mut self, era: Era, now: Timestamp, limits: &Limits) -> Verdict {
        match self.lockout.gate(era, now, limits) {
            Gate::Open => Verdict::Wrong {
                lock: self.fail(era, now, limits),
                failures: self.lockout.failures(now),
                astray: None,
                expended: None,
            },
            Gate::Locked(lock) => {
                self.lockout.refused_one();
                Verdict::Locked(lock)
            }
            Gate::Spent => Verdict::Spent,
        }
    }

    fn count_failure(
        &mut self,
        attempt: &Attempt,
        astray: Option<(String, Drift)>,
        expended: Option<Expended>,
    ) -> Verdict {
        let lock = self.fail(attempt.era, attempt.now, &attempt.limits);
        Verdict::Wrong {
            failures: self.lockout.failures(attempt.now),
            lock,
            astray,
            expended,
        }
    }

    fn use_bypass(&mut self, attempt: &Attempt) {
        if let Some(bypass) = self.bypass.take() {
            self.used_bypass = Some(bypass.digest(&attempt.pepper));
        }
    }

    /// Counts a failure. Returns the lock that stands then.
    pub(super) fn fail(&mut self, era: Era, now: Timestamp, limits: &Limits) -> Option<Lock> {
        self.lockout.failed(era, now, limits);
        let lock = self.lockout.lock(now);
        if lock.is_some() {
            self.sessions.clear();
        }
        lock
    }

    fn pass(&mut self, findings: &[Finding], now: Timestamp) -> Verdict {
        let mut passed = Passed {
            recovery_left: self.recovery_left(),
            ..Passed::default()
        };
        for finding in findings {
            match finding {
                Finding::Code { device, .. } => {
                    if let Some(device) = self.devices.get(*device) {
                        passed.device = Some(device.label.to_string());
                        passed.kind = Some(device.kind());
                        passed.code_length = Some(device.generator.digits.into());
                    }
                }
                Finding::Bypass(_) => {
                    passed.instead = Some(Instead::Bypass);
                    passed.code_length = Some(BYPASS_DIGITS);
                }
                Finding::Recovery(..) => {
                    passed.instead = Some(Instead::Recovery);
                    passed.code_length = self.recovery.as_ref().map(Recovery::digits);
                }
                Finding::Sent(to) => {
                    passed.device = Some(to.masked());
                    if self.code_came_back(to, now) {
                        passed.enrolled = Some(to.clone());
                    }
                }
                Finding::Remote => {
                    if let Some(remote) = &mut self.remote {
                        passed.device = Some(remote.server.to_string());
                        remote.dates.last_used_at = Some(now);
                    }
                }
                Finding::Knowledge(Factor::Pin) => {
                    if let Some(pin) = &mut self.pin {
                        pin.dates.last_used_at = Some(now);
                    }
                }
                Finding::Knowledge(_) => {
                    if let Some(set) = &mut self.questions {
                        set.dates.last_used_at = Some(now);
                        set.turn = set.turn.wrapping_add(1);
                    }
                }
                Finding::Used { .. } | Finding::Astray { .. } | Finding::Wrong | Finding::Stale => {
                }
            }
        }
        passed.generation = self.generation;
        Verdict::Passed(passed)
    }
}

#[cfg(test)]
mod tests;
