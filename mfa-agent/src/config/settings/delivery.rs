//! Codes that are sent, and authenticators that are asked over RADIUS.
//!
//! Secrets are named here, by their files or systemd credentials, and read elsewhere.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::words::{AddressSource, NumberSource};
use crate::delivery::{HttpsUrl, ProgramPath, Roots, Security, ServerHost, Templates};
use mfa_core::account::{Label, MessageLimits};
use mfa_core::factors::address::{AddressTemplate, Channel, EmailAddress, NumberTemplate, Region};
use mfa_core::factors::{Factor, FactorRow, Need};

/// `[delivery]`: codes that are sent to users.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// The channel in use: one at a time.
    pub channel: Channel,
    /// The length of a code, 6 to 8.
    pub digits: u32,
    /// How long a code is valid, 1 min to 30 min; after that the user must log in again.
    pub lifetime: Duration,
    /// How many messages one user is sent: 1 to 100 within 1 min to 1 h, then none for 0 s to 1 day.
    pub budget: MessageLimits,
    /// `[delivery.email]`, if there is a way to send mail.
    pub email: Option<Email>,
    /// `[delivery.sms]`, if there is a way to send text messages.
    pub sms: Option<Sms>,
}

/// `[delivery.email]`
#[derive(Clone, Debug, PartialEq)]
pub struct Email {
    /// Whether mails are sent.
    pub active: bool,
    /// The sender of mails.
    pub from: EmailAddress,
    /// How they are sent.
    pub route: EmailRoute,
    /// Makes the address of users who have enrolled none; `None`: they get no mail.
    pub address: Option<AddressTemplate>,
    /// Where such users have one; not together with `address`.
    pub address_from: Option<AddressSource>,
    /// Subject and text.
    pub templates: Templates,
}

/// How mails are sent.
#[derive(Clone, Debug, PartialEq)]
pub enum EmailRoute {
    /// A server.
    Smtp {
        /// Its name, which its certificate has to be for.
        server: ServerHost,
        /// Its port.
        port: u16,
        /// When the encryption begins.
        security: Security,
        /// A user, and the file or the systemd credential that holds the password.
        login: Option<(String, PathBuf)>,
        /// The trusted certificate authorities.
        roots: Roots,
    },
    /// A program of this host.
    Sendmail(ProgramPath),
}

/// `[delivery.sms]`
#[derive(Clone, Debug, PartialEq)]
pub struct Sms {
    /// Whether text messages are sent.
    pub active: bool,
    /// How text messages are sent.
    pub route: SmsRoute,
    /// Makes the number of users who have enrolled none.
    pub template: Option<NumberTemplate>,
    /// Where such users have one; not together with `template`.
    pub number_from: Option<NumberSource>,
    /// The country of numbers that are typed or read without its code.
    pub region: Option<Region>,
    /// The text.
    pub templates: Templates,
}

/// How text messages are sent.
#[derive(Clone, Debug, PartialEq)]
pub enum SmsRoute {
    /// Vonage's SMS API.
    Vonage {
        /// The key, which names the account.
        key: String,
        /// The file or the systemd credential that holds the secret.
        secret: PathBuf,
        /// The sender of messages.
        from: String,
        /// Where the API is.
        endpoint: HttpsUrl,
        /// The trusted certificate authorities.
        roots: Roots,
    },
    /// The administrator's own server.
    Webhook {
        /// Where it is.
        url: HttpsUrl,
        /// How it knows us.
        authentication: WebhookSecret,
        /// The trusted certificate authorities.
        roots: Roots,
    },
    /// A program of this host.
    Command(ProgramPath),
}

/// How a webhook knows us, by the file or the systemd credential that holds the secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookSecret {
    /// A bearer token.
    Bearer(PathBuf),
    /// The key of a signature.
    Hmac(PathBuf),
}

/// `[[radius]]`: servers that fail over to each other. Each name is unique.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Radius {
    /// The name that `mfactl enroll radius --server` takes.
    pub name: Label,
    /// The servers, the preferred one first; not empty, none twice.
    pub servers: Vec<SocketAddr>,
    /// The file or the systemd credential that holds the shared secret.
    pub secret: PathBuf,
    /// By which name they know this host, 1 to 253 bytes; `None`: the host's own.
    pub nas_identifier: Option<String>,
    /// How long a server may be silent before the next is asked, 1 s to 1 min.
    pub timeout: Duration,
    /// How long an answer is waited for in all, 1 s to 5 min; at least `timeout`.
    pub wait: Duration,
    /// How long a silent server is passed over, 0 s to 1 day.
    pub dead_time: Duration,
    /// Whether they answer Status-Server (RFC 5997).
    pub status_server: bool,
    /// Whether they ask users on their phones.
    pub push: bool,
    /// The passcode that starts a push; may be empty.
    pub push_code: String,
}

impl Delivery {
    /// Whether codes go out by `channel`: it is the one in use, and there is a way to send by it.
    #[must_use]
    pub fn is_on(&self, channel: Channel) -> bool {
        self.channel == channel && self.is_configured(channel)
    }

    /// Whether there is a way to send by `channel`, in use or not, and it is not turned off.
    #[must_use]
    pub fn is_configured(&self, channel: Channel) -> bool {
        self.active(channel) == Some(true)
    }

    /// Whether there is a way to send by `channel`, and `active = false` turns it off.
    #[must_use]
    pub fn is_turned_off(&self, channel: Channel) -> bool {
        self.active(channel) == Some(false)
    }

    /// None if there is no way to send by `channel`.
    fn active(&self, channel: Channel) -> Option<bool> {
        match channel {
            Channel::Email => self.email.as_ref().map(|email| email.active),
            Channel::Sms => self.sms.as_ref().map(|sms| sms.active),
        }
    }

    /// Whether there is what `factor` needs outside of this host.
    pub(in crate::config) fn is_available(&self, factor: Factor, radius: &[Radius]) -> bool {
        match factor.row().needs {
            Need::Nothing => true,
            Need::Delivery(channel) => self.is_on(channel),
            Need::RadiusServer => !radius.is_empty(),
        }
    }
}

impl super::Settings {
    /// Whether these settings have what `factor` needs outside of this host.
    #[must_use]
    pub fn is_available(&self, factor: Factor) -> bool {
        self.delivery.is_available(factor, &self.radius)
    }
}
