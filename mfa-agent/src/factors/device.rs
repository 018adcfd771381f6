//! Codes of devices (RFC 6238, on HOTP of RFC 4226).
//!
//! Pure: the time comes in, and the step that a code belongs to goes out. Whether that step was used
//! before is judged here too, because the device carries its last step: a step counts once, and no
//! step before it counts any more (RFC 6238 §5.2).

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::key::Key;

/// The hash function of a device (RFC 6238 §1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    /// HMAC-SHA-1, what nearly every app uses.
    #[default]
    Sha1,
    /// HMAC-SHA-256
    Sha256,
    /// HMAC-SHA-512
    Sha512,
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(totp_rs::Algorithm::from(*self).as_str())
    }
}

impl From<Algorithm> for totp_rs::Algorithm {
    fn from(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::Sha1 => Self::SHA1,
            Algorithm::Sha256 => Self::SHA256,
            Algorithm::Sha512 => Self::SHA512,
        }
    }
}

impl FromStr for Algorithm {
    type Err = ParameterError;

    fn from_str(name: &str) -> Result<Self, ParameterError> {
        match name.to_ascii_uppercase().replace('-', "").as_str() {
            "SHA1" => Ok(Self::Sha1),
            "SHA256" => Ok(Self::Sha256),
            "SHA512" => Ok(Self::Sha512),
            _ => Err(ParameterError::Algorithm(name.to_owned())),
        }
    }
}

/// A setting of a device that is out of bounds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// Not one of the three.
    #[error("{0:?} is not an algorithm; there are SHA1, SHA256 and SHA512")]
    Algorithm(String),
    /// Not 6 to 8.
    #[error("codes of {0} digits are not possible; 6 to 8 are")]
    Digits(u32),
    /// Not 5 to 300 seconds.
    #[error("a period of {0} seconds is not possible; 5 to 300 are")]
    Period(u64),
}

/// How many digits a code has: 6 to 8 (RFC 4226 §5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Digits(u8);

impl Default for Digits {
    fn default() -> Self {
        Self(6)
    }
}

impl TryFrom<u32> for Digits {
    type Error = ParameterError;

    fn try_from(digits: u32) -> Result<Self, ParameterError> {
        match u8::try_from(digits) {
            Ok(small @ 6..=8) => Ok(Self(small)),
            _ => Err(ParameterError::Digits(digits)),
        }
    }
}

impl From<Digits> for u32 {
    fn from(digits: Digits) -> Self {
        digits.0.into()
    }
}

/// How long a step lasts: 5 to 300 seconds (RFC 6238 §5.2 recommends 30).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Period(u64);

impl Default for Period {
    fn default() -> Self {
        Self(30)
    }
}

impl TryFrom<u64> for Period {
    type Error = ParameterError;

    fn try_from(seconds: u64) -> Result<Self, ParameterError> {
        match seconds {
            5..=300 => Ok(Self(seconds)),
            _ => Err(ParameterError::Period(seconds)),
        }
    }
}

impl From<Period> for u64 {
    fn from(period: Period) -> Self {
        period.0
    }
}

/// What a device computes its codes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generator {
    /// The shared key.
    pub key: Key,
    /// The hash function.
    pub algorithm: Algorithm,
    /// The length of a code.
    pub digits: Digits,
    /// The length of a step.
    pub period: Period,
}

/// What a code turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Match {
    /// The code of a step that was not used yet.
    Fresh {
        /// The step, to be kept as used.
        step: u64,
    },
    /// The code of a step that was used, or that lies before one that was.
    Used,
    /// The code of no step in the window.
    None,
}

impl Generator {
    /// What `code` is at `now`, `skew` steps either side accepted, when `last_step` was the last used.
    #[must_use]
    pub fn check(&self, code: &str, now: Timestamp, skew: u32, last_step: Option<u64>) -> Match {
        let period = self.period.0;
        let current = u64::try_from(now.as_second()).unwrap_or(0) / period;
        let totp = self.totp();
        let mut found = Match::None;
        // The whole window is walked whatever matches: how long it takes tells nothing.
        for step in current.saturating_sub(skew.into())..=current + u64::from(skew) {
            if totp.check(code, step * period).is_none() {
                continue;
            }
            match found {
                Match::Fresh { .. } => {}
                _ if last_step.is_some_and(|last| step <= last) => found = Match::Used,
                _ => found = Match::Fresh { step },
            }
        }
        found
    }

    /// The otpauth URI that authenticator apps read
    /// (<https://github.com/google/google-authenticator/wiki/Key-Uri-Format>).
    #[must_use]
    pub fn uri(&self, issuer: &str, user: &str) -> Option<mfa_protocol::Secret> {
        // A colon would end the issuer in the label, so it can't stand in either name.
        let plain = |name: &str| name.replace(':', "_");
        let builder = self
            .builder()
            .with_issuer(Some(plain(issuer)))
            .with_account_name(plain(user));
        builder
            .build_noncompliant()
            .to_url()
            .ok()
            .map(mfa_protocol::Secret::new)
    }

    fn totp(&self) -> totp_rs::Totp {
        self.builder().build_noncompliant()
    }

    /// The library's own `build` refuses keys under 128 bits, which real apps have; the bounds that
    /// it needs not to panic are those of our own types.
    fn builder(&self) -> totp_rs::Builder {
        totp_rs::Builder::new()
            .with_algorithm(self.algorithm.into())
            .with_digits(self.digits.0)
            .with_secret(totp_rs::Secret::new(self.key.bytes().into()))
            .with_skew(0)
            .with_step_duration(self.period.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generator(algorithm: Algorithm, digits: u32) -> Generator {
        // RFC 6238 appendix B: the ASCII digits, repeated to the length of the hash.
        let length = match algorithm {
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
            Algorithm::Sha512 => 64,
        };
        let key: Vec<u8> = b"1234567890".iter().copied().cycle().take(length).collect();
        Generator {
            key: Key::from_bytes(zeroize::Zeroizing::new(key)).unwrap(),
            algorithm,
            digits: digits.try_into().unwrap(),
            period: Period::default(),
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_vectors_of_rfc_6238_appendix_b_are_accepted() {
        use Algorithm::{Sha1, Sha256, Sha512};
        let vectors = [
            (59, Sha1, "94287082"),
            (59, Sha256, "46119246"),
            (59, Sha512, "90693936"),
            (1_111_111_109, Sha1, "07081804"),
            (1_111_111_109, Sha256, "68084774"),
            (1_111_111_109, Sha512, "25091201"),
            (1_111_111_111, Sha1, "14050471"),
            (1_111_111_111, Sha256, "67062674"),
            (1_111_111_111, Sha512, "99943326"),
            (1_234_567_890, Sha1, "89005924"),
            (1_234_567_890, Sha256, "91819424"),
            (1_234_567_890, Sha512, "93441116"),
            (2_000_000_000, Sha1, "69279037"),
            (2_000_000_000, Sha256, "90698825"),
            (2_000_000_000, Sha512, "38618901"),
            (20_000_000_000, Sha1, "65353130"),
            (20_000_000_000, Sha256, "77737706"),
            (20_000_000_000, Sha512, "47863826"),
        ];
        for (time, algorithm, code) in vectors {
            let found = generator(algorithm, 8).check(code, at(time), 0, None);
            let step = u64::try_from(time).unwrap() / 30;
            assert_eq!(found, Match::Fresh { step }, "{algorithm} at {time}");
        }
    }

    #[test]
    fn the_vectors_of_rfc_4226_appendix_d_are_accepted() {
        let codes = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        let generator = generator(Algorithm::Sha1, 6);
        for (counter, code) in (0..).zip(codes) {
            let found = generator.check(code, at(counter * 30), 0, None);
            assert_eq!(
                found,
                Match::Fresh {
                    step: counter.unsigned_abs()
                }
            );
        }
    }

    #[test]
    fn a_step_is_good_once_and_none_before_it_is() {
        let generator = generator(Algorithm::Sha1, 6);
        // RFC 4226: 287082 is step 1, 755224 is step 0.
        assert_eq!(
            generator.check("287082", at(59), 1, None),
            Match::Fresh { step: 1 }
        );
        assert_eq!(generator.check("287082", at(59), 1, Some(1)), Match::Used);
        assert_eq!(generator.check("755224", at(59), 1, Some(1)), Match::Used);
        assert_eq!(
            generator.check("359152", at(59), 1, Some(1)),
            Match::Fresh { step: 2 }
        );
    }

    #[test]
    fn a_code_outside_the_window_is_no_code() {
        let generator = generator(Algorithm::Sha1, 6);
        assert_eq!(generator.check("755224", at(60), 1, None), Match::None);
        assert_eq!(
            generator.check("755224", at(60), 2, None),
            Match::Fresh { step: 0 }
        );
        assert_eq!(
            generator.check("755224", at(29), 0, None),
            Match::Fresh { step: 0 }
        );
        assert_eq!(generator.check("755224", at(30), 0, None), Match::None);
    }

    #[test]
    fn what_is_not_made_of_digits_is_no_code() {
        let generator = generator(Algorithm::Sha1, 6);
        for junk in [
            "", "75522", "7552244", "75522a", "+55224", "７55224", " 755224",
        ] {
            assert_eq!(
                generator.check(junk, at(0), 1, None),
                Match::None,
                "{junk:?}"
            );
        }
    }
}
