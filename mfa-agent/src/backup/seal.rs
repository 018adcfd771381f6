//! Makes the head and the chunks of a backup.

use aead_stream::EncryptorBE32;
use chacha20poly1305::XChaCha20Poly1305;
use data_encoding::BASE64;
use jiff::Timestamp;
use mfa_protocol::backup::{BackupHead, UNORDERED, VERSION};
use zeroize::Zeroizing;

use super::item::Buffer;
use super::{BackupError, End, Item, Meta, NONCE, Recipient, bound};
use crate::vault::{Vault, VaultError};

/// Who opens the backup.
pub enum Sealing<'a> {
    /// This host's key.
    Host(&'a Vault),
    Recipient(&'a Recipient),
}

/// A backup in the making.
pub struct Sealer {
    stream: EncryptorBE32<XChaCha20Poly1305>,
    bound: [u8; 32],
    buffer: Buffer,
    end: End,
}

impl Sealer {
    /// Begins a backup: its head, and the rest. `ordered`: the records come in the order of their keys.
    ///
    /// # Errors
    ///
    /// [`BackupError`] when the key of the file can't be made or sealed.
    pub fn begin(
        sealing: &Sealing<'_>,
        meta: &Meta,
        ordered: bool,
        now: Timestamp,
    ) -> Result<(BackupHead, Self), BackupError> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key).map_err(BackupError::Random)?;
        let nonce = random::<NONCE>()?;
        let mut head = BackupHead {
            version: if ordered { VERSION } else { UNORDERED },
            made_at: format!("{now:.0}"),
            agent: env!("CARGO_PKG_VERSION").to_owned(),
            nonce: BASE64.encode(&nonce),
            ..BackupHead::default()
        };
        match sealing {
            Sealing::Host(vault) => {
                head.key_id = Some(vault.key_id());
                head.file_key = BASE64.encode(&vault.wrap(random()?, &key)?);
            }
            Sealing::Recipient(recipient) => {
                let (encapsulated, sealed) = recipient.seal(&key)?;
                head.recipient = Some(recipient.shown());
                head.encapsulated = Some(BASE64.encode(&encapsulated));
                head.file_key = BASE64.encode(&sealed);
            }
        }
        let mut buffer = Buffer::new();
        buffer.meta(meta).map_err(encoding)?;
        let sealer = Self {
            stream: EncryptorBE32::new((&*key).into(), (&nonce).into()),
            bound: bound(&head)?,
            buffer,
            end: End::default(),
        };
        Ok((head, sealer))
    }

    /// Whether the next chunk has room for this record. One record fits in any case.
    #[must_use]
    pub fn has_room_for(&self, key: &[u8], value: &[u8]) -> bool {
        self.buffer.has_room_for(Item::size(key, value))
    }

    /// Adds a record. `is_damaged`: `value` is what could not be unsealed.
    pub fn add(&mut self, key: &[u8], value: &[u8], is_damaged: bool) {
        self.buffer.record(key, value, is_damaged);
        self.end.records += 1;
        self.end.damaged += u64::from(is_damaged);
    }

    /// How many records were added.
    #[must_use]
    pub fn so_far(&self) -> End {
        self.end
    }

    /// Seals what was added since the last chunk.
    ///
    /// # Errors
    ///
    /// [`BackupError`] when there are more chunks than a file can have.
    pub fn chunk(&mut self) -> Result<Vec<u8>, BackupError> {
        let mut chunk = self.buffer.take();
        self.stream
            .encrypt_next_in_place(&self.bound, &mut *chunk)
            .map_err(|_| VaultError::TooLong)?;
        Ok(std::mem::take(&mut *chunk))
    }

    /// Seals the last chunk.
    ///
    /// # Errors
    ///
    /// As [`Self::chunk`].
    pub fn last(mut self) -> Result<Vec<u8>, BackupError> {
        self.buffer.end(self.end).map_err(encoding)?;
        let mut chunk = self.buffer.take();
        self.stream
            .encrypt_last_in_place(&self.bound, &mut *chunk)
            .map_err(|_| VaultError::TooLong)?;
        Ok(std::mem::take(&mut *chunk))
    }

    /// Whether nothing was added since the last chunk.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }
}

fn random<const N: usize>() -> Result<[u8; N], BackupError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(BackupError::Random)?;
    Ok(bytes)
}

fn encoding(error: serde_json::Error) -> BackupError {
    BackupError::Head(error.to_string())
}
