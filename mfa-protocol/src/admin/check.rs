//! Looking at the settings and at the agent itself.

use serde::{Deserialize, Serialize};

use crate::policy::EnforcementMode;

/// Reads the agent's settings from their files again, without applying them, and reports errors and warnings.
pub struct CheckConfig;
/// How the agent is.
pub struct Health;
/// What the settings say about PAM services, for any user, to check the stacks against.
pub struct Terms;

/// The services to speak of.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TermsParameters {
    /// Their names.
    pub services: Vec<String>,
    /// Whether to use the files as they are now, instead of the active settings.
    pub from_files: bool,
}

/// The reply to [`Terms`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TermsReply {
    /// For each service; the last ones are left out where they are too many for one message.
    pub terms: Vec<ServiceTerms>,
}

/// What the settings say of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceTerms {
    /// Its name.
    pub service: String,
    /// What may be asked for.
    pub asks: Vec<ServiceAsk>,
    /// The rules that go by the remote address.
    pub by_address: Vec<AddressRule>,
    /// The rules that deny, or ask by what sshd has verified (`after`). They never decide about a login for which sshd
    /// does not ask the agent.
    #[serde(default)]
    pub for_keys: Vec<KeyRule>,
}

/// A rule that a login by a key alone evades.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRule {
    /// Its `name`, or its number.
    pub name: String,
    /// File and line.
    pub place: String,
}

/// What asks for a second factor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceAsk {
    /// Such as `rule "vpn"`, or `[policy]`.
    pub by: String,
    /// File and line, unless it is built in.
    pub place: Option<String>,
    /// Whether it has `prompting = "single"`.
    pub single: bool,
    /// Whether one answer for password and code has room for something that it takes.
    pub one_answer: bool,
    /// How long a login may take that uses all its tries, the password included.
    pub seconds: u64,
}

/// A rule with `from`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressRule {
    /// Its `name`, or its number.
    pub name: String,
    /// File and line.
    pub place: String,
    /// Whether it denies.
    pub denies: bool,
}

/// The parameters of [`CheckConfig`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckConfigParameters {
    /// What only root sees of this host; the agent runs as an ordinary user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostFacts>,
}

/// Who administers this host, and who else logs in to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFacts {
    /// The user who typed the command, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// Whether root has a password to log in at the console with.
    pub root_password: bool,
    /// Whether sshd lets root in.
    pub root_ssh: bool,
    /// Everybody else who may become root.
    pub administrators: Vec<Administrator>,
    /// Everybody else with a login shell.
    pub users: Vec<String>,
}

/// A user who may become root.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Administrator {
    /// The user.
    pub user: String,
    /// Whether the user has a password to log in with.
    pub password: bool,
    /// Whether sudo asks this user for nothing.
    pub unasked: bool,
}

/// Who is asked at all, `[enforcement] mode`.
pub struct Mode;
/// Applies the settings in the files, as SIGHUP does.
pub struct Reload;

/// The reply to [`Mode`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModeReply {
    /// The active mode.
    pub mode: EnforcementMode,
    /// Where it is set, as file and line; none if it is the default.
    pub place: Option<String>,
    /// The first of the files that the settings were read from.
    pub config: String,
    /// What the files say now; none if they are invalid.
    pub file_mode: Option<EnforcementMode>,
}

/// The reply to [`Reload`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadReply {
    /// Why the older settings stay active, if they do.
    pub error: Option<String>,
}

/// The reply to [`CheckConfig`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct CheckConfigReply {
    /// The first of the files.
    pub file: String,
    /// All files, in the order in which they are read. None from an agent that is older than the field.
    #[serde(default)]
    pub files: Vec<String>,
    /// Whether the files could be applied. Warnings don't count.
    pub valid: bool,
    /// What was found, in the order of the files.
    pub findings: Vec<Finding>,
    /// Users of `host` that these settings refuse everywhere, the administrators first.
    #[serde(default)]
    pub refused: Vec<Refused>,
    /// How many more there are.
    #[serde(default)]
    pub refused_more: u64,
}

/// A user that the settings refuse everywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// The user.
    pub user: String,
    /// Whether the user may become root.
    pub administers: bool,
}

/// Something about the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Whether it keeps the settings from being applied, or an administrator from logging in.
    pub severity: Severity,
    /// File and line, where there is one.
    pub place: Option<String>,
    /// What it is, and what to do about it.
    pub message: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The files can't be applied, or no administrator could log in any more.
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
    /// When the active settings were read. RFC 3339, UTC.
    pub loaded_at: String,
    /// Why the last reload kept the older settings, if it did.
    pub reload_error: Option<String>,
    /// Whether the files were changed since the active settings were read.
    pub config_changed: bool,
    /// The sections that were changed since the agent started, and hold after a restart only.
    #[serde(default)]
    pub restart_needed: Vec<String>,
    /// Why the store can't be read, if it can't.
    pub store_error: Option<String>,
    /// What was forgotten by a store that was set back to an older state, if it was.
    pub store_rollback: Option<String>,
    /// Why the active settings are the last good ones, if the files were invalid when the agent started.
    #[serde(default)]
    pub start_error: Option<String>,
    /// What the next start needs but can't find: key or store.
    #[serde(default)]
    pub storage_missing: Option<String>,
    /// Whether the key is a credential of systemd's, whose file only root sees.
    #[serde(default)]
    pub key_credential: bool,
    /// What codes and records say about this host's clock, if it seems to be wrong.
    #[serde(default)]
    pub clock_error: Option<String>,
    /// Why the audit file can't be written, or what it lacks, if so.
    #[serde(default)]
    pub audit_error: Option<String>,
    /// Records that can't be opened, as far as they were met; their users can't log in.
    #[serde(default)]
    pub damaged: Vec<String>,
    /// When the last backup was begun that came to its end. RFC 3339, UTC; none if there is none.
    #[serde(default)]
    pub last_backup: Option<String>,
    /// Whether hosts share the store: [`Hosts`](super::Hosts) tells of them.
    #[serde(default)]
    pub store_shared: bool,
}
