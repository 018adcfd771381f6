//! A server's side of the protocol, for tests: reads requests and makes valid and invalid replies.

use zeroize::Zeroizing;

use crate::attribute::{HEADER, append, kind, split};
use crate::crypt::{Authenticator, hide, message_authenticator, response_authenticator};
use crate::request::{Packet, Request};
use crate::secret::SharedSecret;

pub(crate) const ACCEPT: u8 = 2;
pub(crate) const REJECT: u8 = 3;
pub(crate) const CHALLENGE: u8 = 11;

pub(crate) fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

pub(crate) fn secret(text: &str) -> SharedSecret {
    SharedSecret::new(Zeroizing::new(text.into())).unwrap()
}

/// A login of alice.
pub(crate) fn login(identifier: u8, authenticator: Authenticator, with: &SharedSecret) -> Packet {
    let request = Request {
        user: "alice",
        password: "483920",
        state: None,
        nas_identifier: "host",
        calling_station: None,
    };
    request.encode(identifier, authenticator, with).unwrap()
}

/// The content of a request, as a server sees it.
pub(crate) struct Seen {
    pub(crate) code: u8,
    pub(crate) identifier: u8,
    pub(crate) authenticator: Authenticator,
    pub(crate) password: Option<String>,
    attributes: Vec<(u8, Vec<u8>)>,
}

impl Seen {
    pub(crate) fn all(&self, kind: u8) -> Vec<&[u8]> {
        let of_kind = self.attributes.iter().filter(|(k, _)| *k == kind);
        of_kind.map(|(_, value)| value.as_slice()).collect()
    }
}

/// Reads a request as a strict server does: `None` unless its first attribute is a valid
/// Message-Authenticator and its length field matches.
pub(crate) fn read_request(bytes: &[u8], with: &SharedSecret) -> Option<Seen> {
    let length = usize::from(u16::from_be_bytes([bytes[2], bytes[3]]));
    assert_eq!(length, bytes.len());
    let authenticator = bytes[4..HEADER].try_into().unwrap();
    let all = split(&bytes[HEADER..]).unwrap();
    assert_eq!(all[0].kind, kind::MESSAGE_AUTHENTICATOR);
    let (start, end) = (&bytes[..HEADER + 2], &bytes[HEADER + 18..]);
    if message_authenticator(with, &[start, &[0; 16], end]) != *all[0].value {
        return None;
    }
    let hidden = all.iter().find(|a| a.kind == kind::USER_PASSWORD);
    let password = hidden.map(|a| uncover(a.value, with, &authenticator));
    Some(Seen {
        code: bytes[0],
        identifier: bytes[1],
        authenticator,
        password: password.map(|bytes| String::from_utf8(bytes).unwrap()),
        attributes: all.iter().map(|a| (a.kind, a.value.to_vec())).collect(),
    })
}

/// Decrypts a hidden password block by block: the stream of a block depends on the hidden block
/// before it.
pub(crate) fn uncover(
    hidden: &[u8],
    with: &SharedSecret,
    authenticator: &Authenticator,
) -> Vec<u8> {
    let mut previous = *authenticator;
    let mut password = Vec::new();
    for block in hidden.chunks_exact(16) {
        // A hidden block of zeros is the stream itself.
        let stream = hide(&[0; 16], with, &previous);
        password.extend(block.iter().zip(stream.iter()).map(|(a, b)| a ^ b));
        previous = block.try_into().unwrap();
    }
    while password.last() == Some(&0) {
        password.pop();
    }
    password
}

/// How a reply is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mac {
    First,
    Last,
    Missing,
    Wrong,
    Twice,
}

/// A reply with this identifier and authenticator, and a valid Response Authenticator.
pub(crate) fn reply(
    code: u8,
    (identifier, authenticator): (u8, Authenticator),
    attributes: &[(u8, &[u8])],
    mac: Mac,
    with: &SharedSecret,
) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, value) in attributes {
        append(&mut body, *kind, value).unwrap();
    }
    reply_of_bytes(code, (identifier, authenticator), &body, mac, with)
}

/// The same with attributes that may be garbled.
pub(crate) fn reply_of_bytes(
    code: u8,
    (identifier, authenticator): (u8, Authenticator),
    attributes: &[u8],
    mac: Mac,
    with: &SharedSecret,
) -> Vec<u8> {
    let mut room = vec![kind::MESSAGE_AUTHENTICATOR, 18];
    room.extend_from_slice(&[0; 16]);
    let (mut body, at) = match mac {
        Mac::Missing => (attributes.to_vec(), None),
        Mac::First | Mac::Wrong => ([&room, attributes].concat(), Some(2)),
        Mac::Last => ([attributes, &room].concat(), Some(attributes.len() + 2)),
        Mac::Twice => ([&room, attributes, &room].concat(), Some(2)),
    };
    let length = u16::try_from(HEADER + body.len()).unwrap().to_be_bytes();
    let header = [code, identifier, length[0], length[1]];
    if let Some(at) = at {
        let mut sum = message_authenticator(with, &[&header, &authenticator, &body]);
        if mac == Mac::Wrong {
            sum[15] ^= 1;
        }
        body[at..at + 16].copy_from_slice(&sum);
    }
    let sum = response_authenticator(&header, &authenticator, &body, with);
    [&header[..], &sum, &body].concat()
}
