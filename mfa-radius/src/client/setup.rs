//! The settings of a client.

use std::net::SocketAddr;
use std::time::Duration;

use crate::request::RequestError;
use crate::secret::SharedSecret;

/// A RADIUS server.
pub struct Server {
    /// Its address; the default port is 1812.
    pub address: SocketAddr,
    /// The secret shared with this host.
    pub secret: SharedSecret,
    /// Whether it answers Status-Server (RFC 5997): FreeRADIUS does, NPS does not.
    pub answers_status: bool,
}

/// The settings for all servers of a client.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name by which the servers know this host, 1 to 253 bytes.
    pub nas_identifier: String,
    /// How long a server may be silent before the next is asked.
    pub timeout: Duration,
    /// How long a silent server is skipped.
    pub dead_time: Duration,
}

/// What is wrong with a client's settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SetupError {
    /// There is no server.
    #[error("no RADIUS server is given; name at least one")]
    NoServer,
    /// Two servers have the same address.
    #[error("the RADIUS server {0} is given twice")]
    Twice(SocketAddr),
    /// The time-out is zero.
    #[error("the time-out of a RADIUS server must be more than 0")]
    NoTimeout,
    /// The NAS-Identifier has a wrong length.
    #[error(transparent)]
    NasIdentifier(RequestError),
}
