//! A Unix stream socket on which nothing takes longer than until a deadline.
//!
//! After the deadline nothing waits any more, but each call still reads once. A user can stop a set-user-id program
//! with ^Z and continue it after the deadline; what arrived meanwhile must be found, or a stopped `su` would look like
//! an agent that hangs.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::socket::{
    self, AddressFamily, MsgFlags, SetSockOpt, SockFlag, SockType, UnixAddr, setsockopt, sockopt,
};
use nix::sys::time::TimeVal;

/// The socket, and the moment after which it fails with [`io::ErrorKind::TimedOut`].
pub struct DeadlineStream {
    socket: OwnedFd,
    deadline: Instant,
}

impl DeadlineStream {
    /// Connects; waits until the deadline for a listener whose queue is full.
    ///
    /// # Errors
    ///
    /// What the system says, and [`io::ErrorKind::TimedOut`] at the deadline.
    pub fn connect(path: &Path, deadline: Instant) -> io::Result<Self> {
        let socket = socket::socket(
            AddressFamily::Unix,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC,
            None,
        )?;
        let stream = Self { socket, deadline };
        let address = UnixAddr::new(path)?;
        loop {
            let left = stream.left();
            // A blocking connect to a Unix socket waits no longer than the send time-out.
            let wait = left.unwrap_or(LAST_LOOK);
            setsockopt(&stream.socket, sockopt::SendTimeout, &wait)?;
            match socket::connect(stream.socket.as_raw_fd(), &address) {
                Ok(()) => return Ok(stream),
                // A signal of the host program's; nothing has begun yet that could not begin again.
                Err(nix::Error::EINTR) if left.is_some() => {}
                Err(error) => return Err(timed_out(error)),
            }
        }
    }

    /// Moves the deadline.
    pub fn set_deadline(&mut self, deadline: Instant) {
        self.deadline = deadline;
    }

    /// The time left, if any. A time-out of zero would mean "for ever" to the kernel.
    fn left(&self) -> Option<TimeVal> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let micros = i64::try_from(left.as_micros()).unwrap_or(i64::MAX);
        (micros > 0).then(|| TimeVal::new(micros / 1_000_000, micros % 1_000_000))
    }

    /// How to send or receive now: for as long as there is time, or without waiting.
    fn flags(&self, time_out: impl SetSockOpt<Val = TimeVal>) -> io::Result<MsgFlags> {
        let Some(left) = self.left() else {
            return Ok(MsgFlags::MSG_DONTWAIT);
        };
        setsockopt(&self.socket, time_out, &left)?;
        Ok(MsgFlags::empty())
    }
}

impl DeadlineStream {
    /// Reads what is there, or comes in a moment, without sleeping: waking a process takes longer than the agent takes
    /// for most replies. Meanwhile others run. Once they had a good while, the processors are busy: a process that sleeps
    /// is woken soon then, and to be asked in vain costs the others time.
    fn read_soon(&self, into: &mut [u8]) -> Option<nix::Result<usize>> {
        let began = Instant::now();
        let (mut looked, mut is_busy) = (began, false);
        loop {
            match socket::recv(self.socket.as_raw_fd(), into, MsgFlags::MSG_DONTWAIT) {
                Err(nix::Error::EAGAIN) if is_busy || looked - began >= SOON => return None,
                Err(nix::Error::EAGAIN) => thread::yield_now(),
                read => return Some(read),
            }
            let now = Instant::now();
            is_busy = now - looked > OTHERS_RAN;
            looked = now;
        }
    }
}

impl AsFd for DeadlineStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Read for DeadlineStream {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(read) = self.read_soon(into) {
            return read.map_err(timed_out);
        }
        let flags = self.flags(sockopt::ReceiveTimeout)?;
        socket::recv(self.socket.as_raw_fd(), into, flags).map_err(timed_out)
    }
}

impl Write for DeadlineStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Without NOSIGNAL a closed socket would raise SIGPIPE in a host program that never asked.
        let send = |flags: MsgFlags| {
            let flags = flags | MsgFlags::MSG_NOSIGNAL;
            socket::send(self.socket.as_raw_fd(), bytes, flags)
        };
        match send(MsgFlags::MSG_DONTWAIT) {
            // There is no room; there usually is, and no time-out to be set.
            Err(nix::Error::EAGAIN) => send(self.flags(sockopt::SendTimeout)?),
            sent => sent,
        }
        .map_err(timed_out)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How long a reply is waited for without sleeping: as long as most logins take, with the disk.
const SOON: Duration = Duration::from_micros(400);

/// How long a look takes at least during which another thread has run.
const OTHERS_RAN: Duration = Duration::from_micros(30);

/// The kernel's shortest wait: for a connection that would be taken at once, too late or not.
const LAST_LOOK: TimeVal = TimeVal::new(0, 1);

/// The kernel reports an expired socket time-out as `EAGAIN`.
fn timed_out(error: nix::Error) -> io::Error {
    match error {
        nix::Error::EAGAIN => io::ErrorKind::TimedOut.into(),
        other => other.into(),
    }
}
