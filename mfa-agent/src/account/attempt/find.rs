//! What one answer turns out to be, held against the record. Nothing is changed here.

use super::super::{Account, BYPASS_DIGITS};
use super::{Answered, Attempt};
use crate::factors::Factor;
use crate::factors::device::{Match, unspaced};
use crate::factors::recovery::CodeDigest;

/// What one answer turned out to be.
pub(super) enum Finding {
    Code {
        device: usize,
        step: u64,
    },
    Bypass,
    Recovery(CodeDigest),
    Knowledge(Factor),
    Used,
    /// The code of a device that has gone astray: wrong, but worth remembering.
    Astray {
        device: usize,
        step: u64,
    },
    Wrong,
    Stale,
}

impl Account {
    /// What `answer` is.
    pub(super) fn find(&self, answer: &Answered, attempt: &Attempt) -> Finding {
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
            match device.check(&code, attempt.now, &attempt.windows) {
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
        if let Some(other) = self.find_other_code(typed, tail, attempt) {
            return other;
        }
        match found {
            Finding::Wrong => self.find_astray(typed, tail, attempt),
            found => found,
        }
    }

    fn find_other_code(&self, typed: &str, tail: bool, attempt: &Attempt) -> Option<Finding> {
        let bypass = code_of(typed, tail, BYPASS_DIGITS);
        if bypass.is_some_and(|code| self.is_bypass(&code, attempt.now)) {
            return Some(Finding::Bypass);
        }
        let digits = self.recovery.as_ref()?.digits();
        let code = code_of(typed, tail, digits)?;
        self.find_recovery(&code, &attempt.pepper)
            .map(Finding::Recovery)
    }

    /// What was found nowhere near is looked for farther away.
    fn find_astray(&self, typed: &str, tail: bool, attempt: &Attempt) -> Finding {
        let (now, windows) = (attempt.now, &attempt.windows);
        let devices = self.devices.iter().enumerate();
        let mut astray = devices.filter_map(|(index, device)| {
            let code = code_of(typed, tail, device.generator.digits.into())?;
            let step = device.find_astray(&code, now, windows)?;
            Some(match device.follows(step, now) {
                true => Finding::Code {
                    device: index,
                    step,
                },
                false => Finding::Astray {
                    device: index,
                    step,
                },
            })
        });
        astray.next().unwrap_or(Finding::Wrong)
    }
}

impl Finding {
    /// The factor that was passed.
    pub(super) fn factor(&self) -> Option<Factor> {
        match self {
            Self::Code { .. } | Self::Bypass | Self::Recovery(_) => Some(Factor::Totp),
            Self::Knowledge(factor) => Some(*factor),
            Self::Used | Self::Astray { .. } | Self::Wrong | Self::Stale => None,
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
