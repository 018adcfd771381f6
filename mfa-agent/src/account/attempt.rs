//! Judging an attempt: the answers of one login against the record.
//!
//! This is the one place where a guess is weighed. It is a function of the record and the attempt; if
//! the swap that follows conflicts, it runs again on the newer record, so that of many attempts at
//! once each sees what the others did.

use jiff::Timestamp;
use mfa_protocol::Secret;

use super::{Account, Device};
use crate::factors::Factor;
use crate::factors::totp::Match;
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
    /// How many characters of the answer were the code.
    pub code_length: Option<u32>,
}

/// What one answer turned out to be.
enum Finding {
    Code { device: usize, step: u64 },
    Knowledge(Factor),
    Used,
    Wrong,
    Stale,
}

impl Account {
    /// Judges `attempt` and records what it did to the account. Of every verdict but
    /// [`Verdict::Stale`] the record carries a trace, so that all take one durable write.
    pub fn attempt(&mut self, attempt: &Attempt) -> Verdict {
        match self.lockout.gate(attempt.era, attempt.now, &attempt.limits) {
            Gate::Open => {}
            Gate::Locked(lock) => {
                self.lockout.refused_one();
                return Verdict::Locked(lock);
            }
            Gate::Spent => {
                self.lockout.refused_one();
                return Verdict::Spent;
            }
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
            self.lockout.refused_one();
            return Verdict::Replayed;
        }
        if findings.iter().any(|f| matches!(f, Finding::Wrong)) {
            return self.count_failure(attempt);
        }
        self.lockout.passed(attempt.era, attempt.now);
        self.pass(&findings, attempt.now)
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
            let Some(code) = code_of(typed, tail, device) else {
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
        found
    }

    fn use_steps(&mut self, findings: &[Finding], now: Timestamp) {
        for finding in findings {
            if let Finding::Code { device, step } = finding
                && let Some(device) = self.devices.get_mut(*device)
            {
                device.last_step = Some(*step);
                device.dates.last_used_at = Some(now);
            }
        }
    }

    fn count_failure(&mut self, attempt: &Attempt) -> Verdict {
        self.lockout
            .failed(attempt.era, attempt.now, &attempt.limits);
        Verdict::Wrong {
            failures: self.lockout.failures(attempt.now),
            lock: self.lockout.lock(attempt.now),
        }
    }

    fn pass(&mut self, findings: &[Finding], now: Timestamp) -> Verdict {
        let mut passed = Passed::default();
        for finding in findings {
            match finding {
                Finding::Code { device, .. } => {
                    if let Some(device) = self.devices.get(*device) {
                        passed.device = Some(device.label.to_string());
                        passed.code_length = Some(device.generator.digits.into());
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
                Finding::Used | Finding::Wrong | Finding::Stale => {}
            }
        }
        Verdict::Passed(passed)
    }
}

/// The part of what was typed that is a code of `device`: all of it without the blanks that apps
/// show inside, or its end.
fn code_of(typed: &str, tail: bool, device: &Device) -> Option<zeroize::Zeroizing<String>> {
    let digits = u32::from(device.generator.digits) as usize;
    if tail {
        let start = typed.len().checked_sub(digits)?;
        return typed.get(start..).map(|end| end.to_owned().into());
    }
    let code: String = typed.chars().filter(|c| !c.is_whitespace()).collect();
    Some(code.into())
}

#[cfg(test)]
mod tests {
    use super::super::samples::{at, device, full};
    use super::*;

    /// An attempt at second 59, where the codes of steps 0 to 2 are in the window.
    fn attempt(account: &Account, answers: Vec<Answered>) -> Attempt {
        let era = account.lockout().era();
        Attempt {
            era,
            answers,
            now: at(59),
            skew: 1,
            limits: Limits::default(),
        }
    }

    fn code(typed: &str) -> Answered {
        Answered::Code {
            typed: typed.into(),
            tail: false,
        }
    }

    fn pin(matches: bool) -> Answered {
        Answered::Hashed {
            factor: Factor::Pin,
            phc: "phc-pin".to_owned(),
            matches,
        }
    }

    fn judge(account: &mut Account, answers: Vec<Answered>) -> Verdict {
        let attempt = attempt(account, answers);
        account.attempt(&attempt)
    }

    fn failures(account: &Account) -> u32 {
        account.lockout().failures(at(59))
    }

    #[test]
    fn a_right_code_passes_once() {
        let mut account = full();
        let passed = judge(&mut account, vec![code("287082")]);
        assert!(
            matches!(&passed, Verdict::Passed(p) if p.device.as_deref() == Some("phone")),
            "{passed:?}"
        );
        assert_eq!(judge(&mut account, vec![code("287082")]), Verdict::Replayed);
        assert_eq!(failures(&account), 0, "a replay is not a failure");
    }

    #[test]
    fn a_code_is_taken_with_the_blank_that_apps_show() {
        assert!(matches!(
            judge(&mut full(), vec![code("287 082")]),
            Verdict::Passed(_)
        ));
    }

    #[test]
    fn the_code_at_the_end_of_a_password_is_found_with_its_length() {
        let typed = Answered::Code {
            typed: "härte1287082".into(),
            tail: true,
        };
        let Verdict::Passed(passed) = judge(&mut full(), vec![typed]) else {
            panic!("not passed")
        };
        assert_eq!(passed.code_length, Some(6));
    }

    #[test]
    fn a_tail_that_is_too_short_or_cuts_a_letter_is_wrong() {
        for typed in ["87082", "", "ä7082"] {
            let answer = Answered::Code {
                typed: typed.into(),
                tail: true,
            };
            assert!(
                matches!(judge(&mut full(), vec![answer]), Verdict::Wrong { .. }),
                "{typed:?}"
            );
        }
    }

    #[test]
    fn any_device_of_the_user_passes_and_uses_up_only_its_own_step() {
        let mut account = full();
        let mut tablet = device("tablet");
        tablet.generator.digits = 8.try_into().unwrap();
        tablet.generator.key = crate::factors::key::Key::fresh([9; 20]);
        account.add_device(tablet).unwrap();
        assert!(matches!(
            judge(&mut account, vec![code("287082")]),
            Verdict::Passed(_)
        ));
        assert_eq!(account.devices()[0].last_step, Some(1));
        assert_eq!(account.devices()[1].last_step, None);
    }

    #[test]
    fn five_wrong_answers_lock_and_a_right_one_is_not_judged_then() {
        let mut account = full();
        for n in 1..=4 {
            assert_eq!(
                judge(&mut account, vec![code("000000")]),
                Verdict::Wrong {
                    failures: n,
                    lock: None
                }
            );
        }
        let Verdict::Wrong {
            failures: 5,
            lock: Some(lock),
        } = judge(&mut account, vec![pin(false)])
        else {
            panic!("the fifth did not lock")
        };
        assert_eq!(
            judge(&mut account, vec![code("287082")]),
            Verdict::Locked(lock)
        );
        assert_eq!(account.devices()[0].last_step, None, "it was not judged");
        assert_eq!(account.lockout().refused(), 1);
    }

    #[test]
    fn of_two_factors_both_must_be_right() {
        for (answers, passes) in [
            (vec![code("287082"), pin(true)], true),
            (vec![code("287082"), pin(false)], false),
            (vec![code("000000"), pin(true)], false),
            (vec![code("287082"), Answered::Impossible], false),
            (vec![], false),
        ] {
            let verdict = judge(&mut full(), answers);
            assert_eq!(matches!(verdict, Verdict::Passed(_)), passes, "{verdict:?}");
        }
    }

    #[test]
    fn a_code_seen_by_somebody_else_does_not_help_to_try_out_pins() {
        let mut account = full();
        assert!(matches!(
            judge(&mut account, vec![code("287082"), pin(false)]),
            Verdict::Wrong { .. }
        ));
        // Whether the PIN is right or wrong now, the verdict is the same.
        assert_eq!(
            judge(&mut account, vec![code("287082"), pin(true)]),
            Verdict::Replayed
        );
        assert_eq!(
            judge(&mut account, vec![code("287082"), pin(false)]),
            Verdict::Replayed
        );
    }

    #[test]
    fn an_answer_hashed_against_an_older_record_is_not_judged() {
        let mut account = full();
        account.set_pin("another".to_owned(), at(1));
        let before = account.clone();
        assert_eq!(judge(&mut account, vec![pin(true)]), Verdict::Stale);
        assert_eq!(account, before);
    }
}
