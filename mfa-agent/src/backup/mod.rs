//! Backups: all records in one file, sealed in chunks.
//!
//! The agent makes chunks and opens them; it never sees the file, which `mfactl` writes and reads. The parts around the
//! chunks are in [`mfa_protocol::backup`].
//!
//! Each file has a random key of its own. The key is in the head: sealed with the host's key, or for the key of a
//! recipient (HPKE, RFC 9180), who alone can open it then. The chunks are sealed with XChaCha20-Poly1305 in the STREAM
//! construction: their order, their number and the head are authenticated, so no part can be left out, moved or cut off.

mod item;
mod open;
mod recipient;
mod seal;

use mfa_protocol::backup::BackupHead;
use sha2::{Digest, Sha256};

pub use item::{Content, End, Item, ItemError, Meta};
pub use open::{Opener, Opening};
pub use recipient::{Recipient, RecipientError, open_for_recipient};
pub use seal::{Sealer, Sealing};

use crate::store::StoreError;
use crate::vault::VaultError;

/// The bytes of a chunk before it is sealed.
const PLAIN: usize = 40 << 10;

/// The bytes of the nonce of a file.
const NONCE: usize = 19;

/// Why a backup can't be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The head is not one, or of another version.
    #[error("this is not a backup that this version reads: {0}")]
    Head(String),
    /// The key that sealed it is not here.
    #[error(
        "the backup needs the key {needed}, and the agent has {here}; put the file of that key beside the agent's, as \
         key.{needed}, owned by the agent's user with mode 0600, and restart the agent"
    )]
    OtherKey { needed: String, here: String },
    /// The same, where it is known what its file is called.
    #[error(
        "the backup needs the key {needed}, which is not here; copy its file to {path}, owned by the agent's user with \
         mode 0600, and restart the agent: systemctl restart mfa-agent"
    )]
    MissingKey { needed: String, path: String },
    /// The same, and the file of that key is here, but not used.
    #[error(
        "the backup needs the key {needed}. {path} is there, but it is not used: {reason}. Then restart the agent: \
         systemctl restart mfa-agent"
    )]
    UnusedKey {
        needed: String,
        path: String,
        reason: String,
    },
    /// The key that sealed it does not open the key of the file.
    #[error(
        "the head of the backup was changed or is damaged: the key {0} does not open it; use another backup"
    )]
    Forged(String),
    /// The key of the file can't be made.
    #[error(transparent)]
    Key(#[from] VaultError),
    #[error(transparent)]
    Recipient(#[from] RecipientError),
    /// A chunk was changed, moved or left out.
    #[error("the backup is damaged or was changed at part {0}; use another one")]
    Chunk(u64),
    /// What a chunk holds is not valid.
    #[error("the backup is damaged: {0}; use another one")]
    Item(#[from] ItemError),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes: {0}")]
    Random(getrandom::Error),
}

/// What every chunk is bound to.
fn bound(head: &BackupHead) -> Result<[u8; 32], BackupError> {
    let text = serde_json::to_vec(head).map_err(|e| BackupError::Head(e.to_string()))?;
    Ok(Sha256::digest(text).into())
}

#[cfg(test)]
mod tests;
