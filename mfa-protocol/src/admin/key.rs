//! Security keys: enrolling them by their public keys, and listing them.

use serde::{Deserialize, Serialize};

/// A new security key.
pub struct EnrollKey;
/// What the caller's ssh-agent replied to the message of [`EnrollKey`].
pub struct ConfirmKey;
/// The keys of an `authorized_keys` file.
pub struct ImportKeys;
/// The security keys of all users, a page at a time.
pub struct Keys;

/// See [`EnrollKey`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnrollKeyParameters {
    /// The user, or none for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The public key as OpenSSH writes it, `TYPE BASE64 [COMMENT]`; of a certificate, the key inside is enrolled.
    pub key: String,
    /// The key's name; none takes the first free `key-N`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Whether the key must sign before it is stored.
    pub confirm: bool,
}

/// See [`ConfirmKey`]. If the ssh-agent gave no reply, the enrolment ends with the connection.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmKeyParameters {
    /// The ssh-agent's reply without its length, in base64.
    pub signed: String,
}

/// The reply to [`EnrollKey`] and [`ConfirmKey`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EnrollKeyReply {
    /// The canonical name.
    pub user: String,
    /// The key that is enrolled, or is about to be.
    pub key: SecurityKey,
    /// Whether it is stored; if not, `sign` has to be carried to the ssh-agent.
    pub stored: bool,
    /// Whether it was not there before.
    pub changed: bool,
    /// A message for the ssh-agent without its length, in base64. The reply goes to [`ConfirmKey`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign: Option<String>,
    /// Whether the ssh-agent now waits for a touch.
    #[serde(default)]
    pub touch: bool,
    /// What the caller should know, if there is something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// A security key of a user. `mfactl status --json` prints it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityKey {
    /// Its name among the user's keys.
    pub label: String,
    /// Its type in OpenSSH, such as `sk-ssh-ed25519@openssh.com`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `SHA256:…`, as `ssh-keygen -l` shows it.
    pub fingerprint: String,
    /// Whether it is accepted.
    #[serde(default = "super::yes")]
    pub enabled: bool,
    /// RFC 3339, UTC.
    pub enrolled_at: String,
    /// RFC 3339, UTC; none if it never was.
    pub last_used_at: Option<String>,
    /// When its counter last went back, which a copy of the key would cause; RFC 3339, UTC.
    #[serde(default)]
    pub counter_back_at: Option<String>,
    /// Whether `[key]` takes keys of this type. Else it counts nowhere.
    #[serde(default = "super::yes")]
    pub type_accepted: bool,
}

/// See [`ImportKeys`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportKeysParameters {
    /// The user.
    pub user: String,
    /// As many as fit into a frame.
    pub keys: Vec<KeyLine>,
    /// Whether only to say what would become of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// A key to import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyLine {
    /// The caller's own number for it.
    pub line: u64,
    /// `TYPE BASE64`
    pub key: String,
    /// The wanted name, such as the comment of the key; one that can't be used is replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// The reply to [`ImportKeys`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ImportKeysReply {
    /// The canonical name.
    pub user: String,
    /// One for each key, in their order.
    pub results: Vec<ImportedKey>,
    /// What the caller should know, if there is something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// The result of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedKey {
    /// As in [`KeyLine::line`].
    pub line: u64,
    /// Its result.
    pub result: KeyOutcome,
    /// The label of the key, if it is the user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its fingerprint, if it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Why it was left or refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// The result of a key of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyOutcome {
    /// It is the user's now.
    Stored,
    /// It was there already.
    Unchanged,
    /// It is not of a kind that is imported; see the reason.
    Left,
    /// It can't be imported; see the reason.
    Refused,
}

/// The reply to [`Keys`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KeysReply {
    /// Those of this stretch of the list; may be none although `next` is there.
    pub keys: Vec<UserKey>,
    /// What to pass as `after` for the next page; none at the end.
    #[serde(default)]
    pub next: Option<String>,
}

/// A security key and whose it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserKey {
    /// The canonical name.
    pub user: String,
    /// The key's name.
    pub label: String,
    /// As in [`SecurityKey::fingerprint`].
    pub fingerprint: String,
    /// As in [`SecurityKey::enabled`].
    pub enabled: bool,
    /// As in [`SecurityKey::counter_back_at`].
    #[serde(default)]
    pub counter_back_at: Option<String>,
    /// As in [`SecurityKey::kind`].
    #[serde(default, rename = "type")]
    pub kind: String,
    /// As in [`SecurityKey::type_accepted`].
    #[serde(default = "super::yes")]
    pub type_accepted: bool,
}
