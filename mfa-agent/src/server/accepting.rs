//! Whether connections are accepted still.
//!
//! An agent that ends stops accepting before it counts who is inside: whoever comes later waits in the socket,
//! which is systemd's, for the agent that comes next. The socket itself is left as it is, since that agent gets
//! the same one.

use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// Open until it is closed, for good.
pub(super) struct Accepting {
    /// Readable once it is closed, for all who poll it.
    closed: UnixStream,
    close: UnixStream,
}

impl Accepting {
    pub(super) fn new() -> io::Result<Self> {
        let (closed, close) = UnixStream::pair()?;
        Ok(Self { closed, close })
    }

    /// Wakes all who wait for connections; none of them accepts one any more.
    pub(super) fn close(&self) {
        // It fails only where it is closed already.
        let _ = self.close.shutdown(Shutdown::Write);
    }

    /// To be polled beside the socket.
    pub(super) fn closed(&self) -> BorrowedFd<'_> {
        self.closed.as_fd()
    }
}
