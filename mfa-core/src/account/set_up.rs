//! Two questions that must not be taken for one another: whether a user ever set up anything, and whether there is
//! anything that they can pass now.
//!
//! Only the first opens what is for newcomers: `unenrolled = "allow"`, grace, set-up inside the login and a first
//! enrolment without proof. A disabled address, used-up recovery codes and a bypass code that has expired are of no
//! use, but their owner is no newcomer: whoever has their password would get in otherwise.

use jiff::Timestamp;

use super::Account;

impl Account {
    /// Whether nothing was ever set up: no factor, enabled or not, no recovery codes, used up or not, and no bypass
    /// code, expired or not.
    #[must_use]
    pub fn has_never_enrolled(&self) -> bool {
        self.has_no_factors() && self.recovery.is_none() && self.bypass.is_none()
    }

    /// Whether there is nothing that the user could pass with at `now`. They may have set up something all the same.
    #[must_use]
    pub fn has_no_usable_factor(&self, now: Timestamp) -> bool {
        self.enrolled().is_empty() && self.other_codes(now) == 0
    }

    /// Takes away used-up recovery codes and an expired bypass code if no factor is left: for the end of a removal that
    /// somebody had the right to, so that its user is a newcomer again. Not for one that took nothing away: nobody becomes
    /// a newcomer by a command that changes nothing.
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

    fn has_no_factors(&self) -> bool {
        let Self {
            devices,
            pin,
            questions,
            contacts,
            remote,
            ..
        } = self;
        devices.is_empty()
            && pin.is_none()
            && questions.is_none()
            && contacts.is_empty()
            && remote.is_none()
    }
}

/// What a removal took along that was good for nothing any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpentCodes {
    /// So many recovery codes that were used up; of old records it is not known how many.
    pub recovery: Option<u32>,
    /// A bypass code that has expired.
    pub bypass: bool,
}

impl SpentCodes {
    /// What it was, for the audit log and whoever removed the rest; none if it was nothing.
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
