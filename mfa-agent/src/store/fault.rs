//! The error type inside the store.
//!
//! Every failure below [`Store`](super::Store) becomes a [`Fault`]: a reason for the log, and
//! whether more space on the disk would help, because that is the one thing that can be fixed at
//! once.

use std::fmt::Display;
use std::io::{self, ErrorKind};

/// Why something could not be read or made durable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Fault {
    /// Whether the disk was full.
    pub(super) full: bool,
    /// Whether the state in this process's memory is lost and has to be read again.
    pub(super) in_memory: bool,
    /// Whether a system call failed that may work the next time: the stored data is fine.
    pub(super) is_passing: bool,
    /// The reason for the log.
    pub(super) reason: String,
}

impl Fault {
    /// A fault that more space on the disk does not fix.
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self {
            full: false,
            in_memory: false,
            is_passing: false,
            reason: reason.into(),
        }
    }

    /// The table of recent changes is broken.
    pub(super) fn table() -> Self {
        Self {
            in_memory: true,
            is_passing: true,
            ..Self::new("the table of recent changes is broken")
        }
    }

    /// `what` failed with a system error.
    pub(super) fn of(what: impl Display) -> impl FnOnce(io::Error) -> Self {
        move |error| Self {
            full: is_full(&error),
            in_memory: false,
            is_passing: error.kind() != ErrorKind::NotFound,
            reason: format!("{what}: {error}"),
        }
    }

    /// sled failed. Its advice is for programmers, so only system errors are passed on.
    pub(super) fn of_table(error: &::sled::Error) -> Self {
        match error {
            ::sled::Error::Io(error) => Self {
                full: is_full(error),
                in_memory: true,
                is_passing: true,
                reason: format!("the table of recent changes: {error}"),
            },
            _ => Self::table(),
        }
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded
    )
}
