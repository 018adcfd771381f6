//! The head of a backup file, which says what is needed to open it.
//!
//! ```text
//!   "pam-mfa backup\n"   15 bytes
//!   length of the head    4 bytes, little-endian
//!   head                  JSON
//!   length, chunk         4 bytes and a sealed chunk; again and again
//!   0                     4 bytes: the chunk before was the last one
//!   check sum            32 bytes: SHA-256 of all before it
//! ```
//!
//! Nothing in the head is secret. The chunks are sealed by the agent with a key of this file alone, which is in the head,
//! sealed with the host's key or for a recipient's.

use serde::{Deserialize, Serialize};

/// What the file begins with.
pub const MAGIC: &[u8; 15] = b"pam-mfa backup\n";

/// The version of the format.
pub const VERSION: u32 = 1;

/// The version of backups whose records are not in the order of their names: those of a store that many hosts share.
pub const UNORDERED: u32 = 2;

/// The longest head, in bytes.
pub const MAX_HEAD: usize = 4096;

/// The longest sealed chunk, in bytes: in base64 it fits into a frame.
pub const MAX_CHUNK: usize = 44 << 10;

/// The name of a recipient's public key in its file, before the key in base64.
pub const PUBLIC_KEY: &str = "mfa-backup-public-v1:";

/// The same of the private key.
pub const PRIVATE_KEY: &str = "mfa-backup-private-v1:";

/// The purpose of the sealed key of a file, for HPKE.
pub const RECIPIENT_INFO: &[u8] = b"pam-mfa backup for a recipient v1";

/// The head.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupHead {
    /// [`VERSION`] or [`UNORDERED`].
    pub version: u32,
    /// When it was begun. RFC 3339, UTC.
    pub made_at: String,
    /// The version of the agent.
    pub agent: String,
    /// The ID of the host's key that opens it; none if a recipient's does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// The public key of the recipient, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// The ephemeral public key of HPKE, in base64, for a recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encapsulated: Option<String>,
    /// The key of this file, sealed, in base64.
    pub file_key: String,
    /// The nonce of this file, in base64.
    pub nonce: String,
}
