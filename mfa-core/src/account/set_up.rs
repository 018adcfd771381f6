//! Answers two different questions: has the user ever enrolled anything, and is there anything they
//! can pass with now?
//!
//! Only a user who never enrolled is a newcomer: `unenrolled = "allow"`, grace, enrolment inside
//! the login, and a first enrolment without proof. A user with a disabled address, used-up recovery
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

    /// Removes used-up recovery codes and an expired bypass code if no factor is left: after an
    /// authorised removal the user is a newcomer again. Returns whether anything was removed.
    pub fn forget_spent_codes(&mut self, now: Timestamp) -> bool {
        let is_over = self.has_no_factors() && self.other_codes(now) == 0;
        let has_spent = is_over && !self.has_never_enrolled();
        if has_spent {
            self.recovery = None;
            self.bypass = None;
            self.generation += 1;
        }
        has_spent
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

#[cfg(test)]
mod tests;
