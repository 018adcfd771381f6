//! The MD5 computations of RADIUS, which has no other hash.
//!
//! The stream that hides a password (RFC 2865 §5.2); the Response Authenticator (RFC 2865 §3),
//! which can be forged in minutes since 2024; and the Message-Authenticator (RFC 2869 §5.14), an
//! HMAC, which can't. Nothing relies on the second alone.

use hmac::Mac;
use md5::{Digest, Md5};
use zeroize::{Zeroize, Zeroizing};

use crate::secret::SharedSecret;

/// The length of an authenticator of any kind, in bytes.
pub(crate) const AUTHENTICATOR: usize = 16;

/// Random in a request, a digest in a reply.
pub(crate) type Authenticator = [u8; AUTHENTICATOR];

/// Encrypts the password with the stream of secret and request authenticator, padded with NUL to
/// whole blocks, at least one (RFC 2865 §5.2).
pub(crate) fn hide(
    password: &[u8],
    secret: &SharedSecret,
    request_authenticator: &Authenticator,
) -> Zeroizing<Vec<u8>> {
    let length = password.len().div_ceil(AUTHENTICATOR).max(1) * AUTHENTICATOR;
    let mut hidden = Zeroizing::new(Vec::with_capacity(length));
    hidden.extend_from_slice(password);
    hidden.resize(length, 0);
    let mut previous = *request_authenticator;
    for block in hidden.chunks_exact_mut(AUTHENTICATOR) {
        let mut stream = sum(&[secret.expose(), &previous]);
        for ((byte, mask), kept) in block.iter_mut().zip(&stream).zip(&mut previous) {
            *byte ^= mask;
            *kept = *byte;
        }
        stream.zeroize();
    }
    hidden
}

/// The Response Authenticator of a reply (RFC 2865 §3). `header` is code, identifier and length.
pub(crate) fn response_authenticator(
    header: &[u8],
    request_authenticator: &Authenticator,
    attributes: &[u8],
    secret: &SharedSecret,
) -> Authenticator {
    sum(&[header, request_authenticator, attributes, secret.expose()])
}

/// The Message-Authenticator of a packet, given in parts, with 16 zeros where it goes and the
/// *request's* authenticator in the header (RFC 2869 §5.14).
pub(crate) fn message_authenticator(secret: &SharedSecret, parts: &[&[u8]]) -> Authenticator {
    let mut mac = secret.mac();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn sum(parts: &[&[u8]]) -> Authenticator {
    let mut md5 = Md5::new();
    for part in parts {
        md5.update(part);
    }
    md5.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{hex, secret, uncover};
    use proptest::prelude::*;

    #[test]
    fn the_password_of_rfc_2865_section_7_1_is_hidden_as_printed_there() {
        let authenticator = hex("0f403f9473978057bd83d5cb98f4227a");
        let hidden = hide(
            b"arctangent",
            &secret("xyzzy5461"),
            &authenticator.try_into().unwrap(),
        );
        assert_eq!(*hidden, hex("0dbe708d93d413ce3196e43f782a0aee"));
    }

    #[test]
    fn the_accept_of_rfc_2865_section_7_1_has_the_authenticator_printed_there() {
        let authenticator = hex("0f403f9473978057bd83d5cb98f4227a");
        let sum = response_authenticator(
            &hex("02000026"),
            &authenticator.try_into().unwrap(),
            &hex("0606000000010f06000000000e06c0a80103"),
            &secret("xyzzy5461"),
        );
        assert_eq!(sum.to_vec(), hex("86fe220e7624ba2a1005f6bf9b55e0b2"));
    }

    #[test]
    fn the_hmac_is_that_of_rfc_2202() {
        let sum = message_authenticator(&secret("Jefe"), &[b"what do ya want ", b"for nothing?"]);
        assert_eq!(sum.to_vec(), hex("750c783e6ab0b503eaa86e310a5db738"));
    }

    #[test]
    fn an_empty_password_still_fills_a_block() {
        assert_eq!(hide(b"", &secret("s"), &[7; 16]).len(), 16);
    }

    proptest! {
        #[test]
        fn a_server_uncovers_what_was_hidden(
            password in "[^\0]{0,32}",
            authenticator: [u8; 16],
        ) {
            let secret = secret("a secret of the usual length");
            let hidden = hide(password.as_bytes(), &secret, &authenticator);
            prop_assert_eq!(hidden.len() % 16, 0);
            prop_assert_eq!(uncover(&hidden, &secret, &authenticator), password.into_bytes());
        }
    }
}
