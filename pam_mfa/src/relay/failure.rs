//! What a failed call to the agent means: always "unavailable", and an outage or not.
//!
//! Where it is an outage, `on_unavailable=ignore` lets the login go on without a second factor. So the
//! question here is whether the person who logs in could have brought the failure about.

use mfa_protocol::client::ClientError;
use mfa_protocol::message::ErrorKind;

use crate::outcome::Ending;

/// No step has come yet. An agent that lives says `Busy` when guests have filled it up; silence is an
/// outage.
pub(super) fn before_the_first_step(error: ClientError) -> Ending {
    let outage = match &error {
        ClientError::Unreachable { .. }
        | ClientError::TimedOut
        | ClientError::Connection(_)
        | ClientError::Garbled(_) => true,
        ClientError::Untrusted { .. } => false,
        ClientError::Refused { kind, .. } => *kind == Some(ErrorKind::Unavailable),
    };
    Ending::Unavailable {
        reason: reason(&error),
        outage,
    }
}

/// Something was asked: a guest may have waited until the login expired. Only the agent's own word that
/// its store is broken is still an outage.
pub(super) fn after_the_first_step(error: ClientError) -> Ending {
    let outage = matches!(
        error,
        ClientError::Refused {
            kind: Some(ErrorKind::Unavailable),
            ..
        }
    );
    Ending::Unavailable {
        reason: reason(&error),
        outage,
    }
}

/// What came is no step, or none that can follow.
pub(super) fn not_understood(why: impl std::fmt::Display) -> Ending {
    let reason = format!(
        "the agent's reply is not understood ({why}); are module and agent of the same version?"
    );
    Ending::Unavailable {
        reason,
        outage: false,
    }
}

fn reason(error: &ClientError) -> String {
    match error {
        ClientError::Refused { reason, .. } => format!("the agent refused: {reason}"),
        other => other.to_string(),
    }
}
