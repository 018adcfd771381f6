//! Recovery codes.

use std::time::Instant;

use jiff::Timestamp;
use mfa_protocol::admin::{EnrollRecoveryParameters, RecoveryReply, RemoveReply, UserReply};
use mfa_protocol::factor::Authenticator;

use super::super::connection::Connection;
use super::super::drawn::recovery_codes;
use super::super::error::Failure;
use super::super::pending::PendingCodes;
use super::enroll::CONFIRMATION;
use super::{Change, factor_event};
use crate::audit::Event;
use mfa_core::account::{Account, SpentCodes};
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
        let digests = codes.iter().map(|code| pepper.digest(code.expose()));
        let pending = PendingCodes {
            digests: digests.collect(),
            begun: Instant::now(),
            subject,
            permit,
        };
        let user = pending.subject.user.to_string();
        self.pending_codes = None;
        let replaced = if parameters.confirm {
            let account = self.agent.repository.account(&pending.subject.user)?;
            pending.permit.check(&account)?;
            check_has_factor(&account)?;
            self.pending_codes = Some(Box::new(pending));
            has_codes(&account)
        } else {
            self.store_codes(&pending)?
        };
        Ok(RecoveryReply {
            user,
            codes,
            replaced,
        })
    }

    /// The user has written the codes down. Codes that were shown and not acknowledged are never stored.
    pub(super) fn confirm_recovery(&mut self) -> Result<UserReply, Failure> {
        let pending = self.pending_codes.take();
        let mut pending = pending.filter(|it| it.begun.elapsed() < CONFIRMATION).ok_or_else(|| {
            Failure::refused(
                "there are no recovery codes to confirm on this connection; create new ones: mfactl enroll recovery",
            )
        })?;
        pending.permit = self.permit_now(&pending.subject, &pending.permit)?;
        self.store_codes(&pending)?;
        Ok(UserReply {
            user: pending.subject.user.to_string(),
        })
    }

    /// Returns whether these codes replaced others that could still be used.
    fn store_codes(&mut self, pending: &PendingCodes) -> Result<bool, Failure> {
        let PendingCodes {
            subject,
            permit,
            digests,
            ..
        } = pending;
        let by = (subject, self.peer);
        let event = factor_event("enroll", by, Authenticator::Recovery, None);
        let (_, replaced) = self.change_factors(subject, permit, |account| {
            check_has_factor(account)?;
            let replaced = has_codes(account);
            account.set_recovery(digests.clone(), Timestamp::now());
            Ok((Some(event.clone()), replaced))
        })?;
        Ok(replaced)
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

/// Whether the user has recovery codes that can still be used.
fn has_codes(account: &Account) -> bool {
    account.recovery_left().is_some_and(|left| left > 0)
}

fn check_has_factor(account: &Account) -> Result<(), Failure> {
    match account.enrolled().is_empty() {
        true => Err(Failure::refused(
            "recovery codes replace a lost factor, but this user has none; set one up first: mfactl enroll totp USER",
        )),
        false => Ok(()),
    }
}
