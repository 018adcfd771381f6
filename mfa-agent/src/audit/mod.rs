//! The record of what was decided.
//!
//! Each login's outcome and each change of an account is one [`Event`]: one JSON line in the audit
//! file and one line to syslog (authpriv). The writing happens on a thread of its own behind a bounded
//! queue, so that neither a full disk nor a stalled syslog can hold up a login. No secret comes in:
//! an event has no field that could hold one.

use serde::Serialize;

/// What happened. Fields that do not apply stay out of the line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Event {
    /// `login`, or what was changed, such as `enroll`, `remove`, `unlock`, `import`, `reload`.
    pub event: &'static str,
    /// `passed`, `wrong`, … for a login; `done` or `refused` for a change.
    pub result: &'static str,
    /// Why, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The login that this belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The account, by its canonical name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The PAM service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The remote host, as the program gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rhost: Option<String>,
    /// The terminal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tty: Option<String>,
    /// The factor or combination, such as `totp+pin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<String>,
    /// The device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The rule that decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Failures counted after this event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures: Option<u32>,
    /// Until when the account is locked, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked_until: Option<String>,
    /// Who asked: the user id of the calling process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_uid: Option<u32>,
    /// Who asked: the process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_pid: Option<i32>,
}
