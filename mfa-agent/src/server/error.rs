//! Refusals, as they go over the wire.

use std::fmt::Display;

use mfa_protocol::message::{ErrorKind, ErrorParameters, ErrorReply};

use crate::hasher::HashError;
use crate::repository::RepositoryError;
use mfa_core::names::NamesError;

/// A call that is not carried out: which refusal, and the reason for people.
#[derive(Debug)]
pub(super) enum Failure {
    /// One of ours.
    Ours(ErrorKind, String),
    /// The store did not say whether it has made a change, and why.
    Unknown(String),
    /// Varlink: no such method.
    NoMethod(String),
    /// Varlink: no such interface.
    NoInterface(String),
    /// Varlink: a parameter is missing or has a wrong value.
    Parameter(String),
}

impl Failure {
    pub(super) fn new(kind: ErrorKind, reason: impl Into<String>) -> Self {
        Self::Ours(kind, reason.into())
    }

    pub(super) fn refused(reason: impl Display) -> Self {
        Self::Ours(ErrorKind::Refused, reason.to_string())
    }

    pub(super) fn unavailable(reason: impl Display) -> Self {
        Self::Ours(ErrorKind::Unavailable, reason.to_string())
    }

    pub(super) fn busy(reason: impl Display) -> Self {
        Self::Ours(ErrorKind::Busy, reason.to_string())
    }

    /// Whether a limit was reached, as opposed to something not working.
    pub(super) fn is_busy(&self) -> bool {
        matches!(self, Self::Ours(ErrorKind::Busy, _))
    }

    /// Whether a change may have been made all the same.
    pub(super) fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown(_))
    }

    /// The reason, for the log.
    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Ours(_, text)
            | Self::Unknown(text)
            | Self::NoMethod(text)
            | Self::NoInterface(text)
            | Self::Parameter(text) => text,
        }
    }

    /// The same with the name of the user that the call is about instead of `USER`, so that its commands can be copied.
    pub(super) fn about(self, user: &str) -> Self {
        match self {
            Self::Ours(kind, reason) => Self::Ours(kind, about(&reason, user)),
            other => other,
        }
    }

    /// The reply to a call of a method of `interface`.
    pub(super) fn reply(self, interface: &str) -> ErrorReply {
        let none = ErrorParameters::default();
        match self {
            Self::Unknown(reason) => Self::unavailable(reason).reply(interface),
            Self::Ours(kind, reason) => ErrorReply {
                error: format!("{interface}.{}", kind.name()),
                parameters: ErrorParameters {
                    reason: Some(reason),
                    ..none
                },
            },
            Self::NoMethod(method) => ErrorReply {
                error: "org.varlink.service.MethodNotFound".to_owned(),
                parameters: ErrorParameters {
                    method: Some(method),
                    ..none
                },
            },
            Self::NoInterface(interface) => ErrorReply {
                error: "org.varlink.service.InterfaceNotFound".to_owned(),
                parameters: ErrorParameters {
                    interface: Some(interface),
                    ..none
                },
            },
            Self::Parameter(parameter) => ErrorReply {
                error: "org.varlink.service.InvalidParameter".to_owned(),
                parameters: ErrorParameters {
                    parameter: Some(parameter),
                    ..none
                },
            },
        }
    }
}

/// A hint with the name of the user that it is about.
pub(super) fn about(hint: &str, user: &str) -> String {
    hint.split_inclusive([' ', '\n'])
        .map(|word| match word.strip_prefix("USER") {
            Some(rest) if !rest.starts_with(char::is_alphanumeric) => format!("{user}{rest}"),
            _ => word.to_owned(),
        })
        .collect()
}

impl From<RepositoryError> for Failure {
    fn from(error: RepositoryError) -> Self {
        match error {
            RepositoryError::Contended(_) => Self::new(ErrorKind::Busy, error.to_string()),
            RepositoryError::Unknown(_) => Self::Unknown(error.to_string()),
            RepositoryError::NoRoom(_) | RepositoryError::OlderHosts(..) => Self::refused(error),
            _ => Self::unavailable(error),
        }
    }
}

impl From<NamesError> for Failure {
    fn from(error: NamesError) -> Self {
        use nix::libc::{EAGAIN, EMFILE, ENFILE, ENOMEM};
        let cause = match &error {
            NamesError::LookUp { error, .. } | NamesError::Passwd { error, .. } => {
                error.raw_os_error()
            }
            NamesError::Shadow { .. } | NamesError::Name { .. } | NamesError::Record(_) => None,
        };
        match cause {
            Some(EAGAIN | EMFILE | ENFILE | ENOMEM) => {
                Self::new(ErrorKind::Busy, error.to_string())
            }
            _ => Self::unavailable(error),
        }
    }
}

/// Load that any user can cause is "busy" and never "unavailable": a stack may accept logins when the agent is
/// unavailable (`on_unavailable=ignore`), but must not when an attacker keeps it busy.
impl From<HashError> for Failure {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::new(ErrorKind::Busy, error.to_string()),
            _ => Self::unavailable(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_names_its_user_wherever_a_word_begins() {
        let hint = "too\nUSER has none: mfactl enroll totp USER. USERS stay";
        let expected = "too\nanna has none: mfactl enroll totp anna. USERS stay";
        assert_eq!(about(hint, "anna"), expected);
    }
}
