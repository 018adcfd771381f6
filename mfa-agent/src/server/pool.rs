//! Threads that accept connections and serve them.
//!
//! Each thread accepts for itself, so that a login costs no hand-over between threads: when the last
//! idle one gets a connection it first starts another, and those that a burst leaves idle go away after a
//! while. The connection limits bound how many there are.

use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::Agent;
use super::accept::{Accepted, Acceptor, Caller};
use super::connection::Connection;
use super::limits::Entry;
use super::peer::Peer;
use super::refuse::refuse;
use crate::log::{self, Level};
use crate::{store, sys};

/// So many threads stay when there is nothing to do.
const IDLE: usize = 4;

/// So many stay for a while: to start and end a thread for every few logins takes a twentieth of their time.
const IDLE_IN_A_BURST: usize = 64;

/// How long those stay.
const WHILE: Duration = Duration::from_secs(5);

/// So many may be busy with turning connections away.
const TURNING_AWAY: usize = 32;

/// Their stacks; hashing takes its memory from the heap.
const STACK: usize = 512 * 1024;

struct Pool {
    agent: Arc<Agent>,
    acceptor: Acceptor,
    idle: AtomicUsize,
    all: AtomicUsize,
}

impl Pool {
    /// How long an idle thread waits for a connection; without an end if as few are idle as stay.
    fn patience(&self) -> Option<Duration> {
        (self.idle.load(Ordering::SeqCst) > IDLE).then_some(WHILE)
    }

    /// Counts a thread that is done as idle; whether it stays.
    fn is_kept(&self) -> bool {
        self.idle.fetch_add(1, Ordering::SeqCst) < IDLE_IN_A_BURST || !self.may_go()
    }

    /// Takes an idle thread out of the count if it may go, since enough others are idle.
    fn may_go(&self) -> bool {
        let fewer = |idle: usize| idle.checked_sub(1).filter(|others| *others >= IDLE);
        let may = self
            .idle
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer);
        may.is_ok()
    }

    /// The end of a thread that is not counted as idle any more.
    fn leave(&self) {
        if self.all.fetch_sub(1, Ordering::SeqCst) == IDLE + 1 {
            // The last of a burst leaves the room as it was before.
            sys::give_free_memory_back();
        }
    }

    /// Whether there may be more threads: as many as connections are served, and some to turn others away.
    /// When all of them are busy, connections wait until one is done, which soon happens.
    fn may_grow(&self) -> bool {
        let most = self.agent.settings().server.max_connections as usize + TURNING_AWAY;
        self.all.load(Ordering::SeqCst) < most
    }
}

/// Begins to serve on `listener`; returns at once.
///
/// # Errors
///
/// When the first thread can't be started.
pub fn serve(agent: &Arc<Agent>, listener: UnixListener) -> std::io::Result<()> {
    let pool = Pool {
        agent: Arc::clone(agent),
        acceptor: Acceptor::new(listener, Arc::clone(&agent.accepting))?,
        idle: AtomicUsize::new(0),
        all: AtomicUsize::new(0),
    };
    start_worker(&Arc::new(pool))
}

fn start_worker(pool: &Arc<Pool>) -> std::io::Result<()> {
    pool.idle.fetch_add(1, Ordering::SeqCst);
    pool.all.fetch_add(1, Ordering::SeqCst);
    let shared = Arc::clone(pool);
    let started = thread::Builder::new()
        .name("connection".to_owned())
        .stack_size(STACK)
        .spawn(move || work(&shared));
    if started.is_err() {
        pool.idle.fetch_sub(1, Ordering::SeqCst);
        pool.all.fetch_sub(1, Ordering::SeqCst);
    }
    started.map(|_| ())
}

/// Accepts and serves, one connection after the other. Counted as idle when it is called.
fn work(pool: &Arc<Pool>) {
    loop {
        // A thread that accepted nothing is still idle, so no new thread is needed.
        let caller = match pool.acceptor.accept(pool.patience()) {
            Accepted::Caller(caller) => caller,
            Accepted::Nobody => continue,
            Accepted::Late if pool.may_go() => return pool.leave(),
            Accepted::Late => continue,
        };
        if pool.idle.fetch_sub(1, Ordering::SeqCst) == 1
            && pool.may_grow()
            && let Err(e) = start_worker(pool)
        {
            log::limited_at(
                Level::Error,
                "threads for connections",
                format_args!(
                    "can't start a thread for another connection: {e}; connections wait. Raise \
                     TasksMax= or LimitNOFILE= of mfa-agent.service"
                ),
            );
        }
        serve_one(pool, caller);
        store::free_what_was_replaced();
        if !pool.is_kept() {
            return pool.leave();
        }
        // Callers that run now may connect before this thread sleeps, and waking one takes longer.
        thread::yield_now();
    }
}

fn serve_one(pool: &Pool, Caller { stream, arriving }: Caller) {
    let agent = &pool.agent;
    let Ok((mut peer, gid)) = Peer::of(&stream) else {
        return;
    };
    let settings = agent.settings();
    peer.privileged = agent.is_privileged(peer);
    let arriving = peer.privileged.then_some(arriving);
    let place = match agent.limits.enter(agent.caller(peer, gid), &settings) {
        Entry::Served(place) => place,
        Entry::TurnedAway(_place) => {
            drop(arriving);
            return turn_away(&stream, peer);
        }
        Entry::Dropped => return,
    };
    let mut connection = Connection::new(Arc::clone(agent), peer).under(place.terms(peer.uid));
    connection.expect_first_call(arriving);
    let served = std::panic::catch_unwind(AssertUnwindSafe(|| connection.serve(&stream)));
    if served.is_err() {
        log::limited_at(
            Level::Error,
            "faults of the agent",
            "a bug in the agent ended a connection; please report it",
        );
    }
}

fn turn_away(stream: &UnixStream, peer: Peer) {
    let kind = match peer.privileged {
        true => "connections turned away",
        false => "connections of ordinary users turned away",
    };
    log::limited(
        kind,
        format_args!(
            "too many connections: refused one from process {} of user id {}; see [server] \
             max_connections and max_connections_per_user",
            peer.pid, peer.uid
        ),
    );
    refuse(stream, "the agent has too many connections; try again");
}
