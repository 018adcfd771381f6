//! The client against a real FreeRADIUS, which demands a Message-Authenticator of each request.

#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "freeradius/relay.rs"]
mod relay;
#[path = "freeradius/server.rs"]
mod server;

use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mfa_radius::client::Silence;
use mfa_radius::{Answer, Attempt, Challenge, Client, ClientError, Outcome, ReplyError};
use mfa_radius::{Server, Settings, SharedSecret, System};
use relay::Relay;
use server::{FreeRadius, free_port};

const SETTINGS: &str = include_str!("freeradius/radiusd.conf");
/// The key of bob's token, in base32.
const KEY: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
const SECRET: &str = "a secret for the tests only";
const PASSWORD: &str = "correct horse";
/// The longest wait for a server that should answer.
const LONG: Duration = Duration::from_secs(30);

fn freeradius() -> Option<FreeRadius> {
    FreeRadius::start(&SETTINGS.replace("@KEY@", KEY))
}

fn server_at(address: SocketAddr, secret: &str) -> Server {
    Server {
        address,
        secret: SharedSecret::new(secret.as_bytes().to_vec().into()).unwrap(),
        answers_status: false,
    }
}

fn client_of(servers: Vec<Server>, timeout: Duration) -> Client {
    let settings = Settings {
        nas_identifier: "host.example".into(),
        timeout,
        dead_time: Duration::from_secs(60),
    };
    Client::new(servers, settings).unwrap()
}

fn only(address: SocketAddr) -> Client {
    client_of(vec![server_at(address, SECRET)], LONG)
}

fn try_for(
    client: &Client,
    (user, password): (&str, &str),
    follows: Option<&Challenge>,
    wait: Duration,
) -> Result<Answer, ClientError> {
    let attempt = Attempt {
        user,
        password,
        calling_station: Some("192.0.2.7"),
        follows,
    };
    client.ask(&attempt, Instant::now() + wait, &System)
}

fn login(client: &Client, user: &str, password: &str) -> Outcome {
    try_for(client, (user, password), None, LONG)
        .unwrap()
        .outcome
}

fn go_on(client: &Client, user: &str, password: &str, after: &Challenge) -> Outcome {
    let answer = try_for(client, (user, password), Some(after), LONG);
    answer.unwrap().outcome
}

fn accepted() -> Outcome {
    Outcome::Accepted {
        message: "welcome".into(),
    }
}

fn rejected() -> Outcome {
    Outcome::Rejected {
        message: "wrong".into(),
    }
}

fn challenge(outcome: Outcome) -> Challenge {
    match outcome {
        Outcome::Challenged(challenge) => challenge,
        other => panic!("a challenge was expected: {other:?}"),
    }
}

#[test]
fn right_and_wrong_passwords_are_told_apart() {
    let Some(server) = freeradius() else {
        return;
    };
    let client = only(server.address);
    assert_eq!(login(&client, "alice", PASSWORD), accepted());
    assert_eq!(login(&client, "alice", "incorrect horse"), rejected());
    assert_eq!(login(&client, "nobody", PASSWORD), rejected());
    // A password of more than one block shows whether the blocks are chained correctly.
    let longer = format!("{PASSWORD} battery staple");
    assert_eq!(login(&client, "alice", &longer), rejected());
}

#[test]
fn one_round_asks_for_the_code_of_a_token() {
    let Some(server) = freeradius() else {
        return;
    };
    let client = only(server.address);
    assert_eq!(login(&client, "bob", "guess"), rejected());
    let asked = challenge(login(&client, "bob", PASSWORD));
    assert_eq!(
        (asked.message.as_str(), asked.echo),
        ("Enter the code", false)
    );
    assert!(asked.state.is_some());
    // The code may change between computing and verifying it.
    let right = (0..2).any(|_| {
        let asked = challenge(login(&client, "bob", PASSWORD));
        go_on(&client, "bob", &code(), &asked) == accepted()
    });
    assert!(right, "{}", server.log());
    assert_eq!(go_on(&client, "bob", "not it", &asked), rejected());
}

/// The code that bob's token shows.
fn code() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let uri = format!("otpauth://totp/bob?secret={KEY}");
    let token = totp_rs::Totp::from_url_unchecked(uri).unwrap();
    token.generate(now.as_secs()).to_string()
}

#[test]
fn two_rounds_keep_their_state() {
    let Some(server) = freeradius() else {
        return;
    };
    let client = only(server.address);
    let first = challenge(login(&client, "carol", PASSWORD));
    let second = challenge(go_on(&client, "carol", "blau", &first));
    assert_eq!(
        (second.message.as_str(), second.echo),
        ("And the second colour?", true)
    );
    assert_ne!(first.state, second.state);
    assert_eq!(go_on(&client, "carol", "grün", &second), accepted());

    let first = challenge(login(&client, "carol", PASSWORD));
    assert_eq!(go_on(&client, "carol", "grün", &first), rejected());
}

#[test]
fn with_a_wrong_secret_nobody_gets_in_and_nothing_counts_as_wrong() {
    let Some(server) = freeradius() else {
        return;
    };
    let client = client_of(vec![server_at(server.address, "another secret")], LONG);
    let answer = try_for(&client, ("alice", PASSWORD), None, Duration::from_secs(3));
    let Err(error @ ClientError::NoAnswer(_)) = answer else {
        panic!("{answer:?}")
    };
    assert!(error.to_string().contains("did not answer"), "{error}");
    assert!(
        server.log().contains("invalid Message-Authenticator"),
        "{}",
        server.log()
    );
}

#[test]
fn a_dead_first_server_is_left_for_the_second() {
    let Some(server) = freeradius() else {
        return;
    };
    let mute = UdpSocket::bind("127.0.0.1:0").unwrap();
    for dead in [free_port(), mute.local_addr().unwrap()] {
        let servers = vec![server_at(dead, SECRET), server_at(server.address, SECRET)];
        let client = client_of(servers, Duration::from_secs(1));
        for in_vain in [1, 0] {
            let answer = try_for(&client, ("alice", PASSWORD), None, LONG).unwrap();
            assert_eq!(
                (answer.outcome, answer.server),
                (accepted(), server.address)
            );
            assert_eq!(answer.in_vain.len(), in_vain, "passed over the second time");
        }
    }
}

#[test]
fn a_server_that_rings_a_phone_is_awaited_because_it_answers_status() {
    let Some(server) = freeradius() else {
        return;
    };
    let first = Server {
        answers_status: true,
        ..server_at(server.address, SECRET)
    };
    let servers = vec![first, server_at(free_port(), SECRET)];
    // Shorter than the call, and longer than the server takes to answer a Status-Server.
    let client = client_of(servers, Duration::from_secs(6));
    let answer = try_for(&client, ("dora", PASSWORD), None, LONG).unwrap();
    assert_eq!(
        (answer.outcome, answer.server),
        (accepted(), server.address)
    );
    let log = server.log();
    assert!(log.contains("Received Status-Server"), "{log}");
    // A retransmission is the same request, so the phone rings once.
    assert!(log.contains("Ignoring duplicate packet"), "{log}");
    assert_eq!(log.matches("Executing: /bin/sleep").count(), 1, "{log}");
}

#[test]
fn a_replayed_accept_lets_nobody_in() {
    let Some(server) = freeradius() else {
        return;
    };
    let relay = Relay::before(server.address);
    let client = only(relay.address);
    let recorded = Arc::new(Mutex::new(Vec::new()));
    let recorder = Arc::clone(&recorded);
    relay.meddle(move |reply| {
        *recorder.lock().unwrap() = reply.to_vec();
        vec![reply.to_vec()]
    });
    assert_eq!(login(&client, "alice", PASSWORD), accepted());

    let accept = recorded.lock().unwrap().clone();
    relay.meddle(move |reply| {
        // Also with the identifier that the client expects.
        let mut fitting = accept.clone();
        fitting[1] = reply[1];
        vec![accept.clone(), fitting, reply.to_vec()]
    });
    let answer = try_for(&client, ("alice", "guess"), None, LONG).unwrap();
    assert_eq!((answer.outcome, answer.refused), (rejected(), 2));
    assert_eq!(answer.last_refusal, Some(ReplyError::ResponseAuthenticator));
}

#[test]
fn a_reject_turned_into_an_accept_lets_nobody_in() {
    let Some(server) = freeradius() else {
        return;
    };
    let relay = Relay::before(server.address);
    let client = only(relay.address);
    relay.meddle(|reply| {
        let mut forged = reply.to_vec();
        forged[0] = 2;
        vec![forged]
    });
    let answer = try_for(&client, ("alice", "guess"), None, Duration::from_secs(3));
    let Err(ClientError::NoAnswer(tried)) = answer else {
        panic!("{answer:?}")
    };
    assert!(matches!(tried[0].silence, Silence::Silent));
    assert_eq!(
        tried[0].last_refusal,
        Some(ReplyError::ResponseAuthenticator)
    );
}
