//! Backups for a key that is not on the host: HPKE (RFC 9180) with X25519, HKDF-SHA256 and ChaCha20-Poly1305.

use data_encoding::BASE64;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use mfa_protocol::backup::{PUBLIC_KEY, RECIPIENT_INFO};
use zeroize::Zeroizing;

type PublicKey = <X25519HkdfSha256 as Kem>::PublicKey;

/// The public key of the one who can open a backup.
pub struct Recipient(PublicKey);

/// Why a backup can't be sealed for a recipient, or opened by one.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecipientError {
    #[error(
        "this is no public key for backups (a line `mfa-backup-public-v1:` with 32 bytes in base64)"
    )]
    NoKey,
    #[error("the backup can't be sealed for this key")]
    Seal,
    #[error("this private key does not open the backup")]
    Open,
}

impl Recipient {
    /// The key in the text of a file.
    ///
    /// # Errors
    ///
    /// [`RecipientError::NoKey`].
    pub fn parse(text: &str) -> Result<Self, RecipientError> {
        let mut lines = text.lines();
        let encoded = lines.find_map(|line| line.trim().strip_prefix(PUBLIC_KEY));
        let bytes = encoded.and_then(|it| BASE64.decode(it.trim().as_bytes()).ok());
        let key = bytes.and_then(|bytes| PublicKey::from_bytes(&bytes).ok());
        key.map(Self).ok_or(RecipientError::NoKey)
    }

    /// The key in base64.
    #[must_use]
    pub fn shown(&self) -> String {
        BASE64.encode(&self.0.to_bytes())
    }

    /// Seals the key of a file. Returns the ephemeral public key and the sealed key.
    pub(super) fn seal(&self, file_key: &[u8; 32]) -> Result<(Vec<u8>, Vec<u8>), RecipientError> {
        let (encapsulated, sealed) = hpke::single_shot_seal::<
            ChaCha20Poly1305,
            HkdfSha256,
            X25519HkdfSha256,
        >(
            &OpModeS::Base, &self.0, RECIPIENT_INFO, file_key, b""
        )
        .map_err(|_| RecipientError::Seal)?;
        Ok((encapsulated.to_bytes().to_vec(), sealed))
    }
}

/// Opens the key of a file with the private key of its recipient, as `mfactl` does.
///
/// # Errors
///
/// [`RecipientError::Open`].
pub fn open_for_recipient(
    private: &[u8],
    encapsulated: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, RecipientError> {
    type Private = <X25519HkdfSha256 as Kem>::PrivateKey;
    type Encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey;
    let private = Private::from_bytes(private).map_err(|_| RecipientError::Open)?;
    let encapsulated = Encapsulated::from_bytes(encapsulated).map_err(|_| RecipientError::Open)?;
    hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &private,
        &encapsulated,
        RECIPIENT_INFO,
        sealed,
        b"",
    )
    .map(Zeroizing::new)
    .map_err(|_| RecipientError::Open)
}
