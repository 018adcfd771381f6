//! The commands, one room each. Every `run` takes the context and its own arguments, and prints its
//! result itself.

pub(crate) mod address;
mod asking;
pub(crate) mod backup;
pub(crate) mod bypass;
pub(crate) mod config;
mod confirm;
pub(crate) mod doctor;
mod drift;
pub(crate) mod enroll;
pub(crate) mod explain;
mod findings;
pub(crate) mod home;
pub(crate) mod hosts;
pub(crate) mod import;
pub(crate) mod lists;
pub(crate) mod metrics;
pub(crate) mod mode;
mod opener;
pub(crate) mod remove;
pub(crate) mod rename;
pub(crate) mod restore;
mod resync;
pub(crate) mod rotate_key;
pub(crate) mod sessions;
pub(crate) mod settings;
pub(crate) mod stacks;
pub(crate) mod status;
pub(crate) mod store;
pub(crate) mod suspend;
pub(crate) mod test_delivery;
pub(crate) mod unlock;
pub(crate) mod users;
pub(crate) mod verify;

pub(crate) use doctor::agent_fails_to_start;

/// How a command ended that has printed its own result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything is done.
    Done,
    /// Something was refused, or the login failed.
    Refused,
    /// The agent is not reachable.
    Unreachable,
}
