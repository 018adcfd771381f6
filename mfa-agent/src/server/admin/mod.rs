//! `org.pam-mfa.Admin`, carried out.
//!
//! Each method first settles who the account is and whether this caller may (`peer`), then reads or
//! changes the account through `ledger`, and leaves one audit event for each change.

mod account;
mod enrol;
mod explain;
mod import;
mod knowledge;

use mfa_protocol::message::ErrorKind;
use serde_json::value::RawValue;

use super::connection::{Body, Connection, body, parse};
use super::error::Failure;
use super::peer::{Peer, Subject};
use crate::account::Account;
use crate::audit::Event;
use crate::config::Settings;
use crate::factors::Factor;
use crate::ledger::{After, Key};
pub(super) use enrol::Pending;

impl Connection {
    pub(super) fn admin(
        &mut self,
        method: &str,
        parameters: Option<&RawValue>,
    ) -> Result<Body, Failure> {
        match method {
            "Status" => body(&self.status(&parse(parameters)?)?),
            "Users" => body(&self.users(&parse(parameters)?)?),
            "Lockouts" => body(&self.lockouts(&parse(parameters)?)?),
            "Unlock" => body(&self.unlock(&parse(parameters)?)?),
            "EnrollTotp" => body(&self.enrol_totp(&parse(parameters)?)?),
            "ConfirmTotp" => body(&self.confirm_totp(&parse(parameters)?)?),
            "EnrollPin" => body(&self.enrol_pin(parse(parameters)?)?),
            "Questions" => body(&self.questions()),
            "EnrollQuestions" => body(&self.enrol_questions(parse(parameters)?)?),
            "Remove" => body(&self.remove(&parse(parameters)?)?),
            "ImportUris" => body(&self.import_uris(parse(parameters)?)?),
            "Explain" => body(&self.explain(&parse(parameters)?)?),
            _ => Err(Failure::NoMethod(format!("org.pam-mfa.Admin.{method}"))),
        }
    }

    /// The account that a change is about, and by what right.
    fn changing(
        &self,
        user: Option<&str>,
        settings: &Settings,
    ) -> Result<(Subject, Right), Failure> {
        let subject = self.agent.subject_or_caller(user, self.peer)?;
        let right = match self.agent.require_access(self.peer, settings, &subject)? {
            true => Right::Administrator,
            false => self
                .proven(&subject.user)
                .map_or(Right::Unproven, Right::Proven),
        };
        Ok((subject, right))
    }

    /// Changes what a user can pass. `change` tells whether it changed anything.
    fn change_factors<T>(
        &mut self,
        subject: &Subject,
        right: Right,
        change: impl Fn(&mut Account) -> Result<(bool, T), Failure>,
    ) -> Result<(bool, T), Failure> {
        let key = Key::account(&subject.user);
        let (changed, generation, said) = self.agent.ledger.change(&key, |account| {
            let mut account = account.unwrap_or_default();
            right.check(&account)?;
            let (changed, said) = change(&mut account)?;
            let generation = account.generation();
            let after = if changed {
                After::Put(account.into())
            } else {
                After::Same
            };
            Ok::<_, Failure>((after, (changed, generation, said)))
        })?;
        self.renew_proof(&subject.user, generation);
        Ok((changed, said))
    }

    /// Leaves the audit event of a change.
    fn note(&self, event: &'static str, subject: &Subject, factor: Factor, label: Option<String>) {
        self.agent.record(Event {
            factor: Some(factor.to_string()),
            label,
            ..change_event(event, subject, self.peer)
        });
    }
}

/// By what right an account is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Right {
    /// An administrator's.
    Administrator,
    /// The user's own, who has passed a factor on this connection, when the account was in this
    /// generation.
    Proven(u64),
    /// The user's own, who has not: enough only as long as there is no factor that could be passed.
    Unproven,
}

impl Right {
    /// Refuses users who have to pass a factor first. Asked inside the change itself, so that no
    /// enrolment at the same time can slip in between.
    fn check(self, account: &Account) -> Result<(), Failure> {
        let holds = match self {
            Self::Administrator => true,
            Self::Proven(generation) => generation == account.generation(),
            Self::Unproven => account.enrolled().is_empty(),
        };
        if holds {
            return Ok(());
        }
        Err(Failure::new(
            ErrorKind::NotVerified,
            "to change your factors, first pass one that you have",
        ))
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
