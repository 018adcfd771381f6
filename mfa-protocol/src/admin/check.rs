//! Looking at the settings and at the agent itself.

use serde::{Deserialize, Serialize};

/// Reads the agent's settings from their files anew, without putting them in force, and says what is
/// wrong or strange about them.
pub struct CheckConfig;
/// How the agent is.
pub struct Health;

/// Who is asked at all, `[enforcement] mode`.
pub struct Mode;
/// Puts the settings in the files in force, as SIGHUP does.
pub struct Reload;

/// The reply to [`Mode`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModeReply {
    /// `none`, `local-users` or `all`: the one in force.
    pub mode: String,
    /// Where it stands, as file and line; none if it is built in.
    pub place: Option<String>,
    /// The first of the files that the settings were read from.
    pub config: String,
    /// What the files say by now; none if they are no settings.
    pub file_mode: Option<String>,
}

/// The reply to [`Reload`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReply {
    /// Why the older settings stay in force, if they do.
    pub error: Option<String>,
}

/// The reply to [`CheckConfig`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CheckConfigReply {
    /// The first of the files.
    pub file: String,
    /// Whether the files could be put in force. Warnings don't count.
    pub valid: bool,
    /// What was found, in the order of the files.
    pub findings: Vec<Finding>,
}

/// Something about the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Whether it keeps the settings from being put in force, or somebody from logging in.
    pub severity: Severity,
    /// File and line, if it stands somewhere.
    pub place: Option<String>,
    /// What it is, and what to do about it.
    pub message: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The files can't be put in force, or nobody could administer this host any more.
    Error,
    /// Probably not what was meant.
    Warning,
}

/// The reply to [`Health`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthReply {
    /// The agent's version.
    pub version: String,
    /// The first of the files that the settings were read from.
    pub config: String,
    /// When the settings in force were read. RFC 3339, UTC.
    pub loaded_at: String,
    /// Why the last reload left the older settings in force, if it did.
    pub reload_error: Option<String>,
    /// Whether the files were changed since the settings in force were read.
    pub config_changed: bool,
    /// Why the store can't be read, if it can't.
    pub store_error: Option<String>,
    /// What was forgotten by a store that was set back to an older state, if it was.
    pub store_rollback: Option<String>,
}
