//! otpauth URIs, as authenticator apps write and read them
//! (<https://github.com/google/google-authenticator/wiki/Key-Uri-Format>).
//!
//! An URI comes in and becomes a [`Generator`]; no error quotes its key. Apps write them in many ways, so what
//! does not bear on the codes (case, blanks, two issuers, unknown parameters) is passed over, and what does is
//! read or refused.

mod parts;

use mfa_protocol::Secret;

use super::device::{Digits, Generator, MovingFactor, ParameterError, Period, with_room};
use super::key::KeyError;
use parts::Parts;

/// A generator read from an otpauth URI, with what else stood in it.
pub struct FromUri {
    /// The generator.
    pub generator: Generator,
    /// The counter of the next code, for an HOTP device.
    pub next: u64,
    /// The issuer, if it named one.
    pub issuer: Option<String>,
    /// The account that it named.
    pub account: String,
}

/// What is wrong with an otpauth URI.
#[derive(Debug, thiserror::Error)]
pub enum UriError {
    /// Another scheme.
    #[error(
        "this is not an otpauth URI: it does not begin with otpauth://totp/ or otpauth://hotp/"
    )]
    Scheme,
    /// What Google Authenticator exports.
    #[error(
        "this is an export of Google Authenticator, which can hold many devices; write a line \
         with the user, a tab and the URI into a file, then run: mfactl import uris FILE"
    )]
    Export,
    /// Neither totp nor hotp.
    #[error("the kind of this otpauth URI is not supported; expected totp or hotp")]
    Kind,
    /// Steam's codes have letters and are made another way, whatever else the URI says.
    #[error(
        "this URI is for Steam's own codes, which only Steam can verify; enrol another kind of \
         device"
    )]
    Steam,
    /// No key in it.
    #[error("the URI has no secret; check that its end was not cut off")]
    NoSecret,
    /// A device that counts, without its counter: its codes would be looked for from 0 on.
    #[error(
        "the URI of a HOTP device has no counter; add &counter= with the number of its next code"
    )]
    NoCounter,
    /// The same parameter with two values.
    #[error("the URI has two values for {0}; expected one")]
    Twice(&'static str),
    /// Not a number.
    #[error("the {0} of the URI is not a whole number")]
    Number(&'static str),
    /// Not one of the three.
    #[error("the algorithm of the URI is not SHA1, SHA256 or SHA512")]
    Algorithm,
    /// A part that can't be used.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// A key that can't be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Reads an otpauth URI.
///
/// # Errors
///
/// A [`UriError`] that names the part that can't be used, and never the key.
pub fn from_uri(uri: &Secret) -> Result<FromUri, UriError> {
    let parts = Parts::of(uri.expose())?;
    let (named, account) = parts.label();
    let issuer = parts.issuer().or(named);
    if parts.is_steam() {
        return Err(UriError::Steam);
    }
    let (moves, next) = match parts.kind {
        kind if kind.eq_ignore_ascii_case("totp") => (MovingFactor::Time(period(&parts)?), 0),
        kind if kind.eq_ignore_ascii_case("hotp") => {
            let next = parts.number("counter")?.ok_or(UriError::NoCounter)?;
            (MovingFactor::Counter, with_room(next)?)
        }
        _ => return Err(UriError::Kind),
    };
    let generator = Generator {
        key: parts.secret()?.ok_or(UriError::NoSecret)?,
        algorithm: parts.one("algorithm", algorithm)?.unwrap_or_default(),
        digits: digits(&parts)?,
        moves,
    };
    Ok(FromUri {
        generator,
        next,
        issuer,
        account,
    })
}

fn period(parts: &Parts<'_>) -> Result<Period, UriError> {
    let seconds = parts.number("period")?;
    Ok(seconds
        .map(Period::try_from)
        .transpose()?
        .unwrap_or_default())
}

fn digits(parts: &Parts<'_>) -> Result<Digits, UriError> {
    let Some(digits) = parts.number("digits")? else {
        return Ok(Digits::default());
    };
    // More than a u32 holds is as impossible as the most that it does.
    Ok(u32::try_from(digits).unwrap_or(u32::MAX).try_into()?)
}

/// Some write the name of Java's class, `HmacSHA256`.
fn algorithm(name: &str) -> Result<super::device::HashAlgorithm, UriError> {
    let name = name.to_ascii_uppercase();
    let name = name.strip_prefix("HMAC").unwrap_or(&name);
    name.parse().map_err(|_| UriError::Algorithm)
}

#[cfg(test)]
mod tests;
