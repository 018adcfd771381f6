//! Compares one answer with the record. Nothing is changed here.

use jiff::Timestamp;

use super::super::recovery::Recovery;
use super::super::{Account, Remote};
use super::key::{KeyFault, KeyMatch};
use super::{Attempt, ConfirmedRecipient, Expended, FallbackCode, PreparedAnswer};
use crate::factors::Factor;
use crate::factors::address::Recipient;
use crate::factors::bypass::BYPASS_DIGITS;
use crate::factors::device::{Match, unspaced};
use crate::factors::recovery::{CodeDigest, Pepper};

/// What an answer matches.
pub(super) enum MatchResult {
    Code {
        factor: Factor,
        device: usize,
        step: u64,
    },
    /// Instead of this factor.
    Bypass(Factor),
    /// Instead of this factor.
    Recovery(Factor, CodeDigest),
    Knowledge(Factor),
    /// A code that was sent to this address.
    Sent(Recipient),
    Remote,
    /// A security key that has shown this count; none by sshd.
    Key {
        index: usize,
        counter: Option<u32>,
    },
    /// A security key that does not count.
    WrongKey {
        index: usize,
        fault: KeyFault,
    },
    /// A code of a used step.
    Used {
        device: usize,
    },
    /// The code of a device that is out of sync: wrong, but recorded.
    OutOfSync {
        device: usize,
        step: u64,
    },
    Wrong,
    Stale,
}

impl Account {
    /// Finds what `answer` matches.
    pub(super) fn find(&self, answer: &PreparedAnswer, attempt: &Attempt) -> MatchResult {
        match answer {
            PreparedAnswer::Impossible => MatchResult::Wrong,
            PreparedAnswer::Code {
                factor,
                typed,
                tail,
            } => self.find_code(*factor, typed.expose(), *tail, attempt),
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
            PreparedAnswer::Key(proof) => match self.find_key_proof(proof) {
                KeyMatch::Right { index, counter } => MatchResult::Key { index, counter },
                KeyMatch::Wrong { index, fault } => MatchResult::WrongKey { index, fault },
                KeyMatch::Gone => MatchResult::Stale,
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

    /// An address that was the user's when the code was sent must still be in use. A new address is
    /// valid only if no other change of the factors came in between.
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
        match self.usable_remote().is_some_and(is_same) {
            false => MatchResult::Stale,
            true if accepted => MatchResult::Remote,
            true => MatchResult::Wrong,
        }
    }

    fn find_code(&self, factor: Factor, typed: &str, tail: bool, attempt: &Attempt) -> MatchResult {
        let mut found = MatchResult::Wrong;
        for (index, device) in self.devices_in_use() {
            let Some(code) = code_of(typed, tail, device.generator.digits.into()) else {
                continue;
            };
            match device.check(&code, attempt.now, &attempt.windows) {
                Match::Unused { step } => {
                    return MatchResult::Code {
                        factor,
                        device: index,
                        step,
                    };
                }
                Match::Used => found = MatchResult::Used { device: index },
                Match::None => {}
            }
        }
        if let Some(other) = self.find_other_code(factor, typed, tail, attempt) {
            return other;
        }
        match found {
            MatchResult::Wrong => self.find_out_of_sync(factor, typed, tail, attempt),
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

    /// The used or expired bypass or recovery code that the answer is, for the audit log only.
    pub(super) fn find_expended(&self, attempt: &Attempt) -> Option<Expended> {
        attempt.answers.iter().find_map(|answer| match answer {
            PreparedAnswer::Code { typed, tail, .. } => {
                self.expended(typed.expose(), *tail, attempt)
            }
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

    /// Searches a wider range for a code that no device has nearby.
    fn find_out_of_sync(
        &self,
        factor: Factor,
        typed: &str,
        tail: bool,
        attempt: &Attempt,
    ) -> MatchResult {
        let (now, windows) = (attempt.now, &attempt.windows);
        let devices = self.devices_in_use();
        let mut out_of_sync = devices.filter_map(|(index, device)| {
            let code = code_of(typed, tail, device.generator.digits.into())?;
            let step = device.find_out_of_sync(&code, now, windows)?;
            Some(match device.follows(step, now) {
                true => MatchResult::Code {
                    factor,
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
            Self::Sent(to) => Some(to.channel().factor()),
            Self::Remote => Some(Factor::Radius),
            Self::Key { .. } => Some(Factor::Key),
            Self::Code { factor, .. }
            | Self::Bypass(factor)
            | Self::Recovery(factor, _)
            | Self::Knowledge(factor) => Some(*factor),
            Self::Used { .. }
            | Self::OutOfSync { .. }
            | Self::WrongKey { .. }
            | Self::Wrong
            | Self::Stale => None,
        }
    }

    /// The security key that does not count, and why.
    pub(super) fn wrong_key(&self) -> Option<(usize, KeyFault)> {
        match self {
            Self::WrongKey { index, fault } => Some((*index, *fault)),
            _ => None,
        }
    }

    /// Whether the answer was verified, and is wrong.
    pub(super) fn is_wrong(&self) -> bool {
        matches!(
            self,
            Self::Wrong | Self::OutOfSync { .. } | Self::WrongKey { .. }
        )
    }
}

/// The code of `digits` digits in an answer: all of it without the blanks that apps show, or its
/// end.
fn code_of(typed: &str, tail: bool, digits: u32) -> Option<zeroize::Zeroizing<String>> {
    if tail {
        let start = typed.len().checked_sub(digits as usize)?;
        return typed.get(start..).map(|end| end.to_owned().into());
    }
    Some(unspaced(typed))
}
