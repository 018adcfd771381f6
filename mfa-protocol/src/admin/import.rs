//! Taking over what users had elsewhere.

use serde::{Deserialize, Serialize};

use crate::Secret;
use crate::factor::HashAlgorithm;

/// Many devices at once, each as a URI.
pub struct ImportUris;
/// Accounts of other programs, with what is used up already.
pub struct ImportAccounts;

/// Devices to import.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportParameters {
    /// As many as fit into a frame.
    pub entries: Vec<ImportEntry>,
    /// Whether only to say what would become of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// A device to import.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportEntry {
    /// The caller's own number for it.
    pub line: u64,
    /// The user.
    pub user: String,
    /// `otpauth://totp/…` or `otpauth://hotp/…`
    pub uri: Secret,
}

/// The reply to [`ImportUris`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ImportReply {
    /// One for each entry, in their order.
    pub results: Vec<ImportResult>,
}

/// The result of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportResult {
    /// As in [`ImportEntry::line`].
    pub line: u64,
    /// As in [`ImportEntry::user`].
    pub user: String,
    /// Its result.
    pub result: ImportOutcome,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Whether the host does not know the user: a typing error, or one of a VPN.
    #[serde(default)]
    pub unknown_user: bool,
}

/// The result of an entry of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportOutcome {
    /// It is the user's now.
    Stored,
    /// It was there; what was used up since is used up here too.
    Updated,
    /// It was there already.
    Unchanged,
    /// It can't be imported; see the reason.
    Refused,
}

/// Accounts to import.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportAccountsParameters {
    /// As many as fit into a frame.
    pub accounts: Vec<ImportAccount>,
    /// Whether new devices are refused to users who have, or ever had, something here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub newcomers: bool,
    /// Whether only to say what would become of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// What a user had elsewhere. It is imported completely or not at all.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportAccount {
    /// The caller's own number for it.
    pub line: u64,
    /// The user.
    pub user: String,
    /// The devices.
    pub devices: Vec<ImportDevice>,
    /// Codes of eight digits that pass once each and are still good; none at all if it knew no such codes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch_codes: Option<Vec<Secret>>,
    /// A PIN that was asked for with the code. It is then asked for here too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<Secret>,
}

/// A device, with what is known of its codes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImportDevice {
    /// Its name; none takes the first free `device-N`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The key in base32.
    pub secret: Secret,
    /// The hash function; none means SHA1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<HashAlgorithm>,
    /// 6, which none means, to 8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digits: Option<u32>,
    /// Seconds that a code is valid; none for an HOTP device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u64>,
    /// Periods that its clock is ahead of this host's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
    /// The last step or counter whose code was used; it and all before it are used up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<u64>,
    /// The maker's ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_id: Option<String>,
}

/// The reply to [`ImportAccounts`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ImportAccountsReply {
    /// One for each account, in their order.
    pub results: Vec<ImportedAccount>,
}

/// The result of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportedAccount {
    /// As in [`ImportAccount::line`].
    pub line: u64,
    /// The canonical name, or as in [`ImportAccount::user`] if it was refused.
    pub user: String,
    /// Its result.
    pub result: ImportOutcome,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How many devices are new.
    pub devices: u32,
    /// How many scratch codes were imported.
    pub codes: u32,
    /// Whether the PIN was imported.
    pub pin: bool,
    /// What was not taken over, and what else is worth knowing.
    pub notes: Vec<String>,
}
