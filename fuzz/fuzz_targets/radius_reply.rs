//! Any datagram that arrives at a RADIUS client.
//!
//! Without the digests over the request it is refused, also if only the Message-Authenticator is
//! missing, because an MD5 collision can forge the other one. A garbled reply from a server with
//! the shared secret is safe to show, or an error.
#![no_main]

use hmac::{Hmac, KeyInit, Mac};
use libfuzzer_sys::fuzz_target;
use md5::{Digest, Md5};
use mfa_radius::{MAX_MESSAGE, Packet, Reply, Request, SharedSecret, decode};

const SECRET: &[u8] = b"a secret for fuzzing";
const IDENTIFIER: u8 = 42;
const AUTHENTICATOR: [u8; 16] = [0xa5; 16];

fuzz_target!(|bytes: &[u8]| {
    let secret = SharedSecret::new(SECRET.to_vec().into()).expect("it is not empty");
    let packet = request(&secret);
    assert!(decode(bytes, &packet, &secret).is_err());
    let Some((code, attributes)) = bytes.split_first() else {
        return;
    };
    if attributes.len() > 4000 {
        return;
    }
    let forged = seal(*code, attributes);
    assert!(decode(&forged, &packet, &secret).is_err());
    let signed = sign(*code, attributes);
    let reply = decode(&signed, &packet, &secret);
    if let Ok(reply) = &reply {
        check(*code, reply);
    }
    let padded = [&signed[..], bytes].concat();
    assert!(decode(&padded, &packet, &secret) == reply);
});

fn request(secret: &SharedSecret) -> Packet {
    let request = Request {
        user: "alice",
        password: "483920",
        state: None,
        nas_identifier: "host",
        calling_station: None,
    };
    request
        .encode(IDENTIFIER, AUTHENTICATOR, secret)
        .expect("it fits")
}

/// Only an Accept lets a user in, and no message can control a terminal.
fn check(code: u8, reply: &Reply) {
    let (expected, message) = match reply {
        Reply::Accept { message } => (2, message),
        Reply::Reject { message } => (3, message),
        Reply::Challenge { message, .. } => (11, message),
    };
    assert_eq!(code, expected);
    assert!(message.len() <= MAX_MESSAGE);
    assert!(message.chars().all(|c| c == '\n' || !c.is_control()));
}

/// The attributes with a valid Message-Authenticator and Response Authenticator.
fn sign(code: u8, attributes: &[u8]) -> Vec<u8> {
    let header = header(code, 18 + attributes.len());
    let mut mac = Hmac::<Md5>::new_from_slice(SECRET).expect("any length will do");
    for part in [&header[..], &AUTHENTICATOR, &[80, 18], &[0; 16], attributes] {
        mac.update(part);
    }
    let mac = mac.finalize().into_bytes();
    seal(code, &[&[80, 18], &mac[..], attributes].concat())
}

/// The attributes with a valid Response Authenticator.
fn seal(code: u8, attributes: &[u8]) -> Vec<u8> {
    let header = header(code, attributes.len());
    let mut sum = Md5::new();
    for part in [&header[..], &AUTHENTICATOR, attributes, SECRET] {
        sum.update(part);
    }
    [&header[..], &sum.finalize(), attributes].concat()
}

fn header(code: u8, attributes: usize) -> [u8; 4] {
    let length = u16::try_from(20 + attributes)
        .expect("it is bounded")
        .to_be_bytes();
    [code, IDENTIFIER, length[0], length[1]]
}
