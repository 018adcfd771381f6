//! The stream of a connection, with a deadline for each message.
//!
//! A time-out of the socket alone starts again with each byte, so a client that sends a byte now and then could hold a
//! connection, or a login, forever.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};

/// How long a thread lets others run before it sleeps until the first message of a caller.
const SOON: Duration = Duration::from_micros(60);

/// Waits a moment for something to read, without sleeping. A program that has just connected writes its call right
/// away, and waking a thread takes longer than that.
pub(super) fn await_soon(stream: &UnixStream) {
    let end = Instant::now() + SOON;
    let mut readable = [PollFd::new(stream.as_fd(), PollFlags::POLLIN)];
    while poll(&mut readable, PollTimeout::ZERO) == Ok(0) && Instant::now() < end {
        thread::yield_now();
    }
}

/// A stream and the moment after which reading fails with [`io::ErrorKind::TimedOut`].
pub(super) struct Until<'a> {
    pub(super) stream: &'a UnixStream,
    pub(super) deadline: Instant,
}

impl Read for Until<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left < Duration::from_micros(1) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        (&mut &*self.stream).read(into)
    }
}

impl Write for Until<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left < Duration::from_micros(1) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        // A reply has room, unless a caller reads none. Only then there is something to wait for.
        let at_once = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        match send(self.stream.as_raw_fd(), bytes, at_once) {
            Err(Errno::EAGAIN) => {}
            sent => return Ok(sent?),
        }
        self.stream.set_write_timeout(Some(left))?;
        (&mut &*self.stream).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
