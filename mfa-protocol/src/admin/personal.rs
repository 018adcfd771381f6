//! What is set for one user, on top of the rules.

use serde::{Deserialize, Serialize};

use crate::factor::Factor;
use crate::policy;

/// Makes a factor part of every login in which the user is asked, or takes that back.
pub struct Require;
/// Whether the user must have a factor, whatever the host says of users who have none.
pub struct Enforce;
/// Which factor the user is asked for first, where there is a choice.
pub struct Prefer;
/// Whether the user may set more than the host lets everybody set.
pub struct SelfManage;
/// Where the user may log in from.
pub struct AllowFrom;

/// What is set for one user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSettings {
    /// Whether they must have a factor.
    pub enforce: policy::Enforcement,
    /// Factors that an administrator made part of every login.
    pub require: Vec<Factor>,
    /// The same, made so by the user.
    pub own_require: Vec<Factor>,
    /// The factor that is asked for first, where the policy allows several; none: in the policy's order.
    #[serde(default)]
    pub prefer: Option<Factor>,
    /// Whether the user may set all of this, as far as it does not loosen what an administrator set.
    pub self_manage: bool,
    /// Networks that an administrator allows logins from; empty: all.
    pub allow_from: Vec<String>,
    /// The same, set by the user. A login must come from within both.
    pub own_allow_from: Vec<String>,
}

/// See [`Require`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequireParameters {
    /// The user, or none for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The factor.
    pub factor: Factor,
    /// Whether it is required from now on.
    pub on: bool,
}

/// See [`Enforce`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EnforceParameters {
    /// The user.
    pub user: String,
    /// Whether they must.
    pub level: policy::Enforcement,
}

/// See [`Prefer`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreferParameters {
    /// The user, or none for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The factor; none: in the policy's order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<Factor>,
}

/// See [`SelfManage`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfManageParameters {
    /// The user.
    pub user: String,
    /// Whether they may.
    pub on: bool,
}

/// See [`AllowFrom`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AllowFromParameters {
    /// The user, or none for the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Addresses and networks; none at all: from anywhere.
    pub networks: Vec<String>,
}

/// What a change of a setting came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SettingReply {
    /// The canonical name.
    pub user: String,
    /// Whether anything was changed.
    pub changed: bool,
    /// All that is set for the user now.
    pub settings: UserSettings,
    /// What the administrator should know, if there is something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
