//! A policy server for postfix: it counts recipients, and defers emails on request.
//!
//! The protocol is that of `check_policy_service`: lines `name=value` up to an empty one, answered
//! by `action=` and an empty line. Its threads end with the test's process.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Clone, Default)]
pub(crate) struct Greylist(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    tried: Vec<String>,
    to_refuse: usize,
}

impl Greylist {
    /// Starts one that accepts everything; returns its port.
    pub(crate) fn start() -> (Self, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let greylist = Self::default();
        let serving = greylist.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                // Postfix closes it when it has nothing more to ask.
                std::thread::spawn(move || serving.serve(&stream).ok());
            }
        });
        (greylist, port)
    }

    /// Defers the next `count` attempts with a 451.
    pub(crate) fn refuse_next(&self, count: usize) {
        self.0.lock().expect("a lock").to_refuse = count;
    }

    /// Number of attempts to send an email to `address`.
    pub(crate) fn tries(&self, address: &str) -> usize {
        let state = self.0.lock().expect("a lock");
        state.tried.iter().filter(|tried| *tried == address).count()
    }

    fn serve(&self, mut stream: &TcpStream) -> io::Result<()> {
        let mut recipient = String::new();
        for line in BufReader::new(stream).lines() {
            let line = line?;
            if let Some(address) = line.strip_prefix("recipient=") {
                recipient = address.to_owned();
            }
            if line.is_empty() {
                let action = self.decide(std::mem::take(&mut recipient));
                write!(stream, "action={action}\n\n")?;
            }
        }
        Ok(())
    }

    fn decide(&self, recipient: String) -> &'static str {
        let mut state = self.0.lock().expect("a lock");
        state.tried.push(recipient);
        if state.to_refuse == 0 {
            return "dunno";
        }
        state.to_refuse -= 1;
        "451 4.7.1 Try again in a moment"
    }
}
