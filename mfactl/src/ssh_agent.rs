//! The ssh-agent of whoever runs this command: what the agent asks of it is relayed, as the PAM module does.
//!
//! In comes a message for it, out goes its reply. Nothing is decided and nothing is kept. ^C ends the process, and so
//! the login.

use std::path::PathBuf;

use mfa_protocol::login::Unsigned;
use mfa_protocol::ssh_agent::{self, Message, SSH_AUTH_SOCK, SshAgent};
use nix::unistd::geteuid;

use crate::failure::Failure;

/// Its socket, if `SSH_AUTH_SOCK` names one.
pub(crate) fn of_this_user() -> Option<PathBuf> {
    ssh_agent::socket(&std::env::var_os(SSH_AUTH_SOCK)?)
}

/// Relays a message of the agent's, and returns the reply in base64, or why there is none.
pub(crate) fn relay(
    sign: &str,
    patience: Option<u32>,
) -> Result<Result<String, Unsigned>, Failure> {
    let message =
        Message::new(sign, patience).map_err(|error| Failure::Garbled(error.to_string()))?;
    let Some(socket) = of_this_user() else {
        return Ok(Err(Unsigned::NoAgent));
    };
    let agent = SshAgent {
        socket: &socket,
        owner: geteuid().as_raw(),
        is_interrupted: || false,
    };
    Ok(agent.relay(&message))
}
