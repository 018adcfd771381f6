//! A login that waits for something else than its user. Each wait holds the state that takes its result.

use super::super::wait::{MessageWait, RadiusOutcome, RadiusWait};
use super::post::Sending;
use super::radius::ReservedGuess;
use super::{Login, QueryingRadius};
use crate::delivery::Delivery;
use mfa_core::login::SendingCode;

/// A login that waits for something else than its user.
pub(in crate::server) enum LoginWait {
    /// A message.
    Message(MessageWait, Box<SendingLogin>),
    /// A RADIUS server.
    Radius(RadiusWait, Box<QueryingLogin>),
}

/// The same, once the wait is over.
pub(in crate::server) enum ResumedLogin {
    Message(Delivery, Box<SendingLogin>),
    Radius(RadiusOutcome, Box<QueryingLogin>),
}

/// A login that sends a code.
pub(in crate::server) struct SendingLogin {
    pub(super) login: Box<Login>,
    pub(super) state: SendingCode,
    pub(super) sending: Sending,
}

/// A login whose answer a RADIUS server verifies.
pub(in crate::server) struct QueryingLogin {
    pub(super) login: Box<Login>,
    pub(super) state: QueryingRadius,
    pub(super) guess: ReservedGuess,
}

impl LoginWait {
    /// Waits. Other callers don't wait meanwhile.
    pub(in crate::server) fn run(self) -> ResumedLogin {
        match self {
            Self::Message(wait, login) => ResumedLogin::Message(wait.run(), login),
            Self::Radius(wait, login) => ResumedLogin::Radius(wait.run(), login),
        }
    }
}

impl ResumedLogin {
    pub(in crate::server) fn login(&self) -> &Login {
        match self {
            Self::Message(_, sending) => &sending.login,
            Self::Radius(_, querying) => &querying.login,
        }
    }
}
