//! All settings, in their final types. What is here is within its limits: nobody checks it again. Sections whose keys
//! are used as they are written have their types in [`keys`](super::keys).

mod delivery;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::keys::{Admin, Audit, Hotp, Metrics, Notify, Push, Recovery, SelfService, Server, Totp};
pub use super::overridden::Overridden;
use crate::store::etcd::Access;
pub use delivery::{Delivery, Email, EmailRoute, Radius, Sms, SmsRoute, WebhookSecret};
use mfa_core::account::RequestLimits;
use mfa_core::factors::Factor;
use mfa_core::factors::device::Windows;
use mfa_core::factors::pin::Banned;
use mfa_core::lockout::Limits;
use mfa_core::login::KeyTerms;
use mfa_core::policy::{Place, Policy};
use mfa_core::texts::Texts;

/// `[store]`: where records and their key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// What keeps the records.
    pub engine: Engine,
    /// The folder of the records on this host.
    pub path: PathBuf,
    /// The file of the key.
    pub key_file: PathBuf,
}

/// What keeps the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Engine {
    /// This host.
    Sled,
    /// A cluster that many hosts share.
    Etcd(Box<Access>),
}

/// All settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `[server]`: the socket and its limits.
    pub server: Server,
    /// `[store]`: where records and their key are.
    pub store: Store,
    /// `[lockout]`: how many failures lock an account, 1 to 100, for how long, 1 s to 365 days, and how
    /// many in a row lock it for good, at least as many. What holds for a login is in its
    /// [`Ask`](mfa_core::policy::Ask).
    pub lockout: Limits,
    /// `[totp]`: what new devices are like.
    pub totp: Totp,
    /// `[hotp]`: how far ahead devices that count may be.
    pub hotp: Hotp,
    /// `[key]`: which security keys count.
    pub key: KeyTerms,
    /// `[recovery]`: what follows a recovery code.
    pub recovery: Recovery,
    /// `[delivery]`: codes that are sent.
    pub delivery: Delivery,
    /// `[notify]`: what users are told about their accounts.
    pub notify: Notify,
    /// `[[radius]]`: authenticators that are asked over RADIUS.
    pub radius: Vec<Radius>,
    /// `[push]`: how often users are asked by RADIUS servers.
    pub push: Push,
    /// `[prompts]`: what users are shown.
    pub prompts: Prompts,
    /// `[pin]`: what new PINs must not be.
    pub pin: Pin,
    /// `[questions]`: the security questions to choose from.
    pub questions: Questions,
    /// `[audit]`: where events are recorded.
    pub audit: Audit,
    /// `[metrics]`: where a monitor reads.
    pub metrics: Metrics,
    /// `[admin]`: who else may administer.
    pub admin: Admin,
    /// `[self_service]`: what users may change themselves.
    pub self_service: SelfService,
    /// `[policy] require_password_expiry`: whether codes of a device can be required of a user only once
    /// their password has a maximum age.
    pub require_password_expiry: bool,
    /// `[enforcement]`, `[policy]` and `[[rule]]`: who is asked for what.
    pub policy: Policy,
    /// Where files of secrets and certificates and programs are named, by keys such as
    /// `[delivery.email] ca_file`, for those who tell what is wrong with one.
    pub file_places: BTreeMap<String, Place>,
    /// Where `[server] trusted` and `[admin] groups` are set, by these names.
    pub name_places: BTreeMap<&'static str, Place>,
    /// Lists that are in more than one file, for those who tell what is strange.
    pub overridden: Vec<Overridden>,
}

impl Settings {
    /// How often users are asked by RADIUS servers.
    #[must_use]
    pub fn request_limits(&self) -> RequestLimits {
        RequestLimits {
            requests: self.push.requests,
            within: self.push.within,
        }
    }

    /// How far from where it is expected a code is looked for.
    #[must_use]
    pub fn windows(&self) -> Windows {
        Windows {
            skew: self.totp.skew,
            look_ahead: self.hotp.look_ahead,
            resync: self.hotp.resync,
        }
    }
}

/// `[prompts]`: prompts of at most 256 bytes each, without control characters, none the same as another, and
/// all other texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompts {
    /// For all others.
    pub texts: Arc<Texts>,
    /// For programs that show ASCII only; the prompts that the settings name are as they are.
    pub in_ascii: Arc<Texts>,
    /// Factors whose answers are visible while they are typed.
    pub echo: Vec<Factor>,
}

/// `[pin]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// Banned PINs, in addition to PINs that are easy by their form.
    pub banned: Banned,
}

/// `[questions]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Questions {
    /// The questions to choose from; 3 to 100 of at most 200 bytes, none twice, no blanks around them.
    pub catalogue: Vec<String>,
    /// Whether users may bring questions of their own.
    pub own: bool,
}
