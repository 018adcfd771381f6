//! The protocol between `pam_mfa`, `mfactl` and `mfa-agent`.
//!
//! The protocol is [Varlink](https://varlink.org): JSON objects, each ended by a NUL byte, over a Unix
//! stream socket. This crate holds the messages of the two interfaces, their framing with its limits,
//! the blocking client that the module and the command line share, and the module's arguments. It decides nothing: who may
//! call what, and what an answer is worth, is the agent's business.
//!
//! The `.varlink` files in this folder are the documentation of the interfaces; a test keeps the types
//! here and the files there alike.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod admin;
pub mod arguments;
pub mod backup;
#[cfg(feature = "client")]
pub mod client;
pub mod factor;
pub mod frame;
pub mod login;
pub mod message;
pub mod policy;
mod secret;
#[cfg(feature = "client")]
pub mod ssh_agent;
pub mod words;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub use secret::Secret;

/// The default path of the public socket.
pub const DEFAULT_SOCKET: &str = "/run/mfa/agent.sock";

/// The longest path of a Unix socket, in bytes (unix(7)).
pub const MAX_SOCKET_PATH: usize = 107;

/// The private socket for programs that guard logins. Ordinary users can't reach it, so they can't fill its queue. None
/// if the path would be too long for a socket.
#[must_use]
pub fn private_socket(public: &Path) -> Option<PathBuf> {
    let private = public.parent()?.join("private").join(public.file_name()?);
    (private.as_os_str().len() <= MAX_SOCKET_PATH).then_some(private)
}

/// The longest time without an accepting agent during a restart. Programs that connect then wait in the socket for the
/// next agent, and must not treat this as an outage: see [`arguments::Arguments::outlasts_restart`].
pub const LONGEST_SILENCE: Duration = Duration::from_secs(3);

/// The longest answer that a person may give, in bytes (rule 7 of the architecture).
pub const MAX_ANSWER: usize = 512;

/// The longest user, service, host or terminal name, in bytes.
pub const MAX_NAME: usize = 256;

/// The interface description of `org.pam-mfa.Login`.
pub const LOGIN_INTERFACE: &str = include_str!("../org.pam-mfa.Login.varlink");

/// The interface description of `org.pam-mfa.Admin`.
pub const ADMIN_INTERFACE: &str = include_str!("../org.pam-mfa.Admin.varlink");
