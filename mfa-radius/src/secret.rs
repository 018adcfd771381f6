//! The secret that client and server share. It can't be read back.

use hmac::{Hmac, KeyInit};
use md5::Md5;
use zeroize::Zeroizing;

/// The minimum that RFC 2865 §3 recommends, in bytes.
const RECOMMENDED: usize = 16;

/// What is wrong with a shared secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// With an empty secret anybody could forge replies (RFC 2865 §3).
    #[error("the shared secret of a RADIUS server is empty; write it to its file")]
    Empty,
}

/// The secret that client and server share. It has no `Debug` and is wiped when dropped.
pub struct SharedSecret {
    bytes: Zeroizing<Vec<u8>>,
    /// Keyed once. It is as sensitive as the secret, and is wiped as well.
    mac: Hmac<Md5>,
}

impl SharedSecret {
    /// Takes the secret as it is: the caller removes line breaks at the end of a file.
    ///
    /// # Errors
    ///
    /// [`SecretError::Empty`].
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Result<Self, SecretError> {
        if bytes.is_empty() {
            return Err(SecretError::Empty);
        }
        // HMAC accepts keys of every length (RFC 2104 §2), so this error can't occur.
        let mac = Hmac::new_from_slice(&bytes).map_err(|_| SecretError::Empty)?;
        Ok(Self { bytes, mac })
    }

    /// Whether it is shorter than the 16 bytes that RFC 2865 §3 recommends. That is worth a
    /// warning: an attacker who records one exchange can guess secrets offline.
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
