//! The hash functions of devices.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::words::Word;

/// The hash function of a device (RFC 6238 §1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum HashAlgorithm {
    /// HMAC-SHA-1, what nearly every app uses.
    #[default]
    Sha1,
    /// HMAC-SHA-256
    Sha256,
    /// HMAC-SHA-512
    Sha512,
}

/// A name that none of them has.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not an algorithm; expected SHA1, SHA256 or SHA512")]
pub struct HashAlgorithmError(String);

impl HashAlgorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// The name in URIs, settings, records and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        }
    }
}

impl Word for HashAlgorithm {
    const WORDS: &'static [Self] = &Self::ALL;

    fn word(self) -> &'static str {
        self.name()
    }
}

impl fmt::Display for HashAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<HashAlgorithm> for &'static str {
    fn from(algorithm: HashAlgorithm) -> Self {
        algorithm.name()
    }
}

impl TryFrom<String> for HashAlgorithm {
    type Error = HashAlgorithmError;

    fn try_from(name: String) -> Result<Self, HashAlgorithmError> {
        name.parse()
    }
}

/// People and programs also write `sha-256`.
impl FromStr for HashAlgorithm {
    type Err = HashAlgorithmError;

    fn from_str(name: &str) -> Result<Self, HashAlgorithmError> {
        Self::from_word(name)
            .or_else(|_| Self::from_word(&name.to_ascii_uppercase().replace('-', "")))
            .map_err(|_| HashAlgorithmError(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_as_people_write_them() {
        for name in ["sha256", "SHA-256", "SHA256"] {
            assert_eq!(name.parse(), Ok(HashAlgorithm::Sha256));
        }
        let error = "MD5".parse::<HashAlgorithm>().unwrap_err();
        assert!(error.to_string().contains("SHA512"), "{error}");
    }
}
