//! What carrying out a call comes to: a reply, or something to be waited for first.

use serde::Serialize;

use super::super::error::Failure;
use super::super::login::{LateMessage, LoginWait, ResumedLogin};
use super::super::pending::{Confirmation, Trial};
use super::super::wait::MessageWait;
use super::{Body, body};
use crate::delivery::Delivery;

/// What carrying out a call comes to.
pub(in crate::server) enum CallOutcome {
    /// It has been carried out, or refused.
    Done(Result<Body, Failure>),
    /// This is the reply, and this is waited for once it is out. The connection keeps the login.
    Ahead(Body, LateMessage),
    /// It goes on once this is over.
    Waiting(Waiting),
}

/// What a call waits for, and what goes on with what comes of that.
pub(in crate::server) enum Waiting {
    /// A login.
    Login(LoginWait),
    /// An invalid message.
    Trial(MessageWait, Trial),
    /// An address that is being enrolled.
    Confirmation(MessageWait, Box<Confirmation>),
}

/// The same, once the wait is over.
pub(in crate::server) enum Resumed {
    Login(ResumedLogin),
    Trial(Delivery, Trial),
    Confirmation(Delivery, Box<Confirmation>),
}

/// A call that has been carried out.
pub(in crate::server) fn done(reply: &impl Serialize) -> Result<CallOutcome, Failure> {
    Ok(body(reply)?.into())
}

impl From<Body> for CallOutcome {
    fn from(body: Body) -> Self {
        Self::Done(Ok(body))
    }
}

impl Waiting {
    /// Waits. Other callers don't wait meanwhile.
    pub(super) fn run(self) -> Resumed {
        match self {
            Self::Login(wait) => Resumed::Login(wait.run()),
            Self::Trial(wait, trial) => Resumed::Trial(wait.run(), trial),
            Self::Confirmation(wait, pending) => Resumed::Confirmation(wait.run(), pending),
        }
    }
}
