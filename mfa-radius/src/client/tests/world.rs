//! A world in which time passes only while a caller waits, and servers follow a script.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::SECRET;
use crate::outside::{Outside, Wire};
use crate::testing::{Seen, read_request, secret};

pub(super) fn address(number: u8) -> SocketAddr {
    ([192, 0, 2, number], 1812).into()
}

/// A datagram that a server got.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) at: Instant,
    pub(super) bytes: Vec<u8>,
}

/// What a server answers to a request and its number: datagrams, and when they arrive.
type Script = Box<dyn FnMut(&Seen, usize) -> Vec<(Duration, Vec<u8>)>>;

#[derive(Default)]
struct Scripted {
    script: Option<Script>,
    sent: Vec<Sent>,
    is_cut_off: bool,
}

struct Shared {
    start: Instant,
    now: Cell<Instant>,
    drawn: Cell<u8>,
    is_dry: Cell<bool>,
    servers: RefCell<HashMap<SocketAddr, Scripted>>,
}

pub(super) struct World(Rc<Shared>);

impl World {
    pub(super) fn new() -> Self {
        let start = Instant::now();
        Self(Rc::new(Shared {
            start,
            now: Cell::new(start),
            drawn: Cell::new(0),
            is_dry: Cell::new(false),
            servers: RefCell::default(),
        }))
    }

    pub(super) fn script(
        &self,
        server: u8,
        script: impl FnMut(&Seen, usize) -> Vec<(Duration, Vec<u8>)> + 'static,
    ) {
        let mut servers = self.0.servers.borrow_mut();
        servers.entry(address(server)).or_default().script = Some(Box::new(script));
    }

    /// From now on the host reports that nobody listens there.
    pub(super) fn cut_off(&self, server: u8) {
        let mut servers = self.0.servers.borrow_mut();
        servers.entry(address(server)).or_default().is_cut_off = true;
    }

    /// From now on there is no randomness.
    pub(super) fn run_dry(&self) {
        self.0.is_dry.set(true);
    }

    pub(super) fn pass(&self, time: Duration) {
        self.0.now.set(self.0.now.get() + time);
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.0.now.get() - self.0.start
    }

    pub(super) fn sent_to(&self, server: u8) -> Vec<Sent> {
        let servers = self.0.servers.borrow();
        servers
            .get(&address(server))
            .map(|s| s.sent.clone())
            .unwrap_or_default()
    }
}

impl Outside for World {
    fn now(&self) -> Instant {
        self.0.now.get()
    }

    fn fill(&self, bytes: &mut [u8]) -> io::Result<()> {
        if self.0.is_dry.get() {
            return Err(io::ErrorKind::NotFound.into());
        }
        for byte in bytes {
            self.0.drawn.set(self.0.drawn.get().wrapping_add(1));
            *byte = self.0.drawn.get();
        }
        Ok(())
    }

    fn connect(&self, server: SocketAddr) -> io::Result<Box<dyn Wire>> {
        Ok(Box::new(Line {
            world: Rc::clone(&self.0),
            server,
            arriving: Vec::new(),
        }))
    }
}

struct Line {
    world: Rc<Shared>,
    server: SocketAddr,
    arriving: Vec<(Instant, Vec<u8>)>,
}

impl Wire for Line {
    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        let now = self.world.now.get();
        let mut servers = self.world.servers.borrow_mut();
        let server = servers.entry(self.server).or_default();
        if server.is_cut_off {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        server.sent.push(Sent {
            at: now,
            bytes: datagram.to_vec(),
        });
        let count = server.sent.len();
        let Some(script) = &mut server.script else {
            return Ok(());
        };
        let seen = read_request(datagram, &secret(SECRET)).expect("requests are signed");
        for (delay, bytes) in script(&seen, count) {
            self.arriving.push((now + delay, bytes));
        }
        self.arriving.sort_by_key(|(at, _)| *at);
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8], wait: Duration) -> io::Result<Option<usize>> {
        let end = self.world.now.get() + wait;
        if self.arriving.first().is_none_or(|(at, _)| *at > end) {
            self.world.now.set(end);
            return Ok(None);
        }
        let (at, bytes) = self.arriving.remove(0);
        self.world.now.set(at.max(self.world.now.get()));
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(Some(bytes.len()))
    }
}
