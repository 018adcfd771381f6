//! The outside world of the client: a clock, randomness, a socket. Tests replace it.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// The clock, randomness and sockets of a client.
pub trait Outside {
    /// The current time.
    fn now(&self) -> Instant;

    /// Fills `bytes` with unpredictable random bytes.
    ///
    /// # Errors
    ///
    /// The source's error; nothing is sent then.
    fn fill(&self, bytes: &mut [u8]) -> io::Result<()>;

    /// A connection to one server from its own port, so that no datagram of another login arrives
    /// there.
    ///
    /// # Errors
    ///
    /// No route, or no file descriptor left.
    fn connect(&self, server: SocketAddr) -> io::Result<Box<dyn Wire>>;
}

/// A connection to one server.
pub trait Wire {
    /// Sends one datagram.
    ///
    /// # Errors
    ///
    /// The system's error, which may answer an earlier datagram.
    fn send(&mut self, datagram: &[u8]) -> io::Result<()>;

    /// Waits at most `wait` for one datagram, and returns how many bytes of `buffer` it fills;
    /// `None` if nothing came.
    ///
    /// # Errors
    ///
    /// The system's error, except a time-out.
    fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> io::Result<Option<usize>>;
}

/// The real world: the monotonic clock, the kernel's randomness, UDP.
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
        // Connected, so that the kernel drops other senders and reports when no server listens.
        socket.connect(server)?;
        Ok(Box::new(socket))
    }
}

impl Wire for UdpSocket {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        UdpSocket::send(self, datagram).map(|_| ())
    }

    fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> io::Result<Option<usize>> {
        // A time-out of zero would mean no time-out.
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
