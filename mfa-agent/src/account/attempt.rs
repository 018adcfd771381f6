//! Judging an attempt: the answers of one login against the record.
//!
//! This is the one place where a guess is weighed. It is a function of the record and the attempt; if
//! the swap that follows conflicts, it runs again on the newer record, so that of many attempts at
//! once each sees what the others did.

use jiff::Timestamp;
use mfa_protocol::Secret;

use super::{Account, BYPASS_DIGITS, Opening};
use crate::factors::device::Match;
use crate::factors::recovery::{CodeDigest, Pepper, RECOVERY_DIGITS};
use crate::factors::{Factor, Way};
use crate::lockout::{Era, Gate, Limits, Lock};

/// The answers of one login, all asked for together needed together.
pub struct Attempt {
    /// When the login began.
    pub era: Era,
    /// One answer for each factor of the way that was gone; none if they were not prepared because
    /// the account was locked.
    pub answers: Vec<Answered>,
    /// The time of the judgement.
    pub now: Timestamp,
    /// Steps either side that a code may be off.
    pub skew: u32,
    /// The bounds of the lockout.
    pub limits: Limits,
    /// The session that a pass begins, if the policy grants one here.
    pub opening: Option<Opening>,
    /// What recovery codes are hashed with.
    pub pepper: Pepper,
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
    /// An answer for a factor that the user does not have. Always wrong.
    Impossible,
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
    },
    /// A code was right but used before. Nothing else was judged, no failure was counted.
    Replayed,
    /// The account is locked; nothing was judged.
    Locked(Lock),
    /// Logins that began with this one have used up the attempts of their time; nothing was judged.
    Spent,
    /// The record changed under the preparation; prepare again from the newer one.
    Stale,
}

/// What a pass was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// The device whose code was right.
    pub device: Option<String>,
    /// What was typed in place of a device's code.
    pub instead: Option<Instead>,
    /// How many recovery codes are left then; none if none were ever made.
    pub recovery_left: Option<u32>,
    /// How many characters of the answer were the code.
    pub code_length: Option<u32>,
    /// What the user could pass then ([`Account::generation`]).
    pub generation: u64,
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

/// What one answer turned out to be.
enum Finding {
    Code { device: usize, step: u64 },
    Bypass,
    Recovery(CodeDigest),
    Knowledge(Factor),
    Used,
    Wrong,
    Stale,
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
        match self.lockout.gate(attempt.era, attempt.now, &attempt.limits) {
            Gate::Open => {}
            Gate::Locked(lock) => {
                self.lockout.refused_one();
                return Verdict::Locked(lock);
            }
            Gate::Spent => return Verdict::Spent,
        }
        let findings: Vec<Finding> = attempt
            .answers
            .iter()
            .map(|answer| self.find(answer, attempt))
            .collect();
        let unprepared = findings.is_empty();
        if unprepared || findings.iter().any(|f| matches!(f, Finding::Stale)) {
            return Verdict::Stale;
        }
        // A right code is used up whatever came with it, and a used one hides what came with it:
        // neither helps somebody who has seen a code to try out PINs.
        self.use_steps(&findings, attempt.now);
        if findings.iter().any(|f| matches!(f, Finding::Used)) {
            return Verdict::Replayed;
        }
        if findings.iter().any(|f| matches!(f, Finding::Wrong)) {
            return self.count_failure(attempt.era, attempt.now, &attempt.limits);
        }
        self.lockout.passed(attempt.era, attempt.now);
        self.open_session(&findings, attempt);
        self.pass(&findings, attempt.now)
    }

    /// A bypass code begins no session: it passes once, and a session would pass again.
    fn open_session(&mut self, findings: &[Finding], attempt: &Attempt) {
        if findings.iter().any(|f| matches!(f, Finding::Bypass)) {
            return;
        }
        let way = findings.iter().filter_map(Finding::factor).collect();
        if let (Some(opening), Some(passed)) = (&attempt.opening, Way::new(way)) {
            self.begin_session(opening, passed, attempt.now);
        }
    }

    fn find(&self, answer: &Answered, attempt: &Attempt) -> Finding {
        match answer {
            Answered::Impossible => Finding::Wrong,
            Answered::Code { typed, tail } => self.find_code(typed.expose(), *tail, attempt),
            Answered::Hashed {
                factor,
                phc,
                matches,
            } => {
                let held = match factor {
                    Factor::Pin => self.pin.as_ref().map(|pin| &pin.phc),
                    Factor::Questions => self.questions.as_ref().map(|set| &set.current().phc),
                    Factor::Totp => None,
                };
                match (held == Some(phc), *matches) {
                    (false, _) => Finding::Stale,
                    (true, true) => Finding::Knowledge(*factor),
                    (true, false) => Finding::Wrong,
                }
            }
        }
    }

    fn find_code(&self, typed: &str, tail: bool, attempt: &Attempt) -> Finding {
        let mut found = Finding::Wrong;
        for (index, device) in self.devices.iter().enumerate() {
            let Some(code) = code_of(typed, tail, device.generator.digits.into()) else {
                continue;
            };
            match device
                .generator
                .check(&code, attempt.now, attempt.skew, device.last_step)
            {
                Match::Fresh { step } => {
                    return Finding::Code {
                        device: index,
                        step,
                    };
                }
                Match::Used => found = Finding::Used,
                Match::None => {}
            }
        }
        self.find_other_code(typed, tail, attempt).unwrap_or(found)
    }

    fn find_other_code(&self, typed: &str, tail: bool, attempt: &Attempt) -> Option<Finding> {
        let bypass = code_of(typed, tail, BYPASS_DIGITS);
        if bypass.is_some_and(|code| self.is_bypass(&code, attempt.now)) {
            return Some(Finding::Bypass);
        }
        let code = code_of(typed, tail, RECOVERY_DIGITS)?;
        self.find_recovery(&code, &attempt.pepper)
            .map(Finding::Recovery)
    }

    fn use_steps(&mut self, findings: &[Finding], now: Timestamp) {
        for finding in findings {
            match finding {
                Finding::Code { device, step } => {
                    if let Some(device) = self.devices.get_mut(*device) {
                        device.last_step = Some(*step);
                        device.dates.last_used_at = Some(now);
                    }
                }
                Finding::Bypass => self.bypass = None,
                Finding::Recovery(code) => self.use_recovery(*code),
                Finding::Knowledge(_) | Finding::Used | Finding::Wrong | Finding::Stale => {}
            }
        }
    }

    /// A first code of a device that is being set up was wrong: it counts like any other.
    pub fn wrong_first_code(&mut self, era: Era, now: Timestamp, limits: &Limits) -> Verdict {
        match self.lockout.gate(era, now, limits) {
            Gate::Open => self.count_failure(era, now, limits),
            Gate::Locked(lock) => {
                self.lockout.refused_one();
                Verdict::Locked(lock)
            }
            Gate::Spent => Verdict::Spent,
        }
    }

    fn count_failure(&mut self, era: Era, now: Timestamp, limits: &Limits) -> Verdict {
        self.lockout.failed(era, now, limits);
        let lock = self.lockout.lock(now);
        if lock.is_some() {
            self.sessions.clear();
        }
        Verdict::Wrong {
            failures: self.lockout.failures(now),
            lock,
        }
    }

    fn pass(&mut self, findings: &[Finding], now: Timestamp) -> Verdict {
        let mut passed = Passed {
            generation: self.generation,
            recovery_left: self.recovery_left(),
            ..Passed::default()
        };
        for finding in findings {
            match finding {
                Finding::Code { device, .. } => {
                    if let Some(device) = self.devices.get(*device) {
                        passed.device = Some(device.label.to_string());
                        passed.code_length = Some(device.generator.digits.into());
                    }
                }
                Finding::Bypass => {
                    passed.instead = Some(Instead::Bypass);
                    passed.code_length = Some(BYPASS_DIGITS);
                }
                Finding::Recovery(_) => {
                    passed.instead = Some(Instead::Recovery);
                    passed.code_length = Some(RECOVERY_DIGITS);
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
                Finding::Used | Finding::Wrong | Finding::Stale => {}
            }
        }
        Verdict::Passed(passed)
    }
}

impl Finding {
    /// The factor that was passed.
    fn factor(&self) -> Option<Factor> {
        match self {
            Self::Code { .. } | Self::Bypass | Self::Recovery(_) => Some(Factor::Totp),
            Self::Knowledge(factor) => Some(*factor),
            Self::Used | Self::Wrong | Self::Stale => None,
        }
    }
}

/// The part of what was typed that is a code of so many digits: all of it without the blanks that apps
/// show inside, or its end.
fn code_of(typed: &str, tail: bool, digits: u32) -> Option<zeroize::Zeroizing<String>> {
    if tail {
        let start = typed.len().checked_sub(digits as usize)?;
        return typed.get(start..).map(|end| end.to_owned().into());
    }
    let code: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    Some(code.into())
}

#[cfg(test)]
mod tests;
