//! The active rules for the services whose stacks ask for a code.

use mfa_protocol::admin::{ServiceTerms, Terms, TermsParameters};
use mfa_protocol::client::ClientError;
use mfa_protocol::message::ErrorKind;

use crate::context::Context;
use crate::failure::Failure;

/// Nothing for callers who may not ask, and from an agent that is older than the method.
pub(super) fn of(context: &mut Context, services: &[&str]) -> Result<Vec<ServiceTerms>, Failure> {
    if services.is_empty() {
        return Ok(Vec::new());
    }
    let parameters = TermsParameters {
        services: services.iter().map(|name| (*name).to_owned()).collect(),
        from_files: false,
    };
    match context.call::<Terms>(&parameters) {
        Ok(reply) => Ok(reply.terms),
        Err(Failure::Agent(ClientError::Refused {
            kind: Some(ErrorKind::NotAllowed) | None,
            ..
        })) => Ok(Vec::new()),
        Err(failure) => Err(failure),
    }
}
