//! An attacker on the path to a RADIUS server: sees each datagram, and sends on anything.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use md5::{Digest, Md5};

/// Turns a datagram into the ones that arrive instead.
type Meddling = Box<dyn FnMut(&Passing<'_>) -> Vec<Vec<u8>> + Send>;

/// A datagram in transit.
pub struct Passing<'a> {
    /// The sent datagram.
    pub datagram: &'a [u8],
    /// The request that it answers; for a request, itself.
    pub request: &'a [u8],
}

/// A relay before one server. Its threads end with the test program.
pub struct Relay {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    on_request: Meddling,
    on_reply: Meddling,
    /// The requests seen, without retransmissions.
    requests: Vec<(SocketAddr, Vec<u8>)>,
}

impl Relay {
    /// Relays to `server`, unchanged at first.
    #[must_use]
    pub fn before(server: SocketAddr) -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let address = front.local_addr().expect("an address");
        let state = Arc::new(Mutex::new(State {
            on_request: honest(),
            on_reply: honest(),
            requests: Vec::new(),
        }));
        let shared = Arc::clone(&state);
        thread::spawn(move || carry_requests(&front, server, &shared));
        Self { address, state }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Number of Access-Requests seen; retransmissions are not counted.
    #[must_use]
    pub fn requests(&self) -> usize {
        let state = locked(&self.state);
        let logins = state
            .requests
            .iter()
            .filter(|(_, r)| r[0] == ACCESS_REQUEST);
        logins.count()
    }

    /// Changes requests like this from now on.
    pub fn on_request(&self, how: impl FnMut(&Passing<'_>) -> Vec<Vec<u8>> + Send + 'static) {
        locked(&self.state).on_request = Box::new(how);
    }

    /// Changes replies like this from now on.
    pub fn on_reply(&self, how: impl FnMut(&Passing<'_>) -> Vec<Vec<u8>> + Send + 'static) {
        locked(&self.state).on_reply = Box::new(how);
    }

    /// Relays nothing from now on.
    pub fn fall_silent(&self) {
        self.on_request(|_| Vec::new());
    }

    /// Relays everything unchanged from now on.
    pub fn be_honest(&self) {
        let mut state = locked(&self.state);
        (state.on_request, state.on_reply) = (honest(), honest());
    }
}

/// A reply to `request` with a valid Response Authenticator (RFC 2865 §3): what an MD5 collision
/// gives an attacker on the path without the secret (CVE-2024-3596).
#[must_use]
pub fn reply_that_fits(code: u8, request: &[u8], attributes: &[u8], secret: &str) -> Vec<u8> {
    let length = u16::try_from(HEADER + attributes.len()).expect("a short reply");
    let [high, low] = length.to_be_bytes();
    let start = [code, request[1], high, low];
    let mut sum = Md5::new();
    for part in [&start, &request[4..HEADER], attributes, secret.as_bytes()] {
        sum.update(part);
    }
    [&start, &sum.finalize()[..], attributes].concat()
}

/// The attributes of a datagram, except one type.
#[must_use]
pub fn attributes_without(kind: u8, datagram: &[u8]) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut rest = &datagram[HEADER..];
    while let [this, length, ..] = *rest {
        let (attribute, after) = rest.split_at(usize::from(length));
        if this != kind {
            kept.extend_from_slice(attribute);
        }
        rest = after;
    }
    kept
}

const ACCESS_REQUEST: u8 = 1;
/// Code, identifier, length and authenticator.
const HEADER: usize = 20;

fn honest() -> Meddling {
    Box::new(|passing| vec![passing.datagram.to_vec()])
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().expect("a relay that lives")
}

/// Each client, which has a socket for each of its requests, gets a socket to the server.
fn carry_requests(front: &UdpSocket, server: SocketAddr, state: &Arc<Mutex<State>>) {
    let mut backs: BTreeMap<SocketAddr, UdpSocket> = BTreeMap::new();
    let mut buffer = [0; 4096];
    while let Ok((length, client)) = front.recv_from(&mut buffer) {
        let request = &buffer[..length];
        let back = backs
            .entry(client)
            .or_insert_with(|| way_back(front, client, server, state));
        let mut state = locked(state);
        let seen = (client, request.to_vec());
        if !state.requests.contains(&seen) {
            state.requests.push(seen);
        }
        let passing = Passing {
            datagram: request,
            request,
        };
        for datagram in (state.on_request)(&passing) {
            // The client must find out itself that the server is dead.
            let _ = back.send(&datagram);
        }
    }
}

fn way_back(
    front: &UdpSocket,
    client: SocketAddr,
    server: SocketAddr,
    state: &Arc<Mutex<State>>,
) -> UdpSocket {
    let back = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    back.connect(server).expect("a way to the server");
    let replies = back.try_clone().expect("a socket");
    let front = front.try_clone().expect("a socket");
    let state = Arc::clone(state);
    thread::spawn(move || carry_replies(&replies, &front, client, &state));
    back
}

fn carry_replies(back: &UdpSocket, front: &UdpSocket, client: SocketAddr, state: &Mutex<State>) {
    let mut buffer = [0; 4096];
    loop {
        // A server that is not there yet may come later.
        let Ok(length) = back.recv(&mut buffer) else {
            continue;
        };
        let reply = &buffer[..length];
        let mut state = locked(state);
        let asked = |(from, request): &&(SocketAddr, Vec<u8>)| {
            *from == client && request.get(1) == reply.get(1)
        };
        let Some((_, request)) = state.requests.iter().rev().find(asked).cloned() else {
            continue;
        };
        let passing = Passing {
            datagram: reply,
            request: &request,
        };
        for datagram in (state.on_reply)(&passing) {
            let _ = front.send_to(&datagram, client);
        }
    }
}
