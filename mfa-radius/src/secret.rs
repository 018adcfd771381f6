//! The secret that client and server share. It goes in once and never comes out.

use hmac::{Hmac, KeyInit};
use md5::Md5;
use zeroize::Zeroizing;

/// What RFC 2865 §3 recommends at the least, in bytes.
const RECOMMENDED: usize = 16;

/// What is wrong with a shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// An empty one would let anybody forge replies (RFC 2865 §3).
    #[error("the shared secret of a RADIUS server is empty; write it to its file")]
    Empty,
}

/// The secret that client and server share. It has no `Debug` and is wiped when dropped.
pub struct SharedSecret {
    bytes: Zeroizing<Vec<u8>>,
    /// Keyed once: what this keeps is as good as the secret, and is wiped as well.
    mac: Hmac<Md5>,
}

impl SharedSecret {
    /// Takes over the secret, as it stands: line breaks at the end of a file are for the caller to remove.
    ///
    /// # Errors
    ///
    /// [`SecretError::Empty`].
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Result<Self, SecretError> {
        if bytes.is_empty() {
            return Err(SecretError::Empty);
        }
        // HMAC takes keys of every length (RFC 2104 §2); what it can't return is an error as well.
        let mac = Hmac::new_from_slice(&bytes).map_err(|_| SecretError::Empty)?;
        Ok(Self { bytes, mac })
    }

    /// Whether it is shorter than the 16 bytes that RFC 2865 §3 recommends: worth a warning, since who
    /// records one exchange can try secrets at leisure.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.bytes.len() < RECOMMENDED
    }

    pub(crate) fn expose(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn mac(&self) -> Hmac<Md5> {
        self.mac.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_secret_is_refused() {
        let empty = SharedSecret::new(Zeroizing::new(Vec::new()));
        assert!(matches!(empty, Err(SecretError::Empty)));
    }

    #[test]
    fn a_secret_of_fewer_than_16_bytes_is_short() {
        for (length, short) in [(1, true), (15, true), (16, false), (200, false)] {
            let secret = SharedSecret::new(Zeroizing::new(vec![b'x'; length]));
            assert_eq!(secret.ok().map(|secret| secret.is_short()), Some(short));
        }
    }
}
