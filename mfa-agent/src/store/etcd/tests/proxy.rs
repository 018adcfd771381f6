//! Something between a host and a server that does not do what it should.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Passes everything on.
    Pass,
    /// Takes requests and never answers.
    Hang,
    /// Answers every request with this.
    Answer(Vec<u8>),
    /// Passes everything on, each after this time.
    Wait(Duration),
    /// Passes requests on; of every so many answers one is lost, with its connection.
    Lose(u32),
    /// Passes requests on; the answer to each that writes is lost, with its connection.
    LoseWrites,
}

/// It ends with this.
pub(super) struct Proxy {
    port: u16,
    state: Arc<State>,
}

struct State {
    manner: Mutex<Manner>,
    target: Mutex<u16>,
    answers: AtomicU32,
    /// Requests that have this in their text.
    counted: (&'static str, AtomicU32),
    requests: AtomicU32,
    is_over: AtomicBool,
}

impl Proxy {
    /// Stands before the server at this port of the host.
    pub(super) fn before(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            manner: Mutex::new(Manner::Pass),
            target: Mutex::new(target),
            answers: AtomicU32::new(0),
            counted: ("L3Rlc3QvcmVjb3Jk", AtomicU32::new(0)),
            requests: AtomicU32::new(0),
            is_over: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if shared.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || shared.serve(client));
            }
        });
        Self { port, state }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How many requests were about records.
    pub(super) fn of_records(&self) -> u32 {
        self.state.counted.1.load(Ordering::SeqCst)
    }

    pub(super) fn be(&self, manner: Manner) {
        *self.state.manner.lock().unwrap() = manner;
    }

    /// How many requests came so far.
    pub(super) fn requests(&self) -> u32 {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// From now on it stands before another server.
    pub(super) fn turn_to(&self, target: u16) {
        *self.state.target.lock().unwrap() = target;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl State {
    /// Serves one connection, request by request.
    fn serve(&self, mut client: TcpStream) -> Option<()> {
        loop {
            let request = message(&mut client)?;
            let (text, count) = &self.counted;
            if String::from_utf8_lossy(&request).contains(text) {
                count.fetch_add(1, Ordering::SeqCst);
            }
            self.requests.fetch_add(1, Ordering::SeqCst);
            let manner = self.manner.lock().unwrap().clone();
            match manner {
                Manner::Hang => {
                    while *self.manner.lock().unwrap() == Manner::Hang
                        && !self.is_over.load(Ordering::SeqCst)
                    {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    return None;
                }
                Manner::Answer(bytes) => {
                    client.write_all(&bytes).ok()?;
                    return client.shutdown(Shutdown::Both).ok();
                }
                Manner::Pass | Manner::Wait(_) | Manner::Lose(_) | Manner::LoseWrites => {
                    if let Manner::Wait(time) = manner {
                        std::thread::sleep(time);
                    }
                    let target = *self.target.lock().unwrap();
                    let mut server = TcpStream::connect(("127.0.0.1", target)).ok()?;
                    server.write_all(&request).ok()?;
                    let answer = message(&mut server)?;
                    let number = self.answers.fetch_add(1, Ordering::SeqCst);
                    let is_lost = match manner {
                        Manner::Lose(every) => number.is_multiple_of(every),
                        Manner::LoseWrites => is_write(&request),
                        _ => false,
                    };
                    if is_lost {
                        return None;
                    }
                    client.write_all(&answer).ok()?;
                }
            }
        }
    }
}

fn is_write(request: &[u8]) -> bool {
    String::from_utf8_lossy(request).contains("request_put")
}

/// One message of HTTP/1.1, with its body.
fn message(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 << 10];
    loop {
        let read = stream.read(&mut buffer).ok().filter(|read| *read > 0)?;
        bytes.extend_from_slice(&buffer[..read]);
        let Some(head) = bytes.windows(4).position(|it| it == b"\r\n\r\n") else {
            continue;
        };
        let text = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
        let is_chunked = text.contains("transfer-encoding: chunked");
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let is_whole = match length {
            Some(length) => bytes.len() >= head + 4 + length.trim().parse::<usize>().ok()?,
            None => !is_chunked || bytes.ends_with(b"\r\n0\r\n\r\n"),
        };
        if is_whole {
            return Some(bytes);
        }
    }
}
