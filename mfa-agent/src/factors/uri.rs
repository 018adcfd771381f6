//! otpauth URIs, as authenticator apps write and read them
//! (<https://github.com/google/google-authenticator/wiki/Key-Uri-Format>).
//!
//! An URI comes in and becomes a [`Generator`]; no error quotes its key.

use mfa_protocol::Secret;
use zeroize::Zeroizing;

use super::device::{Generator, ParameterError};
use super::key::{Key, KeyError};

/// A generator read from an otpauth URI, with the names that stood in it.
pub struct FromUri {
    /// The generator.
    pub generator: Generator,
    /// The issuer, if it named one.
    pub issuer: Option<String>,
    /// The account that it named.
    pub account: String,
}

/// What is wrong with an otpauth URI.
#[derive(Debug, thiserror::Error)]
pub enum UriError {
    /// The library could not read it; its message names the part.
    #[error("not an otpauth://totp/ URI: {0}")]
    Unreadable(String),
    /// A part that can't be used.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// A key that can't be used.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Reads an otpauth URI of a TOTP device.
///
/// # Errors
///
/// A [`UriError`] that names the part that can't be used, and never the key.
pub fn from_uri(uri: &Secret) -> Result<FromUri, UriError> {
    let totp = totp_rs::Totp::from_url_unchecked(with_plain_key(uri).expose())
        .map_err(|e| UriError::Unreadable(describe(&e)))?;
    let generator = Generator {
        key: Key::from_bytes(Zeroizing::new(totp.secret().as_bytes().to_vec()))?,
        algorithm: totp.algorithm().as_str().parse()?,
        digits: u32::from(totp.digits()).try_into()?,
        period: totp.step().try_into()?,
    };
    Ok(FromUri {
        generator,
        issuer: totp.issuer().map(str::to_owned),
        account: totp.account_name().to_owned(),
    })
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
        E::InvalidHost { host } => format!("{host:?} is not supported, only totp is"),
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
            period: 60u64.try_into().unwrap(),
        };
        let uri = made.uri("example host", "alice@example.org").unwrap();
        let read = from_uri(&uri).unwrap();
        assert_eq!(read.generator, made);
        assert_eq!(read.issuer.as_deref(), Some("example host"));
        assert_eq!(read.account, "alice@example.org");
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
            (format!("otpauth://steam/a?secret={key}"), "steam"),
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
        ] {
            let message = refusal(uri);
            assert!(message.contains(mistake), "{message}");
            assert!(!message.contains(key), "{message}");
        }
    }

    proptest! {
        #[test]
        fn any_uri_is_read_or_refused(tail in "\\PC{0,120}") {
            let _ = from_uri(&format!("otpauth://totp/{tail}").as_str().into());
        }
    }
}
