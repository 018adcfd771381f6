//! Asks servers in order, until one answers or the time is up.
//!
//! ```text
//!   1st server  ask …… ask ………… ask   silent for `timeout`: passed over from now on for `dead_time`
//!   2nd server                        ask …… ask ………… ask ……………………………………… ask … until the deadline
//!                                     the last one: a phone call or a push may take all the time there is
//! ```
//!
//! Silence has two meanings: the server is dead, or it is ringing somebody's phone. Where a server
//! answers Status-Server (RFC 5997), it is asked beside, and one that lives is waited for until the
//! deadline. Where it does not, as NPS does not, `timeout` alone tells, and must be longer than a person
//! takes if there is a second server; otherwise the second rings as well. A refusal by the host ("port
//! unreachable") ends the wait at once.
//!
//! What isn't a right reply is counted and passed over: a forger can't end a login either way. The answer
//! to a challenge goes to the server that sent it, which alone knows the State.

mod backoff;
mod exchange;
mod health;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::outside::Outside;
use crate::reply::{Reply, ReplyError, State};
use crate::request::{NasIdentifier, Request, RequestError};
use crate::secret::SharedSecret;
use exchange::{Broken, Exchange, Heard};
use health::Health;

/// One server.
pub struct Server {
    /// Where it listens; the usual port is 1812.
    pub address: SocketAddr,
    /// The secret that it shares with this host.
    pub secret: SharedSecret,
    /// Whether it answers Status-Server (RFC 5997): FreeRADIUS does, NPS does not.
    pub answers_status: bool,
}

/// What holds for all servers of a client.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name by which the servers know this host, 1 to 253 bytes.
    pub nas_identifier: String,
    /// How long a server may be silent before the next is asked.
    pub timeout: Duration,
    /// How long a server that was silent is passed over.
    pub dead_time: Duration,
}

/// What is wrong with a client's settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// There is nobody to ask.
    #[error("no RADIUS server is given; name at least one")]
    NoServer,
    /// The same address stands there twice.
    #[error("the RADIUS server {0} is given twice")]
    Twice(SocketAddr),
    /// It would be asked nothing at all.
    #[error("the time-out of a RADIUS server must be longer than nothing")]
    NoTimeout,
    /// The NAS-Identifier does not fit.
    #[error(transparent)]
    NasIdentifier(RequestError),
}

/// Servers that stand in for each other.
pub struct Client {
    servers: Vec<Server>,
    nas_identifier: NasIdentifier,
    timeout: Duration,
    health: Health,
}

/// What is asked of a server.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The name of the user at the server.
    pub user: &'a str,
    /// A password, a code, or the answer to a challenge.
    pub password: &'a str,
    /// Where the person comes from, if that is known.
    pub calling_station: Option<&'a str>,
    /// The challenge that this answers.
    pub follows: Option<&'a Challenge>,
}

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

impl Client {
    /// A client for servers that stand in for each other, the preferred one first.
    ///
    /// # Errors
    ///
    /// [`SetupError`].
    pub fn new(servers: Vec<Server>, settings: Settings) -> Result<Self, SetupError> {
        if servers.is_empty() {
            return Err(SetupError::NoServer);
        }
        for (index, server) in servers.iter().enumerate() {
            if servers[..index].iter().any(|s| s.address == server.address) {
                return Err(SetupError::Twice(server.address));
            }
        }
        if settings.timeout.is_zero() {
            return Err(SetupError::NoTimeout);
        }
        let health = Health::new(servers.len(), settings.dead_time);
        Ok(Self {
            servers,
            nas_identifier: NasIdentifier::new(settings.nas_identifier)
                .map_err(SetupError::NasIdentifier)?,
            timeout: settings.timeout,
            health,
        })
    }

    /// Asks, and waits for the answer until `deadline` at the most. Blocks; several may ask at once.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: nobody judged what was typed, so that it must not count as a wrong answer.
    pub fn ask(
        &self,
        attempt: &Attempt<'_>,
        deadline: Instant,
        outside: &dyn Outside,
    ) -> Result<Answer, ClientError> {
        let (order, first_hopeless) = self.order(attempt.follows, outside.now())?;
        let mut in_vain = Vec::new();
        for (place, &index) in order.iter().enumerate() {
            let last_hope = place + 1 == first_hopeless || place + 1 == order.len();
            let (reply, heard) = self.ask_one(index, attempt, last_hope, deadline, outside)?;
            let server = self.servers[index].address;
            match reply {
                Ok(reply) => {
                    return Ok(Answer {
                        outcome: outcome(reply, server),
                        server,
                        refused: heard.refused,
                        last_refusal: heard.last_refusal,
                        in_vain,
                    });
                }
                Err(silence) => in_vain.push(heard.in_vain(server, silence)),
            }
            if outside.now() >= deadline {
                break;
            }
        }
        Err(ClientError::NoAnswer(in_vain))
    }

    /// Whom to ask, in order, and from which place on there is little hope: servers that were silent a
    /// short time ago are asked only when the others can't be reached at all.
    fn order(
        &self,
        follows: Option<&Challenge>,
        now: Instant,
    ) -> Result<(Vec<usize>, usize), ClientError> {
        if let Some(Challenge { server, .. }) = follows {
            let index = self.servers.iter().position(|s| s.address == *server);
            return Ok((vec![index.ok_or(ClientError::UnknownServer(*server))?], 1));
        }
        let (dead, mut order): (Vec<_>, Vec<_>) =
            (0..self.servers.len()).partition(|index| self.health.is_dead(*index, now));
        let hopeful = order.len();
        order.extend(dead);
        Ok((order, hopeful))
    }

    /// One server: its reply, or how it was silent. Keeps in mind what that says about it.
    fn ask_one(
        &self,
        index: usize,
        attempt: &Attempt<'_>,
        last_hope: bool,
        deadline: Instant,
        outside: &dyn Outside,
    ) -> Result<(Result<Reply, Silence>, Heard), ClientError> {
        let server = &self.servers[index];
        let started = outside.now();
        let patience = match started.checked_add(self.timeout) {
            Some(end) if !last_hope => end.min(deadline),
            _ => deadline,
        };
        let request = self.request(attempt);
        let mut heard = Heard::default();
        let ended = Exchange::begin(&request, server, &self.nas_identifier, outside)
            .and_then(|exchange| exchange.run(patience, deadline, &mut heard));
        let now = outside.now();
        let silence = match ended {
            Ok(Some(reply)) => {
                self.health.lives(index, now);
                return Ok((Ok(reply), heard));
            }
            Ok(None) if heard.alive => {
                self.health.lives(index, now);
                Silence::Busy
            }
            Ok(None) => {
                if now.duration_since(started) >= self.timeout {
                    self.health.silent(index, started, now);
                }
                Silence::Silent
            }
            Err(Broken::Network(error)) => {
                self.health.silent(index, started, now);
                Silence::Unreachable(error)
            }
            Err(Broken::Request(error)) => return Err(ClientError::Request(error)),
            Err(Broken::Random(error)) => return Err(ClientError::Random(error)),
        };
        Ok((Err(silence), heard))
    }

    fn request<'a>(&'a self, attempt: &Attempt<'a>) -> Request<'a> {
        Request {
            user: attempt.user,
            password: attempt.password,
            state: attempt.follows.and_then(|c| c.state.as_ref()),
            nas_identifier: self.nas_identifier.as_str(),
            calling_station: attempt.calling_station,
        }
    }
}

fn outcome(reply: Reply, server: SocketAddr) -> Outcome {
    match reply {
        Reply::Accept { message } => Outcome::Accepted { message },
        Reply::Reject { message } => Outcome::Rejected { message },
        Reply::Challenge {
            state,
            message,
            echo,
        } => Outcome::Challenged(Challenge {
            server,
            state,
            message,
            echo,
        }),
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
