//! The addresses of etcd's servers.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ureq::http::Uri;

const LONGEST: usize = 512;

/// The address of a server: `https://NAME:PORT`, or `http://` where nobody else is on the way.
#[derive(Clone, PartialEq, Eq)]
pub struct EndpointUrl(String);

/// Why a text is not such an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EndpointUrlError {
    /// Not `https://NAME:PORT`.
    #[error(
        "this is not the address of a server of etcd; expected one such as https://etcd1.example.org:2379"
    )]
    Malformed,
}

impl FromStr for EndpointUrl {
    type Err = EndpointUrlError;

    fn from_str(text: &str) -> Result<Self, EndpointUrlError> {
        let malformed = EndpointUrlError::Malformed;
        if text.len() > LONGEST || text.contains(['#', '?', '@']) {
            return Err(malformed);
        }
        let uri: Uri = text.parse().map_err(|_| malformed)?;
        let authority = uri.authority().ok_or(malformed)?;
        if authority.host().is_empty() || !["", "/"].contains(&uri.path()) {
            return Err(malformed);
        }
        if !matches!(uri.scheme_str(), Some("https" | "http")) {
            return Err(malformed);
        }
        Ok(Self(text.trim_end_matches('/').to_owned()))
    }
}

impl EndpointUrl {
    /// The address of a method.
    pub(super) fn with(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Whether nobody on the way can read along, or answer in the place of the server: by TLS, or on this host.
    #[must_use]
    pub fn is_private(&self) -> bool {
        let host = self.0.parse::<Uri>().ok();
        let host = host.as_ref().and_then(Uri::host);
        self.0.starts_with("https:") || host.is_some_and(is_here)
    }
}

impl fmt::Display for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for EndpointUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EndpointUrl({})", self.0)
    }
}

fn is_here(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.parse::<IpAddr>()
        .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_private_by_https_or_on_this_host() {
        for (text, is_private) in [
            ("https://etcd1.example.org:2379", true),
            ("https://[2001:db8::1]:2379/", true),
            ("https://192.0.2.1", true),
            ("http://127.0.0.1:2379", true),
            ("http://[::1]:2379", true),
            ("http://192.0.2.1:2379", false),
            ("http://localhost.example.org", false),
            ("http://localhost:2379", false),
        ] {
            let url: EndpointUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), text.trim_end_matches('/'));
            assert_eq!(url.is_private(), is_private, "{text}");
        }
        for text in [
            "",
            "etcd1:2379",
            "ftp://x",
            "https://",
            "https://u:p@x",
            "https://x/v3",
            "https://x?a",
            "https:// x",
            "https://x\n",
        ] {
            assert_eq!(
                text.parse::<EndpointUrl>(),
                Err(EndpointUrlError::Malformed),
                "{text:?}"
            );
        }
    }
}
