//! Asks servers in order, until one answers or the time is up.
//!
//! ```text
//!   1st server  ask …… ask ………… ask   silent for `timeout`: skipped from now on for `dead_time`
//!   2nd server                        ask …… ask ………… ask ……………………………………… ask … until the deadline
//!                                     the last one: a phone call or a push may take all the time there is
//! ```
//!
//! Silence has two meanings: the server is dead, or it waits for the user's phone. If a server answers
//! Status-Server (RFC 5997), the client sends that as well and waits for a living server until the
//! deadline. If it does not (NPS), only `timeout` decides; with a second server it must be longer than a
//! person takes, or the second server rings the phone, too. "Port unreachable" ends the wait at once.
//!
//! Invalid replies are counted and ignored, so a forger can't end a login either way. The answer to a
//! challenge goes to the server that sent it, because only that server knows the State.

mod answer;
mod backoff;
mod exchange;
mod health;
mod setup;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use crate::outside::Outside;
use crate::reply::Reply;
use crate::request::{NasIdentifier, Request};
pub use answer::{Answer, Challenge, ClientError, Outcome, Silence, Tried};
use exchange::{Broken, Exchange, Heard};
use health::Health;
pub use setup::{Server, Settings, SetupError};

/// Asks redundant servers.
pub struct Client {
    servers: Vec<Server>,
    nas_identifier: NasIdentifier,
    timeout: Duration,
    health: Health,
}

/// One question to a server.
#[derive(Clone, Copy)]
pub struct Attempt<'a> {
    /// The name of the user at the server.
    pub user: &'a str,
    /// A password, a code, or the answer to a challenge.
    pub password: &'a str,
    /// Where the user logs in from, if known.
    pub calling_station: Option<&'a str>,
    /// The challenge that this attempt answers.
    pub follows: Option<&'a Challenge>,
}

impl Client {
    /// A client for redundant servers, the preferred one first.
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

    /// Asks, and blocks until an answer or `deadline`. Several threads may ask at once.
    ///
    /// # Errors
    ///
    /// [`ClientError`]: no server verified the answer, so it must not count as wrong.
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
                        outcome: Outcome::of(reply, server),
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

    /// The servers in the order to ask, and the index from which on they were silent a short time
    /// ago: these are asked only if the others can't be reached at all.
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

    /// The reply of one server, or how it was silent.
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
        self.remember(index, started, outside.now(), heard.alive, &ended);
        let reply = match ended {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) if heard.alive => Err(Silence::Busy),
            Ok(None) => Err(Silence::Silent),
            Err(Broken::Network(error)) => Err(Silence::Unreachable(error)),
            Err(Broken::Request(error)) => return Err(ClientError::Request(error)),
            Err(Broken::Random(error)) => return Err(ClientError::Random(error)),
        };
        Ok((reply, heard))
    }

    /// Records which servers to skip next time. A wait that the deadline cut short proves nothing.
    fn remember(
        &self,
        index: usize,
        started: Instant,
        now: Instant,
        alive: bool,
        ended: &Result<Option<Reply>, Broken>,
    ) {
        let waited_long = now.duration_since(started) >= self.timeout;
        match ended {
            Ok(Some(_)) => self.health.lives(index, now),
            Ok(None) if alive => self.health.lives(index, now),
            Ok(None) if waited_long => self.health.silent(index, started, now),
            Err(Broken::Network(_)) => self.health.silent(index, started, now),
            Ok(None) | Err(Broken::Request(_) | Broken::Random(_)) => {}
        }
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
