//! Whether connections are accepted now.
//!
//! A stopping agent stops accepting before it counts active logins: later programs wait in the socket, which belongs to
//! systemd, for the next agent. If a login is active, the agent accepts again, since programs can't wait for long. The
//! socket itself stays as it is, since the next agent gets the same one.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::counter::{Counter, Held};

/// Open when made.
pub(super) struct Accepting {
    /// Readable while it is closed, for all who poll it.
    closed: UnixStream,
    close: UnixStream,
    state: Mutex<State>,
    opened: Condvar,
    /// Those who accept a connection, or wait for its first call.
    arriving: Arc<Counter<()>>,
}

#[derive(Default)]
struct State {
    /// None while it is open.
    closed_since: Option<Instant>,
    is_over: bool,
}

impl Accepting {
    pub(super) fn new() -> io::Result<Self> {
        let (closed, close) = UnixStream::pair()?;
        Ok(Self {
            closed,
            close,
            state: Mutex::default(),
            opened: Condvar::new(),
            arriving: Arc::default(),
        })
    }

    /// Wakes all who wait for connections; none of them accepts one before it is open again. Since when that is so.
    pub(super) fn close(&self) -> Instant {
        *self.state().closed_since.get_or_insert_with(|| {
            // One byte always has room.
            let _ = (&self.close).write(&[0]);
            Instant::now()
        })
    }

    /// Closes, and stays closed.
    pub(super) fn close_for_good(&self) -> Instant {
        self.state().is_over = true;
        self.close()
    }

    /// Accepts again, unless it was closed for good.
    pub(super) fn open(&self) {
        let mut state = self.state();
        if !state.is_over && state.closed_since.take().is_some() {
            // The byte is there since it was closed.
            let _ = (&self.closed).read(&mut [0]);
            self.opened.notify_all();
        }
    }

    /// To be called before a connection is accepted: none may be while there is no value. Who closes can wait until this
    /// one is given back.
    pub(super) fn enter(&self) -> Option<Held<()>> {
        let arriving = self.arriving.enter(())?;
        // Looked at from inside: who closes it now finds somebody to wait for.
        self.state().closed_since.is_none().then_some(arriving)
    }

    /// Waits until nobody accepts a connection or waits for its first call, but no longer than `limit`.
    pub(super) fn await_arrived(&self, limit: Duration) {
        let _ = self.arriving.await_none(limit);
    }

    /// Waits while it is closed.
    pub(super) fn await_open(&self) {
        let is_closed = |state: &mut State| state.closed_since.is_some();
        drop(self.opened.wait_while(self.state(), is_closed));
    }

    /// To be polled beside the socket.
    pub(super) fn closed(&self) -> BorrowedFd<'_> {
        self.closed.as_fd()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    use super::*;

    fn is_closed(accepting: &Accepting) -> bool {
        let mut closed = [PollFd::new(accepting.closed(), PollFlags::POLLIN)];
        poll(&mut closed, PollTimeout::ZERO).unwrap() > 0
    }

    /// It might take a caller out of the socket whose login the next agent should carry out.
    #[test]
    fn who_is_about_to_accept_when_it_is_closed_is_waited_for_and_nobody_else_accepts() {
        let accepting = Accepting::new().unwrap();
        let about_to = accepting.enter().unwrap();
        accepting.close();
        assert!(accepting.enter().is_none());
        assert!(!accepting.arriving.await_none(Duration::ZERO));
        drop(about_to);
        assert!(accepting.arriving.await_none(Duration::ZERO));
        accepting.open();
        assert!(accepting.enter().is_some());
    }

    #[test]
    fn it_closes_and_opens_as_often_as_it_is_told() {
        let accepting = Arc::new(Accepting::new().unwrap());
        for _ in 0..3 {
            accepting.await_open();
            let since = accepting.close();
            assert_eq!(accepting.close(), since, "it was closed already");
            assert!(is_closed(&accepting));
            let waiting = Arc::clone(&accepting);
            let waiter = std::thread::spawn(move || waiting.await_open());
            accepting.open();
            accepting.open();
            waiter.join().unwrap();
            assert!(!is_closed(&accepting));
        }
        accepting.close_for_good();
        accepting.open();
        assert!(is_closed(&accepting));
    }
}
