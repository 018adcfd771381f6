//! What a client has to say after it asked: an answer, or why there is none, with what the log should know.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::reply::{Reply, ReplyError};
use crate::request::RequestError;
use crate::state::State;

/// What a server asks back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Who asks, and must get the answer.
    pub server: SocketAddr,
    /// What goes back with the answer.
    pub state: Option<State>,
    /// The question; at most [`crate::MAX_MESSAGE`] bytes, without control characters but line breaks.
    pub message: String,
    /// Whether the answer may be seen while it is typed.
    pub echo: bool,
}

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The answer was right.
    Accepted {
        /// To be shown, if not empty.
        message: String,
    },
    /// The answer was wrong.
    Rejected {
        /// To be shown, if not empty.
        message: String,
    },
    /// More is asked. Not a pass.
    Challenged(Challenge),
}

/// What a server said, and what the log should know of it.
#[derive(Debug)]
pub struct Answer {
    /// What it said.
    pub outcome: Outcome,
    /// Who said it.
    pub server: SocketAddr,
    /// Datagrams from its address that were no right reply.
    pub refused: u32,
    /// What was wrong with the last of these.
    pub last_refusal: Option<ReplyError>,
    /// Servers that were asked before, in vain.
    pub in_vain: Vec<Tried>,
}

/// A server that was asked in vain.
#[derive(Debug)]
pub struct Tried {
    /// Which.
    pub server: SocketAddr,
    /// How it ended.
    pub silence: Silence,
    /// Datagrams sent to it.
    pub sent: u32,
    /// Datagrams from its address that were no right reply.
    pub refused: u32,
    /// What was wrong with the last of these.
    pub last_refusal: Option<ReplyError>,
}

/// How a server was asked in vain.
#[derive(Debug)]
pub enum Silence {
    /// Nothing came that counts.
    Silent,
    /// It lives, by its own word (RFC 5997), but did not answer this in time.
    Busy,
    /// The network says that nobody is there.
    Unreachable(io::Error),
}

/// Why there is no answer. None of these says anything about what the person typed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The request can't be made.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// A challenge came from a server that is no longer among the settings.
    #[error("the RADIUS server {0} that asked is no longer in the settings; log in anew")]
    UnknownServer(SocketAddr),
    /// There is no randomness, without which replies could be forged.
    #[error("the system gives no random bytes: {0}")]
    Random(io::Error),
    /// All were asked in vain.
    #[error("no RADIUS server answered: {}", listed(.0))]
    NoAnswer(Vec<Tried>),
}

impl Outcome {
    /// What a reply of this server's means.
    pub(super) fn of(reply: Reply, server: SocketAddr) -> Self {
        match reply {
            Reply::Accept { message } => Self::Accepted { message },
            Reply::Reject { message } => Self::Rejected { message },
            Reply::Challenge {
                state,
                message,
                echo,
            } => Self::Challenged(Challenge {
                server,
                state,
                message,
                echo,
            }),
        }
    }
}

fn listed(tried: &[Tried]) -> String {
    if tried.is_empty() {
        return "there was no time left to ask".to_owned();
    }
    let each: Vec<String> = tried.iter().map(Tried::to_string).collect();
    each.join("; ")
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.server)?;
        match &self.silence {
            Silence::Silent => write!(f, "was silent")?,
            Silence::Busy => write!(f, "lives, but did not answer in time")?,
            Silence::Unreachable(error) => write!(f, "can't be reached ({error})")?,
        }
        write!(f, ", {} datagrams sent", self.sent)?;
        match self.last_refusal {
            Some(why) => write!(f, ", {} refused, the last because {why}", self.refused),
            // Servers drop what they can't verify without a word (RFC 2865 §3).
            None if matches!(self.silence, Silence::Silent) => {
                write!(
                    f,
                    " (is this host a client there, and the shared secret the same?)"
                )
            }
            None => Ok(()),
        }
    }
}
