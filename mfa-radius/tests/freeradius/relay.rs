//! An attacker on the path: sees each datagram, and sends the client anything.

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

/// Turns a server's reply into the datagrams that reach the client.
type Meddling = Box<dyn FnMut(&[u8]) -> Vec<Vec<u8>> + Send>;

pub(crate) struct Relay {
    pub(crate) address: SocketAddr,
    meddling: Arc<Mutex<Meddling>>,
}

impl Relay {
    /// Relays everything to `server` at first. Its thread ends with the test program.
    pub(crate) fn before(server: SocketAddr) -> Self {
        let front = UdpSocket::bind("127.0.0.1:0").unwrap();
        let back = UdpSocket::bind("127.0.0.1:0").unwrap();
        back.connect(server).unwrap();
        let address = front.local_addr().unwrap();
        let honest: Meddling = Box::new(|reply| vec![reply.to_vec()]);
        let meddling = Arc::new(Mutex::new(honest));
        let shared = Arc::clone(&meddling);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, client)) = front.recv_from(&mut buffer) {
                back.send(&buffer[..length]).unwrap();
                let length = back.recv(&mut buffer).unwrap();
                let datagrams = (shared.lock().unwrap())(&buffer[..length]);
                for datagram in datagrams {
                    front.send_to(&datagram, client).unwrap();
                }
            }
        });
        Self { address, meddling }
    }

    /// From now on it changes replies like this.
    pub(crate) fn meddle(&self, how: impl FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static) {
        *self.meddling.lock().unwrap() = Box::new(how);
    }
}
