//! Opens a backup, chunk by chunk, and checks that nothing is missing.

use aead_stream::DecryptorBE32;
use chacha20poly1305::XChaCha20Poly1305;
use data_encoding::{BASE64, HEXLOWER};
use mfa_protocol::backup::{BackupHead, UNORDERED, VERSION};
use zeroize::Zeroizing;

use super::{BackupError, Content, End, Item, ItemError, Meta, NONCE, bound};
use crate::vault::{ID, Vault, VaultError};

/// What opens a backup.
pub enum Opening<'a> {
    /// One of this host's keys.
    Host(&'a Vault),
    /// The key of the file, which its recipient has unsealed.
    FileKey(&'a [u8]),
}

/// A backup that is being read.
pub struct Opener {
    stream: Option<DecryptorBE32<XChaCha20Poly1305>>,
    bound: [u8; 32],
    chunks: u64,
    has_begun: bool,
    /// The last key, if they are in order.
    last: Option<Vec<u8>>,
    seen: End,
    end: Option<End>,
}

/// What a chunk holds.
#[derive(Default)]
pub struct Opened {
    /// In the first chunk.
    pub meta: Option<Meta>,
    /// In the order of their keys, unless the store was shared.
    pub records: Vec<Content>,
}

impl Opener {
    /// Begins to read.
    ///
    /// # Errors
    ///
    /// [`BackupError`] when the head is not one, or the key does not open it.
    pub fn begin(head: &BackupHead, opening: &Opening<'_>) -> Result<Self, BackupError> {
        if ![VERSION, UNORDERED].contains(&head.version) {
            return Err(BackupError::Head(format!(
                "it has version {}, and this one knows {VERSION} and {UNORDERED}; use the mfa-agent that made it or a newer one",
                head.version
            )));
        }
        let nonce: [u8; NONCE] = decoded(&head.nonce)
            .and_then(|bytes| bytes.as_slice().try_into().ok())
            .ok_or_else(|| BackupError::Head("its head has no nonce".to_owned()))?;
        let key = match (opening, &head.key_id) {
            (Opening::Host(vault), Some(id)) => {
                let wrapped = decoded(&head.file_key).unwrap_or_default();
                unwrapped(vault, id, &wrapped)?
            }
            (Opening::FileKey(bytes), None) => as_key(bytes)
                .ok_or_else(|| BackupError::Head("its key has not 32 bytes".to_owned()))?,
            (Opening::Host(_), None) => {
                return Err(BackupError::Head(
                    "it is sealed for a recipient; name the file of the private key: --key-file FILE"
                        .to_owned(),
                ));
            }
            (Opening::FileKey(_), Some(_)) => {
                return Err(BackupError::Head(
                    "it is sealed with a host's key, and not for a recipient".to_owned(),
                ));
            }
        };
        Ok(Self {
            stream: Some(DecryptorBE32::new((&*key).into(), (&nonce).into())),
            bound: bound(head)?,
            chunks: 0,
            has_begun: false,
            last: (head.version == VERSION).then(Vec::new),
            seen: End::default(),
            end: None,
        })
    }

    /// Opens the next chunk.
    ///
    /// # Errors
    ///
    /// [`BackupError`] when it is not the next one, or was changed.
    pub fn chunk(&mut self, sealed: &[u8], is_last: bool) -> Result<Opened, BackupError> {
        self.chunks += 1;
        let damaged = BackupError::Chunk(self.chunks);
        let mut plain = Zeroizing::new(sealed.to_vec());
        let unsealed = match (is_last, self.stream.take()) {
            (_, None) => return Err(damaged),
            (true, Some(stream)) => stream.decrypt_last_in_place(&self.bound, &mut *plain),
            (false, Some(stream)) => self
                .stream
                .insert(stream)
                .decrypt_next_in_place(&self.bound, &mut *plain),
        };
        unsealed.map_err(|_| damaged)?;
        let mut opened = Opened::default();
        for item in Item::parse_all(&plain)? {
            self.take(item, &mut opened)?;
        }
        if self.end.is_some() != is_last {
            return Err(ItemError::Count.into());
        }
        Ok(opened)
    }

    /// How many records there are; none before the end.
    #[must_use]
    pub fn end(&self) -> Option<End> {
        self.end
    }

    fn take(&mut self, item: Item, opened: &mut Opened) -> Result<(), ItemError> {
        if self.end.is_some() || self.has_begun == matches!(item, Item::Meta(_)) {
            return Err(ItemError::Order);
        }
        match item {
            Item::Meta(meta) => {
                self.has_begun = true;
                opened.meta = Some(meta);
            }
            Item::Record(content) => {
                if let Some(last) = &mut self.last {
                    if content.key <= *last {
                        return Err(ItemError::Order);
                    }
                    last.clone_from(&content.key);
                }
                self.seen.records += 1;
                self.seen.damaged += u64::from(content.is_damaged);
                opened.records.push(content);
            }
            Item::End(end) => {
                if end != self.seen {
                    return Err(ItemError::Count);
                }
                self.end = Some(end);
            }
        }
        Ok(())
    }
}

/// The key of the file, sealed with a key of the host.
fn unwrapped(vault: &Vault, id: &str, wrapped: &[u8]) -> Result<Zeroizing<[u8; 32]>, BackupError> {
    // It comes from the file, and goes into messages and a file name.
    if id.len() != 2 * ID || HEXLOWER.decode(id.as_bytes()).is_err() {
        return Err(BackupError::Head(
            "its head names no key; use another backup".to_owned(),
        ));
    }
    vault.unwrap(id, wrapped).map_err(|error| match error {
        VaultError::OtherKey { sealed, here } => BackupError::OtherKey {
            needed: sealed,
            here,
        },
        VaultError::Forged | VaultError::Malformed => BackupError::Forged(id.to_owned()),
        error @ (VaultError::TooLong | VaultError::Retired(_)) => error.into(),
    })
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.as_bytes()).ok()
}

fn as_key(bytes: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let mut key = Zeroizing::new([0; 32]);
    (bytes.len() == key.len()).then(|| key.copy_from_slice(bytes))?;
    Some(key)
}
