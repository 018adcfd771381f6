//! Sessions and suspensions, in which logins are not asked, and bypass codes, which replace a lost device.

use serde::{Deserialize, Serialize};

/// The sessions that last.
pub struct Sessions;
/// Ends all sessions of a user.
pub struct Revoke;
/// A code that passes once, for a user whose device is lost.
pub struct Bypass;
/// Takes back a code of [`Bypass`].
pub struct RevokeBypass;
/// Stops asking a user for some time.
pub struct Suspend;
/// Ends a suspension.
pub struct Resume;

/// Whose sessions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionsParameters {
    /// The user; none means everybody's for an administrator, and the caller's for anyone else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Where the last page ended (its `next`), or none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// The reply to [`Sessions`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SessionsReply {
    /// The sessions of this stretch of the list; may be none although `next` is there.
    pub sessions: Vec<Session>,
    /// What to pass as `after` for the next page; none at the end.
    #[serde(default)]
    pub next: Option<String>,
}

/// A login after which the same is not asked again for a while.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The canonical name.
    pub user: String,
    /// The PAM service.
    pub service: String,
    /// The operation, if it was one.
    pub operation: Option<String>,
    /// The remote address; none for this host.
    pub rhost: Option<String>,
    /// The user on the remote host, or the one who called sudo.
    pub ruser: Option<String>,
    /// The terminal.
    pub tty: Option<String>,
    /// What was passed, such as `totp+pin`.
    pub factor: String,
    /// RFC 3339, UTC.
    pub begun_at: String,
    /// RFC 3339, UTC.
    pub ends_at: String,
    /// The host where it began, where hosts share a store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// The reply to [`Revoke`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RevokeReply {
    /// The canonical name.
    pub user: String,
    /// How many sessions were ended.
    pub ended: u32,
}

/// See [`Bypass`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BypassParameters {
    /// The user.
    pub user: String,
    /// How long the code is valid: 60 (1 minute) to 10800 (3 hours).
    pub seconds: u32,
}

/// The reply to [`Bypass`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BypassReply {
    /// The canonical name.
    pub user: String,
    /// Nine digits. Good once, wherever a code is asked for.
    pub code: crate::Secret,
    /// RFC 3339, UTC.
    pub expires_at: String,
    /// Whether the account is locked: no code is verified until it is unlocked.
    pub locked: bool,
    /// Where the code is of no use, if there is such a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// See [`RevokeBypass`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeBypassParameters {
    /// The user.
    pub user: String,
}

/// The reply to [`RevokeBypass`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RevokeBypassReply {
    /// The canonical name.
    pub user: String,
    /// Whether there was a valid code.
    pub changed: bool,
}

/// See [`Suspend`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuspendParameters {
    /// The user.
    pub user: String,
    /// For how long: 60 (1 minute) to 2592000 (30 days).
    pub seconds: u32,
}

/// The reply to [`Suspend`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SuspendReply {
    /// The canonical name.
    pub user: String,
    /// When it ends by itself, RFC 3339 in UTC.
    pub until: String,
    /// Whether the account is locked. The lock holds again when the suspension is over.
    pub locked: bool,
}

/// See [`Resume`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResumeParameters {
    /// The user.
    pub user: String,
}

/// The reply to [`Resume`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ResumeReply {
    /// The canonical name.
    pub user: String,
    /// Whether the user was suspended.
    pub changed: bool,
}
