//! Security keys that SSH uses: their public halves, as users give them, sshd reports them and records keep them.
//!
//! Pure. A line in the format of OpenSSH comes in (`TYPE BASE64 COMMENT`, of a key or of a certificate), a [`PublicKey`]
//! comes out. `ssh-key` reads keys, certificates and signatures; what it can't verify is refused here. What a key signs is
//! in [`challenge`].

pub mod challenge;
#[cfg(any(test, feature = "samples"))]
pub mod samples;
pub mod service;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use ssh_key::public::KeyData;
use ssh_key::{Algorithm, Certificate, EcdsaCurve, HashAlg};

use super::{AnswerForm, Need, Row, Stored, Verification};

/// The properties of this factor.
pub const ROW: Row = Row {
    prompt: None,
    choice: "way-key",
    in_notice: "notice-factor-key",
    form: AnswerForm::Nothing,
    verification: Verification::Key,
    stored: Stored::Keys,
    needs: Need::Nothing,
    enroll_arguments: " < KEY.pub",
    enroll_note: "",
    may_be_required_first: false,
    fits_one_answer: false,
    enrolls_in_login: true,
};

/// The types of keys that can be verified here; which of them count is a setting.
pub const KEY_TYPES: [&str; 4] = [
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
];

/// The longest line that is read, in bytes: a certificate, with its principals and options.
pub const MAX_LINE: usize = 8 << 10;

/// The longest application of a security key, in bytes: a record has room for five keys. OpenSSH writes `ssh:` and a few
/// characters.
const MAX_APPLICATION: usize = 64;

/// What the header of every file with a private key says.
const PRIVATE: &str = "PRIVATE KEY";

/// The public half of a key. Two are equal if the keys are, whatever they were called.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKey(KeyData);

/// A line that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLine {
    /// The key; of a certificate, the key inside.
    pub key: PublicKey,
    /// What follows the key; nothing checks it.
    pub comment: String,
}

/// Why a line is refused. None of it quotes the line, which may be a secret pasted by mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyLineError {
    /// It is a private key.
    #[error(
        "this is a private key, which no one else may have; give the line of the .pub file beside it, and if others \
         have seen it, make a new key"
    )]
    Private,
    /// Too long.
    #[error("a public key has at most {MAX_LINE} bytes")]
    Long,
    /// No key at all.
    #[error(
        "this is not a public key in the format of OpenSSH; give the line of a .pub file: sk-ssh-ed25519@openssh.com AAAA…"
    )]
    Form,
    /// A certificate that a host shows.
    #[error("this is the certificate of a host, not of a user")]
    Host,
    /// A key that nothing here can verify.
    #[error(
        "keys of this type can't be verified here; use a security key: ssh-keygen -t ed25519-sk, or -t ecdsa-sk"
    )]
    Type,
    /// A name that the record has no room for.
    #[error("the application of this security key has more than {MAX_APPLICATION} bytes")]
    Application,
}

impl PublicKey {
    /// Its type, as OpenSSH writes it.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match &self.0 {
            KeyData::SkEd25519(_) => "sk-ssh-ed25519@openssh.com",
            KeyData::SkEcdsaSha2NistP256(_) => "sk-ecdsa-sha2-nistp256@openssh.com",
            KeyData::Ed25519(_) => "ssh-ed25519",
            // No other is ever one.
            _ => "ecdsa-sha2-nistp256",
        }
    }

    /// Whether it is in hardware that can ask for a touch.
    #[must_use]
    pub fn is_security_key(&self) -> bool {
        self.application().is_some()
    }

    /// What a security key was made for; `ssh:` unless something else was asked for.
    #[must_use]
    pub fn application(&self) -> Option<&str> {
        match &self.0 {
            KeyData::SkEd25519(key) => Some(key.application()),
            KeyData::SkEcdsaSha2NistP256(key) => Some(key.application()),
            _ => None,
        }
    }

    /// Its fingerprint, as `ssh-keygen -l` writes it: `SHA256:…`.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        self.0.fingerprint(HashAlg::Sha256).to_string()
    }

    /// The key that sshd has verified, as it writes it: `TYPE BASE64`, of a key or of a certificate. None for one that can't
    /// be enrolled.
    #[must_use]
    pub fn verified(line: &str) -> Option<Self> {
        line.parse().ok().map(|line: KeyLine| line.key)
    }

    /// The key that an agent offers, by what it calls it, and whether that is the key itself, not a certificate for it.
    fn of_blob(blob: &[u8]) -> Option<(Self, bool)> {
        let key = ssh_key::PublicKey::from_bytes(blob).ok()?;
        match key.key_data() {
            KeyData::Certificate(certificate) => {
                let key = Self::of(certificate.public_key().clone()).ok()?;
                Some((key, false))
            }
            key => Some((Self::of(key.clone()).ok()?, true)),
        }
    }

    fn of(key: KeyData) -> Result<Self, KeyLineError> {
        match &key {
            KeyData::SkEd25519(_) | KeyData::SkEcdsaSha2NistP256(_) | KeyData::Ed25519(_) => {}
            KeyData::Ecdsa(key) if key.curve() == EcdsaCurve::NistP256 => {}
            _ => return Err(KeyLineError::Type),
        }
        let key = Self(key);
        match key.application() {
            Some(application) if application.len() > MAX_APPLICATION => {
                Err(KeyLineError::Application)
            }
            _ => Ok(key),
        }
    }
}

impl FromStr for KeyLine {
    type Err = KeyLineError;

    fn from_str(line: &str) -> Result<Self, KeyLineError> {
        let line = line.trim();
        if line.contains(PRIVATE) {
            return Err(KeyLineError::Private);
        }
        if line.len() > MAX_LINE {
            return Err(KeyLineError::Long);
        }
        let name = line.split(' ').next().unwrap_or_default();
        if let Ok(Algorithm::Other(_)) | Err(_) = Algorithm::new(name)
            && Algorithm::new_certificate(name).is_ok_and(is_known)
        {
            return of_certificate(line);
        }
        let read = ssh_key::PublicKey::from_openssh(line).map_err(|_| KeyLineError::Form)?;
        Ok(Self {
            key: PublicKey::of(read.key_data().clone())?,
            comment: read.comment().as_str_lossy().to_owned(),
        })
    }
}

fn is_known(algorithm: Algorithm) -> bool {
    !matches!(algorithm, Algorithm::Other(_))
}

/// The key inside. Who has signed it is sshd's business: here the key counts, not the certificate.
fn of_certificate(line: &str) -> Result<KeyLine, KeyLineError> {
    let certificate = Certificate::from_openssh(line).map_err(|_| KeyLineError::Form)?;
    if !certificate.cert_type().is_user() {
        return Err(KeyLineError::Host);
    }
    Ok(KeyLine {
        key: PublicKey::of(certificate.public_key().clone())?,
        comment: certificate.comment().to_owned(),
    })
}

/// `TYPE BASE64`
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = ssh_key::PublicKey::from(self.0.clone());
        f.write_str(&key.to_openssh().map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint())
    }
}

impl From<PublicKey> for String {
    fn from(key: PublicKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for PublicKey {
    type Error = KeyLineError;

    fn try_from(line: String) -> Result<Self, KeyLineError> {
        line.parse().map(|line: KeyLine| line.key)
    }
}

#[cfg(test)]
mod tests;
