//! One exchange with the user's ssh-agent, for [`Step::sign`](crate::login::Step::sign).
//!
//! In comes a message of the ssh-agent protocol in base64, as mfa-agent wrote it, and the path in `SSH_AUTH_SOCK`. Out
//! goes the reply in base64, or the reason why there is none. Nothing in the reply is read except its length: mfa-agent
//! verifies the signature. The module and `mfactl` share this code.
//!
//! Whoever serves the socket may be hostile, and this runs inside sudo and su. So the reply is bounded, the time is
//! bounded whatever arrives in it, and only an ssh-agent of the user is spoken to: root's services trust who connects. Two
//! messages are relayed: the question for the keys, and the one for a signature that is good for nothing but pam_mfa. So
//! not even who has taken mfa-agent over can log in elsewhere with the user's keys.

mod stream;
#[cfg(test)]
mod tests;

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64ct::{Base64, Encoding};

use crate::MAX_SOCKET_PATH;
use crate::login::{MAX_SIGNED, SIGNATURE_NAMESPACE, Unsigned};
use stream::AgentStream;

/// The variable with the path of the ssh-agent's socket.
pub const SSH_AUTH_SOCK: &str = "SSH_AUTH_SOCK";

/// How long the ssh-agent may take, if mfa-agent does not say.
const USUAL_PATIENCE: Duration = Duration::from_secs(30);

/// The longest that mfa-agent may ask to wait for an ssh-agent.
const MOST_PATIENCE: Duration = Duration::from_secs(120);

/// `SSH_AGENTC_REQUEST_IDENTITIES`, the whole message.
const REQUEST_IDENTITIES: &[u8] = &[11];

/// `SSH_AGENTC_SIGN_REQUEST`, the first byte of the message.
const SIGN_REQUEST: u8 = 13;

/// How what is signed begins (OpenSSH, PROTOCOL.sshsig). A signature for an SSH login begins with a length.
const ENVELOPE: &[u8] = b"SSHSIG";

/// An ssh-agent, and what ends the wait for it.
#[derive(Clone, Copy, Debug)]
pub struct SshAgent<'a> {
    /// The socket.
    pub socket: &'a Path,
    /// The user who must serve it.
    pub owner: u32,
    /// Asked several times a second: whether the user has interrupted the program in a way that ends no system call.
    pub is_interrupted: fn() -> bool,
}

/// A message that is not for relaying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it wants a message relayed to the ssh-agent that asks for neither keys nor a signature for pam_mfa"
)]
pub struct NotRelayed;

/// A message from mfa-agent that may be relayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// With its length before it.
    frame: Vec<u8>,
    patience: Duration,
}

impl Message {
    /// Reads [`Step::sign`](crate::login::Step::sign) and [`Step::patience`](crate::login::Step::patience).
    ///
    /// # Errors
    ///
    /// [`NotRelayed`] if it is not base64, or asks for something else than keys or a signature for pam_mfa.
    pub fn new(sign: &str, patience: Option<u32>) -> Result<Self, NotRelayed> {
        let message = Base64::decode_vec(sign).map_err(|_| NotRelayed)?;
        let length = u32::try_from(message.len()).map_err(|_| NotRelayed)?;
        if message != REQUEST_IDENTITIES && !is_for_pam_mfa(&message) {
            return Err(NotRelayed);
        }
        let patience = patience.map_or(USUAL_PATIENCE, |seconds| {
            Duration::from_secs(seconds.into())
        });
        Ok(Self {
            frame: [&length.to_be_bytes()[..], &message].concat(),
            patience: patience.min(MOST_PATIENCE),
        })
    }
}

/// Whether this asks for a signature in [`SIGNATURE_NAMESPACE`], and no flag changes how it is made.
fn is_for_pam_mfa(message: &[u8]) -> bool {
    let signed = || {
        let rest = message.strip_prefix(&[SIGN_REQUEST])?;
        let (_key, rest) = split_string(rest)?;
        let (signed, flags) = split_string(rest)?;
        (flags == [0; 4]).then_some(signed)
    };
    let namespace = |signed: &[u8]| {
        Some(split_string(signed.strip_prefix(ENVELOPE)?)?.0 == SIGNATURE_NAMESPACE.as_bytes())
    };
    signed().and_then(namespace) == Some(true)
}

/// A string of the SSH protocols (RFC 4251 §5), and what follows it.
fn split_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

impl SshAgent<'_> {
    /// Sends `message` and returns the reply in base64. It takes no longer than the message's patience, connecting
    /// included.
    ///
    /// # Errors
    ///
    /// Why there is no reply.
    pub fn relay(&self, message: &Message) -> Result<String, Unsigned> {
        self.connect(message)?.exchange()
    }

    /// Connects, and checks who serves the socket. The module does this, and only this, with the user's rights.
    ///
    /// # Errors
    ///
    /// Why there is no ssh-agent of the user.
    pub fn connect<'a>(&self, message: &'a Message) -> Result<Connection<'a>, Unsigned> {
        if !is_usable(self.socket) {
            return Err(Unsigned::Refused);
        }
        let deadline = Instant::now() + message.patience;
        let stream = AgentStream::connect(self.socket, deadline, self.is_interrupted)?;
        match stream.server()? {
            uid if uid == self.owner => Ok(Connection { stream, message }),
            _ => Err(Unsigned::Refused),
        }
    }
}

/// A connection to an ssh-agent, for one message.
pub struct Connection<'a> {
    stream: AgentStream,
    message: &'a Message,
}

impl Connection<'_> {
    /// Sends the message and returns the reply in base64.
    ///
    /// # Errors
    ///
    /// Why there is no reply.
    pub fn exchange(mut self) -> Result<String, Unsigned> {
        self.stream.write_all(&self.message.frame)?;
        let mut length = [0; 4];
        self.stream.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        match length {
            // Every reply has a type.
            0 => return Err(Unsigned::Closed),
            1..=MAX_SIGNED => {}
            _ => return Err(Unsigned::TooLong),
        }
        let mut reply = vec![0; length];
        self.stream.read_exact(&mut reply)?;
        Ok(Base64::encode_string(&reply))
    }
}

/// The socket that `value`, the value of [`SSH_AUTH_SOCK`], names, if a program may connect to it.
#[must_use]
pub fn socket(value: &std::ffi::OsStr) -> Option<PathBuf> {
    let path = Path::new(value);
    is_usable(path).then(|| path.to_owned())
}

/// Whether this is the path of a socket, wherever this process works: an absolute one that fits an address.
fn is_usable(path: &Path) -> bool {
    path.is_absolute() && path.as_os_str().as_bytes().len() <= MAX_SOCKET_PATH
}
