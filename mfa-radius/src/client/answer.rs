//! The result of a question to RADIUS servers: an answer, or why there is none, with details for
//! the log.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use crate::reply::{Reply, ReplyError};
use crate::request::RequestError;
use crate::state::State;

/// A further question from a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The server that asks; the answer must go there.
    pub server: SocketAddr,
    /// Sent back with the answer.
    pub state: Option<State>,
    /// The question; at most [`crate::MAX_MESSAGE`] bytes, without control characters but line breaks.
    pub message: String,
    /// Whether the answer may be shown while the user types it.
    pub echo: bool,
}

/// The server's decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Access-Accept.
    Accepted {
        /// For the user, if not empty.
        message: String,
    },
    /// Access-Reject.
    Rejected {
        /// For the user, if not empty.
        message: String,
    },
    /// Access-Challenge: the server asks for more. Not a pass.
    Challenged(Challenge),
}

/// The server's decision, with details for the log.
#[derive(Debug)]
pub struct Answer {
    /// The server's decision.
    pub outcome: Outcome,
    /// The server that answered.
    pub server: SocketAddr,
    /// Number of invalid datagrams from its address.
    pub refused: u32,
    /// What was wrong with the last invalid datagram.
    pub last_refusal: Option<ReplyError>,
    /// Servers that were asked before without an answer.
    pub in_vain: Vec<Tried>,
}

/// A server that gave no answer.
#[derive(Debug)]
pub struct Tried {
    /// Its address.
    pub server: SocketAddr,
    /// How the exchange ended.
    pub silence: Silence,
    /// Number of datagrams sent to it.
    pub sent: u32,
    /// Number of invalid datagrams from its address.
    pub refused: u32,
    /// What was wrong with the last invalid datagram.
    pub last_refusal: Option<ReplyError>,
}

/// How an exchange ended without an answer.
#[derive(Debug)]
pub enum Silence {
    /// No valid reply came.
    Silent,
    /// It answers Status-Server (RFC 5997), but did not answer the question in time.
    Busy,
    /// The network reports that no server listens there.
    Unreachable(io::Error),
}

/// Why there is no answer. None of these says anything about the user's answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The request can't be built.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// The server that sent the challenge is no longer in the settings.
    #[error("the RADIUS server {0} that asked is no longer in the settings; log in again")]
    UnknownServer(SocketAddr),
    /// There is no randomness, without which replies could be forged.
    #[error("the system provides no random bytes: {0}")]
    Random(io::Error),
    /// No server answered.
    #[error("no RADIUS server answered: {}", listed(.0))]
    NoAnswer(Vec<Tried>),
}

impl Outcome {
    /// The meaning of a reply from `server`.
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
            Silence::Silent => write!(f, "did not answer")?,
            Silence::Busy => write!(f, "is alive, but did not answer in time")?,
            Silence::Unreachable(error) => write!(f, "can't be reached ({error})")?,
        }
        write!(f, ", {} datagrams sent", self.sent)?;
        match self.last_refusal {
            Some(why) => write!(f, ", {} refused, the last because {why}", self.refused),
            // Servers drop silently what they can't verify (RFC 2865 §3).
            None if matches!(self.silence, Silence::Silent) => {
                write!(
                    f,
                    " (check that this host is configured there as a client, with the same shared \
                     secret)"
                )
            }
            None => Ok(()),
        }
    }
}
