//! The client with the real clock and real sockets.

use std::net::UdpSocket;
use std::thread;

use super::*;
use crate::outside::System;
use crate::testing::read_request;

fn server(socket: &UdpSocket) -> Server {
    Server {
        address: socket.local_addr().unwrap(),
        secret: secret(SECRET),
        answers_status: false,
    }
}

fn listening(on: &str) -> UdpSocket {
    UdpSocket::bind(on).unwrap()
}

fn asked_by_system(servers: Vec<Server>, timeout: Duration) -> Result<Answer, ClientError> {
    let client = Client::new(
        servers,
        Settings {
            timeout,
            ..settings()
        },
    )
    .unwrap();
    client.ask(&ALICE, System.now() + 30 * SECOND, &System)
}

/// Answers each request as `script` says, until the script ends it.
fn serve(
    socket: UdpSocket,
    mut script: impl FnMut(&UdpSocket, &Seen, SocketAddr) -> bool + Send + 'static,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            let seen = read_request(&buffer[..length], &secret(SECRET)).unwrap();
            if script(&socket, &seen, from) {
                return;
            }
        }
    })
}

#[test]
fn a_reply_comes_back_over_udp_of_either_family() {
    for on in ["127.0.0.1:0", "[::1]:0"] {
        let socket = listening(on);
        let servers = vec![server(&socket)];
        let serving = serve(socket, |socket, seen, from| {
            socket.send_to(&answer(ACCEPT, seen), from).unwrap();
            true
        });
        let answer = asked_by_system(servers, TIMEOUT).unwrap();
        assert_eq!(
            answer.outcome,
            Outcome::Accepted {
                message: String::new()
            }
        );
        serving.join().unwrap();
    }
}

#[test]
fn a_lost_datagram_is_sent_again_and_strangers_are_not_heard() {
    let socket = listening("127.0.0.1:0");
    let stranger = listening("127.0.0.1:0");
    let servers = vec![server(&socket)];
    let mut lost = None;
    let serving = serve(socket, move |socket, seen, from| {
        let Some(first) = lost.replace((seen.identifier, seen.authenticator)) else {
            // Valid except for its source: a datagram from another port must not arrive.
            stranger.send_to(&answer(ACCEPT, seen), from).unwrap();
            socket.send_to(b"noise", from).unwrap();
            return false;
        };
        assert_eq!(first, (seen.identifier, seen.authenticator));
        socket.send_to(&answer(REJECT, seen), from).unwrap();
        true
    });
    let answer = asked_by_system(servers, TIMEOUT).unwrap();
    assert_eq!(
        answer.outcome,
        Outcome::Rejected {
            message: String::new()
        }
    );
    assert_eq!(answer.refused, 1);
    serving.join().unwrap();
}

#[test]
fn a_closed_port_is_noticed_and_the_next_server_asked() {
    let closed = server(&listening("127.0.0.1:0"));
    let socket = listening("127.0.0.1:0");
    let servers = vec![closed, server(&socket)];
    let serving = serve(socket, |socket, seen, from| {
        socket.send_to(&answer(ACCEPT, seen), from).unwrap();
        true
    });
    let answer = asked_by_system(servers, TIMEOUT).unwrap();
    assert_eq!(
        answer.outcome,
        Outcome::Accepted {
            message: String::new()
        }
    );
    assert!(matches!(
        answer.in_vain[..],
        [Tried {
            silence: Silence::Unreachable(_),
            ..
        }]
    ));
    serving.join().unwrap();
}

#[test]
fn a_server_that_never_answers_is_left_for_the_next() {
    let mute = listening("127.0.0.1:0");
    let socket = listening("127.0.0.1:0");
    let servers = vec![server(&mute), server(&socket)];
    let serving = serve(socket, |socket, seen, from| {
        socket.send_to(&answer(ACCEPT, seen), from).unwrap();
        true
    });
    let answer = asked_by_system(servers, SECOND / 5).unwrap();
    assert_eq!(
        answer.outcome,
        Outcome::Accepted {
            message: String::new()
        }
    );
    assert!(matches!(
        answer.in_vain[..],
        [Tried {
            silence: Silence::Silent,
            ..
        }]
    ));
    serving.join().unwrap();
}
