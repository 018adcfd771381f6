//! Sends one POST over HTTPS, and interprets the answer.
//!
//! The certificate must be valid, a redirect is an error, the answer is bounded, and everything
//! ends at the deadline, including the look-up of the name.

use std::fmt;
use std::str::FromStr;
use std::time::Instant;

use ureq::http::Uri;
use zeroize::Zeroizing;

use crate::delivery::error::said;
use crate::delivery::tls::{tls_error, tls_inside};
use crate::delivery::{SendError, Trust};

const LONGEST_URL: usize = 2048;
/// Of an answer's body.
const LONGEST_ANSWER: u64 = 64 << 10;

/// The address of an HTTPS server. It is shown by its host only, because a path may contain a
/// token.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpsUrl(Uri);

/// Why a text is not such an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// `http://` would send codes unencrypted.
    #[error("codes are sent over https:// only")]
    NotHttps,
    /// Not a URL, too long, or with a user or a fragment.
    #[error(
        "this is not the address of a server; expected one such as https://sms.example.org/send"
    )]
    Malformed,
}

impl FromStr for HttpsUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if text.len() > LONGEST_URL || text.contains('#') {
            return Err(UrlError::Malformed);
        }
        let uri: Uri = text.parse().map_err(|_| UrlError::Malformed)?;
        if uri.scheme_str() != Some("https") {
            return Err(UrlError::NotHttps);
        }
        let authority = uri.authority().ok_or(UrlError::Malformed)?;
        if authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(UrlError::Malformed);
        }
        Ok(Self(uri))
    }
}

impl HttpsUrl {
    /// Host, and port unless it is the default.
    pub(super) fn place(&self) -> &str {
        self.0
            .authority()
            .map_or("", |authority| authority.as_str())
    }
}

impl fmt::Debug for HttpsUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpsUrl(https://{}/…)", self.place())
    }
}

/// A request. Its header values and body are secret.
pub(super) struct Post<'a> {
    pub(super) url: &'a HttpsUrl,
    pub(super) content_type: &'a str,
    /// A header besides the standard ones.
    pub(super) header: Option<(&'a str, Zeroizing<String>)>,
    pub(super) body: &'a [u8],
    /// Texts that must not appear in an error, although the server may repeat them.
    pub(super) hidden: &'a [&'a str],
}

impl Post<'_> {
    /// Sends it, and returns the body of an answer with status 200 to 299.
    pub(super) fn send(&self, trust: &Trust, until: Instant) -> Result<String, SendError> {
        let place = self.url.place();
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(SendError::temporary(format!(
                "{place} was not contacted: no time was left"
            )));
        }
        let mut request = trust
            .agent()
            .post(self.url.0.clone())
            .config()
            .timeout_global(Some(left))
            .build()
            .content_type(self.content_type);
        if let Some((name, value)) = &self.header {
            request = request.header(*name, value.as_str());
        }
        let mut answer = request.send(self.body).map_err(|e| failure(place, &e))?;
        let status = answer.status().as_u16();
        let body = answer
            .body_mut()
            .with_config()
            .limit(LONGEST_ANSWER)
            .lossy_utf8(true)
            .read_to_string();
        match status {
            200..300 => body.map_err(|e| failure(place, &e)),
            _ => Err(self.refusal(status, &body.unwrap_or_default())),
        }
    }

    fn refusal(&self, status: u16, body: &str) -> SendError {
        let place = self.url.place();
        let text = match status {
            300..=399 => {
                return SendError::permanent(format!(
                    "{place} redirects elsewhere (status {status}), where no code is sent; configure \
                     the final address"
                ));
            }
            401 | 403 => format!("{place} refuses the credentials (status {status})"),
            429 => format!("{place} got too many messages (status {status})"),
            _ => format!("{place} refused the message (status {status})"),
        };
        let first = said(body.lines().next().unwrap_or(""), self.hidden);
        let text = match first.as_str() {
            "" => text,
            first => format!("{text}; it answered: {first}"),
        };
        match status {
            408 | 425 | 429 | 500..600 => SendError::Temporary(text),
            _ => SendError::Permanent(text),
        }
    }
}

fn failure(place: &str, e: &ureq::Error) -> SendError {
    use ureq::Error;
    let inside = match e {
        Error::Rustls(e) => Some(e),
        Error::Io(e) => tls_inside(e),
        _ => None,
    };
    if let Some(e) = inside {
        return tls_error(place, e);
    }
    match e {
        Error::Timeout(_) => SendError::temporary(format!("{place} did not answer in time")),
        Error::HostNotFound => {
            SendError::temporary(format!("{place} was not found; check the name and DNS"))
        }
        Error::BodyExceedsLimit(_) | Error::LargeResponseHeader(..) => {
            SendError::temporary(format!("{place} sent an answer that is too long"))
        }
        Error::Http(_) => SendError::permanent(format!(
            "the request to {place} can't be written; check its secret"
        )),
        Error::Io(e) => SendError::temporary(format!("{place} can't be reached: {e}")),
        _ => SendError::temporary(format!("{place} sent an invalid answer")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_without_tls_or_with_extra_parts_is_refused() {
        let parsed = |text: &str| text.parse::<HttpsUrl>().map(|_| ());
        assert_eq!(parsed("https://sms.example.org:8443/send?tenant=1"), Ok(()));
        for text in [
            "http://sms.example.org/",
            "ftp://sms.example.org/",
            "/send",
            "sms.example.org",
        ] {
            assert_eq!(parsed(text), Err(UrlError::NotHttps), "{text}");
        }
        for text in [
            "",
            "https://",
            "https://u:p@sms.example.org/",
            "https://x/#a",
            "https://x/\r\na",
            "https:// x/",
        ] {
            assert_eq!(parsed(text), Err(UrlError::Malformed), "{text:?}");
        }
        assert_eq!(
            parsed(&format!("https://x/{}", "a".repeat(2048))),
            Err(UrlError::Malformed)
        );
    }

    #[test]
    fn a_token_in_the_path_is_never_shown() {
        let url: HttpsUrl = "https://sms.example.org/hooks/hunter2".parse().unwrap();
        assert_eq!(format!("{url:?}"), "HttpsUrl(https://sms.example.org/…)");
    }
}
