//! The recovery codes of an account.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Account;
use crate::factors::recovery::{CodeDigest, Pepper, RECOVERY_DIGITS};

/// Codes that were issued together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Recovery {
    codes: Vec<CodeDigest>,
    /// The used ones, so that the audit log can distinguish them from guesses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    used: Vec<CodeDigest>,
    #[serde(with = "jiff::fmt::serde::timestamp::second::required")]
    made_at: Timestamp,
    /// Digits of a code; codes of other programs have fewer.
    #[serde(default = "usual_digits", skip_serializing_if = "is_usual")]
    digits: u32,
}

fn usual_digits() -> u32 {
    RECOVERY_DIGITS
}

fn is_usual(digits: &u32) -> bool {
    *digits == RECOVERY_DIGITS
}

impl Recovery {
    pub(super) fn digits(&self) -> u32 {
        self.digits
    }

    pub(super) fn left(&self) -> usize {
        self.codes.len()
    }

    /// Whether both were issued together.
    pub(super) fn is_same_list(&self, other: &Self) -> bool {
        self.made_at == other.made_at && self.digits == other.digits
    }

    /// These codes as a backup has them, and `live` as the replaced record has them: the later of two lists, and of
    /// one list only what is unused in both.
    pub(super) fn restored(mut self, live: &Self) -> Self {
        if !self.is_same_list(live) {
            return match live.made_at > self.made_at {
                true => live.clone(),
                false => self,
            };
        }
        let (codes, mut used) = (std::mem::take(&mut self.codes), self.used);
        let (codes, spent): (Vec<_>, Vec<_>) = codes
            .into_iter()
            .partition(|code| live.codes.contains(code));
        for code in spent.into_iter().chain(live.used.iter().copied()) {
            if !used.contains(&code) {
                used.push(code);
            }
        }
        Self {
            codes,
            used,
            ..self
        }
    }

    /// Including used ones.
    pub(super) fn all(&self) -> usize {
        self.codes.len() + self.used.len()
    }
}

impl Account {
    /// Replaces the recovery codes.
    pub fn set_recovery(&mut self, codes: Vec<CodeDigest>, now: Timestamp) {
        self.import_recovery(codes, RECOVERY_DIGITS, now);
    }

    /// Replaces them by the codes of another program.
    pub(super) fn import_recovery(&mut self, codes: Vec<CodeDigest>, digits: u32, now: Timestamp) {
        self.recovery = Some(Recovery {
            codes,
            used: Vec::new(),
            made_at: now,
            digits,
        });
        self.generation += 1;
    }

    /// Uses up the codes of another program that are not `left` there. Returns how many.
    pub(super) fn spend_all_but(&mut self, left: &[CodeDigest], digits: u32) -> u32 {
        let theirs = |recovery: &&mut Recovery| recovery.digits == digits && !is_usual(&digits);
        let Some(recovery) = self.recovery.as_mut().filter(theirs) else {
            return 0;
        };
        let before = recovery.left();
        recovery.codes.retain(|code| left.contains(code));
        u32::try_from(before - recovery.left()).unwrap_or(u32::MAX)
    }

    /// Removes the recovery codes. Returns how many were left.
    pub fn remove_recovery(&mut self) -> u32 {
        let left = self.recovery_left().unwrap_or(0);
        self.generation += u64::from(self.recovery.take().is_some());
        left
    }

    /// The account as it is once its recovery and bypass codes are used up.
    #[must_use]
    pub fn with_codes_used_up(&self) -> Self {
        let mut account = self.clone();
        account.bypass = None;
        if let Some(recovery) = &mut account.recovery {
            recovery.used.append(&mut recovery.codes);
        }
        account
    }

    /// Number of unused recovery codes; `None` if there never were any.
    #[must_use]
    pub fn recovery_left(&self) -> Option<u32> {
        let left = self.recovery.as_ref()?.codes.len();
        Some(u32::try_from(left).unwrap_or(u32::MAX))
    }

    /// How many recovery codes were used up, as far as that is known; none if none were ever made.
    #[must_use]
    pub fn recovery_used(&self) -> Option<u32> {
        let used = self.recovery.as_ref()?.used.len();
        Some(u32::try_from(used).unwrap_or(u32::MAX))
    }

    /// When the codes were made.
    pub(super) fn recovery_made_at(&self) -> Option<Timestamp> {
        self.recovery.as_ref().map(|recovery| recovery.made_at)
    }

    /// Whether a code of those that `before` has was used since.
    pub(super) fn has_spent_recovery(&self, before: &Self) -> bool {
        self.recovery_made_at() == before.recovery_made_at()
            && self.recovery_used() > before.recovery_used()
    }

    /// The position of `typed` among the remaining codes.
    pub(super) fn find_recovery(&self, typed: &str, pepper: &Pepper) -> Option<CodeDigest> {
        let codes = &self.recovery.as_ref()?.codes;
        let digest = pepper.digest(typed);
        codes.contains(&digest).then_some(digest)
    }

    /// Uses up a code.
    pub(super) fn use_recovery(&mut self, used: CodeDigest) {
        if let Some(recovery) = &mut self.recovery {
            recovery.codes.retain(|code| *code != used);
            recovery.used.push(used);
        }
    }

    /// Whether `typed` is a used code.
    pub(super) fn is_used_recovery(&self, typed: &str, pepper: &Pepper) -> bool {
        let recovery = self.recovery.as_ref();
        recovery.is_some_and(|recovery| recovery.used.contains(&pepper.digest(typed)))
    }
}
