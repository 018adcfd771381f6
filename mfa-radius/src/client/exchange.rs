//! One request to one server: sent, resent, and its reply picked from what arrives.
//!
//! Every retransmission has the same bytes (RFC 5080 §2.2.1), so that the server sees one request
//! and rings once. They are encrypted for this server only.

use std::io;
use std::time::Instant;

use super::backoff::Backoff;
use super::{Server, Silence, Tried};
use crate::attribute::MAX_PACKET;
use crate::outside::{Outside, Wire};
use crate::reply::{Reply, ReplyError, decode, shows_life};
use crate::request::{NasIdentifier, Packet, Request, RequestError};

/// What ends an exchange early.
pub(super) enum Broken {
    Request(RequestError),
    Random(io::Error),
    Network(io::Error),
}

/// Counts of an exchange, for the log.
#[derive(Default)]
pub(super) struct Heard {
    pub(super) sent: u32,
    pub(super) refused: u32,
    pub(super) last_refusal: Option<ReplyError>,
    /// Whether the server answered a Status-Server.
    pub(super) alive: bool,
}

impl Heard {
    pub(super) fn in_vain(self, server: std::net::SocketAddr, silence: Silence) -> Tried {
        Tried {
            server,
            silence,
            sent: self.sent,
            refused: self.refused,
            last_refusal: self.last_refusal,
        }
    }
}

pub(super) struct Exchange<'a> {
    server: &'a Server,
    nas_identifier: &'a NasIdentifier,
    outside: &'a dyn Outside,
    wire: Box<dyn Wire>,
    request: Packet,
    /// The last Status-Server that was sent.
    status: Option<Packet>,
    backoff: Backoff,
    buffer: Vec<u8>,
}

impl<'a> Exchange<'a> {
    /// Builds the request and opens a socket for it, without sending.
    pub(super) fn begin(
        request: &Request<'_>,
        server: &'a Server,
        nas_identifier: &'a NasIdentifier,
        outside: &'a dyn Outside,
    ) -> Result<Self, Broken> {
        let [identifier] = draw(outside)?;
        let request = request
            .encode(identifier, draw(outside)?, &server.secret)
            .map_err(Broken::Request)?;
        Ok(Self {
            server,
            nas_identifier,
            outside,
            wire: outside.connect(server.address).map_err(Broken::Network)?,
            request,
            status: None,
            backoff: Backoff::default(),
            buffer: vec![0; MAX_PACKET],
        })
    }

    /// The server's reply; `None` if it stays silent until `patience`, or until `deadline` if it
    /// answers Status-Server.
    pub(super) fn run(
        mut self,
        patience: Instant,
        deadline: Instant,
        heard: &mut Heard,
    ) -> Result<Option<Reply>, Broken> {
        let mut send_at = self.outside.now();
        loop {
            let now = self.outside.now();
            let until = if heard.alive { deadline } else { patience };
            if now >= until {
                return Ok(None);
            }
            if now >= send_at {
                self.send(heard)?;
                send_at = now + self.backoff.next(u16::from_ne_bytes(draw(self.outside)?));
            }
            let wait = send_at.min(until).saturating_duration_since(now);
            let arrived = self.wire.receive(&mut self.buffer, wait);
            let Some(length) = arrived.map_err(Broken::Network)? else {
                continue;
            };
            if let Some(reply) = self.verify_reply(length, heard) {
                return Ok(Some(reply));
            }
        }
    }

    fn send(&mut self, heard: &mut Heard) -> Result<(), Broken> {
        self.wire
            .send(self.request.bytes())
            .map_err(Broken::Network)?;
        heard.sent += 1;
        // The first silence may be a lost datagram; after the second, a Status-Server is sent as
        // well.
        if self.server.answers_status && heard.sent > 1 && !heard.alive {
            self.ask_for_life(heard.sent)?;
        }
        Ok(())
    }

    /// Each Status-Server is a new request (RFC 5997 §4), with an identifier that differs from the
    /// login's.
    fn ask_for_life(&mut self, round: u32) -> Result<(), Broken> {
        let offset = u8::try_from(round).unwrap_or(u8::MAX);
        let status = Packet::status_server(
            self.nas_identifier,
            self.request.identifier().wrapping_add(offset),
            draw(self.outside)?,
            &self.server.secret,
        );
        self.wire.send(status.bytes()).map_err(Broken::Network)?;
        self.status = Some(status);
        Ok(())
    }

    fn verify_reply(&self, length: usize, heard: &mut Heard) -> Option<Reply> {
        let datagram = self.buffer.get(..length)?;
        let secret = &self.server.secret;
        match decode(datagram, &self.request, secret) {
            Ok(reply) => return Some(reply),
            Err(_) if self.is_sign_of_life(datagram) => heard.alive = true,
            Err(why) => {
                heard.refused = heard.refused.saturating_add(1);
                heard.last_refusal = Some(why);
            }
        }
        None
    }

    fn is_sign_of_life(&self, datagram: &[u8]) -> bool {
        self.status
            .as_ref()
            .is_some_and(|status| shows_life(datagram, status, &self.server.secret))
    }
}

fn draw<const N: usize>(outside: &dyn Outside) -> Result<[u8; N], Broken> {
    let mut bytes = [0; N];
    outside.fill(&mut bytes).map_err(Broken::Random)?;
    Ok(bytes)
}
