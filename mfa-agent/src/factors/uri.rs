//! otpauth URIs, as authenticator apps write and read them
//! (<https://github.com/google/google-authenticator/wiki/Key-Uri-Format>).
//!
//! An URI comes in and becomes a [`Generator`]; no error quotes its key.

use mfa_protocol::Secret;
use zeroize::Zeroizing;

use super::device::{Generator, Moves, ParameterError};
use super::key::{Key, KeyError};

/// A generator read from an otpauth URI, with what else stood in it.
pub struct FromUri {
    /// The generator.
    pub generator: Generator,
    /// The counter of the next code, for one that counts.
    pub next: u64,
    /// The issuer, if it named one.
    pub issuer: Option<String>,
    /// The account that it named.
    pub account: String,
}

/// What is wrong with an otpauth URI.
#[derive(Debug, thiserror::Error)]
pub enum UriError {
    /// The library could not read it; its message names the part.
    #[error("not an otpauth://totp/ or otpauth://hotp/ URI: {0}")]
    Unreadable(String),
    /// A counter that is none.
    #[error("its counter is not a whole number")]
    Counter,
    /// A part that can't be used.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// A key that can't be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The scheme and host of a device with a clock, and of one that counts.
const BY_TIME: &str = "otpauth://totp/";
const BY_COUNTER: &str = "otpauth://hotp/";

/// Reads an otpauth URI.
///
/// # Errors
///
/// A [`UriError`] that names the part that can't be used, and never the key.
pub fn from_uri(uri: &Secret) -> Result<FromUri, UriError> {
    let (uri, counter) = as_by_time(uri)?;
    let totp = totp_rs::Totp::from_url_unchecked(with_plain_key(&uri).expose())
        .map_err(|e| UriError::Unreadable(describe(&e)))?;
    let moves = match counter {
        None => Moves::Time(totp.step().try_into()?),
        Some(_) => Moves::Counter,
    };
    let generator = Generator {
        key: Key::from_bytes(Zeroizing::new(totp.secret().as_bytes().to_vec()))?,
        algorithm: totp.algorithm().as_str().parse()?,
        digits: u32::from(totp.digits()).try_into()?,
        moves,
    };
    Ok(FromUri {
        generator,
        next: counter.unwrap_or(0),
        issuer: totp.issuer().map(str::to_owned),
        account: totp.account_name().to_owned(),
    })
}

/// The library reads URIs of devices with a clock only. One that counts differs from them in its host and in
/// the counter, which is returned; a missing one is that of a new device.
fn as_by_time(uri: &Secret) -> Result<(Secret, Option<u64>), UriError> {
    let text = uri.expose().trim();
    let host = text.get(..BY_COUNTER.len());
    if !host.is_some_and(|host| host.eq_ignore_ascii_case(BY_COUNTER)) {
        return Ok((text.into(), None));
    }
    let rest = &text[BY_COUNTER.len()..];
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let mut by_time = String::with_capacity(text.len() + 1);
    by_time.push_str(BY_TIME);
    by_time.push_str(path);
    let mut counter = 0;
    let mut separator = '?';
    for part in query.split('&') {
        if let Some(number) = part.strip_prefix("counter=") {
            counter = number.parse().map_err(|_| UriError::Counter)?;
        } else if !part.starts_with("period=") {
            by_time.push(separator);
            by_time.push_str(part);
            separator = '&';
        }
    }
    Ok((Secret::new(by_time), Some(counter)))
}

/// The URI of a device that counts, from the one that it would have with a clock.
pub(super) fn of_counter(by_time: &Secret, next: u64) -> Option<Secret> {
    let rest = by_time.expose().strip_prefix(BY_TIME)?;
    let (path, query) = rest.split_once('?')?;
    let number = next.to_string();
    let parts = query.split('&').filter(|part| !part.starts_with("period="));
    let mut uri = String::with_capacity(by_time.expose().len() + number.len() + 16);
    uri.push_str(BY_COUNTER);
    uri.push_str(path);
    for (separator, part) in std::iter::once('?')
        .chain(std::iter::repeat('&'))
        .zip(parts)
    {
        uri.push(separator);
        uri.push_str(part);
    }
    uri.push_str("&counter=");
    uri.push_str(&number);
    Some(Secret::new(uri))
}

/// The same URI with its key in the one dress that the library reads: upper case, no padding.
fn with_plain_key(uri: &Secret) -> Secret {
    let uri = uri.expose().trim();
    let Some(start) = ["?secret=", "&secret="]
        .iter()
        .find_map(|name| uri.find(name).map(|at| at + name.len()))
    else {
        return uri.into();
    };
    let end = uri[start..]
        .find(['&', '#'])
        .map_or(uri.len(), |at| start + at);
    let mut plain = String::with_capacity(uri.len());
    plain.push_str(&uri[..start]);
    let key = &uri[start..end];
    let unpadded = key.find(['=', '%']).map_or(key, |at| match &key[at..] {
        rest if rest
            .to_ascii_uppercase()
            .replace("%3D", "=")
            .chars()
            .all(|c| c == '=') =>
        {
            &key[..at]
        }
        _ => key,
    });
    plain.extend(unpadded.chars().map(|c| c.to_ascii_uppercase()));
    plain.push_str(&uri[end..]);
    Secret::new(plain)
}

/// The library's words, where they can't hold a part of the key.
fn describe(error: &totp_rs::TotpError) -> String {
    use totp_rs::TotpError as E;
    match error {
        E::SecretNotSet => "it has no secret".to_owned(),
        E::InvalidSecret => "its secret is not base32".to_owned(),
        E::InvalidScheme { .. } => "it does not begin with otpauth://".to_owned(),
        E::InvalidHost { .. } => "its kind is not supported, only totp and hotp are".to_owned(),
        E::InvalidAlgorithm { .. } => "its algorithm is not SHA1, SHA256 or SHA512".to_owned(),
        E::DigitsParse { .. } => "its digits are not a number".to_owned(),
        E::StepParse { .. } => "its period is not a number".to_owned(),
        E::IssuerMismatch { .. } => "it names two different issuers".to_owned(),
        _ => "it could not be read".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::factors::device::Algorithm;

    #[test]
    fn an_uri_reads_back_as_the_generator_it_was_made_from() {
        let made = Generator {
            key: Key::fresh([7; 20]),
            algorithm: Algorithm::Sha256,
            digits: 8u32.try_into().unwrap(),
            moves: Moves::Time(60u64.try_into().unwrap()),
        };
        let uri = made.uri("example host", "alice@example.org", 0).unwrap();
        let read = from_uri(&uri).unwrap();
        assert_eq!(read.generator, made);
        assert_eq!(read.issuer.as_deref(), Some("example host"));
        assert_eq!(read.account, "alice@example.org");
    }

    #[test]
    fn a_counter_goes_into_an_uri_and_back() {
        let made = Generator {
            key: Key::fresh([7; 20]),
            algorithm: Algorithm::Sha1,
            digits: 6u32.try_into().unwrap(),
            moves: Moves::Counter,
        };
        let uri = made.uri("example host", "alice", 41).unwrap();
        assert!(uri.expose().starts_with("otpauth://hotp/"), "no secret");
        assert!(!uri.expose().contains("period="), "no secret");
        let read = from_uri(&uri).unwrap();
        assert_eq!((read.generator, read.next), (made, 41));
        assert_eq!(read.account, "alice");
    }

    #[test]
    fn a_counter_device_is_read_in_any_dress() {
        let key = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        for (tail, next) in [
            (format!("?counter=7&secret={key}"), 7),
            (format!("?secret={key}&period=30&counter=7&issuer=x"), 7),
            (format!("?secret={key}"), 0),
        ] {
            let read = from_uri(&format!("OTPAUTH://HOTP/a{tail}").as_str().into()).unwrap();
            assert_eq!(
                (read.generator.moves, read.next),
                (Moves::Counter, next),
                "{tail}"
            );
        }
    }

    #[test]
    fn a_key_in_lower_case_or_with_padding_is_read_from_an_uri() {
        let plain =
            from_uri(&"otpauth://totp/a?secret=GEZDGNBVGY3TQOJQGE&digits=8".into()).unwrap();
        for key in [
            "gezdgnbvgy3tqojqge",
            "GEZDGNBVGY3TQOJQGE======",
            "gezdgnbvgy3tqojqge%3D%3d",
        ] {
            let uri = format!("otpauth://totp/a?digits=8&secret={key}&issuer=x");
            assert_eq!(
                from_uri(&uri.as_str().into()).unwrap().generator,
                plain.generator,
                "{key}"
            );
        }
    }

    #[test]
    fn a_bad_uri_is_refused_with_its_mistake_and_without_its_key() {
        let key = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
        let refusal = |uri: String| match from_uri(&uri.as_str().into()) {
            Err(e) => e.to_string(),
            Ok(_) => panic!("{uri} was taken"),
        };
        for (uri, mistake) in [
            (format!("https://totp/a?secret={key}"), "otpauth://"),
            (format!("otpauth://steam/a?secret={key}"), "kind"),
            (format!("otpauth://{key}/a"), "kind"),
            ("otpauth://totp/a".to_owned(), "no secret"),
            ("otpauth://totp/a?secret=1".to_owned(), "base32"),
            (
                format!("otpauth://totp/a?secret={key}&digits=10"),
                "10 digits",
            ),
            (
                format!("otpauth://totp/a?secret={key}&period=0"),
                "0 seconds",
            ),
            (
                format!("otpauth://totp/a?secret={key}&algorithm=MD5"),
                "algorithm",
            ),
            (
                format!("otpauth://hotp/a?secret={key}&counter=-1"),
                "counter",
            ),
            ("otpauth://hotp/a?counter=1".to_owned(), "no secret"),
        ] {
            let message = refusal(uri);
            assert!(message.contains(mistake), "{message}");
            assert!(!message.contains(key), "{message}");
        }
    }

    proptest! {
        #[test]
        fn any_uri_is_read_or_refused(tail in "\\PC{0,120}") {
            for host in ["totp", "hotp"] {
                let _ = from_uri(&format!("otpauth://{host}/{tail}").as_str().into());
            }
        }
    }
}
