//! `[delivery]` and `[[radius]]`.

use serde::Deserialize;
use toml::Spanned;

use crate::config::document::List;
use crate::config::values::{
    FullPath, Lasting, Line, MessageText, Parsed, SecretFile, ServerAddress, Subject, Whole,
};
use crate::config::words::ProviderName;
use crate::delivery::{HttpsUrl, ProgramPath, Security, ServerHost};
use mfa_core::account::Label;
use mfa_core::factors::address::{AddressTemplate, Channel, EmailAddress, Region};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A value whose place is needed when all files are there.
type Key<T> = Option<Spanned<Parsed<T>>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Delivery {
    pub(in crate::config) channel: Option<Parsed<Channel>>,
    pub(in crate::config) digits: Option<Whole<6, 8>>,
    pub(in crate::config) lifetime: Option<Parsed<Lasting<MINUTE, { 30 * MINUTE }>>>,
    pub(in crate::config) messages: Option<Whole<1, 100>>,
    pub(in crate::config) within: Option<Parsed<Lasting<MINUTE, HOUR>>>,
    pub(in crate::config) pause: Option<Parsed<Lasting<0, DAY>>>,
    pub(in crate::config) email: Email,
    pub(in crate::config) sms: Sms,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Email {
    pub(in crate::config) from: Key<EmailAddress>,
    pub(in crate::config) server: Key<ServerHost>,
    pub(in crate::config) sendmail: Key<ProgramPath>,
    pub(in crate::config) port: Option<Spanned<Whole<1, 65_535>>>,
    pub(in crate::config) security: Key<Security>,
    pub(in crate::config) user: Key<Line<256>>,
    pub(in crate::config) password_file: Key<SecretFile>,
    pub(in crate::config) ca_file: Key<FullPath>,
    pub(in crate::config) address: Key<AddressTemplate>,
    pub(in crate::config) subject: Key<Subject>,
    pub(in crate::config) text: Key<MessageText>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Sms {
    pub(in crate::config) provider: Key<ProviderName>,
    pub(in crate::config) key: Key<Line<64>>,
    pub(in crate::config) secret_file: Key<SecretFile>,
    pub(in crate::config) from: Key<Line<32>>,
    pub(in crate::config) endpoint: Key<HttpsUrl>,
    pub(in crate::config) url: Key<HttpsUrl>,
    pub(in crate::config) token_file: Key<SecretFile>,
    pub(in crate::config) hmac_key_file: Key<SecretFile>,
    pub(in crate::config) command: Key<ProgramPath>,
    pub(in crate::config) ca_file: Key<FullPath>,
    pub(in crate::config) region: Key<Region>,
    pub(in crate::config) text: Key<MessageText>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(in crate::config) struct Radius {
    pub(in crate::config) name: Key<Label>,
    pub(in crate::config) servers: Option<List<ServerAddress>>,
    pub(in crate::config) secret_file: Key<SecretFile>,
    pub(in crate::config) nas_identifier: Option<Parsed<Line<253>>>,
    pub(in crate::config) timeout: Key<Lasting<1, MINUTE>>,
    pub(in crate::config) wait: Key<Lasting<1, { 5 * MINUTE }>>,
    pub(in crate::config) dead_time: Option<Parsed<Lasting<0, DAY>>>,
    pub(in crate::config) status_server: Option<bool>,
}
