//! The world as the client knows it: a clock, randomness, a socket. Tests put another in its place.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// What a client needs of the world.
pub trait Outside {
    /// The time.
    fn now(&self) -> Instant;

    /// Random bytes that nobody can foretell.
    ///
    /// # Errors
    ///
    /// Whatever the source says; nothing is sent then.
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()>;

    /// A new way to one server, from a port of its own, on which nobody else's datagrams arrive.
    ///
    /// # Errors
    ///
    /// When there is no route, or no descriptor left.
    fn connect(&self, server: SocketAddr) -> io::Result<Box<dyn Wire>>;
}

/// A way to one server.
pub trait Wire {
    /// Sends one datagram.
    ///
    /// # Errors
    ///
    /// Whatever the system says, a refusal that answers an earlier datagram included.
    fn send(&mut self, datagram: &[u8]) -> io::Result<()>;

    /// Waits for one datagram, for at most `wait`, and says how many bytes of `buffer` it fills; none if
    /// nothing came.
    ///
    /// # Errors
    ///
    /// Whatever the system says but that nothing came.
    fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> io::Result<Option<usize>>;
}

/// The real one: the monotonic clock, the kernel's randomness, UDP.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Outside for System {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        getrandom::fill(bytes).map_err(io::Error::other)
    }

    fn connect(&self, server: SocketAddr) -> io::Result<Box<dyn Wire>> {
        let any: SocketAddr = match server {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any)?;
        // Connected: the kernel drops what others send, and tells when nobody listens there.
        socket.connect(server)?;
        Ok(Box::new(socket))
    }
}

impl Wire for UdpSocket {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        UdpSocket::send(self, datagram).map(|_| ())
    }

    fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> io::Result<Option<usize>> {
        // A time-out of zero would be none at all.
        self.set_read_timeout(Some(wait.max(Duration::from_millis(1))))?;
        match self.recv(buffer) {
            Ok(length) => Ok(Some(length)),
            Err(e) => match e.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Ok(None),
                _ => Err(e),
            },
        }
    }
}
