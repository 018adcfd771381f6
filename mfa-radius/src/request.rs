//! Encodes requests.
//!
//! The password leaves only encrypted with the shared secret. Each request carries a
//! Message-Authenticator as its first attribute, so that servers which demand one answer, and
//! nobody can put chosen bytes in front of it (CVE-2024-3596).

use zeroize::Zeroizing;

use crate::attribute::{HEADER, append, kind};
use crate::crypt::{AUTHENTICATOR, Authenticator, hide, message_authenticator};
use crate::secret::SharedSecret;
use crate::state::State;

/// The longest password, in bytes (RFC 2865 §5.2).
pub const MAX_PASSWORD: usize = 128;

/// Packet codes (RFC 2865 §3, RFC 5997 §2).
const ACCESS_REQUEST: u8 = 1;
const STATUS_SERVER: u8 = 12;

/// Service-Type "Authenticate Only" (RFC 2865 §5.6), as servers expect it from PAM.
const AUTHENTICATE_ONLY: u32 = 8;
/// NAS-Port-Type "Virtual": no physical port (RFC 2865 §5.41).
const VIRTUAL: u32 = 5;

/// An Access-Request with a password (PAP).
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// User-Name, 1 to 253 bytes.
    pub user: &'a str,
    /// User-Password: a password, a code, both, or the answer to a challenge, up to
    /// [`MAX_PASSWORD`] bytes. Some servers treat an empty one as a request for a challenge.
    pub password: &'a str,
    /// State of the challenge that this answers, unchanged.
    pub state: Option<&'a State>,
    /// NAS-Identifier: the name of this host, 1 to 253 bytes. RFC 2865 §4.1 requires this or an
    /// address.
    pub nas_identifier: &'a str,
    /// Calling-Station-Id: where the user logs in from, 1 to 253 bytes.
    pub calling_station: Option<&'a str>,
}

/// Why a request can't be encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// An attribute must have 1 to 253 bytes.
    #[error("{0} can't be sent to a RADIUS server: it must have 1 to 253 bytes")]
    Length(&'static str),
    /// RFC 2865 §5.2 sets this limit.
    #[error("an answer of more than {MAX_PASSWORD} bytes can't be sent to a RADIUS server")]
    PasswordTooLong,
    /// NUL is padding in User-Password: the server would verify another password.
    #[error("an answer with a NUL character can't be sent to a RADIUS server")]
    PasswordWithNul,
}

/// An encoded request: sent, resent (RFC 5080 §2.2.1), and compared with replies. It is wiped when
/// dropped, because the shared secret decrypts the password in it.
pub struct Packet {
    bytes: Zeroizing<Vec<u8>>,
    identifier: u8,
    authenticator: Authenticator,
}

impl Packet {
    /// The datagram.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn identifier(&self) -> u8 {
        self.identifier
    }

    pub(crate) fn authenticator(&self) -> &Authenticator {
        &self.authenticator
    }

    /// A Status-Server, which asks only whether the server is alive (RFC 5997). Its answer can't
    /// answer a login, because identifier and authenticator differ.
    #[must_use]
    pub fn status_server(
        nas_identifier: &NasIdentifier,
        identifier: u8,
        authenticator: [u8; AUTHENTICATOR],
        secret: &SharedSecret,
    ) -> Self {
        let mut bytes = start(STATUS_SERVER, identifier, &authenticator);
        bytes.extend_from_slice(&nas_identifier.attribute);
        finish(bytes, identifier, authenticator, secret)
    }
}

/// The name by which the servers know this host, of valid length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NasIdentifier {
    name: String,
    attribute: Vec<u8>,
}

impl NasIdentifier {
    /// Checks the length.
    ///
    /// # Errors
    ///
    /// [`RequestError::Length`] unless it has 1 to 253 bytes.
    pub fn new(name: String) -> Result<Self, RequestError> {
        let mut attribute = Vec::new();
        append(&mut attribute, kind::NAS_IDENTIFIER, name.as_bytes())
            .ok_or(RequestError::Length("the NAS-Identifier"))?;
        Ok(Self { name, attribute })
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

impl Request<'_> {
    /// Encodes the packet. `authenticator` must be random and new for every request, because it
    /// detects replays.
    ///
    /// # Errors
    ///
    /// [`RequestError`], when something is too long or empty.
    pub fn encode(
        &self,
        identifier: u8,
        authenticator: [u8; AUTHENTICATOR],
        secret: &SharedSecret,
    ) -> Result<Packet, RequestError> {
        self.check_password()?;
        let hidden = hide(self.password.as_bytes(), secret, &authenticator);
        let mut bytes = start(ACCESS_REQUEST, identifier, &authenticator);
        let mut put = |kind, value: &[u8], name| {
            append(&mut bytes, kind, value).ok_or(RequestError::Length(name))
        };
        put(kind::USER_NAME, self.user.as_bytes(), "the user name")?;
        put(kind::USER_PASSWORD, &hidden, "the answer")?;
        let nas = self.nas_identifier.as_bytes();
        put(kind::NAS_IDENTIFIER, nas, "the NAS-Identifier")?;
        let service = AUTHENTICATE_ONLY.to_be_bytes();
        put(kind::SERVICE_TYPE, &service, "Service-Type")?;
        put(kind::NAS_PORT_TYPE, &VIRTUAL.to_be_bytes(), "NAS-Port-Type")?;
        if let Some(station) = self.calling_station {
            let name = "the Calling-Station-Id";
            put(kind::CALLING_STATION_ID, station.as_bytes(), name)?;
        }
        if let Some(state) = self.state {
            put(kind::STATE, state.as_bytes(), "State")?;
        }
        Ok(finish(bytes, identifier, authenticator, secret))
    }

    fn check_password(&self) -> Result<(), RequestError> {
        if self.password.len() > MAX_PASSWORD {
            return Err(RequestError::PasswordTooLong);
        }
        if self.password.contains('\0') {
            return Err(RequestError::PasswordWithNul);
        }
        Ok(())
    }
}

/// Enough for all attributes, so that the buffer, which holds a password, never moves.
const CAPACITY: usize = HEADER + 6 * 255 + 2 * 6;

/// Offset of the Message-Authenticator's value: it is the first attribute.
const MAC_AT: usize = HEADER + 2;

fn start(code: u8, identifier: u8, authenticator: &Authenticator) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(CAPACITY));
    bytes.extend_from_slice(&[code, identifier, 0, 0]);
    bytes.extend_from_slice(authenticator);
    bytes.extend_from_slice(&[kind::MESSAGE_AUTHENTICATOR, 2 + AUTHENTICATOR as u8]);
    bytes.extend_from_slice(&[0; AUTHENTICATOR]);
    bytes
}

/// Fills in the length, and then the Message-Authenticator over everything.
fn finish(
    mut bytes: Zeroizing<Vec<u8>>,
    identifier: u8,
    authenticator: Authenticator,
    secret: &SharedSecret,
) -> Packet {
    // At most CAPACITY, so the cast loses nothing.
    let length = (bytes.len() as u16).to_be_bytes();
    bytes[2..4].copy_from_slice(&length);
    let mac = message_authenticator(secret, &[&bytes]);
    bytes[MAC_AT..MAC_AT + AUTHENTICATOR].copy_from_slice(&mac);
    Packet {
        bytes,
        identifier,
        authenticator,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{read_request, secret};
    use proptest::prelude::*;

    const PLAIN: Request<'_> = Request {
        user: "alice",
        password: "483920",
        state: None,
        nas_identifier: "host.example",
        calling_station: Some("192.0.2.7"),
    };

    #[test]
    fn the_message_authenticator_stands_first_and_is_right() {
        let packet = PLAIN.encode(7, [9; 16], &secret("s3cret")).unwrap();
        assert_eq!(packet.bytes()[HEADER], kind::MESSAGE_AUTHENTICATOR);
        assert!(read_request(packet.bytes(), &secret("s3cret")).is_some());
        assert!(read_request(packet.bytes(), &secret("other")).is_none());
    }

    #[test]
    fn a_server_reads_what_was_asked() {
        let packet = PLAIN.encode(7, [9; 16], &secret("s3cret")).unwrap();
        let seen = read_request(packet.bytes(), &secret("s3cret")).unwrap();
        assert_eq!((seen.code, seen.identifier), (1, 7));
        assert_eq!(seen.password.as_deref(), Some("483920"));
        assert_eq!(seen.all(kind::USER_NAME), [b"alice"]);
        assert_eq!(seen.all(kind::NAS_IDENTIFIER), [b"host.example"]);
        assert_eq!(seen.all(kind::CALLING_STATION_ID), [b"192.0.2.7"]);
        assert_eq!(seen.all(kind::SERVICE_TYPE), [[0, 0, 0, 8]]);
        assert_eq!(seen.all(kind::NAS_PORT_TYPE), [[0, 0, 0, 5]]);
        assert!(seen.all(kind::STATE).is_empty());
    }

    #[test]
    fn values_of_invalid_length_are_refused_and_not_cut() {
        let long = "x".repeat(254);
        let of = |request: Request<'_>| request.encode(0, [0; 16], &secret("s")).err();
        for user in ["", &long] {
            let refused = of(Request { user, ..PLAIN });
            assert_eq!(refused, Some(RequestError::Length("the user name")));
        }
        for nas_identifier in ["", &long] {
            let refused = of(Request {
                nas_identifier,
                ..PLAIN
            });
            assert_eq!(refused, Some(RequestError::Length("the NAS-Identifier")));
        }
        for station in ["", &long] {
            let calling_station = Some(station);
            assert!(
                of(Request {
                    calling_station,
                    ..PLAIN
                })
                .is_some()
            );
        }
        let password = "x".repeat(MAX_PASSWORD + 1);
        let refused = of(Request {
            password: &password,
            ..PLAIN
        });
        assert_eq!(refused, Some(RequestError::PasswordTooLong));
        let refused = of(Request {
            password: "1234\0",
            ..PLAIN
        });
        assert_eq!(refused, Some(RequestError::PasswordWithNul));
        assert_eq!(
            of(Request {
                password: &password[1..],
                ..PLAIN
            }),
            None
        );
    }

    #[test]
    fn the_largest_request_fits_its_buffer() {
        let long = "x".repeat(253);
        let state = State::new(&[1; 253]).unwrap();
        let request = Request {
            user: &long,
            password: &"x".repeat(MAX_PASSWORD),
            state: Some(&state),
            nas_identifier: &long,
            calling_station: Some(&long),
        };
        let packet = request.encode(0, [0; 16], &secret("s")).unwrap();
        assert!(packet.bytes().len() <= CAPACITY);
        assert_eq!(packet.bytes.capacity(), CAPACITY);
    }

    #[test]
    fn a_status_request_has_a_message_authenticator_and_no_user() {
        let nas = NasIdentifier::new("host".into()).unwrap();
        let packet = Packet::status_server(&nas, 3, [1; 16], &secret("s"));
        let seen = read_request(packet.bytes(), &secret("s")).unwrap();
        assert_eq!((seen.code, seen.identifier), (12, 3));
        assert_eq!(seen.all(kind::NAS_IDENTIFIER), [b"host"]);
        assert!(seen.all(kind::USER_NAME).is_empty() && seen.password.is_none());
    }

    proptest! {
        #[test]
        fn every_request_is_read_by_a_server_as_it_was_meant(
            user in ".{1,60}",
            password in "[^\0]{0,32}",
            station in prop::option::of(".{1,60}"),
            state in prop::option::of(prop::collection::vec(any::<u8>(), 1..=253)),
            identifier: u8,
            authenticator: [u8; 16],
        ) {
            let state = state.as_deref().map(|bytes| State::new(bytes).unwrap());
            let request = Request {
                user: &user,
                password: &password,
                state: state.as_ref(),
                nas_identifier: "host",
                calling_station: station.as_deref(),
            };
            let packet = request.encode(identifier, authenticator, &secret("s3cret")).unwrap();
            let seen = read_request(packet.bytes(), &secret("s3cret")).unwrap();
            prop_assert_eq!(seen.identifier, identifier);
            prop_assert_eq!(seen.password.as_deref(), Some(password.as_str()));
            prop_assert_eq!(seen.all(kind::USER_NAME), [user.as_bytes()]);
            let stations: Vec<&[u8]> = station.iter().map(String::as_bytes).collect();
            prop_assert_eq!(seen.all(kind::CALLING_STATION_ID), stations);
            let states: Vec<&[u8]> = state.iter().map(State::as_bytes).collect();
            prop_assert_eq!(seen.all(kind::STATE), states);
        }
    }
}
