//! The hosts that share a store, and the servers that keep it; what a monitor reads of one host.

use serde::{Deserialize, Serialize};

/// The hosts that share the store, and its servers.
pub struct Hosts;
/// Forgets a host that is gone.
pub struct ForgetHost;
/// What a monitor reads.
pub struct Metrics;

/// The reply to [`Hosts`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct HostsReply {
    /// Whether hosts share the store. If not, all else is empty.
    pub shared: bool,
    /// In the order of their names.
    pub hosts: Vec<FleetHost>,
    /// On the first page only.
    pub endpoints: Vec<StoreEndpoint>,
    /// The certificates of `[store]` on the host that was asked; on the first page only.
    #[serde(default)]
    pub certificates: Vec<StoreCertificate>,
    /// The name to go on after; none: this was the last page.
    pub next: Option<String>,
}

/// A host, as its last notice shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FleetHost {
    /// What its kernel calls it.
    pub name: String,
    /// Whether this is the host that was asked.
    pub this_host: bool,
    /// The version of its agent.
    pub version: String,
    /// The newest format of records that it knows.
    pub schema: u32,
    /// The ID of the key that it seals with.
    pub key: String,
    /// The IDs of the other keys that it has.
    pub other_keys: Vec<String>,
    /// When it gave the notice, by its own clock; RFC 3339, UTC.
    pub seen_at: String,
    /// How many seconds ago that was.
    pub seconds: u64,
    /// Whether its next notice is not overdue.
    pub live: bool,
    /// How far its clock is ahead of the clocks of the servers. Negative: behind. None if it could not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_milliseconds: Option<i64>,
    /// Whether its clock is surely wrong by more than a second.
    pub clock_wrong: bool,
    /// Whether two agents give notice under this name: two hosts are called so.
    #[serde(default)]
    pub double: bool,
}

/// A server of the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreEndpoint {
    /// As the settings name it.
    pub endpoint: String,
    /// Why it can't be used; all else is empty then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// How long its answer took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub milliseconds: Option<u64>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Whether it leads the cluster.
    pub leader: bool,
    /// Whether it follows a leader: without one, fewer than half of the servers reach each other.
    pub has_leader: bool,
    /// The bytes of its database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<u64>,
    /// How many of them are in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_use: Option<u64>,
    /// What it complains about, such as `NOSPACE`.
    pub complaints: Vec<String>,
    /// How far the clock of the host that was asked is ahead of its clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_ahead_milliseconds: Option<i64>,
}

/// A certificate that connections to the servers need.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreCertificate {
    /// The key of `[store]`: `cert_file` or `ca_file`.
    pub key: String,
    /// Its file.
    pub file: String,
    /// Why the file can't be used; all else is empty then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it begins; RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begins: Option<String>,
    /// When it ends; RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<String>,
    /// Whether it holds now.
    pub valid: bool,
    /// Whether it ends within thirty days, or has ended.
    pub ends_soon: bool,
}

/// The host to forget.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForgetHostParameters {
    /// Its name.
    pub name: String,
}

/// The reply to [`ForgetHost`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ForgetHostReply {
    /// Its name.
    pub name: String,
    /// Whether it was known.
    pub forgotten: bool,
}

/// The reply to [`Metrics`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MetricsReply {
    /// In the format of OpenMetrics 1.0.
    pub metrics: String,
}
