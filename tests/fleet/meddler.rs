//! Servers where an endpoint of etcd should be: they hang, answer garbage, or hang up.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use mfa_tests::Lan;

/// How a server misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It takes a connection and says nothing.
    Hangs,
    /// Its answer begins, and never ends.
    Trickles,
    /// Its answer is no JSON.
    SaysGarbage,
    /// Its answer is JSON, but not of etcd.
    SaysOther,
    /// Its answer is longer than any that etcd gives.
    SaysTooMuch,
    /// It ends each connection at once.
    HangsUp,
}

impl Manner {
    /// All of them.
    pub(crate) const ALL: [Self; 6] = [
        Self::Hangs,
        Self::Trickles,
        Self::SaysGarbage,
        Self::SaysOther,
        Self::SaysTooMuch,
        Self::HangsUp,
    ];
}

/// Starts a server at the test's own address, which runs as long as the test. Returns its endpoint.
pub(crate) fn endpoint(manner: Manner) -> String {
    let listener = TcpListener::bind((Lan::OWN, 0)).expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            std::thread::spawn(move || serve(manner, connection));
        }
    });
    format!("http://{}:{port}", Lan::OWN)
}

fn serve(manner: Manner, mut connection: TcpStream) {
    match manner {
        Manner::HangsUp => {}
        Manner::Hangs => hold(connection),
        Manner::Trickles => {
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{");
            while connection.write_all(b" ").is_ok() {
                std::thread::sleep(Duration::from_millis(300));
            }
        }
        Manner::SaysGarbage => answer(connection, "\u{0}<html>not what you asked for"),
        Manner::SaysOther => answer(connection, r#"{"header":{"revision":[]},"kvs":7}"#),
        Manner::SaysTooMuch => answer(connection, &" ".repeat(64 << 20)),
    }
}

/// Reads until the other end hangs up.
fn hold(mut connection: TcpStream) {
    let mut buffer = [0; 4096];
    while connection.read(&mut buffer).is_ok_and(|count| count > 0) {}
}

fn answer(mut connection: TcpStream, body: &str) {
    let mut request = [0; 65536];
    let _ = connection.read(&mut request);
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    if connection.write_all(head.as_bytes()).is_ok() {
        let _ = connection.write_all(body.as_bytes());
    }
    hold(connection);
}
