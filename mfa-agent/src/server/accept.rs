//! Accepts connections, and tells callers that the agent is busy once descriptors have run out.
//!
//! `accept` fails at once then, whether or not anybody connects. A spare descriptor makes room for one caller at a time,
//! who hears that the agent is busy instead of waiting. An error starts no thread, and its line in the log is limited.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockWriteGuard};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::accepting::Accepting;
use super::counter::Held;
use super::refuse::refuse;
use crate::log::{self, Level};

/// What came of waiting for a connection.
pub(super) enum Accepted {
    /// One to serve.
    Caller(Caller),
    /// None, after an error and a pause, or because another thread was quicker.
    Nobody,
    /// None came in time.
    Late,
}

/// A connection, and the right to be waited for until its first call is carried out.
pub(super) struct Caller {
    pub(super) stream: UnixStream,
    pub(super) arriving: Held<()>,
}

/// Held for reading by who accepts, and for writing by who frees a spare descriptor to accept with it: nobody else is to
/// take that one, on neither socket.
static FREE: RwLock<()> = RwLock::new(());

/// The pause after an error, in milliseconds: an immediate retry would fail again.
const PAUSE: u8 = 100;

pub(super) struct Acceptor {
    listener: UnixListener,
    accepting: Arc<Accepting>,
    /// All threads wait in this. A connection wakes the one that came last, and no other is woken before that one has
    /// accepted it; poll(2) would wake them all.
    waiting: Epoll,
    /// None once it could not be opened again.
    spare: Mutex<Option<File>>,
}

impl Acceptor {
    /// The socket is not to block: the threads wait for it and for the end.
    pub(super) fn new(listener: UnixListener, accepting: Arc<Accepting>) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let waiting = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        waiting.add(listener.as_fd(), connection())?;
        let closed = EpollEvent::new(EpollFlags::EPOLLIN, CLOSED);
        waiting.add(accepting.closed(), closed)?;
        Ok(Self {
            listener,
            accepting,
            waiting,
            spare: Mutex::new(open_spare()),
        })
    }

    /// Waits for a connection to serve, and while none is accepted; not for longer than `patience`, if there is one.
    pub(super) fn accept(&self, patience: Option<Duration>) -> Accepted {
        let turn = match self.wait(patience) {
            Waited::Connection(turn) => turn,
            Waited::Closed => {
                self.accepting.await_open();
                return Accepted::Nobody;
            }
            Waited::InVain => return Accepted::Late,
        };
        // It may have been closed since.
        let Some(arriving) = self.accepting.enter() else {
            return Accepted::Nobody;
        };
        let accepted = {
            let _others = FREE.read().unwrap_or_else(PoisonError::into_inner);
            self.listener.accept()
        };
        drop(turn);
        match accepted {
            // What is accepted blocks, whatever the socket does.
            Ok((stream, _)) => Accepted::Caller(Caller { stream, arriving }),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Accepted::Nobody,
            Err(error) => {
                drop(arriving);
                self.after(&error)
                    .map_or(Accepted::Nobody, Accepted::Caller)
            }
        }
    }

    /// Waits until there is a connection, or none is accepted.
    fn wait(&self, patience: Option<Duration>) -> Waited<'_> {
        let patience = patience.and_then(|patience| EpollTimeout::try_from(patience).ok());
        let mut events = [EpollEvent::empty(); 2];
        let waited = self
            .waiting
            .wait(&mut events, patience.unwrap_or(EpollTimeout::NONE));
        let events = match waited {
            // After a signal, what came is there for the next wait.
            Ok(0) | Err(_) => return Waited::InVain,
            Ok(count) => events.iter().take(count),
        };
        let is_there = |what: u64| events.clone().any(|event| event.data() == what);
        let turn = is_there(CONNECTION).then(|| Turn(self));
        match turn.filter(|_| !is_there(CLOSED)) {
            Some(turn) => Waited::Connection(turn),
            None => Waited::Closed,
        }
    }

    /// How to handle an error.
    fn after(&self, error: &io::Error) -> Option<Caller> {
        log::limited_at(
            Level::Error,
            "connections that can't be accepted",
            format_args!(
                "can't accept connections: {error}; if the cause is too many open files, raise \
                 LimitNOFILE= of mfa-agent.service"
            ),
        );
        if !is_out_of_descriptors(error) {
            thread::sleep(Duration::from_millis(PAUSE.into()));
            return None;
        }
        if self.has_caller(PAUSE) {
            return self.accept_with_spare();
        }
        None
    }

    /// One thread does this at a time: there is one spare descriptor.
    fn accept_with_spare(&self) -> Option<Caller> {
        let mut spare = self.spare.lock().unwrap_or_else(PoisonError::into_inner);
        if spare.is_none() {
            *spare = open_spare();
            if spare.is_none() {
                thread::sleep(Duration::from_millis(PAUSE.into()));
            }
            return None;
        }
        // The wait for the spare one may have been long.
        let arriving = self.accepting.enter()?;
        let accepted = {
            let _alone = alone();
            drop(spare.take());
            // Another thread may have served the caller by now.
            let accepted = match self.has_caller(0) {
                true => self.listener.accept().ok(),
                false => None,
            };
            *spare = open_spare();
            accepted
        };
        let (stream, _) = accepted?;
        if spare.is_some() {
            // There are descriptors again.
            return Some(Caller { stream, arriving });
        }
        drop(arriving);
        refuse(&stream, "the agent has too many open files; try again");
        let _alone = alone();
        drop(stream);
        *spare = open_spare();
        None
    }

    /// Whether a connection is waiting to be accepted; waits for so many milliseconds.
    fn has_caller(&self, patience: u8) -> bool {
        let mut listener = [PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)];
        poll(&mut listener, PollTimeout::from(patience)).is_ok_and(|ready| ready > 0)
    }
}

/// Events of the listener.
const CONNECTION: u64 = 0;

/// Events that say that no connection is accepted.
const CLOSED: u64 = 1;

/// Wakes one thread for a connection, and nobody for the next until [`Turn`] ends.
fn connection() -> EpollEvent {
    EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, CONNECTION)
}

/// What a thread has waited for.
enum Waited<'a> {
    /// There may be a connection.
    Connection(Turn<'a>),
    /// No connection is accepted.
    Closed,
    /// Neither in time, or before a signal.
    InVain,
}

/// The turn of one thread to accept. At its end, however it comes, the next connection wakes a thread, also one that came
/// meanwhile.
struct Turn<'a>(&'a Acceptor);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let Acceptor {
            listener, waiting, ..
        } = self.0;
        if let Err(error) = waiting.modify(listener.as_fd(), &mut connection()) {
            log::limited_at(
                Level::Error,
                "connections that nobody waits for",
                format_args!(
                    "can't wait for connections: {error}; restart the agent: systemctl restart mfa-agent"
                ),
            );
        }
    }
}

fn alone() -> RwLockWriteGuard<'static, ()> {
    FREE.write().unwrap_or_else(PoisonError::into_inner)
}

fn is_out_of_descriptors(error: &io::Error) -> bool {
    let number = error.raw_os_error().map(Errno::from_raw);
    matches!(number, Some(Errno::EMFILE | Errno::ENFILE))
}

fn open_spare() -> Option<File> {
    File::open("/dev/null").ok()
}
