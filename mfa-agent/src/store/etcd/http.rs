//! One request to one server: bounded in time and size, over TLS, without redirects or proxies.

use std::io::{self, ErrorKind};
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ureq::Agent;
use ureq::tls::TlsConfig;
use ureq::unversioned::resolver::DefaultResolver;

use super::certificates::{Files, IdentityError, Loaded};
use super::clock::Exchange;
use super::last_words;
use super::url::EndpointUrl;

/// Of an answer, before its body.
const LONGEST_HEAD: usize = 16 << 10;

/// Of an answer's body: more than the largest page can have.
const LONGEST_BODY: u64 = 8 << 20;

/// Connections that are kept open for the next requests.
const KEPT_OPEN: usize = 64;

/// How long an unused one is kept.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// How long a server may take to accept a connection and to prove who it is.
const CONNECT: Duration = Duration::from_secs(2);

/// The reason if there was just no answer.
pub(super) const NOT_IN_TIME: &str = "it did not answer in time";

/// Sends requests.
pub(super) struct Http {
    pub(super) files: Files,
    used: RwLock<Used>,
}

/// What was in the files when they were read.
struct Used {
    agent: Agent,
    digest: [u8; 32],
}

/// An answer, whatever its status.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// The time of the server.
    pub(super) date: Option<String>,
    pub(super) exchange: Exchange,
    pub(super) took: Duration,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(super) struct NoReply {
    pub(super) reason: String,
    /// Whether the server may have got the request.
    pub(super) may_be_sent: bool,
    /// Whether the connection was lost, perhaps while nobody used it.
    pub(super) is_lost: bool,
}

impl Http {
    pub(super) fn new(files: Files) -> Result<Self, IdentityError> {
        let used = RwLock::new(Used::of(&files.read()?)?);
        Ok(Self { files, used })
    }

    /// Reads the files of certificates again, and uses what is new for connections from now on. Returns whether there was
    /// anything new. If they can't be used, those that are used stay in use.
    pub(super) fn renew(&self) -> Result<bool, IdentityError> {
        let loaded = self.files.read()?;
        let digest = loaded.digest();
        if self
            .used
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .digest
            == digest
        {
            return Ok(false);
        }
        let new = Used::of(&loaded)?;
        *self.used.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(true)
    }

    fn agent(&self) -> Agent {
        let used = self.used.read().unwrap_or_else(PoisonError::into_inner);
        used.agent.clone()
    }

    /// Posts `body`, and waits for the answer until `until`.
    pub(super) fn post(
        &self,
        url: &EndpointUrl,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        until: Instant,
    ) -> Result<Reply, NoReply> {
        let (began, sent) = (Instant::now(), Timestamp::now());
        let left = until.saturating_duration_since(began);
        if left.is_zero() {
            return Err(NoReply::unsent("no time was left".to_owned()));
        }
        let mut request = self
            .agent()
            .post(url.with(path))
            .config()
            .timeout_global(Some(left))
            .timeout_connect(Some(left.min(CONNECT)))
            .build()
            .content_type("application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = request.send(body).map_err(|e| NoReply::of(&e))?;
        let date = answer.headers().get("date");
        let date = date.and_then(|date| date.to_str().ok()).map(str::to_owned);
        let status = answer.status().as_u16();
        let answered = Timestamp::now();
        let body = answer
            .body_mut()
            .with_config()
            .limit(LONGEST_BODY)
            .read_to_vec();
        let body = body.map_err(|e| NoReply {
            may_be_sent: true,
            ..NoReply::of(&e)
        })?;
        Ok(Reply {
            status,
            body,
            date,
            exchange: Exchange { sent, answered },
            took: began.elapsed(),
        })
    }
}

impl Used {
    fn of(loaded: &Loaded) -> Result<Self, IdentityError> {
        Ok(Self {
            agent: agent(loaded.tls()?),
            digest: loaded.digest(),
        })
    }
}

fn agent(tls: TlsConfig) -> Agent {
    let config = Agent::config_builder()
        .tls_config(tls)
        .max_redirects(0)
        .proxy(None)
        .http_status_as_error(false)
        .max_idle_connections(KEPT_OPEN)
        .max_idle_connections_per_host(KEPT_OPEN)
        .max_idle_age(KEPT_FOR)
        .max_response_header_size(LONGEST_HEAD)
        .user_agent("mfa-agent")
        .build();
    let resolver = DefaultResolver::default();
    Agent::with_parts(config, last_words::connector(), resolver)
}

impl NoReply {
    fn unsent(reason: String) -> Self {
        Self {
            reason,
            may_be_sent: false,
            is_lost: false,
        }
    }

    fn of(error: &ureq::Error) -> Self {
        use ureq::{Error, Timeout};
        let sent = |reason: &str| Self {
            may_be_sent: true,
            ..Self::unsent(reason.to_owned())
        };
        let inside = match error {
            Error::Rustls(e) => Some(e),
            Error::Io(e) => e.get_ref().and_then(|e| e.downcast_ref()),
            _ => None,
        };
        if let Some(e) = inside {
            return Self {
                // A server says what it thinks of this host's certificate after the handshake only.
                may_be_sent: true,
                ..Self::unsent(tls_reason(e))
            };
        }
        match error {
            Error::Timeout(Timeout::Resolve) => {
                Self::unsent("its name was not found in time".to_owned())
            }
            Error::Timeout(Timeout::Connect) => {
                Self::unsent("it accepted no connection in time".to_owned())
            }
            Error::Timeout(_) => sent(NOT_IN_TIME),
            Error::HostNotFound => {
                Self::unsent("its name was not found; check the name and DNS".to_owned())
            }
            Error::ConnectionFailed => Self::unsent("it can't be reached".to_owned()),
            Error::Io(e) => Self::of_io(e),
            Error::BodyExceedsLimit(_) | Error::LargeResponseHeader(..) => {
                sent("its answer is too long")
            }
            _ => sent("its answer is not HTTP; is this the port for clients?"),
        }
    }

    fn of_io(error: &io::Error) -> Self {
        let never_sent = [
            ErrorKind::ConnectionRefused,
            ErrorKind::HostUnreachable,
            ErrorKind::NetworkUnreachable,
            ErrorKind::AddrNotAvailable,
        ];
        Self {
            may_be_sent: !never_sent.contains(&error.kind()),
            is_lost: last_words::is_lost(error),
            ..Self::unsent(format!("it can't be reached: {error}"))
        }
    }
}

/// What is wrong with a connection, with what to do where that is not plain.
fn tls_reason(error: &rustls::Error) -> String {
    use rustls::{AlertDescription as Alert, CertificateError, Error};
    let remedy = match error {
        // The second one: an authority has the name of the one that signed it, and another key.
        Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => "; name its authority in [store] ca_file",
        Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "; use the name that the certificate is for in [store] endpoints",
        Error::InvalidCertificate(CertificateError::Other(_)) => {
            "; make one of version 3 (X.509 v3) with a subjectAltName: openssl makes version 1 unless it is told extensions"
        }
        Error::AlertReceived(
            Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnknownCA
            | Alert::CertificateUnknown,
        ) => "; it does not accept this host's certificate: check [store] cert_file",
        _ => "",
    };
    match error {
        Error::InvalidCertificate(reason) => {
            format!("its certificate is not valid ({reason}){remedy}")
        }
        other => format!("no TLS: {other}{remedy}"),
    }
}
