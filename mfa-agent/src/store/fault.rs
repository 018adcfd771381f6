//! What can go wrong inside of the store, in one type.
//!
//! Everything that fails below [`Store`](super::Store) becomes a [`Fault`]: a reason in our own words for
//! the log, and whether more room on the disk would help, since that is the one thing that can be done
//! about at once.

use std::fmt::Display;
use std::io::{self, ErrorKind};

/// Why something could not be read or made durable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Fault {
    /// Whether there was no space left.
    pub(super) full: bool,
    /// Whether what this process holds in memory is lost, and has to be read again.
    pub(super) in_memory: bool,
    /// Whether the system failed, and may not the next time: nothing is wrong with what is stored.
    pub(super) is_passing: bool,
    /// The words for the log.
    pub(super) reason: String,
}

impl Fault {
    /// A fault that more room on the disk does not cure.
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

    /// `what` failed with an error of the system.
    pub(super) fn of(what: impl Display) -> impl FnOnce(io::Error) -> Self {
        move |error| Self {
            full: is_full(&error),
            in_memory: false,
            is_passing: error.kind() != ErrorKind::NotFound,
            reason: format!("{what}: {error}"),
        }
    }

    /// sled failed. Its own advice is for programmers, so only an error of the system is passed on.
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
