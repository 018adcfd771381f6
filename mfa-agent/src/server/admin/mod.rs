//! `org.pam-mfa.Admin`, carried out.
//!
//! Each method first settles who the account is and whether this caller may (`peer`), then reads or
//! changes the account through `commit`, with one audit event for each change.

mod account;
mod backup;
mod check;
mod delivery;
mod device;
mod enroll;
mod explain;
mod fleet;
mod import;
mod key;
mod knowledge;
mod merge;
mod personal;
mod recovery;
mod restore;
mod rotate;
mod session;
mod store;
mod suspend;
mod terms;

use std::fmt::Display;

use mfa_protocol::message::ErrorKind;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::authorization::{Change, Permit, Right};
use super::commit::put_if;
use super::connection::{Body, CallOutcome, Connection, body, parse};
use super::error::Failure;
use super::peer::{Peer, Subject};
use crate::audit::Event;
use crate::config::Settings;
use crate::repository::Key;
use mfa_core::account::Account;
use mfa_core::factors::device::DeviceKind;

/// The most records that are read for a page: few may be listed, and the caller should not wait for long.
const RECORDS_A_PAGE: usize = 2_000;

impl Connection {
    pub(super) fn admin(
        &mut self,
        method: &str,
        parameters: Option<&RawValue>,
    ) -> Result<CallOutcome, Failure> {
        self.carry_out_admin(method, parameters)
            .map_err(|failure| match self.user_of(parameters) {
                Some(user) => failure.about(&user),
                None => failure,
            })
    }

    fn carry_out_admin(
        &mut self,
        method: &str,
        parameters: Option<&RawValue>,
    ) -> Result<CallOutcome, Failure> {
        match method {
            "EnrollAddress" => self.enroll_address(&parse(parameters)?),
            "TestDelivery" => self.test_delivery(&parse(parameters)?),
            _ => Ok(self.at_once(method, parameters)?.into()),
        }
    }

    /// The user that a call is about: the named user, or the caller.
    fn user_of(&self, parameters: Option<&RawValue>) -> Option<String> {
        #[derive(Deserialize)]
        struct Named {
            user: Option<String>,
        }
        let named = parameters.and_then(|it| serde_json::from_str::<Named>(it.get()).ok());
        named.and_then(|named| named.user).or_else(|| {
            let caller = self.agent.names.by_uid(self.peer.uid).ok().flatten();
            caller.map(|entry| entry.name.to_string())
        })
    }

    /// Carries out what waits for nobody.
    fn at_once(&mut self, method: &str, parameters: Option<&RawValue>) -> Result<Body, Failure> {
        match method {
            "Status" => body(&self.status(&parse(parameters)?)?),
            "Users" => body(&self.users(&parse(parameters)?)?),
            "Lockouts" => body(&self.lockouts(&parse(parameters)?)?),
            "Unlock" => body(&self.unlock(&parse(parameters)?)?),
            "EnrollTotp" => body(&self.enroll_device(DeviceKind::Totp, &parse(parameters)?)?),
            "EnrollHotp" => body(&self.enroll_device(DeviceKind::Hotp, &parse(parameters)?)?),
            "ConfirmDevice" => body(&self.confirm_device(&parse(parameters)?)?),
            "ConfirmAddress" => body(&self.confirm_address(&parse(parameters)?)?),
            "EnrollKey" => body(&self.enroll_key(&parse(parameters)?)?),
            "ConfirmKey" => body(&self.confirm_key(&parse(parameters)?)?),
            "ImportKeys" => body(&self.import_keys(&parse(parameters)?)?),
            "Keys" => body(&self.keys(&parse(parameters)?)?),
            "EnrollRadius" => body(&self.enroll_radius(&parse(parameters)?)?),
            "Primary" => body(&self.primary(&parse(parameters)?)?),
            "EnableAddress" => body(&self.enable_address(&parse(parameters)?)?),
            "EnableFactor" => body(&self.enable_factor(&parse(parameters)?)?),
            "EnrollPin" => body(&self.enroll_pin(parse(parameters)?)?),
            "Questions" => body(&self.questions()),
            "CheckQuestions" => body(&self.check_questions(parse(parameters)?)?),
            "EnrollQuestions" => body(&self.enroll_questions(parse(parameters)?)?),
            "EnrollRecovery" => body(&self.enroll_recovery(&parse(parameters)?)?),
            "ConfirmRecovery" => body(&self.confirm_recovery()?),
            "Remove" => body(&self.remove(&parse(parameters)?)?),
            "Rename" => body(&self.rename(&parse(parameters)?)?),
            "Resync" => body(&self.resync(&parse(parameters)?)?),
            "Drifts" => body(&self.drifts(&parse(parameters)?)?),
            "ImportAccounts" => body(&self.import_accounts(parse(parameters)?)?),
            "ImportUris" => body(&self.import_uris(parse(parameters)?)?),
            "Explain" => body(&self.explain(&parse(parameters)?)?),
            "Require" => body(&self.require(&parse(parameters)?)?),
            "Enforce" => body(&self.enforce(&parse(parameters)?)?),
            "Prefer" => body(&self.prefer(&parse(parameters)?)?),
            "SelfManage" => body(&self.self_manage(&parse(parameters)?)?),
            "AllowFrom" => body(&self.allow_from(&parse(parameters)?)?),
            "Sessions" => body(&self.sessions(&parse(parameters)?)?),
            "Revoke" => body(&self.revoke(&parse(parameters)?)?),
            "Bypass" => body(&self.bypass(&parse(parameters)?)?),
            "RevokeBypass" => body(&self.revoke_bypass(&parse(parameters)?)?),
            "Suspend" => body(&self.suspend(&parse(parameters)?)?),
            "Resume" => body(&self.end_suspension(&parse(parameters)?)?),
            "CheckConfig" => body(&self.check_config(&parse(parameters)?)?),
            "Health" => body(&self.health()?),
            "Terms" => body(&self.terms(&parse(parameters)?)?),
            "Mode" => body(&self.mode()?),
            "Reload" => body(&self.reload()?),
            _ => self.keep_store(method, parameters),
        }
    }

    /// What is about the store as a whole.
    fn keep_store(&mut self, method: &str, parameters: Option<&RawValue>) -> Result<Body, Failure> {
        match method {
            "BackupBegin" => body(&self.backup_begin(&parse(parameters)?)?),
            "BackupNext" => body(&self.backup_next()?),
            "BackupEnd" => body(&self.backup_end()?),
            "RestoreBegin" => body(&self.restore_begin(&parse(parameters)?)?),
            "RestoreNext" => body(&self.restore_next(&parse(parameters)?)?),
            "RestoreEnd" => body(&self.restore_end()?),
            "RestoreAbandon" => body(&self.restore_abandon()?),
            "MergeBegin" => body(&self.merge_begin(&parse(parameters)?)?),
            "MergeNext" => body(&self.merge_next(&parse(parameters)?)?),
            "KeyStatus" => body(&self.key_status()?),
            "RotatePrepare" => body(&self.rotate_prepare()?),
            "RotateBegin" => body(&self.rotate_begin()?),
            "RotateNext" => body(&self.rotate_next(&parse(parameters)?)?),
            "RotateEnd" => body(&self.rotate_end(&parse(parameters)?)?),
            "Hosts" => body(&self.hosts(&parse(parameters)?)?),
            "ForgetHost" => body(&self.forget_host(&parse(parameters)?)?),
            "Metrics" => body(&self.metrics()?),
            "StoreCheck" => body(&self.store_check(&parse(parameters)?)?),
            "StoreDrop" => body(&self.store_drop(&parse(parameters)?)?),
            _ => Err(Failure::NoMethod(format!("org.pam-mfa.Admin.{method}"))),
        }
    }

    /// The account that a change is about, and the right to change it.
    fn changing(
        &self,
        user: Option<&str>,
        settings: &Settings,
        what: Change,
    ) -> Result<(Subject, Permit), Failure> {
        let subject = self.agent.subject_or_caller(user, self.peer)?;
        let permit = self.permit(&subject, settings, what)?;
        Ok((subject, permit))
    }

    fn permit(
        &self,
        subject: &Subject,
        settings: &Settings,
        what: Change,
    ) -> Result<Permit, Failure> {
        let right = match self.agent.require_access(self.peer, settings, subject)? {
            true => Right::Administrator,
            false => self
                .proven(&subject.user)
                .map_or(Right::Unproven, Right::Proven),
        };
        Ok(Permit::new(right, what, settings.self_service.clone()))
    }

    /// The permit for what is stored minutes after it was begun. It is made of the settings and the proof of now: both
    /// may have ended meanwhile.
    fn permit_now(&self, subject: &Subject, begun: &Permit) -> Result<Permit, Failure> {
        let permit = self.permit(subject, &self.agent.settings(), begun.change())?;
        if permit.by() != begun.by() {
            return Err(Failure::new(
                ErrorKind::NotAllowed,
                "your rights have changed since you started; start again",
            ));
        }
        Ok(permit)
    }

    /// Changes what a user can pass. `change` returns the event that says so, if it changed anything. Returns
    /// whether it did.
    fn change_factors<T>(
        &mut self,
        subject: &Subject,
        permit: &Permit,
        change: impl Fn(&mut Account) -> Result<(Option<Event>, T), Failure>,
    ) -> Result<(bool, T), Failure> {
        let key = Key::account(&subject.user);
        let (changed, generation, said) = self.agent.commit(&key, self.peer, |account| {
            let mut account = account.unwrap_or_default();
            permit.check(&account)?;
            let (event, said) = change(&mut account)?;
            let said = (event.is_some(), account.generation(), said);
            Ok(put_if(event, account, said))
        })?;
        self.renew_proof(&subject.user, generation);
        Ok((changed, said))
    }
}

/// Bytes of a list that a reply shows; less than what a frame holds, with room for the rest of it.
const ROOM: usize = 40 << 10;

/// Keeps as much of the front of a list as a reply has room for. Returns how many were left out.
fn fit<T: serde::Serialize>(list: &mut Vec<T>) -> usize {
    let mut room = ROOM;
    let fitting = list.iter().take_while(|item| {
        let size = serde_json::to_vec(item).map_or(ROOM, |bytes| bytes.len() + 1);
        let left = room.checked_sub(size);
        room = left.unwrap_or(0);
        left.is_some()
    });
    let kept = fitting.count();
    let left_out = list.len() - kept;
    list.truncate(kept);
    left_out
}

/// The event of a change of a factor, or of what is named like one.
fn factor_event(
    event: &'static str,
    (subject, peer): (&Subject, Peer),
    factor: impl Display,
    label: Option<String>,
) -> Event {
    Event {
        factor: Some(factor.to_string()),
        label,
        ..change_event(event, subject, peer)
    }
}

impl Connection {
    /// Changes an account in the name of an administrator, and records `event` if `change` says that there was something
    /// to change. Returns the user, and whether there was.
    fn change_if(
        &self,
        user: &str,
        event: &'static str,
        change: impl Fn(&mut Account) -> bool,
    ) -> Result<(String, bool), Failure> {
        let agent = &self.agent;
        let subject = agent.subject(user)?;
        agent.require_authority(self.peer, &agent.settings(), &subject)?;
        let changed = agent.commit(&Key::account(&subject.user), self.peer, |account| {
            let mut account = account.unwrap_or_default();
            let changed = change(&mut account);
            let event = changed.then(|| change_event(event, &subject, self.peer));
            Ok(put_if(event, account, changed))
        })?;
        Ok((subject.user.to_string(), changed))
    }
}

fn change_event(event: &'static str, subject: &Subject, peer: Peer) -> Event {
    Event {
        event,
        result: "done",
        user: Some(subject.user.to_string()),
        by_uid: Some(peer.uid),
        by_pid: Some(peer.pid),
        ..Event::default()
    }
}
