//! Finds the counter that a code belongs to, by computing RFC 4226 for one counter after another.

/// Computes codes with HMAC-SHA-1, the only algorithm of the formats that keep a used code.
pub(crate) struct Codes(totp_rs::Totp);

impl Codes {
    /// `None` if the key is empty, or if codes can't have this many digits.
    pub(crate) fn new(key: &[u8], digits: usize) -> Option<Self> {
        let digits = u8::try_from(digits).ok().filter(|d| (6..=8).contains(d))?;
        if key.is_empty() {
            return None;
        }
        let builder = totp_rs::Builder::new()
            .with_digits(digits)
            .with_secret(totp_rs::Secret::new(key.into()))
            .with_skew(0)
            .with_step_duration(1);
        Some(Self(builder.build_noncompliant()))
    }

    pub(crate) fn matches(&self, code: &str, counter: u64) -> bool {
        self.0.check(code, counter).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4226_match_their_counters_only() {
        let codes = Codes::new(b"12345678901234567890", 6).unwrap();
        assert!(codes.matches("755224", 0));
        assert!(codes.matches("520489", 9));
        assert!(!codes.matches("520489", 8));
        assert!(!codes.matches("", 0));
    }

    #[test]
    fn an_empty_key_and_impossible_lengths_are_refused() {
        assert!(Codes::new(b"", 6).is_none());
        assert!(Codes::new(b"1234567890", 5).is_none());
        assert!(Codes::new(b"1234567890", 262).is_none());
    }
}
