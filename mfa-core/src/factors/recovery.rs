//! Recovery codes: ten codes on paper, each good once, for the day on which the device is lost.
//!
//! They have ten digits, more than any other code has, and are kept as keyed hashes (HMAC-SHA-256): a
//! store without its key tells none of them. Too few of them are guessed under the lockout for a slow
//! hash to be needed (NIST SP 800-63B §5.1.2).

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The digits of a recovery code.
pub const RECOVERY_DIGITS: u32 = 10;

/// How many there are unless something else is asked for.
pub const RECOVERY_CODES: usize = mfa_protocol::factor::RECOVERY_CODES as usize;

/// The most that there may be.
pub const MAX_RECOVERY_CODES: usize = 20;

/// The key of the hashes. Shown by nothing.
#[derive(Clone)]
pub struct Pepper(Zeroizing<[u8; 32]>);

impl Pepper {
    /// A key.
    #[must_use]
    pub fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self(key)
    }

    /// The keyed hash of a code.
    #[must_use]
    pub fn digest(&self, code: &str) -> CodeDigest {
        // A key of any length is one.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&*self.0) else {
            return CodeDigest([0; 32]);
        };
        mac.update(code.as_bytes());
        CodeDigest(mac.finalize().into_bytes().into())
    }
}

/// The keyed hash of a code.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CodeDigest([u8; 32]);

impl PartialEq for CodeDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for CodeDigest {}

impl From<CodeDigest> for String {
    fn from(digest: CodeDigest) -> Self {
        data_encoding::BASE64_NOPAD.encode(&digest.0)
    }
}

impl TryFrom<String> for CodeDigest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let bytes = data_encoding::BASE64_NOPAD.decode(text.as_bytes());
        let bytes = bytes.ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or("not the hash of a code")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pepper(fill: u8) -> Pepper {
        Pepper::new(Zeroizing::new([fill; 32]))
    }

    #[test]
    fn a_hash_is_good_for_its_code_and_its_key_only() {
        let digest = pepper(1).digest("0123456789");
        assert_eq!(pepper(1).digest("0123456789"), digest);
        assert_ne!(pepper(1).digest("0123456788"), digest);
        assert_ne!(pepper(2).digest("0123456789"), digest);
    }

    #[test]
    fn a_hash_survives_storage_and_junk_is_none() {
        let digest = pepper(1).digest("0123456789");
        let text = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<CodeDigest>(&text).unwrap(), digest);
        for junk in ["\"\"", "\"AAAA\"", "\"?\"", "7"] {
            assert!(serde_json::from_str::<CodeDigest>(junk).is_err(), "{junk}");
        }
    }
}
