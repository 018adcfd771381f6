//! Bypass codes: one code, valid once and for a limited time, for a user whose device is lost.
//!
//! An administrator issues it, and the user types it instead of a device's code. It has nine
//! digits, so that it can't be confused with a device's code.

use std::time::Duration;

use jiff::Timestamp;
use mfa_protocol::Secret;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::Account;
use crate::clock::{Deadline, whole_seconds};
use crate::factors::bypass::LONGEST_BYPASS;
use crate::factors::recovery::{CodeDigest, Pepper};

/// A code that was issued and not used yet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Bypass {
    code: Secret,
    until: Deadline,
    /// Validity in seconds; `None` in records from before this was stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lasts: Option<u64>,
}

impl PartialEq for Bypass {
    fn eq(&self, other: &Self) -> bool {
        (self.until, self.lasts) == (other.until, other.lasts) && self.is(other.code.expose())
    }
}

impl Eq for Bypass {}

impl Bypass {
    fn is(&self, typed: &str) -> bool {
        self.code.expose().as_bytes().ct_eq(typed.as_bytes()).into()
    }

    /// Its digest, which is kept after use.
    pub(super) fn digest(&self, pepper: &Pepper) -> CodeDigest {
        pepper.digest(self.code.expose())
    }

    /// Good for nothing from now on. It stays on record: its user is no newcomer.
    pub(super) fn expire(&mut self) {
        self.lasts = Some(0);
    }

    /// Its end, if it is valid at `now`.
    fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let longest = self.lasts.map_or(LONGEST_BYPASS, Duration::from_secs);
        self.until.in_force(now, longest)
    }
}

impl Account {
    /// Issues a code that is valid for `lasts` from `now` on and replaces an earlier one. Returns
    /// its end.
    pub fn issue_bypass(&mut self, code: Secret, lasts: Duration, now: Timestamp) -> Timestamp {
        let until = Deadline::after(now, lasts);
        self.bypass = Some(Bypass {
            code,
            until,
            lasts: Some(whole_seconds(lasts)),
        });
        until.shown()
    }

    /// Takes an issued code back. Returns whether there was a valid one.
    pub fn revoke_bypass(&mut self, now: Timestamp) -> bool {
        let valid = |bypass: &&mut Bypass| bypass.until(now).is_some();
        match self.bypass.as_mut().filter(valid) {
            Some(bypass) => {
                bypass.expire();
                true
            }
            None => false,
        }
    }

    /// The end of the issued code, if there is a valid one.
    #[must_use]
    pub fn bypass_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.bypass.as_ref()?.until(now)
    }

    /// Whether `typed` is the issued code, in time.
    pub(super) fn is_bypass(&self, typed: &str, now: Timestamp) -> bool {
        let fits = |bypass: &Bypass| bypass.until(now).is_some() && bypass.is(typed);
        self.bypass.as_ref().is_some_and(fits)
    }

    /// Whether `typed` is the issued code, too late.
    pub(super) fn is_expired_bypass(&self, typed: &str, now: Timestamp) -> bool {
        let fits = |bypass: &Bypass| bypass.until(now).is_none() && bypass.is(typed);
        self.bypass.as_ref().is_some_and(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::at;
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_code_is_good_until_its_time_and_a_later_one_takes_its_place() {
        let mut account = Account::default();
        account.issue_bypass("111111111".into(), MINUTE, at(0));
        assert!(account.is_bypass("111111111", at(59)));
        assert!(!account.is_bypass("111111111", at(60)));
        assert_eq!(account.bypass_until(at(60)), None);
        account.issue_bypass("222222222".into(), 2 * MINUTE, at(0));
        assert!(!account.is_bypass("111111111", at(59)));
        assert!(account.is_bypass("222222222", at(59)));
    }

    #[test]
    fn a_code_that_is_taken_back_is_void_and_a_later_one_is_good() {
        let mut account = Account::default();
        assert!(!account.revoke_bypass(at(0)));
        account.issue_bypass("111111111".into(), MINUTE, at(0));
        assert!(account.revoke_bypass(at(1)));
        assert!(!account.is_bypass("111111111", at(1)));
        assert_eq!(account.bypass_until(at(1)), None);
        assert!(!account.revoke_bypass(at(1)), "twice");
        assert!(!account.has_never_enrolled());
        account.issue_bypass("222222222".into(), MINUTE, at(2));
        assert!(account.is_bypass("222222222", at(3)));
    }

    #[test]
    fn a_code_is_never_shown() {
        let mut account = Account::default();
        account.issue_bypass("483920137".into(), MINUTE, at(0));
        assert!(!format!("{account:?}").contains("483920137"));
    }
}
