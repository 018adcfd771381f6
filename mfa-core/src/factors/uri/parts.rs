//! The parts of an otpauth URI, not judged yet.
//!
//! Names and the kind are read in any case. A `+` is a blank, as in forms: no key and no number has a plus.

use mfa_protocol::Secret;
use zeroize::Zeroizing;

use super::UriError;

const SCHEME: &str = "otpauth://";
const STEAM: &str = "steam";

/// What stands where.
pub(super) struct Parts<'a> {
    /// `totp`, `hotp`, or something else, as it was written.
    pub(super) kind: &'a str,
    label: &'a str,
    query: &'a str,
}

impl<'a> Parts<'a> {
    pub(super) fn of(uri: &'a str) -> Result<Self, UriError> {
        let uri = uri.trim();
        let rest = without_prefix(uri, SCHEME).ok_or_else(|| match uri.split_once(':') {
            Some((scheme, _)) if scheme.eq_ignore_ascii_case(STEAM) => UriError::Steam,
            _ => UriError::Scheme,
        })?;
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, label) = path.split_once('/').unwrap_or((path, ""));
        Ok(Self { kind, label, query })
    }

    /// The issuer that stands before the account, and the account.
    pub(super) fn label(&self) -> (Option<String>, String) {
        let label = decoded(self.label, false);
        let (issuer, account) = match label.split_once(':') {
            Some((issuer, account)) => (Some(issuer.trim()), account),
            None => (None, &label[..]),
        };
        let issuer = issuer.filter(|issuer| !issuer.is_empty());
        (issuer.map(str::to_owned), account.trim().to_owned())
    }

    /// Apps take a device for one of Steam's by its kind, its encoder or its issuer.
    pub(super) fn is_steam(&self, issuer: Option<&str>) -> Result<bool, UriError> {
        let encoder = self.text("encoder")?;
        let (named, _) = self.label();
        let words = [
            Some(self.kind),
            encoder.as_deref(),
            issuer,
            named.as_deref(),
        ];
        let is_steam = |word: &str| word.eq_ignore_ascii_case(STEAM);
        Ok(words.into_iter().flatten().any(is_steam))
    }

    pub(super) fn secret(&self) -> Result<Option<Secret>, UriError> {
        let secret = self.value("secret")?;
        Ok(secret.map(|secret| secret.as_str().into()))
    }

    /// A value without blanks around it; none if nothing is left.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<String>, UriError> {
        let value = self.value(name)?;
        Ok(value.map(|value| value.as_str().to_owned()))
    }

    pub(super) fn number(&self, name: &'static str) -> Result<Option<u64>, UriError> {
        let value = self.value(name)?;
        let number = value.map(|value| value.parse().map_err(|_| UriError::Number(name)));
        number.transpose()
    }

    /// Two values that differ are refused: taking either would make wrong codes for half of the apps.
    fn value(&self, name: &'static str) -> Result<Option<Zeroizing<String>>, UriError> {
        let mut found: Option<Zeroizing<String>> = None;
        for part in self.query.split('&') {
            let (its_name, value) = part.split_once('=').unwrap_or((part, ""));
            // A URI that was copied out of a web page has "&amp;" between its parts.
            let its_name = its_name.strip_prefix("amp;").unwrap_or(its_name);
            if !its_name.trim().eq_ignore_ascii_case(name) {
                continue;
            }
            let value = decoded(value, true);
            let value = Zeroizing::new(value.trim().to_owned());
            if value.is_empty() {
                continue;
            }
            if found.as_ref().is_some_and(|other| *other != value) {
                return Err(UriError::Twice(name));
            }
            found = Some(value);
        }
        Ok(found)
    }
}

fn without_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let start = text.get(..prefix.len())?;
    start
        .eq_ignore_ascii_case(prefix)
        .then(|| &text[prefix.len()..])
}

/// Without percent signs; one with no two hexadecimal digits behind it stays.
fn decoded(text: &str, plus_is_blank: bool) -> Zeroizing<String> {
    let bytes = text.as_bytes();
    let mut plain = Zeroizing::new(Vec::with_capacity(bytes.len()));
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = match byte {
            b'%' => bytes.get(at + 1).zip(bytes.get(at + 2)),
            _ => None,
        };
        let escaped = escaped.and_then(|(high, low)| Some(digit(*high)? << 4 | digit(*low)?));
        match escaped {
            Some(decoded) => {
                plain.push(decoded);
                at += 3;
            }
            None => {
                plain.push(if plus_is_blank && byte == b'+' {
                    b' '
                } else {
                    byte
                });
                at += 1;
            }
        }
    }
    Zeroizing::new(String::from_utf8_lossy(&plain).into_owned())
}

fn digit(character: u8) -> Option<u8> {
    let digit = char::from(character).to_digit(16)?;
    u8::try_from(digit).ok()
}
