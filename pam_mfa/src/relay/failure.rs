//! Maps a failed call to "unavailable", and decides whether it is an outage.
//!
//! In an outage, `on_unavailable=ignore` lets the login go on without a second factor. So a failure
//! that the user can cause must not count as one.

use std::io;

use mfa_protocol::client::ClientError;
use mfa_protocol::message::ErrorKind;

use crate::outcome::RelayResult;

/// Before the first step, an outage is: nobody listens, silence for the whole time-out, or the
/// agent's own report of a broken store.
///
/// A connection that breaks, an invalid reply and a full queue are not: an agent is alive, and a
/// user may have filled it up. Silence is one, because a hung agent must not lock out
/// administrators; the client measures it from when the call is written, so that neither other
/// callers nor a stopped host program can cause it.
pub(super) fn before_the_first_step(error: ClientError) -> RelayResult {
    let outage = match &error {
        ClientError::Unreachable { reason, .. } => nobody_listens(reason.kind()),
        ClientError::TimedOut => true,
        ClientError::Busy
        | ClientError::Connection(_)
        | ClientError::Garbled(_)
        | ClientError::Untrusted { .. } => false,
        ClientError::Refused { kind, .. } => *kind == Some(ErrorKind::Unavailable),
    };
    RelayResult::Unavailable {
        reason: reason(&error),
        outage,
        // A refusal may be about this account, such as a damaged record.
        before_any_answer: !matches!(error, ClientError::Refused { .. }),
    }
}

/// Whether the error tells the state of the agent's socket. Other errors may be a lack of resources
/// in the host program, such as descriptors, which the user of `sudo` controls.
fn nobody_listens(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::PermissionDenied
    )
}

/// After a prompt, the user may have waited until the login expired. Only the agent's own report of
/// a broken store is still an outage.
pub(super) fn after_the_first_step(error: ClientError) -> RelayResult {
    let outage = matches!(
        error,
        ClientError::Refused {
            kind: Some(ErrorKind::Unavailable),
            ..
        }
    );
    RelayResult::Unavailable {
        reason: reason(&error),
        outage,
        before_any_answer: false,
    }
}

/// The agent's reply is not a valid step.
pub(super) fn not_understood(why: impl std::fmt::Display) -> RelayResult {
    let reason = format!(
        "the agent's reply is not understood ({why}); check that module and agent have the same version"
    );
    RelayResult::Unavailable {
        reason,
        outage: false,
        before_any_answer: false,
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

    #[test]
    fn what_the_agent_refuses_or_what_ends_after_a_prompt_may_be_about_the_user() {
        let refused = |kind| ClientError::Refused {
            kind,
            reason: "a record is damaged".to_owned(),
        };
        for (result, expected) in [
            (before_the_first_step(ClientError::TimedOut), true),
            (before_the_first_step(ClientError::Busy), true),
            (
                before_the_first_step(refused(Some(ErrorKind::Unavailable))),
                false,
            ),
            (before_the_first_step(refused(None)), false),
            (after_the_first_step(ClientError::TimedOut), false),
        ] {
            let RelayResult::Unavailable {
                before_any_answer, ..
            } = result
            else {
                panic!("a failure is unavailable");
            };
            assert_eq!(before_any_answer, expected);
        }
    }

    fn is_outage(error: io::Error) -> bool {
        let unreachable = ClientError::Unreachable {
            path: "/run/mfa/agent.sock".into(),
            reason: error,
        };
        let RelayResult::Unavailable { outage, .. } = before_the_first_step(unreachable) else {
            panic!("unreachable is unavailable");
        };
        outage
    }

    #[test]
    fn a_silent_agent_is_an_outage_and_a_busy_one_is_not() {
        for (error, expected) in [(ClientError::TimedOut, true), (ClientError::Busy, false)] {
            let RelayResult::Unavailable { outage, .. } = before_the_first_step(error) else {
                panic!("no answer is unavailable");
            };
            assert_eq!(outage, expected);
        }
    }

    #[test]
    fn an_absent_agent_is_an_outage_and_a_lack_of_descriptors_is_not() {
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
