//! What a connection keeps of an administrator's call until its next call or message.

use std::sync::Arc;
use std::time::Instant;

use super::Agent;
use super::authorization::Permit;
use super::counter::Held;
use super::peer::Subject;
use crate::repository::{BackupRun, RestoreRun};
use mfa_core::account::{Contact, Device, SecurityKey};
use mfa_core::factors::address::Recipient;
use mfa_core::factors::recovery::CodeDigest;
use mfa_core::factors::security_key::challenge::Challenge;
use mfa_core::factors::sent_code::SentCode;

/// A device that waits for its first code. It lives and dies with its connection.
pub(super) struct PendingDevice {
    pub(super) subject: Subject,
    pub(super) permit: Permit,
    pub(super) device: Device,
    pub(super) issuer: String,
    pub(super) tries_left: u32,
    pub(super) begun: Instant,
}

/// A security key that must sign before it is stored. It lives and dies with its connection.
pub(super) struct PendingKey {
    pub(super) subject: Subject,
    pub(super) permit: Permit,
    pub(super) key: SecurityKey,
    pub(super) proof: KeyProof,
    pub(super) begun: Instant,
}

/// What the caller's ssh-agent was asked for last.
pub(super) enum KeyProof {
    /// Which keys it has.
    Identities,
    /// A signature over this.
    Signature(Challenge),
}

/// Recovery codes that the user has not acknowledged. They live and die with their connection.
pub(super) struct PendingCodes {
    pub(super) subject: Subject,
    pub(super) permit: Permit,
    pub(super) digests: Vec<CodeDigest>,
    pub(super) begun: Instant,
}

/// An address that waits for its code.
pub(super) struct Confirmation {
    pub(super) subject: Subject,
    pub(super) permit: Permit,
    pub(super) contact: Contact,
    pub(super) code: SentCode,
    pub(super) tries_left: u32,
    pub(super) expires: Instant,
}

/// A message that is being tried.
pub(super) struct Trial {
    pub(super) to: Recipient,
}

/// A backup that is being made.
pub(super) struct BackupCall {
    pub(super) run: BackupRun,
    /// Who can open it, for the log.
    pub(super) sealed_for: String,
    pub(super) is_at_its_end: bool,
    pub(super) _place: Held<()>,
}

/// A restore that is being prepared. If it is dropped before its end, what it wrote is swept away.
pub(super) struct RestoreCall {
    pub(super) agent: Arc<Agent>,
    pub(super) run: RestoreRun,
    pub(super) records: u64,
    pub(super) is_done: bool,
}

impl Drop for RestoreCall {
    fn drop(&mut self) {
        if !self.is_done {
            self.agent.repository.abandon_restore();
        }
        self.agent.sweep();
    }
}
