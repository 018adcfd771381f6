//! The administrator's own server for text messages: JSON over HTTPS.
//!
//! ```text
//! POST /send                               Authorization: Bearer SECRET
//! Content-Type: application/json      or   X-Signature: sha256=HEX
//!
//! {"to": "+491701234567", "text": "…", "code": "483920", "host": "web1", "service": "sshd"}
//! ```
//!
//! The signature is HMAC-SHA-256 (RFC 2104) over the bytes of the body. An answer from 200 to 299 means
//! sent; 408, 425, 429 and 500 to 599 mean try again; all others are final.

use std::time::Instant;

use data_encoding::HEXLOWER;
use hmac::{Hmac, KeyInit, Mac};
use mfa_protocol::Secret;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::https::{HttpsUrl, Post};
use crate::delivery::{SendError, Trust};

/// A server that accepts text messages.
#[derive(Debug)]
pub struct Webhook {
    pub url: HttpsUrl,
    /// How the agent authenticates.
    pub authentication: Authentication,
    /// The trusted certificates.
    pub trust: Trust,
}

/// How the agent authenticates to the server.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// A token in the header `Authorization` (RFC 6750).
    Bearer(Secret),
    /// A signature in the header `X-Signature`, with this key.
    Hmac(Secret),
}

impl Webhook {
    pub(super) fn send(&self, payload: &[u8], code: &str, until: Instant) -> Result<(), SendError> {
        let secret = match &self.authentication {
            Authentication::Bearer(secret) | Authentication::Hmac(secret) => secret.expose(),
        };
        Post {
            url: &self.url,
            content_type: "application/json",
            header: Some(self.authentication.header(payload)?),
            body: payload,
            hidden: &[code, secret],
        }
        .send(&self.trust, until)?;
        Ok(())
    }
}

impl Authentication {
    fn header(&self, body: &[u8]) -> Result<(&'static str, Zeroizing<String>), SendError> {
        match self {
            Self::Bearer(token) => {
                let mut value = Zeroizing::new(String::with_capacity(token.expose().len() + 7));
                value.push_str("Bearer ");
                value.push_str(token.expose());
                Ok(("Authorization", value))
            }
            Self::Hmac(key) => Ok(("X-Signature", signature(key, body)?)),
        }
    }
}

fn signature(key: &Secret, body: &[u8]) -> Result<Zeroizing<String>, SendError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
        .map_err(|_| SendError::permanent("the webhook's key can't be used"))?;
    mac.update(body);
    let mut value = Zeroizing::new(String::from("sha256="));
    HEXLOWER.encode_append(&mac.finalize().into_bytes(), &mut value);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_matches_the_standard() {
        // RFC 4231, test case 2.
        let value = signature(&Secret::from("Jefe"), b"what do ya want for nothing?").unwrap();
        assert_eq!(
            value.as_str(),
            "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        );
    }
}
