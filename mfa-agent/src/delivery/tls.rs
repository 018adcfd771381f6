//! Certificates that identify servers.
//!
//! They are always verified against the name in the settings; there is no way to turn that off. An
//! administrator with their own certificate authority names its file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::SendError;

/// Of an answer, before its body.
const LONGEST_HEAD: usize = 16 << 10;

/// The source of trusted certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// The host's (`/etc/ssl/certs`, or `$SSL_CERT_FILE`).
    System,
    /// A PEM file. No others are trusted then.
    File(PathBuf),
}

/// Why there are no trusted certificates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RootsError {
    /// The host has none.
    #[error(
        "this host trusts no certificate authority ({0}); install ca-certificates, or name a file"
    )]
    System(String),
    /// The file can't be read, or contains something else.
    #[error("{path} holds no certificates in PEM: {reason}")]
    File {
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Loaded certificates, for any number of connections.
#[derive(Clone)]
pub struct Trust {
    client: Arc<ClientConfig>,
    agent: Agent,
}

impl Roots {
    /// Reads the certificates.
    ///
    /// # Errors
    ///
    /// [`RootsError`]: there are none.
    pub fn load(&self) -> Result<Trust, RootsError> {
        let certificates = self.certificates()?;
        let mut store = RootCertStore::empty();
        let (usable, _) = store.add_parsable_certificates(certificates.iter().cloned());
        let none = |reason: String| match self {
            Self::System => RootsError::System(reason),
            Self::File(path) => RootsError::File {
                path: path.clone(),
                reason,
            },
        };
        if usable == 0 {
            return Err(none("none of its certificates can be used".to_owned()));
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|e| none(e.to_string()))?
            .with_root_certificates(store)
            .with_no_client_auth();
        Ok(Trust {
            client: Arc::new(client),
            agent: agent(&certificates, provider),
        })
    }

    /// The certificates, for others who make connections.
    ///
    /// # Errors
    ///
    /// As [`Roots::load`].
    pub(crate) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, RootsError> {
        match self {
            Self::System => of_the_host(),
            Self::File(path) => of_file(path),
        }
    }
}

impl Trust {
    pub(super) fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.client)
    }

    pub(super) fn agent(&self) -> &Agent {
        &self.agent
    }
}

impl std::fmt::Debug for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Trust(…)")
    }
}

fn of_the_host() -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let reasons: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        return Err(RootsError::System(reasons.join("; ")));
    }
    Ok(found.certs)
}

fn of_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let failed = |reason: String| RootsError::File {
        path: path.to_owned(),
        reason,
    };
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|e| failed(e.to_string()))
}

/// An HTTPS-only client: it follows no redirect, which could lead a code anywhere, uses no proxy,
/// and keeps no connection.
fn agent(certificates: &[CertificateDer<'static>], provider: Arc<CryptoProvider>) -> Agent {
    let certificates = certificates
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned())
        .collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::Specific(Arc::new(certificates)))
        .unversioned_rustls_crypto_provider(provider)
        .build();
    Agent::config_builder()
        .tls_config(tls)
        .https_only(true)
        .max_redirects(0)
        .proxy(None)
        .http_status_as_error(false)
        .max_idle_connections(0)
        .max_response_header_size(LONGEST_HEAD)
        .user_agent("mfa-agent")
        .build()
        .new_agent()
}

/// The error of a TLS connection to `host`. An invalid certificate is permanent.
pub(super) fn tls_error(host: &str, error: &rustls::Error) -> SendError {
    match error {
        rustls::Error::InvalidCertificate(reason) => SendError::permanent(format!(
            "the certificate of {host} is not valid ({reason}); name its authority's file, or the \
             name that the certificate is for"
        )),
        other => SendError::temporary(format!("no TLS with {host}: {other}")),
    }
}

/// The TLS error inside an I/O error, if there is one.
pub(super) fn tls_inside(error: &std::io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused_by_its_name() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for text in [
            "",
            "hello",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        ] {
            std::fs::write(file.path(), text).unwrap();
            let error = Roots::File(file.path().to_owned()).load().unwrap_err();
            assert!(
                error.to_string().contains("holds no certificates"),
                "{error}"
            );
        }
        assert!(Roots::File(PathBuf::from("/nowhere.pem")).load().is_err());
    }
}
