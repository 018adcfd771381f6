//! What a connection keeps of an administrator's call until its next call or message.

use std::time::Instant;

use super::authorization::Permit;
use super::peer::Subject;
use mfa_core::account::{Contact, Device};
use mfa_core::factors::address::Recipient;
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
