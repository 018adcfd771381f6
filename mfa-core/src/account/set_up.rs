//! Answers two different questions: has the user ever enrolled anything, and is there anything they
//! can pass with now?
//!
//! Only a user who never enrolled is a newcomer: `unenrolled = "allow"`, grace, enrolment inside
//! the login, and a first enrolment without proof. A user with a disabled address or device, used-up recovery
//! codes or an expired bypass code is not, or an attacker with the password would get in.

use jiff::Timestamp;

use super::Account;

impl Account {
    /// Whether nothing was ever enrolled: no factor, enabled or not, no recovery code, used or not,
    /// and no bypass code, expired or not.
    #[must_use]
    pub fn has_never_enrolled(&self) -> bool {
        self.has_no_factors() && self.recovery.is_none() && self.bypass.is_none()
    }

    /// Whether the user can pass with nothing at `now`. They may have enrolled something all the
    /// same.
    #[must_use]
    pub fn has_no_usable_factor(&self, now: Timestamp) -> bool {
        self.enrolled().is_empty() && self.other_codes(now) == 0
    }

    /// Removes used-up recovery codes and an expired bypass code if no factor is left: after an allowed removal, so
    /// that the user counts as not enrolled again. Not after a command that removed nothing: a command without effect
    /// must not change whether a user counts as enrolled.
    pub fn forget_spent_codes(&mut self, now: Timestamp) -> SpentCodes {
        let is_over = self.has_no_factors() && self.other_codes(now) == 0;
        if !is_over || self.has_never_enrolled() {
            return SpentCodes::default();
        }
        let spent = SpentCodes {
            recovery: self.recovery_used(),
            bypass: self.bypass.is_some(),
        };
        self.recovery = None;
        self.bypass = None;
        self.generation += 1;
        spent
    }

    /// A disabled address, device or key is no factor that the user has, and yet was enrolled.
    fn has_no_factors(&self) -> bool {
        self.enrolled().is_empty()
            && self.contacts.is_empty()
            && self.devices.is_empty()
            && self.keys.is_empty()
            && self.remote.is_none()
    }
}

/// Useless codes that a removal also removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpentCodes {
    /// The number of used-up recovery codes; not known for old records.
    pub recovery: Option<u32>,
    /// A bypass code that has expired.
    pub bypass: bool,
}

impl SpentCodes {
    /// What was removed, for the audit log and the caller; none if it was nothing.
    #[must_use]
    pub fn words(self) -> Option<String> {
        let recovery = match self.recovery {
            None => None,
            Some(0) => Some("used-up recovery codes".to_owned()),
            Some(1) => Some("1 used-up recovery code".to_owned()),
            Some(count) => Some(format!("{count} used-up recovery codes")),
        };
        let bypass = self.bypass.then(|| "an expired bypass code".to_owned());
        let words: Vec<_> = recovery.into_iter().chain(bypass).collect();
        (!words.is_empty()).then(|| words.join(" and "))
    }
}

#[cfg(test)]
mod tests;
