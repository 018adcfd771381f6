//! Enrolling security keys by their public keys.
//!
//! A user's own key signs once before it is stored: that it is theirs, works here, and asks for a touch is shown and not
//! believed. The caller carries two messages to its ssh-agent, which keys it has and one to sign, as in a login. An
//! administrator may store another user's key without: they can't touch it.

mod import;
mod list;
mod shared;

use std::time::Instant;

use data_encoding::BASE64;
use jiff::Timestamp;
use mfa_protocol::admin::{
    self as wire, ConfirmKeyParameters, EnrollKeyParameters, EnrollKeyReply,
};
use mfa_protocol::factor::Authenticator;

use super::super::connection::Connection;
use super::super::error::{Failure, about};
use super::super::peer::{Peer, Subject};
use super::super::pending::{KeyProof, PendingKey};
use super::super::random;
use super::enroll::CONFIRMATION;
use super::{Change, Permit, factor_event};
use crate::audit::Event;
use crate::config::Settings;
use mfa_core::account::{Account, By, SecurityKey};
use mfa_core::factors::Factor;
use mfa_core::factors::security_key::challenge::{
    Challenge, ChallengeContext, NoSignature, Purpose, identities, identities_request,
};
use mfa_core::factors::security_key::{KeyLine, PublicKey};

/// The service in what a key signs when it is enrolled.
const SERVICE: &str = "mfactl";

impl Connection {
    pub(super) fn enroll_key(
        &mut self,
        parameters: &EnrollKeyParameters,
    ) -> Result<EnrollKeyReply, Failure> {
        self.pending_key = None;
        let line: KeyLine = parameters.key.parse().map_err(Failure::refused)?;
        let settings = self.agent.settings();
        check_type(&settings, &line.key)?;
        let what = Change::Enroll(Factor::Key);
        let user = parameters.user.as_deref();
        let (subject, permit) = self.changing(user, &settings, what)?;
        let account = self.agent.repository.account(&subject.user)?;
        permit.check(&account)?;
        let key = new_key(&account, line.key, parameters.label.as_deref())?;
        // What would be refused after the touch is refused before it.
        let is_new = account.clone().add_key(key.clone());
        let is_new = is_new.map_err(Failure::refused)?;
        if !is_new {
            let held = account.find_key(Some(key.label.as_str()));
            return Ok(EnrollKeyReply {
                stored: true,
                ..reply(&settings, &subject, held.unwrap_or(&key))
            });
        }
        if !parameters.confirm && permit.by() == By::User {
            return Err(Failure::refused(
                "your key is stored after it has signed once; confirm it",
            ));
        }
        if !parameters.confirm {
            return self.store_key(&subject, &permit, &key);
        }
        let mut reply = reply(&settings, &subject, &key);
        reply.sign = Some(BASE64.encode(&identities_request()));
        self.pending_key = Some(Box::new(PendingKey {
            subject,
            permit,
            key,
            proof: KeyProof::Identities,
            begun: Instant::now(),
        }));
        Ok(reply)
    }

    pub(super) fn confirm_key(
        &mut self,
        parameters: &ConfirmKeyParameters,
    ) -> Result<EnrollKeyReply, Failure> {
        let pending = self.pending_key.take();
        let pending = pending.filter(|it| it.begun.elapsed() < CONFIRMATION).ok_or_else(|| {
            Failure::refused(
                "there is no security key to confirm on this connection; start again: mfactl enroll key USER < FILE.pub",
            )
        })?;
        let signed = BASE64.decode(parameters.signed.as_bytes());
        let signed = signed.map_err(|_| Failure::Parameter("signed".to_owned()))?;
        match &pending.proof {
            KeyProof::Identities => self.ask_to_sign(pending, &signed),
            KeyProof::Signature(challenge) => {
                let counter = self.verified(&pending, challenge, &signed)?;
                self.store_confirmed(*pending, counter)
            }
        }
    }

    /// The ssh-agent has said which keys it has. Goes on with the message to sign.
    fn ask_to_sign(
        &mut self,
        mut pending: Box<PendingKey>,
        said: &[u8],
    ) -> Result<EnrollKeyReply, Failure> {
        let key = &pending.key.key;
        let found = identities(said, std::iter::once(key)).map_err(|_| unsigned(NOT_LISTED))?;
        let identity = found
            .into_iter()
            .next()
            .ok_or_else(|| unsigned(NOT_LISTED))?;
        let challenge = Challenge::new(&ChallengeContext {
            purpose: Purpose::Enroll,
            host: &self.agent.host_name(),
            service: SERVICE,
            session: "",
            user: pending.subject.user.as_str(),
            now: Timestamp::now(),
            nonce: random()?,
        });
        let mut reply = reply(&self.agent.settings(), &pending.subject, &pending.key);
        reply.sign = Some(BASE64.encode(&challenge.request(&identity)));
        reply.touch = key.is_security_key();
        pending.proof = KeyProof::Signature(challenge);
        self.pending_key = Some(pending);
        Ok(reply)
    }

    /// What the key has signed, as far as it counts: its counter.
    fn verified(
        &self,
        pending: &PendingKey,
        challenge: &Challenge,
        signed: &[u8],
    ) -> Result<u32, Failure> {
        let key = &pending.key.key;
        let assertion = match challenge.verify(key, signed) {
            Ok(Ok(assertion)) => assertion,
            Ok(Err(fault)) => return Err(self.wrong_signature(pending, &fault.to_string())),
            Err(NoSignature::Refused) => return Err(unsigned(REFUSED)),
            Err(other) => return Err(unsigned(&other.to_string())),
        };
        let checked = self.agent.settings().key.check(assertion);
        let shown = checked.map_err(|_| unsigned(NOT_VERIFIED))?;
        Ok(shown.counter)
    }

    /// A signature that is wrong is no guess, since nothing is verified against the account, but it is worth a line.
    fn wrong_signature(&self, pending: &PendingKey, fault: &str) -> Failure {
        let by = (&pending.subject, self.peer);
        let event = Event {
            result: "refused",
            reason: Some(fault.to_owned()),
            ..key_event("enroll", by, &pending.key)
        };
        self.agent.record(event, self.peer);
        unsigned(fault)
    }

    /// Minutes have passed: settings, rights and the account are those of now.
    fn store_confirmed(
        &mut self,
        pending: PendingKey,
        counter: u32,
    ) -> Result<EnrollKeyReply, Failure> {
        let PendingKey {
            subject,
            permit,
            key,
            ..
        } = pending;
        check_type(&self.agent.settings(), &key.key)?;
        let permit = self.permit_now(&subject, &permit)?;
        let reply = self.store_key(&subject, &permit, &key.counted(counter))?;
        if permit.is_unproven() {
            let generation = self.agent.repository.account(&subject.user)?.generation();
            self.prove(&subject.user, generation);
        }
        Ok(reply)
    }

    fn store_key(
        &mut self,
        subject: &Subject,
        permit: &Permit,
        key: &SecurityKey,
    ) -> Result<EnrollKeyReply, Failure> {
        let others = self
            .agent
            .others_with(&subject.user, std::slice::from_ref(&key.key))?;
        let event = Event {
            reason: others.event_reason(),
            ..key_event("enroll", (subject, self.peer), key)
        };
        let (changed, stored) = self.change_factors(subject, permit, |account| {
            let added = account.add_key(key.clone()).map_err(Failure::refused)?;
            let name = key.key.fingerprint();
            let stored = account.find_key(Some(&name)).map_err(Failure::refused)?;
            Ok((added.then(|| event.clone()), stored.clone()))
        })?;
        // Whose key it is besides is not for everybody to know. What a user's own key shows was checked.
        let note = match permit.by() {
            By::Administrator => {
                let notes = others
                    .note()
                    .into_iter()
                    .chain(unshown(&self.agent.settings()));
                Some(notes.collect::<Vec<_>>().join("\n")).filter(|notes| !notes.is_empty())
            }
            By::User => None,
        };
        Ok(EnrollKeyReply {
            stored: true,
            changed,
            note: note.map(|note| about(&note, subject.user.as_str())),
            ..reply(&self.agent.settings(), subject, &stored)
        })
    }
}

/// The key with the given label, the one that it has already, or a free one.
fn new_key(account: &Account, key: PublicKey, label: Option<&str>) -> Result<SecurityKey, Failure> {
    let held = account.keys().iter().find(|held| held.key == key);
    let label = match (label, held) {
        (Some(label), _) => label.parse().map_err(Failure::refused)?,
        (None, Some(held)) => held.label.clone(),
        (None, None) => account.free_key_label(),
    };
    Ok(SecurityKey::new(label, key, now()))
}

/// The time as a record keeps it.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

/// Refuses keys of a type that the settings do not accept.
fn check_type(settings: &Settings, key: &PublicKey) -> Result<(), Failure> {
    match settings.key.take(key) {
        true => Ok(()),
        false => Err(Failure::refused(of_other_type(settings, key))),
    }
}

fn of_other_type(settings: &Settings, key: &PublicKey) -> String {
    let kind = key.type_name();
    match (key.is_security_key(), settings.key.verifies_owner()) {
        (true, _) => format!("[key] types does not list keys of type {kind}"),
        (false, true) => format!(
            "{kind} is the type of a key in a file, which never asks for a PIN or a finger, as [key] verification = \
             \"required\" demands. Make one that does: ssh-keygen -t ed25519-sk -O verify-required"
        ),
        (false, false) => format!(
            "{kind} is the type of a key in a file, which can be copied; only security keys count here, as [key] types says. \
             Make one: ssh-keygen -t ed25519-sk"
        ),
    }
}

/// What nobody knows of keys that were stored without a signature.
fn unshown(settings: &Settings) -> Option<String> {
    let is_required = settings.key.verifies_owner();
    is_required.then(|| UNSHOWN.to_owned())
}

/// The event of a change of a key.
fn key_event(event: &'static str, by: (&Subject, Peer), key: &SecurityKey) -> Event {
    Event {
        fingerprint: Some(key.key.fingerprint()),
        ..factor_event(event, by, Authenticator::Key, Some(key.label.to_string()))
    }
}

/// What is not stored yet.
fn reply(settings: &Settings, subject: &Subject, key: &SecurityKey) -> EnrollKeyReply {
    EnrollKeyReply {
        user: subject.user.to_string(),
        key: show(settings, key),
        stored: false,
        changed: false,
        sign: None,
        touch: false,
        note: None,
    }
}

/// A key, as it goes over the wire.
pub(super) fn show(settings: &Settings, key: &SecurityKey) -> wire::SecurityKey {
    wire::SecurityKey {
        label: key.label.to_string(),
        kind: key.key.type_name().to_owned(),
        fingerprint: key.key.fingerprint(),
        enabled: key.enabled,
        enrolled_at: key.dates.enrolled_at.to_string(),
        last_used_at: key.dates.last_used_at.map(|at| at.to_string()),
        counter_back_at: key.went_back_at().map(|at| at.to_string()),
        type_accepted: settings.key.take(&key.key),
    }
}

/// The fingerprints of the keys that `left` does not have any more, for the audit log.
pub(super) fn gone(before: &Account, left: &Account) -> Option<String> {
    let is_left = |key: &&SecurityKey| left.keys().iter().any(|held| held.key == key.key);
    let gone = before.keys().iter().filter(|key| !is_left(key));
    let gone: Vec<_> = gone.map(|key| key.key.fingerprint()).collect();
    (!gone.is_empty()).then(|| gone.join(", "))
}

/// What a removal here does not do.
pub(super) const STILL_IN_SSHD: &str =
    "sshd still accepts this key for logins if it is in authorized_keys: remove it there too";

const NOT_LISTED: &str = "your ssh-agent does not have this key; to see its keys: ssh-add -L; to add this one: ssh-add FILE (the file \
                          without .pub)";
const REFUSED: &str = "your ssh-agent did not sign; plug the key in, and touch it when it blinks. If the key has a PIN, your ssh-agent \
                       asks for it through ssh-askpass: start it with SSH_ASKPASS and DISPLAY set";
const NOT_VERIFIED: &str = "the key did not ask for its PIN, which [key] verification requires; make a key that does: \
                            ssh-keygen -t ed25519-sk -O verify-required";

/// What an administrator who stores keys should know.
const UNSHOWN: &str = "[key] verification = \"required\" is set: a key of USER counts only if it asks for its PIN or a finger, \
                       which a public key does not show. A key that does is made with ssh-keygen -O verify-required; with \
                       another, USER is asked for the next factor";

fn unsigned(why: &str) -> Failure {
    Failure::refused(format!("{why}. Nothing was stored"))
}
