//! A Unix stream socket that never blocks longer than a moment, so that a deadline and the user's ^C are noticed.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use nix::Error;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::socket::{
    self, AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, getsockopt, sockopt,
};

use crate::login::Unsigned;

/// How long one wait may last. sudo blocks the signal of ^C while PAM runs, so it ends no wait.
const MOMENT: Duration = Duration::from_millis(200);

pub(super) struct AgentStream {
    socket: OwnedFd,
    deadline: Instant,
    is_interrupted: fn() -> bool,
}

impl AgentStream {
    /// Connects; waits until the deadline for a listener whose queue is full.
    pub(super) fn connect(
        path: &Path,
        deadline: Instant,
        is_interrupted: fn() -> bool,
    ) -> Result<Self, Unsigned> {
        let socket = socket::socket(
            AddressFamily::Unix,
            SockType::Stream,
            SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK,
            None,
        )
        .map_err(|_| Unsigned::NoAgent)?;
        let address = UnixAddr::new(path).map_err(|_| Unsigned::Refused)?;
        let stream = Self {
            socket,
            deadline,
            is_interrupted,
        };
        loop {
            match socket::connect(stream.socket.as_raw_fd(), &address) {
                Ok(()) => return Ok(stream),
                Err(Error::EAGAIN) => stream.wait(None)?,
                Err(Error::EINTR) => return Err(Unsigned::Interrupted),
                Err(error) => return Err(not_connected(error)),
            }
        }
    }

    /// The user who listens. The kernel took this down when they began to, so no link and no other file at the path can
    /// pretend.
    pub(super) fn server(&self) -> Result<u32, Unsigned> {
        getsockopt(&self.socket, sockopt::PeerCredentials)
            .map(|peer| peer.uid())
            .map_err(|_| Unsigned::Refused)
    }

    pub(super) fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), Unsigned> {
        // Without NOSIGNAL a closed socket would raise SIGPIPE in a host program that never asked.
        let flags = MsgFlags::MSG_NOSIGNAL;
        while !bytes.is_empty() {
            match socket::send(self.socket.as_raw_fd(), bytes, flags) {
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(Error::EAGAIN) => self.wait(Some(PollFlags::POLLOUT))?,
                Err(_) => return Err(Unsigned::Closed),
            }
        }
        Ok(())
    }

    pub(super) fn read_exact(&mut self, mut into: &mut [u8]) -> Result<(), Unsigned> {
        while !into.is_empty() {
            // What drips in byte by byte is never waited for, so look at the time before each read.
            self.look_at_the_time()?;
            match socket::recv(self.socket.as_raw_fd(), into, MsgFlags::empty()) {
                Ok(0) => return Err(Unsigned::Closed),
                Ok(count) => into = into.get_mut(count..).unwrap_or_default(),
                Err(Error::EAGAIN) => self.wait(Some(PollFlags::POLLIN))?,
                Err(_) => return Err(Unsigned::Closed),
            }
        }
        Ok(())
    }

    /// Waits a moment for the socket, or just a moment.
    fn wait(&self, wanted: Option<PollFlags>) -> Result<(), Unsigned> {
        let left = self.look_at_the_time()?.min(MOMENT);
        let mut all = wanted.map(|wanted| [PollFd::new(self.socket.as_fd(), wanted)]);
        let descriptors = all.as_mut().map_or(&mut [][..], |all| &mut all[..]);
        match ppoll(
            descriptors,
            Some(left.into()),
            Some(all_but_interruptions()),
        ) {
            Err(Error::EINTR) => Err(Unsigned::Interrupted),
            Err(_) => Err(Unsigned::Closed),
            Ok(_) => Ok(()),
        }
    }

    /// The time left.
    fn look_at_the_time(&self) -> Result<Duration, Unsigned> {
        if (self.is_interrupted)() {
            return Err(Unsigned::Interrupted);
        }
        match self.deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(Unsigned::Timeout),
            left => Ok(left),
        }
    }
}

/// The signals that end no wait. What else comes, such as the end of a child of the program's, is handled between two
/// waits. Of the others, those that the program blocks stay blocked.
pub(super) fn all_but_interruptions() -> SigSet {
    let blocked = SigSet::thread_get_mask().unwrap_or_else(|_| SigSet::empty());
    let mut signals = SigSet::all();
    for interruption in [
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGTERM,
        Signal::SIGHUP,
    ] {
        if !blocked.contains(interruption) {
            signals.remove(interruption);
        }
    }
    signals
}

/// Nobody listens, or this is not for the user: not a socket that they may write to.
fn not_connected(error: Error) -> Unsigned {
    match error {
        Error::ENOENT | Error::ENOTDIR | Error::ECONNREFUSED => Unsigned::NoAgent,
        _ => Unsigned::Refused,
    }
}
