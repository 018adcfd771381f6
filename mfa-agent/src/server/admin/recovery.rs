//! Recovery codes.

use jiff::Timestamp;
use mfa_protocol::admin::{EnrollRecoveryParameters, RecoveryReply, RemoveReply};
use mfa_protocol::factor::Authenticator;

use super::super::connection::Connection;
use super::super::drawn::recovery_codes;
use super::super::error::Failure;
use super::{Change, factor_event};
use crate::audit::Event;
use mfa_core::account::SpentCodes;
use mfa_core::factors::Factor;
use mfa_core::factors::recovery::{MAX_RECOVERY_CODES, RECOVERY_CODES};

impl Connection {
    /// New codes; the earlier ones become invalid. They replace a device's codes, so users who may enrol a device may
    /// have them.
    pub(super) fn enroll_recovery(
        &mut self,
        parameters: &EnrollRecoveryParameters,
    ) -> Result<RecoveryReply, Failure> {
        let count = parameters
            .count
            .map_or(RECOVERY_CODES, |count| count as usize);
        if !(1..=MAX_RECOVERY_CODES).contains(&count) {
            return Err(Failure::refused(format!(
                "{count} recovery codes; expected 1 to {MAX_RECOVERY_CODES}"
            )));
        }
        let settings = self.agent.settings();
        let what = Change::Enroll(Factor::Totp);
        let (subject, permit) = self.changing(parameters.user.as_deref(), &settings, what)?;
        let codes = recovery_codes(count)?;
        let pepper = self.agent.repository.pepper();
        let event = factor_event(
            "enroll",
            (&subject, self.peer),
            Authenticator::Recovery,
            None,
        );
        let (_, replaced) = self.change_factors(&subject, &permit, |account| {
            if account.enrolled().is_empty() {
                return Err(Failure::refused(
                    "recovery codes replace a lost factor, but this user has none; set one up \
                     first: mfactl enroll totp USER",
                ));
            }
            let digests = codes.iter().map(|code| pepper.digest(code.expose()));
            let replaced = account.recovery_left().is_some_and(|left| left > 0);
            account.set_recovery(digests.collect(), Timestamp::now());
            Ok((Some(event.clone()), replaced))
        })?;
        Ok(RecoveryReply {
            user: subject.user.to_string(),
            codes,
            replaced,
        })
    }

    pub(super) fn remove_recovery(&mut self, user: Option<&str>) -> Result<RemoveReply, Failure> {
        let settings = self.agent.settings();
        let what = Change::Remove(Factor::Totp);
        let (subject, permit) = self.changing(user, &settings, what)?;
        let by = (&subject, self.peer);
        let prospects = self.agent.prospects(&settings, &subject)?;
        let (_, (removed, spent)) = self.change_factors(&subject, &permit, |account| {
            let before = account.clone();
            let had_some = account.recovery_left().is_some();
            let used = account.recovery_used();
            let left = account.remove_recovery();
            let spent = SpentCodes {
                recovery: used.filter(|used| *used > 0 || left == 0),
                ..account.forget_spent_codes(Timestamp::now())
            };
            permit.check_last(&before, account, &prospects)?;
            let changed = had_some || spent.bypass;
            let removed = left + used.unwrap_or(0);
            let spent = spent.words();
            let event = || Event {
                reason: spent.as_ref().map(|spent| format!("with {spent}")),
                ..factor_event("remove", by, Authenticator::Recovery, None)
            };
            Ok((changed.then(event), (removed, spent)))
        })?;
        Ok(RemoveReply {
            user: subject.user.to_string(),
            removed,
            note: spent.map(|spent| format!("also removed: {spent}")),
        })
    }
}
