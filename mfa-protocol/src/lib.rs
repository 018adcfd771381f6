//! What `pam_mfa`, `mfactl` and `mfa-agent` say to each other.
//!
//! The protocol is [Varlink](https://varlink.org): JSON objects, each ended by a NUL byte, over a Unix
//! stream socket. This crate holds the messages of the two interfaces, their framing with its limits,
//! the blocking client that the module and the command line share, and the module's arguments. It decides nothing: who may
//! call what, and what an answer is worth, is the agent's business.
//!
//! The `.varlink` files in this folder are the documentation of the interfaces; a test keeps the types
//! here and the files there alike.

#![forbid(unsafe_code)]

pub mod admin;
pub mod arguments;
pub mod client;
pub mod frame;
pub mod login;
pub mod message;
mod secret;

pub use secret::Secret;

/// Where the agent listens unless it is told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/mfa/agent.sock";

/// The longest answer that a person may give, in bytes (rule 7 of the architecture).
pub const MAX_ANSWER: usize = 512;

/// The longest user, service, host or terminal name, in bytes.
pub const MAX_NAME: usize = 256;

/// The interface description of `org.pam-mfa.Login`.
pub const LOGIN_INTERFACE: &str = include_str!("../org.pam-mfa.Login.varlink");

/// The interface description of `org.pam-mfa.Admin`.
pub const ADMIN_INTERFACE: &str = include_str!("../org.pam-mfa.Admin.varlink");
