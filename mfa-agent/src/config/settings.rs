//! All settings, in their final types. What is here is within its limits: nobody checks it again.

mod delivery;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use delivery::{Delivery, Email, EmailRoute, Radius, Sms, SmsRoute, WebhookSecret};
use mfa_core::factors::Factor;
use mfa_core::factors::device::{Digits, HashAlgorithm, Period, Windows};
use mfa_core::factors::pin::Banned;
use mfa_core::lockout::Limits;
use mfa_core::names::UserName;
use mfa_core::policy::{Place, Policy};
use mfa_core::texts::Texts;

/// All settings. [`Settings::default`] is what holds where the files say nothing.
#[derive(Clone, Debug, Default, PartialEq)]
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
    /// `[recovery]`: what follows a recovery code.
    pub recovery: Recovery,
    /// `[delivery]`: codes that are sent.
    pub delivery: Delivery,
    /// `[[radius]]`: authenticators that are asked over RADIUS.
    pub radius: Vec<Radius>,
    /// `[prompts]`: what users are shown.
    pub prompts: Prompts,
    /// `[pin]`: what new PINs must not be.
    pub pin: Pin,
    /// `[questions]`: the security questions to choose from.
    pub questions: Questions,
    /// `[audit]`: where events are recorded.
    pub audit: Audit,
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
    /// Lists that are in more than one file, for those who tell what is strange.
    pub overridden: Vec<Overridden>,
}

/// A list that a later file has again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overridden {
    /// Such as `[policy] require`.
    pub key: &'static str,
    /// Where it is last.
    pub place: Place,
    /// Where it was before.
    pub earlier: Place,
    /// Whether it joins the other: then it is empty, and changes nothing.
    pub joins: bool,
}

impl Settings {
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

/// `[server]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// The Unix socket; at most 107 bytes, the most that the kernel takes.
    pub socket: PathBuf,
    /// Who, besides root, may ask for any user.
    pub trusted: Vec<UserName>,
    /// Open connections in all, 1 to 65,536.
    pub max_connections: u32,
    /// Open connections of one user id other than root, 1 to 65,536.
    pub max_connections_per_user: u32,
    /// How long a login may take, from its first prompt to its outcome; 1 s to 1 h.
    pub login_timeout: Duration,
    /// How long logins under way may go on after SIGTERM, 0 s to 10 min.
    pub stop_timeout: Duration,
}

/// `[store]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// The folder of the records.
    pub path: PathBuf,
    /// The key that seals them, unless systemd passes the credential `mfa.key`.
    pub key_file: PathBuf,
}

/// `[totp]`
#[derive(Clone, Debug, PartialEq)]
pub struct Totp {
    /// What a device shows as the maker of its codes; `None`: the name of the host.
    pub issuer: Option<String>,
    /// The hash of new devices.
    pub algorithm: HashAlgorithm,
    /// The length of codes of new devices, 6 to 8.
    pub digits: Digits,
    /// Seconds a code of a new device is good for, 5 to 300.
    pub period: Period,
    /// Steps either side of the present one whose codes are taken too, 0 to 10 (RFC 6238, 5.2).
    pub skew: u32,
}

/// `[hotp]`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hotp {
    /// Codes that are taken, from the next one on, 1 to 50 (RFC 4226, 7.2).
    pub look_ahead: u32,
    /// Codes among which two in a row put it right, 1 to 200 (RFC 4226, 7.4).
    pub resync: u32,
}

/// `[recovery]`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Whether a login by a recovery code goes on only once a new device is set up in it.
    pub new_device: bool,
}

/// `[prompts]`: prompts of at most 256 bytes each, without control characters, none the same as another, and
/// all other texts.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompts {
    /// For all others.
    pub texts: Arc<Texts>,
    /// For programs that show ASCII only; the prompts that the settings name are as they are.
    pub in_ascii: Arc<Texts>,
}

/// `[pin]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// PINs that nobody may choose, besides those that are easy by their form.
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

/// `[audit]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audit {
    /// The file that gets a JSON line for each event; `None`: none does.
    pub file: Option<PathBuf>,
    /// Whether each event goes to syslog (authpriv) as well.
    pub syslog: bool,
}

/// `[admin]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admin {
    /// Groups whose members may administer, as root may.
    pub groups: Vec<String>,
}

/// `[self_service]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfService {
    /// Whether users may change anything.
    pub enabled: bool,
    /// The factors that they may set up, replace and remove.
    pub factors: Vec<Factor>,
}
