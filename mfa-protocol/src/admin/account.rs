//! Looking at accounts, and unlocking them.

use serde::{Deserialize, Serialize};

use super::{Address, Drift, Messages, Radius, SecurityKey, UserSettings};
use crate::factor::{Authenticator, DeviceKind, FactorCombination, HashAlgorithm};
use crate::policy::Action;

/// The state of one account.
pub struct Status;
/// The accounts that exist, a page at a time.
pub struct Users;
/// The accounts that are locked, a page at a time.
pub struct Lockouts;
/// Ends a lock and clears what was counted.
pub struct Unlock;

/// A call about one account; none means the caller's own.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserParameters {
    /// The user, or none for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

/// A page of a list.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageParameters {
    /// Where the last page ended (its `next`), or none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// Names the account to unlock.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnlockParameters {
    /// The user.
    pub user: String,
}

/// The reply to [`Status`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StatusReply {
    /// The account.
    pub account: Account,
}

/// One account. `mfactl status --json` prints it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The canonical name.
    pub user: String,
    /// What can be used.
    pub enrolled: Vec<Authenticator>,
    /// The devices that show codes.
    pub devices: Vec<Device>,
    /// The security keys.
    #[serde(default)]
    pub keys: Vec<SecurityKey>,
    /// The PIN, if there is one.
    pub pin: Option<Knowledge>,
    /// The security questions, if there are any.
    pub questions: Option<Knowledge>,
    /// The addresses that codes are sent to, in the order in which they are tried.
    pub addresses: Vec<Address>,
    /// The account at a RADIUS server, if there is one.
    pub radius: Option<Radius>,
    /// What was sent to the user.
    pub messages: Messages,
    /// Failures since the last pass, unlock or end of a lock.
    pub failures: u32,
    /// Failures since the last pass or unlock (NIST SP 800-63B §5.2.2).
    pub consecutive_failures: u32,
    /// Answers that were refused without verifying them because of a lock, since the last unlock or pass.
    pub refused_while_locked: u64,
    /// When the lock ends, RFC 3339 in UTC; none if there is no lock, or if it does not end by itself.
    pub locked_until: Option<String>,
    /// Whether `max_consecutive` was reached: only an administrator ends this lock.
    pub locked_by_limit: bool,
    /// How many recovery codes are left; none if none were ever made.
    pub recovery_left: Option<u32>,
    /// Until when the bypass code is valid, RFC 3339 in UTC; none if there is no code.
    pub bypass_until: Option<String>,
    /// Until when an administrator has suspended the second factor, RFC 3339 in UTC; none if it is not suspended.
    #[serde(default)]
    pub suspended_until: Option<String>,
    /// Since when the user has been logging in without a factor (grace), RFC 3339 in UTC.
    pub grace_since: Option<String>,
    /// How many sessions last.
    pub sessions: u32,
    /// What is set for this user.
    pub settings: UserSettings,
    /// The rules that can apply to the user, in order; the last is what holds if none does.
    pub rules: Vec<Rule>,
}

/// A device that shows codes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The kind of device.
    pub factor: DeviceKind,
    /// Its name among the user's devices.
    pub label: String,
    /// The hash function.
    pub algorithm: HashAlgorithm,
    /// 6 to 8.
    pub digits: u32,
    /// Seconds a code is valid; none for `hotp`.
    pub period: Option<u64>,
    /// The counter of the next code; none for `totp`.
    pub counter: Option<u64>,
    /// Seconds that the device's clock is ahead of this host's, as it is reckoned with.
    pub clock_offset: i64,
    /// Set when a code was refused because it came too far from where it was expected.
    pub drift: Option<Drift>,
    /// The maker's ID, for show and audit.
    pub credential_id: Option<String>,
    /// Whether its codes are accepted.
    #[serde(default = "super::yes")]
    pub enabled: bool,
    /// RFC 3339, UTC.
    pub enrolled_at: String,
    /// RFC 3339, UTC; none if it never was.
    pub last_used_at: Option<String>,
}

/// A PIN, or a set of questions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Knowledge {
    /// RFC 3339, UTC.
    pub enrolled_at: String,
    /// RFC 3339, UTC; none if it never was.
    pub last_used_at: Option<String>,
}

/// A rule that can apply to a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Its `name`, or its number.
    pub name: String,
    /// File and line.
    pub place: String,
    /// What it comes to for the user.
    pub action: Action,
    /// What an `ask` is met by; any one of them.
    pub require: Vec<FactorCombination>,
    /// The services it is for; empty for all.
    pub services: Vec<String>,
    /// The networks it is for; empty for all.
    pub from: Vec<String>,
    /// What else must match, each as the name of the field and its value.
    pub conditions: Vec<String>,
}

/// The reply to [`Users`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct UsersReply {
    /// Canonical names, sorted.
    pub users: Vec<String>,
    /// Whose second factor is suspended; also users without a factor.
    #[serde(default)]
    pub suspended: Vec<Suspended>,
    /// What to pass as `after` for the next page; none at the end.
    #[serde(default)]
    pub next: Option<String>,
}

/// A user whose second factor is suspended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suspended {
    /// The canonical name.
    pub user: String,
    /// RFC 3339, UTC.
    pub until: String,
}

/// The reply to [`Lockouts`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LockoutsReply {
    /// The locked accounts of this stretch of the list; may be none although `next` is there.
    pub lockouts: Vec<Lockout>,
    /// What to pass as `after` for the next page; none at the end.
    #[serde(default)]
    pub next: Option<String>,
}

/// A locked account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lockout {
    /// The canonical name.
    pub user: String,
    /// As in [`Account::failures`].
    pub failures: u32,
    /// As in [`Account::consecutive_failures`].
    pub consecutive_failures: u32,
    /// As in [`Account::locked_until`].
    pub locked_until: Option<String>,
    /// As in [`Account::locked_by_limit`].
    pub locked_by_limit: bool,
}

/// The reply to [`Unlock`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UnlockReply {
    /// The canonical name.
    pub user: String,
    /// Whether there was anything to clear.
    pub changed: bool,
}
