//! The parts of an otpauth URI, not checked yet.
//!
//! Names and the kind are read in any case. A `+` is a blank, as in forms: no key and no number has a plus.

use zeroize::Zeroizing;

use super::super::key::Key;
use super::UriError;

const SCHEME: &str = "otpauth://";
const EXPORT: &str = "otpauth-migration";

/// The names of Steam's codes, in small letters without separators.
const STEAM: [&str; 2] = ["steam", "steamguard"];

/// The parameters that apps write.
const PARAMETERS: [&str; 8] = [
    "secret",
    "issuer",
    "algorithm",
    "digits",
    "period",
    "counter",
    "encoder",
    "image",
];

/// The parts of the path.
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
            Some((scheme, _)) if scheme.eq_ignore_ascii_case(STEAM[0]) => UriError::Steam,
            Some((scheme, _)) if scheme.eq_ignore_ascii_case(EXPORT) => UriError::Export,
            _ => UriError::Scheme,
        })?;
        let (path, query) = without_fragment(rest);
        let (kind, label) = path.split_once('/').unwrap_or((path, ""));
        Ok(Self { kind, label, query })
    }

    /// The issuer before the account, and the account.
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
    pub(super) fn is_steam(&self) -> bool {
        let (named, _) = self.label();
        let is_steam = |word: &str| {
            let letters = word.chars().filter(|c| c.is_alphanumeric());
            let word: String = letters.flat_map(char::to_lowercase).collect();
            STEAM.contains(&word.as_str())
        };
        let mut values = ["issuer", "encoder"]
            .into_iter()
            .flat_map(|it| self.values(it));
        is_steam(self.kind)
            || named.as_deref().is_some_and(is_steam)
            || values.any(|value| is_steam(&value))
    }

    /// The first issuer: it bears on nothing but the device's name.
    pub(super) fn issuer(&self) -> Option<String> {
        self.values("issuer")
            .next()
            .map(|value| value.as_str().to_owned())
    }

    pub(super) fn secret(&self) -> Result<Option<Key>, UriError> {
        self.one("secret", |value| Ok(Key::from_base32(&value.into())?))
    }

    pub(super) fn number(&self, name: &'static str) -> Result<Option<u64>, UriError> {
        self.one(name, |value| {
            value.parse().map_err(|_| UriError::Number(name))
        })
    }

    /// The value of a parameter; the same value twice, in any form, counts as one. Two different values are refused:
    /// with either of them half of the apps would show wrong codes.
    pub(super) fn one<T: PartialEq>(
        &self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, UriError>,
    ) -> Result<Option<T>, UriError> {
        let mut values = self.values(name);
        let Some(first) = values.next() else {
            return Ok(None);
        };
        let found = read(&first);
        for other in values {
            let is_same = match (&found, read(&other)) {
                (Ok(found), Ok(other)) => *found == other,
                _ => first == other,
            };
            if !is_same {
                return Err(UriError::Twice(name));
            }
        }
        found.map(Some)
    }

    /// The values of a parameter, without blanks around them and without empty ones.
    fn values(&self, name: &'static str) -> impl Iterator<Item = Zeroizing<String>> {
        self.query.split('&').filter_map(move |part| {
            let (its_name, value) = part.split_once('=').unwrap_or((part, ""));
            let value = decoded(value, true);
            let value = Zeroizing::new(value.trim().to_owned());
            (is_named(its_name, name) && !value.is_empty()).then_some(value)
        })
    }
}

/// Where the query begins. Some apps write a "?" or "#" of the account as it is, so it begins where a parameter that we
/// know follows, and only what comes after it has a fragment.
fn without_fragment(rest: &str) -> (&str, &str) {
    let begins_query = |at: &usize| {
        let first = rest[at + 1..].split(['=', '&']).next().unwrap_or_default();
        PARAMETERS.iter().any(|known| is_named(first, known))
    };
    let mut marks = rest.match_indices('?').map(|(at, _)| at);
    let Some(at) = marks.find(begins_query).or_else(|| rest.find('?')) else {
        return (before_hash(rest), "");
    };
    (&rest[..at], before_hash(&rest[at + 1..]))
}

fn before_hash(text: &str) -> &str {
    text.split_once('#').map_or(text, |(before, _)| before)
}

fn is_named(written: &str, name: &str) -> bool {
    // A URI that was copied out of a web page has "&amp;" between its parts.
    let written = written.strip_prefix("amp;").unwrap_or(written);
    decoded(written, true).trim().eq_ignore_ascii_case(name)
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
