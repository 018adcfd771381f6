//! What a failed call to the agent means: always "unavailable", and an outage or not.
//!
//! Where it is an outage, `on_unavailable=ignore` lets the login go on without a second factor. So the
//! question here is whether the person who logs in could have brought the failure about.

use std::io;

use mfa_protocol::client::ClientError;
use mfa_protocol::message::ErrorKind;

use crate::outcome::Ending;

/// No step has come yet. Outages are: nobody listens, silence for the whole time-out, and the agent's own
/// word that its store is broken.
///
/// A connection that was made and then broke is none, nor is a reply that makes no sense: an agent lives
/// there, and a guest may have filled it up. A full queue is none for the same reason. Silence is one, because a hung
/// agent must not lock out those an administrator wants in; the client measures it from when the call is written, so
/// that neither other callers nor a user who stops the host program can bring it about.
pub(super) fn before_the_first_step(error: ClientError) -> Ending {
    let outage = match &error {
        ClientError::Unreachable { reason, .. } => nobody_listens(reason.kind()),
        ClientError::TimedOut => true,
        ClientError::Busy
        | ClientError::Connection(_)
        | ClientError::Garbled(_)
        | ClientError::Untrusted { .. } => false,
        ClientError::Refused { kind, .. } => *kind == Some(ErrorKind::Unavailable),
    };
    Ending::Unavailable {
        reason: reason(&error),
        outage,
    }
}

/// What the state of the agent's socket says. Everything else may be the host program's own want, such as
/// of descriptors, and whoever runs `sudo` decides how many of those it gets.
fn nobody_listens(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::PermissionDenied
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    fn is_outage(error: io::Error) -> bool {
        let unreachable = ClientError::Unreachable {
            path: "/run/mfa/agent.sock".into(),
            reason: error,
        };
        let Ending::Unavailable { outage, .. } = before_the_first_step(unreachable) else {
            panic!("unreachable is unavailable");
        };
        outage
    }

    #[test]
    fn an_agent_that_is_silent_is_an_outage_and_one_that_is_busy_is_none() {
        for (error, expected) in [(ClientError::TimedOut, true), (ClientError::Busy, false)] {
            let Ending::Unavailable { outage, .. } = before_the_first_step(error) else {
                panic!("no answer is unavailable");
            };
            assert_eq!(outage, expected);
        }
    }

    #[test]
    fn an_absent_agent_is_an_outage_and_a_want_of_the_host_programs_own_is_none() {
        for absent in [
            libc::ENOENT,
            libc::ENOTDIR,
            libc::ECONNREFUSED,
            libc::EACCES,
        ] {
            assert!(is_outage(io::Error::from_raw_os_error(absent)), "{absent}");
        }
        for own in [
            libc::EMFILE,
            libc::ENFILE,
            libc::ENOMEM,
            libc::ENOBUFS,
            libc::EINTR,
        ] {
            assert!(!is_outage(io::Error::from_raw_os_error(own)), "{own}");
        }
    }
}
