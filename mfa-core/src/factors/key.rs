//! The shared key of a device.
//!
//! Pasted base32 comes in, in many forms (lower case, blanks, dashes, padding), and bytes come out. The stored form is
//! base64 inside a sealed record.

use data_encoding::{BASE32_NOPAD, BASE64};
use mfa_protocol::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

/// The shortest accepted key, in bytes. RFC 4226 §4 asks for 128 bits, but google-authenticator creates ten bytes, and
/// refusing its users' keys would not help.
pub const MIN_KEY: usize = 10;

/// The longest key, in bytes: more than the block of SHA-512 adds nothing.
pub const MAX_KEY: usize = 128;

/// The length of the keys that we make, in bytes: 160 bits (RFC 4226 §4, R6).
pub const NEW_KEY: usize = 20;

/// The shared key of a device. Wiped when dropped, shown by nothing.
#[derive(Clone)]
pub struct Key(Zeroizing<Vec<u8>>);

/// What is wrong with a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// A character that base32 does not have.
    #[error(
        "the key is not base32: it contains {0:?}; base32 has the letters A to Z and the digits 2 \
         to 7"
    )]
    Character(char),
    /// A length that no base32 text has.
    #[error(
        "the key is incomplete: base32 of this length does not exist; check that the end was \
             not cut off"
    )]
    Cut,
    /// Too short to be safe.
    #[error("the key has {0} bits; at least 80 are needed, 160 are usual")]
    Short(usize),
    /// Too long to be meant.
    #[error("the key has {0} bits; at most 1024 are possible")]
    Long(usize),
}

impl Key {
    /// A key from raw bytes.
    ///
    /// # Errors
    ///
    /// [`KeyError::Short`] or [`KeyError::Long`].
    pub fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Result<Self, KeyError> {
        match bytes.len() {
            0..MIN_KEY => Err(KeyError::Short(bytes.len() * 8)),
            MIN_KEY..=MAX_KEY => Ok(Self(bytes)),
            _ => Err(KeyError::Long(bytes.len() * 8)),
        }
    }

    /// A fresh key from random bytes.
    #[must_use]
    pub fn fresh(random: [u8; NEW_KEY]) -> Self {
        Self(Zeroizing::new(random.to_vec()))
    }

    /// A key as people paste it: base32 in any case, with blanks, dashes and padding passed over.
    ///
    /// # Errors
    ///
    /// A [`KeyError`] that names the mistake.
    pub fn from_base32(text: &Secret) -> Result<Self, KeyError> {
        let mut plain = Zeroizing::new(String::with_capacity(text.expose().len()));
        let is_between = |c: char| is_blank_or_dash(c) || c == '=';
        for c in text.expose().trim_end_matches(is_between).chars() {
            match c.to_ascii_uppercase() {
                between if is_blank_or_dash(between) => {}
                upper @ ('A'..='Z' | '2'..='7') => plain.push(upper),
                _ => return Err(KeyError::Character(c)),
            }
        }
        // Some makers cut base32 so that unused bits are not zero; the bits are dropped like
        // authenticator apps do.
        let mut lenient = data_encoding::Specification::new();
        lenient.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
        lenient.check_trailing_bits = false;
        let bytes = match lenient.encoding() {
            Ok(encoding) => encoding.decode(plain.as_bytes()),
            Err(_) => BASE32_NOPAD.decode(plain.as_bytes()),
        };
        Self::from_bytes(Zeroizing::new(bytes.map_err(|_| KeyError::Cut)?))
    }

    /// The key in base32 without padding, to be shown once.
    #[must_use]
    pub fn to_base32(&self) -> Secret {
        Secret::new(BASE32_NOPAD.encode(&self.0))
    }

    /// The bytes, for the computation of codes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// What may be between the letters of a key, as web pages and text programs format it.
fn is_blank_or_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{ad}' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}'
            | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}'
    ) || c.is_whitespace()
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        subtle::ConstantTimeEq::ct_eq(self.bytes(), other.bytes()).into()
    }
}

impl Eq for Key {}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(BASE64.encode(&self.0)))
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Secret::deserialize(deserializer)?;
        let bytes = BASE64
            .decode(text.expose().as_bytes())
            .map_err(|_| de::Error::custom("a stored key is not base64"))?;
        Self::from_bytes(Zeroizing::new(bytes)).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pasted_key_is_read_in_any_dress() {
        let plain = Key::from_base32(&"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ".into()).unwrap();
        let dressed = " gezd gnbv-gy3t qojq gezd gnbv gy3t qojq==";
        assert_eq!(Key::from_base32(&dressed.into()).unwrap(), plain);
        assert_eq!(plain.bytes(), b"12345678901234567890");
        let typeset = "gezd\u{a0}gnbv\u{2013}gy3t\u{202f}qojq\u{ad}gezd\u{2011}gnbv\u{200b}gy3t\u{2212}qojq=\u{a0}=\u{feff}";
        assert_eq!(Key::from_base32(&typeset.into()).unwrap(), plain);
    }

    #[test]
    fn a_bad_key_is_refused_with_its_mistake() {
        let refusal = |text: &str| Key::from_base32(&text.into()).unwrap_err();
        assert_eq!(refusal("GEZDGNBV1GY3TQOJQ"), KeyError::Character('1'));
        assert_eq!(refusal("GEZDGNBVGY3TQOJQG"), KeyError::Cut);
        assert_eq!(refusal("GEZDGNBV"), KeyError::Short(40));
        assert_eq!(refusal(""), KeyError::Short(0));
        assert!(matches!(refusal(&"A".repeat(216)), KeyError::Long(_)));
    }

    #[test]
    fn debug_output_does_not_show_the_key() {
        assert_eq!(format!("{:?}", Key::fresh([7; NEW_KEY])), "Key(…)");
    }

    proptest! {
        #[test]
        fn every_key_survives_base32_and_storage(bytes in prop::collection::vec(any::<u8>(), MIN_KEY..=MAX_KEY)) {
            let key = Key::from_bytes(Zeroizing::new(bytes)).unwrap();
            prop_assert_eq!(&Key::from_base32(&key.to_base32()).unwrap(), &key);
            let stored = serde_json::to_string(&key).unwrap();
            prop_assert_eq!(serde_json::from_str::<Key>(&stored).unwrap(), key);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}") {
            let _ = Key::from_base32(&text.as_str().into());
        }
    }
}
