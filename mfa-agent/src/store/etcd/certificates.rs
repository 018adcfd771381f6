//! The files on the way to the servers: which authorities this host trusts, its own certificate, and until when they are
//! valid.
//!
//! They are read when the agent starts, at a reload, and while a server can't be used, so a renewed certificate needs no
//! restart. What is read is used as a whole or not at all: of a certificate and a key that do not fit, one is not written
//! yet. The private key stays in memory only.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};
use x509_cert::der::Decode;
use zeroize::Zeroizing;

use crate::delivery::Roots;
use crate::store::fleet::{StoreCertificate, Term};

/// Users who are neither the owner nor of the group of a file.
const OTHERS: u32 = 0o007;

/// A certificate of this host with its key, both in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// `[store] cert_file`.
    pub certificate: PathBuf,
    /// `[store] cert_key_file`.
    pub key: PathBuf,
}

/// Why there is no way to the servers.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error(transparent)]
    Roots(#[from] crate::delivery::RootsError),
    #[error("[store] cert_file {path} holds no certificate in PEM: {reason}")]
    Certificate { path: PathBuf, reason: String },
    #[error(
        "[store] cert_key_file {path} holds no private key in PEM without a password: {reason}"
    )]
    Key { path: PathBuf, reason: String },
    #[error(
        "[store] cert_key_file {path} can be read by all users (mode {mode:04o}); run: chmod 0600 {path}"
    )]
    Exposed { path: PathBuf, mode: u32 },
    #[error(
        "[store] cert_key_file {key} is not the key of the certificate in cert_file {certificate}; copy both of this host"
    )]
    Different { certificate: PathBuf, key: PathBuf },
}

/// Which files.
#[derive(Clone, Debug)]
pub(super) struct Files {
    pub(super) roots: Roots,
    pub(super) identity: Option<ClientIdentity>,
}

/// What was in the files.
pub(super) struct Loaded {
    roots: Vec<CertificateDer<'static>>,
    identity: Option<Identity>,
    provider: Arc<CryptoProvider>,
}

struct Identity {
    chain: Vec<CertificateDer<'static>>,
    /// In PEM.
    key: Zeroizing<Vec<u8>>,
    key_file: PathBuf,
}

impl Files {
    pub(super) fn read(&self) -> Result<Loaded, IdentityError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let read = |files| identity(files, &provider);
        Ok(Loaded {
            roots: self.roots.certificates()?,
            identity: self.identity.as_ref().map(read).transpose()?,
            provider,
        })
    }

    /// The certificates in the files now, with the time in which they hold.
    pub(super) fn terms(&self) -> Vec<StoreCertificate> {
        let mut all = Vec::new();
        if let Some(files) = &self.identity {
            let provider = rustls::crypto::ring::default_provider();
            let chain = identity(files, &provider).map(|identity| identity.chain);
            let term = chain.map_err(|e| e.to_string());
            all.push(StoreCertificate {
                key: "cert_file",
                file: files.certificate.clone(),
                term: term.and_then(|chain| of_chain(&chain)),
            });
        }
        if let Roots::File(path) = &self.roots {
            let roots = self.roots.certificates().map_err(|e| e.to_string());
            all.push(StoreCertificate {
                key: "ca_file",
                file: path.clone(),
                term: roots.and_then(|roots| of_authorities(&roots, Timestamp::now())),
            });
        }
        all
    }
}

impl Loaded {
    /// Differs from that of other files.
    pub(super) fn digest(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        for root in &self.roots {
            add(root);
        }
        add(b"");
        if let Some(identity) = &self.identity {
            for certificate in &identity.chain {
                add(certificate);
            }
            add(&identity.key);
        }
        hash.finalize().into()
    }

    /// For connections of ureq.
    pub(super) fn tls(&self) -> Result<TlsConfig, IdentityError> {
        let owned = |it: &CertificateDer<'_>| Certificate::from_der(it).to_owned();
        let client = self.identity.as_ref().map(|identity| {
            let chain: Vec<_> = identity.chain.iter().map(owned).collect();
            let key = PrivateKey::from_pem(&identity.key);
            let key = key.map_err(|e| unusable_key(&identity.key_file, &e))?;
            Ok::<_, IdentityError>(ClientCert::new_with_certs(&chain, key))
        });
        let roots = self.roots.iter().map(owned).collect();
        Ok(TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .client_cert(client.transpose()?)
            .unversioned_rustls_crypto_provider(Arc::clone(&self.provider))
            .build())
    }
}

fn unusable_key(path: &Path, reason: &dyn std::fmt::Display) -> IdentityError {
    IdentityError::Key {
        path: path.to_owned(),
        reason: reason.to_string(),
    }
}

fn identity(files: &ClientIdentity, provider: &CryptoProvider) -> Result<Identity, IdentityError> {
    let path = &files.certificate;
    let unusable = |reason: String| IdentityError::Certificate {
        path: path.clone(),
        reason,
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|e| unusable(e.to_string()))?;
    if chain.is_empty() {
        return Err(unusable("there is none".to_owned()));
    }
    let (pem, key) = key(&files.key)?;
    match CertifiedKey::from_der(chain.clone(), key, provider) {
        Ok(_) => Ok(Identity {
            chain,
            key: pem,
            key_file: files.key.clone(),
        }),
        Err(rustls::Error::InconsistentKeys(_)) => Err(IdentityError::Different {
            certificate: path.clone(),
            key: files.key.clone(),
        }),
        Err(error @ rustls::Error::InvalidCertificate(_)) => Err(unusable(error.to_string())),
        Err(error) => Err(unusable_key(&files.key, &error)),
    }
}

fn key(path: &Path) -> Result<(Zeroizing<Vec<u8>>, PrivateKeyDer<'static>), IdentityError> {
    let mode = std::fs::metadata(path).map_or(0, |meta| meta.permissions().mode() & 0o7777);
    if mode & OTHERS != 0 {
        return Err(IdentityError::Exposed {
            path: path.to_owned(),
            mode,
        });
    }
    let text = Zeroizing::new(std::fs::read(path).map_err(|e| unusable_key(path, &e))?);
    let key = PrivateKeyDer::from_pem_slice(&text).map_err(|e| unusable_key(path, &e))?;
    Ok((text, key))
}

/// All of them are shown to a server, so all have to hold.
fn of_chain(chain: &[CertificateDer<'_>]) -> Result<Term, String> {
    let terms = terms(chain)?;
    let begins = terms.iter().map(|term| term.begins).max();
    let ends = terms.iter().map(|term| term.ends).min();
    let term = begins.zip(ends).map(|(begins, ends)| Term { begins, ends });
    term.ok_or_else(none)
}

/// One is enough, so of the valid ones the last end counts: a new authority is there before the old one ends.
fn of_authorities(authorities: &[CertificateDer<'_>], now: Timestamp) -> Result<Term, String> {
    let terms = terms(authorities)?;
    let last = terms
        .into_iter()
        .max_by_key(|term| (term.begins <= now, term.ends));
    last.ok_or_else(none)
}

fn none() -> String {
    "it holds no certificate".to_owned()
}

fn terms(certificates: &[CertificateDer<'_>]) -> Result<Vec<Term>, String> {
    let term = |der: &CertificateDer<'_>| {
        let certificate = x509_cert::Certificate::from_der(der).map_err(|e| e.to_string())?;
        let validity = certificate.tbs_certificate().validity();
        // The last moment of X.509 is later than that of a timestamp.
        let time = |time: &x509_cert::time::Time| {
            let since = i64::try_from(time.to_unix_duration().as_secs());
            let time = Timestamp::from_second(since.unwrap_or(i64::MAX));
            time.unwrap_or(Timestamp::MAX)
        };
        Ok(Term {
            begins: time(&validity.not_before),
            ends: time(&validity.not_after),
        })
    };
    certificates.iter().map(term).collect()
}
