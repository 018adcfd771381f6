//! What one answer turns out to be, held against the record. Nothing is changed here.

use jiff::Timestamp;

use super::super::recovery::Recovery;
use super::super::{Account, Remote};
use super::{Attempt, ConfirmedRecipient, Expended, FallbackCode, PreparedAnswer};
use crate::factors::Factor;
use crate::factors::address::Recipient;
use crate::factors::bypass::BYPASS_DIGITS;
use crate::factors::device::{Match, unspaced};
use crate::factors::recovery::{CodeDigest, Pepper};

/// What one answer turned out to be.
pub(super) enum MatchResult {
    Code {
        device: usize,
        step: u64,
    },
    /// In place of a factor.
    Bypass(Factor),
    /// In place of a factor.
    Recovery(Factor, CodeDigest),
    Knowledge(Factor),
    /// A code that was sent there.
    Sent(Recipient),
    Remote,
    /// A code of a step that is used up.
    Used {
        device: usize,
    },
    /// The code of a device that has gone astray: wrong, but worth remembering.
    OutOfSync {
        device: usize,
        step: u64,
    },
    Wrong,
    Stale,
}

impl Account {
    /// What `answer` is.
    pub(super) fn find(&self, answer: &PreparedAnswer, attempt: &Attempt) -> MatchResult {
        match answer {
            PreparedAnswer::Impossible => MatchResult::Wrong,
            PreparedAnswer::Code { typed, tail } => self.find_code(typed.expose(), *tail, attempt),
            PreparedAnswer::Sent {
                factor,
                typed,
                came_back,
            } => match came_back {
                Some(came_back) => self.find_sent(came_back),
                None => self
                    .find_other_code(*factor, typed.expose(), false, attempt)
                    .unwrap_or(MatchResult::Wrong),
            },
            PreparedAnswer::Remote { remote, accepted } => self.find_remote(remote, *accepted),
            PreparedAnswer::Hashed {
                factor,
                phc,
                matches,
            } => {
                let is_held = self.hash_of(*factor) == Some(phc);
                match (is_held, *matches) {
                    (false, _) => MatchResult::Stale,
                    (true, true) => MatchResult::Knowledge(*factor),
                    (true, false) => MatchResult::Wrong,
                }
            }
        }
    }

    /// An address that was the user's when the code was sent must be so still, and in use; one that was not
    /// must not have been overtaken by another change.
    fn find_sent(&self, came_back: &ConfirmedRecipient) -> MatchResult {
        let is_theirs = |to: &Recipient| self.contacts.iter().any(|c| c.to == *to && c.enabled);
        let holds = match came_back.unless_changed_since {
            Some(generation) => generation == self.generation,
            None => is_theirs(&came_back.to),
        };
        match holds {
            true => MatchResult::Sent(came_back.to.clone()),
            false => MatchResult::Stale,
        }
    }

    fn find_remote(&self, asked: &Remote, accepted: bool) -> MatchResult {
        let is_same = |remote: &Remote| remote.server == asked.server && remote.user == asked.user;
        match self.remote.as_ref().is_some_and(is_same) {
            false => MatchResult::Stale,
            true if accepted => MatchResult::Remote,
            true => MatchResult::Wrong,
        }
    }

    fn find_code(&self, typed: &str, tail: bool, attempt: &Attempt) -> MatchResult {
        let mut found = MatchResult::Wrong;
        for (index, device) in self.devices.iter().enumerate() {
            let Some(code) = code_of(typed, tail, device.generator.digits.into()) else {
                continue;
            };
            match device.check(&code, attempt.now, &attempt.windows) {
                Match::Unused { step } => {
                    return MatchResult::Code {
                        device: index,
                        step,
                    };
                }
                Match::Used => found = MatchResult::Used { device: index },
                Match::None => {}
            }
        }
        if let Some(other) = self.find_other_code(Factor::Totp, typed, tail, attempt) {
            return other;
        }
        match found {
            MatchResult::Wrong => self.find_astray(typed, tail, attempt),
            found => found,
        }
    }

    fn find_other_code(
        &self,
        instead_of: Factor,
        typed: &str,
        tail: bool,
        attempt: &Attempt,
    ) -> Option<MatchResult> {
        let bypass = code_of(typed, tail, BYPASS_DIGITS);
        if bypass.is_some_and(|code| self.is_bypass(&code, attempt.now)) {
            return Some(MatchResult::Bypass(instead_of));
        }
        let digits = self.recovery.as_ref()?.digits();
        let code = code_of(typed, tail, digits)?;
        self.find_recovery(&code, &attempt.pepper)
            .map(|code| MatchResult::Recovery(instead_of, code))
    }

    /// The bypass or recovery code that an answer would have been, were it still good: for the audit log alone.
    pub(super) fn find_expended(&self, attempt: &Attempt) -> Option<Expended> {
        attempt.answers.iter().find_map(|answer| match answer {
            PreparedAnswer::Code { typed, tail } => self.expended(typed.expose(), *tail, attempt),
            PreparedAnswer::Sent {
                typed,
                came_back: None,
                ..
            } => self.expended(typed.expose(), false, attempt),
            _ => None,
        })
    }

    fn expended(&self, typed: &str, tail: bool, attempt: &Attempt) -> Option<Expended> {
        let recovery = self.recovery.as_ref().map(Recovery::digits);
        let lengths = [Some(BYPASS_DIGITS), recovery];
        lengths.into_iter().flatten().find_map(|digits| {
            let code = code_of(typed, tail, digits)?;
            self.had_other_code(&code, attempt.now, &attempt.pepper)
        })
    }

    /// The bypass or recovery code that was good once and is `typed`, which has no blanks.
    pub(in super::super) fn had_other_code(
        &self,
        typed: &str,
        now: Timestamp,
        pepper: &Pepper,
    ) -> Option<Expended> {
        if self.used_bypass == Some(pepper.digest(typed)) {
            Some(Expended::Used(FallbackCode::Bypass))
        } else if self.is_expired_bypass(typed, now) {
            Some(Expended::Expired)
        } else if self.is_used_recovery(typed, pepper) {
            Some(Expended::Used(FallbackCode::Recovery))
        } else {
            None
        }
    }

    /// What was found nowhere near is looked for farther away.
    fn find_astray(&self, typed: &str, tail: bool, attempt: &Attempt) -> MatchResult {
        let (now, windows) = (attempt.now, &attempt.windows);
        let devices = self.devices.iter().enumerate();
        let mut out_of_sync = devices.filter_map(|(index, device)| {
            let code = code_of(typed, tail, device.generator.digits.into())?;
            let step = device.find_astray(&code, now, windows)?;
            Some(match device.follows(step, now) {
                true => MatchResult::Code {
                    device: index,
                    step,
                },
                false => MatchResult::OutOfSync {
                    device: index,
                    step,
                },
            })
        });
        out_of_sync.next().unwrap_or(MatchResult::Wrong)
    }
}

impl MatchResult {
    /// The factor that was passed.
    pub(super) fn factor(&self) -> Option<Factor> {
        match self {
            Self::Code { .. } => Some(Factor::Totp),
            Self::Sent(to) => Some(to.channel().factor()),
            Self::Remote => Some(Factor::Radius),
            Self::Bypass(factor) | Self::Recovery(factor, _) | Self::Knowledge(factor) => {
                Some(*factor)
            }
            Self::Used { .. } | Self::OutOfSync { .. } | Self::Wrong | Self::Stale => None,
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
    Some(unspaced(typed))
}
