//! One file as it is written: what may stand in it, and nothing else.

mod delivery;

use serde::Deserialize;
use toml::Spanned;

use super::values::{
    EasyPin, FullPath, GroupName, Issuer, Lasting, Line, MethodPattern, OperationPattern,
    OptionalPath, Parsed, ServiceName, ServicePattern, SocketPath, TerminalPattern, UserPattern,
    Whole,
};
use super::words::ActionName;
pub(super) use delivery::{Delivery, Email, Radius, Sms};
use mfa_core::factors::device::{Digits, HashAlgorithm, Period};
use mfa_core::factors::questions::MAX_QUESTION;
use mfa_core::factors::{Factor, FactorCombination};
use mfa_core::lockout::LONGEST_LOCK;
use mfa_core::names::UserName;
use mfa_core::policy::{DayRange, HourRange, Mode, Network, Prompting, Source, Unenrolled};
use mfa_core::texts::Language;

/// Longer nobody sits at a prompt.
const STOPPING: u64 = 10 * 60;
const HOUR: u64 = 60 * 60;
const WEEK: u64 = 7 * 24 * HOUR;
const YEAR: u64 = 365 * 24 * HOUR;

/// A list whose place is needed when it turns out to be empty.
pub(super) type List<T> = Spanned<Vec<Parsed<T>>>;

/// Ways to pass, with the place of each.
pub(super) type Ways = Spanned<Vec<Spanned<Parsed<FactorCombination>>>>;

/// A prompt.
pub(super) type Text = Spanned<Parsed<Line<256>>>;

/// A question to choose from.
pub(super) type CatalogueQuestion = Line<MAX_QUESTION>;

/// Answers that are judged within one login.
pub(super) type Tries = Whole<1, 5>;

/// How long nobody is asked again.
pub(super) type Session = Parsed<Lasting<0, WEEK>>;

/// How long users who have set up nothing are let in.
pub(super) type Grace = Parsed<Lasting<0, YEAR>>;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Document {
    pub(super) server: Server,
    pub(super) store: Store,
    pub(super) enforcement: Enforcement,
    pub(super) lockout: Lockout,
    pub(super) policy: Policy,
    pub(super) totp: Totp,
    pub(super) hotp: Hotp,
    pub(super) recovery: Recovery,
    pub(super) delivery: Delivery,
    pub(super) radius: Vec<Spanned<Radius>>,
    pub(super) prompts: Prompts,
    pub(super) pin: Pin,
    pub(super) questions: Questions,
    pub(super) audit: Audit,
    pub(super) admin: Admin,
    pub(super) self_service: SelfService,
    pub(super) rule: Vec<Spanned<Rule>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Server {
    pub(super) socket: Option<Parsed<SocketPath>>,
    pub(super) trusted: Option<List<UserName>>,
    pub(super) max_connections: Option<Whole<1, 65_536>>,
    pub(super) max_connections_per_user: Option<Whole<1, 65_536>>,
    pub(super) login_timeout: Option<Parsed<Lasting<1, HOUR>>>,
    pub(super) stop_timeout: Option<Parsed<Lasting<0, STOPPING>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Store {
    pub(super) path: Option<Parsed<FullPath>>,
    pub(super) key_file: Option<Parsed<FullPath>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Enforcement {
    pub(super) mode: Option<Spanned<Parsed<Mode>>>,
    pub(super) unenrolled: Option<Parsed<Unenrolled>>,
    pub(super) grace: Option<Spanned<Grace>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Lockout {
    pub(super) attempts: Option<Spanned<Whole<1, 100>>>,
    pub(super) duration: Option<Parsed<Lasting<1, { LONGEST_LOCK.as_secs() }>>>,
    pub(super) max_consecutive: Option<Spanned<Whole<0, 1_000_000>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Policy {
    pub(super) require: Option<Ways>,
    pub(super) session: Option<Session>,
    pub(super) session_scope: Option<List<ServiceName>>,
    pub(super) require_password_expiry: Option<bool>,
    pub(super) prompting: Option<Parsed<Prompting>>,
    pub(super) tries: Option<Tries>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Totp {
    pub(super) issuer: Option<Parsed<Issuer>>,
    pub(super) algorithm: Option<Parsed<HashAlgorithm>>,
    pub(super) digits: Option<Digits>,
    pub(super) period: Option<Period>,
    pub(super) skew: Option<Whole<0, 10>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Hotp {
    pub(super) look_ahead: Option<Whole<1, 50>>,
    pub(super) resync: Option<Whole<1, 200>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Recovery {
    pub(super) new_device: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Prompts {
    pub(super) language: Option<Spanned<Parsed<Language>>>,
    pub(super) catalogue_file: Option<Spanned<Parsed<OptionalPath>>>,
    pub(super) totp: Option<Text>,
    pub(super) pin: Option<Text>,
    pub(super) email: Option<Text>,
    pub(super) sms: Option<Text>,
    pub(super) radius: Option<Text>,
    pub(super) number: Option<Text>,
    pub(super) password_and_code: Option<Text>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Pin {
    pub(super) banned: Option<List<EasyPin>>,
    pub(super) banned_file: Option<Spanned<Parsed<OptionalPath>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Questions {
    pub(super) catalogue: Option<Spanned<Vec<Spanned<Parsed<CatalogueQuestion>>>>>,
    pub(super) catalogue_file: Option<Spanned<Parsed<OptionalPath>>>,
    pub(super) own: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Audit {
    pub(super) file: Option<Parsed<OptionalPath>>,
    pub(super) syslog: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Admin {
    pub(super) groups: Option<List<GroupName>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SelfService {
    pub(super) enabled: Option<bool>,
    pub(super) factors: Option<List<Factor>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Rule {
    pub(super) name: Option<Parsed<Line<64>>>,
    pub(super) users: Option<List<UserPattern>>,
    pub(super) source: Option<Parsed<Source>>,
    pub(super) services: Option<List<ServicePattern>>,
    pub(super) operations: Option<List<OperationPattern>>,
    pub(super) from: Option<List<Network>>,
    pub(super) tty: Option<List<TerminalPattern>>,
    pub(super) after: Option<List<MethodPattern>>,
    pub(super) hours: Option<List<HourRange>>,
    pub(super) days: Option<List<DayRange>>,
    pub(super) action: Option<Parsed<ActionName>>,
    pub(super) require: Option<Ways>,
    pub(super) prompting: Option<Spanned<Parsed<Prompting>>>,
    pub(super) tries: Option<Spanned<Tries>>,
    pub(super) session: Option<Spanned<Session>>,
    pub(super) session_scope: Option<List<ServiceName>>,
    pub(super) unenrolled: Option<Spanned<Parsed<Unenrolled>>>,
    pub(super) grace: Option<Spanned<Grace>>,
    pub(super) lockout: Option<Spanned<Lockout>>,
}
