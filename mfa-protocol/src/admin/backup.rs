//! Backups, restores, changes of the key, and damaged records.
//!
//! A connection holds one backup or one restore: it begins, goes on chunk by chunk, and ends with the connection if it
//! does not come to its end.

use serde::{Deserialize, Serialize};

use crate::Secret;
use crate::backup::BackupHead;

/// Begins a backup of all records as they are now.
pub struct BackupBegin;
/// The next part of the backup on this connection.
pub struct BackupNext;
/// The backup on this connection is kept.
pub struct BackupEnd;
/// Begins a restore.
pub struct RestoreBegin;
/// The next part of the restore on this connection.
pub struct RestoreNext;
/// Goes on after the last part.
pub struct RestoreEnd;
/// Ends the restore that some host of a shared store has begun.
pub struct RestoreAbandon;
/// Begins to take the accounts of a backup in addition to those that are stored.
pub struct MergeBegin;
/// The next part of the merge on this connection.
pub struct MergeNext;
/// The keys of the records.
pub struct KeyStatus;
/// Makes the next key of a shared store, which all hosts are to have before it seals.
pub struct RotatePrepare;
/// Makes a new key, or goes on with a change that was begun.
pub struct RotateBegin;
/// Seals some records with the current key.
pub struct RotateNext;
/// Ends a change of the key.
pub struct RotateEnd;
/// Reads some records, and names those that can't be opened.
pub struct StoreCheck;
/// Removes a record that can't be opened.
pub struct StoreDrop;

/// The parameters of [`BackupBegin`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupBeginParameters {
    /// The text of the file with the public key that the backup is sealed for; none: the host's key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
}

/// The reply to [`BackupBegin`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BackupBeginReply {
    /// The head of the file.
    pub head: BackupHead,
}

/// The reply to [`BackupNext`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct BackupNextReply {
    /// A sealed chunk, in base64.
    pub chunk: String,
    /// Whether it is the last one.
    pub last: bool,
    /// Records so far.
    pub records: u64,
    /// How many of them are damaged.
    pub damaged: u64,
}

/// The parameters of [`RestoreBegin`].
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreBeginParameters {
    /// The head of the file.
    pub head: BackupHead,
    /// The key of the file in base64, if the backup is sealed for a recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_key: Option<Secret>,
    /// The bytes of the file, if they are known: the restore is refused at once if there is no room for its records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Whether a store that is not empty may be replaced.
    #[serde(default)]
    pub replace: bool,
}

/// The parameters of [`RestoreNext`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestoreNextParameters {
    /// The next chunk of the file, in base64.
    pub chunk: String,
    /// Whether it is the last one.
    pub last: bool,
}

/// The reply to [`RestoreNext`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RestoreNextReply {
    /// Records so far.
    pub records: u64,
}

/// The reply to [`RestoreEnd`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreEndReply {
    /// Whether all is restored; if not, call again.
    pub done: bool,
    /// Accounts that were restored.
    pub accounts: u64,
    /// Records that were damaged when the backup was made, and have no intact one here.
    pub damaged: u64,
    /// TOTP devices whose codes up to now count as used.
    pub assumed: u64,
    /// HOTP devices whose codes used since the backup are good again.
    pub unknown_counters: u64,
    /// Recovery codes, those used since the backup among them.
    pub unknown_codes: u64,
    /// Damaged records among these of which nobody can tell whose they are: they refuse nobody.
    #[serde(default)]
    pub unnamed: u64,
    /// Records that were damaged when the backup was made; the intact ones here were kept.
    #[serde(default)]
    pub kept: u64,
    /// Factors that were removed since the backup, and are back.
    #[serde(default)]
    pub returned: u64,
    /// At most ten users of these.
    #[serde(default)]
    pub returned_users: Vec<String>,
    /// Accounts with factors that the backup does not have: they are gone.
    #[serde(default)]
    pub gone: u64,
    /// At most ten users of these.
    #[serde(default)]
    pub gone_users: Vec<String>,
}

/// The reply to [`RestoreAbandon`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreAbandonReply {
    /// Whether there was one.
    pub abandoned: bool,
    /// The host that had begun it.
    pub host: Option<String>,
    /// When, by its clock. RFC 3339, UTC.
    pub begun_at: Option<String>,
    /// Whether it had stopped all changes, and with them all logins.
    pub stopped_logins: bool,
}

/// The parameters of [`MergeBegin`].
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MergeBeginParameters {
    /// The head of the file.
    pub head: BackupHead,
    /// The key of the file in base64, if the backup is sealed for a recipient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_key: Option<Secret>,
    /// Whether only to say what would become of the accounts.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// The parameters of [`MergeNext`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MergeNextParameters {
    /// The next chunk of the file, in base64.
    pub chunk: String,
    /// Whether it is the last one.
    pub last: bool,
}

/// The reply to [`MergeNext`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeNextReply {
    /// The accounts of this chunk about which there is something to say.
    pub accounts: Vec<MergedAccount>,
    /// The others: they stay as they are.
    pub unchanged: u64,
}

/// What becomes of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedAccount {
    /// The user. Of a damaged record of which nobody can tell whose it is, its name in the store.
    pub user: String,
    /// What becomes of it.
    pub result: MergeOutcome,
    /// Factors that the backup brings.
    pub added: Vec<String>,
    /// What both have and differs: the one here stays.
    pub kept: Vec<String>,
    /// What can't be taken from the backup.
    pub lost: Vec<String>,
}

/// What becomes of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MergeOutcome {
    /// It was not here.
    Added,
    /// It was here, and has changed.
    Merged,
    /// It was here, and stays as it is.
    Unchanged,
    /// It was damaged when the backup was made, or the one here is damaged: it is left out.
    Damaged,
}

/// The reply to [`RotatePrepare`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotatePrepareReply {
    /// The ID of the next key.
    pub key_id: String,
    /// Its file on this host; none if it is not here, or a credential.
    pub file: Option<String>,
    /// Whether it was named by this call.
    pub new: bool,
}

/// Which keys a host of a shared store has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostKeys {
    /// The host.
    pub name: String,
    /// Whether it gave notice of itself lately.
    pub live: bool,
    /// Whether it has the key that seals.
    pub current: bool,
    /// Whether it has the next key; none if there is none.
    pub prepared: Option<bool>,
}

/// The reply to [`KeyStatus`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyStatusReply {
    /// The ID of the current key.
    pub key_id: String,
    /// The IDs of earlier keys that are here.
    pub earlier: Vec<String>,
    /// The key before, while a change is not at its end.
    pub rotating: Option<String>,
    /// Whether the key is a credential of systemd's.
    pub credential: bool,
    /// The next key of a shared store.
    #[serde(default)]
    pub prepared: Option<String>,
    /// The hosts of a shared store, at most as many as a reply holds.
    #[serde(default)]
    pub hosts: Vec<HostKeys>,
    /// Hosts that are left out.
    #[serde(default)]
    pub more_hosts: u64,
}

/// The reply to [`RotateBegin`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateBeginReply {
    /// The ID of the current key.
    pub key_id: String,
    /// Whether it was made by this call.
    pub new: bool,
}

/// The parameters of [`RotateNext`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateNextParameters {
    /// As in the reply before; none at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Whether only to count.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// The reply to [`RotateNext`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateNextReply {
    /// Records that were looked at.
    pub records: u64,
    /// Those that an earlier key had sealed.
    pub earlier: u64,
    /// Those that can't be opened.
    pub damaged: u64,
    /// Where to go on; none at the end.
    pub next: Option<String>,
}

/// The parameters of [`RotateEnd`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotateEndParameters {
    /// The key that seals all records now, as [`RotateBegin`] named it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
}

/// The reply to [`RotateEnd`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateEndReply {
    /// The key that is not needed any more.
    pub earlier: Option<String>,
    /// Its file.
    pub file: Option<String>,
    /// The key file, if that key is still in it, and the current one in the file beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replace: Option<String>,
}

/// The parameters of [`StoreCheck`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreCheckParameters {
    /// As in the reply before; none at the beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// The reply to [`StoreCheck`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreCheckReply {
    /// Records that were read.
    pub records: u64,
    /// Those that can't be opened.
    pub damaged: Vec<DamagedRecord>,
    /// Where to go on; none at the end.
    pub next: Option<String>,
}

/// A record that can't be opened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DamagedRecord {
    /// Its name, such as `account/alice`.
    pub record: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The parameters of [`StoreDrop`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreDropParameters {
    /// Its name, as [`StoreCheck`] has it.
    pub record: String,
}

/// The reply to [`StoreDrop`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreDropReply {
    /// Whether there was such a record.
    pub dropped: bool,
}
