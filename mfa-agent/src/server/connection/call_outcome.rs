//! What carrying out a call comes to: a reply, or something to be waited for first.

use serde::Serialize;

use super::super::admin::{Confirmation, Trial};
use super::super::effect::Effect;
use super::super::error::Failure;
use super::super::login::Login;
use super::{Body, body};

/// What carrying out a call comes to.
pub(in crate::server) enum CallOutcome {
    /// It has been carried out, or refused.
    Done(Result<Body, Failure>),
    /// This is the reply, and this is waited for once it is out. The connection keeps the login.
    Ahead(Body, Effect),
    /// It goes on once this is done, and with this.
    Waiting(Effect, Then),
}

/// What waits for an errand.
pub(in crate::server) enum Then {
    Login(Box<Login>),
    /// A message that is good for nothing.
    Trial(Trial),
    /// An address that is being enrolled.
    Confirmation(Box<Confirmation>),
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

impl Then {
    pub(super) fn into_login(self) -> Option<Box<Login>> {
        match self {
            Self::Login(login) => Some(login),
            Self::Trial(_) | Self::Confirmation(_) => None,
        }
    }
}
