//! The settings of a client.

use std::net::SocketAddr;
use std::time::Duration;

use crate::request::RequestError;
use crate::secret::SharedSecret;

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
