//! A Unix stream socket on which nothing takes longer than until a deadline.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Instant;

use nix::sys::socket::{
    self, AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, setsockopt, sockopt,
};
use nix::sys::time::TimeVal;

/// The socket, and the moment after which it fails with [`io::ErrorKind::TimedOut`].
pub(super) struct DeadlineStream {
    socket: OwnedFd,
    deadline: Instant,
}

impl DeadlineStream {
    /// Connects; a listener whose queue is full counts as one that does not answer.
    pub(super) fn connect(path: &Path, deadline: Instant) -> io::Result<Self> {
        let socket = socket::socket(
            AddressFamily::Unix,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC,
            None,
        )?;
        let stream = Self { socket, deadline };
        let address = UnixAddr::new(path)?;
        loop {
            // A blocking connect to a Unix socket waits no longer than the send time-out.
            stream.arm_send()?;
            match socket::connect(stream.socket.as_raw_fd(), &address) {
                Ok(()) => return Ok(stream),
                // A signal of the host program's; nothing has begun yet that could not begin again.
                Err(nix::Error::EINTR) => {}
                Err(error) => return Err(timed_out(error)),
            }
        }
    }

    /// Moves the deadline.
    pub(super) fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    fn arm_send(&self) -> io::Result<()> {
        Ok(setsockopt(
            &self.socket,
            sockopt::SendTimeout,
            &self.remaining()?,
        )?)
    }

    fn arm_receive(&self) -> io::Result<()> {
        Ok(setsockopt(
            &self.socket,
            sockopt::ReceiveTimeout,
            &self.remaining()?,
        )?)
    }

    /// The time left. A time-out of zero would mean "for ever", so that is an error instead.
    fn remaining(&self) -> io::Result<TimeVal> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let micros = i64::try_from(left.as_micros()).unwrap_or(i64::MAX);
        if micros == 0 {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(TimeVal::new(micros / 1_000_000, micros % 1_000_000))
    }
}

impl AsFd for DeadlineStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Read for DeadlineStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.arm_receive()?;
        socket::recv(self.socket.as_raw_fd(), into, MsgFlags::empty()).map_err(timed_out)
    }
}

impl Write for DeadlineStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.arm_send()?;
        // Without this flag a closed socket would raise SIGPIPE in a host program that never asked.
        socket::send(self.socket.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL).map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The kernel reports an expired socket time-out as `EAGAIN`.
fn timed_out(error: nix::Error) -> io::Error {
    match error {
        nix::Error::EAGAIN => io::ErrorKind::TimedOut.into(),
        other => other.into(),
    }
}
