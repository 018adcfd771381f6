//! What is written as a string. A new kind of text is a line in the table below and a function that reads it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::civil::Date;

use super::texts::line;
use super::{Value, messages, paths, texts, time};
use crate::config::error::Problem;
use crate::config::tree::{Data, Node};
use crate::config::words::{
    ActionName, AddressSource, EngineName, KeyVerification, NumberSource, ProviderName,
};
use crate::delivery::{HttpsUrl, ProgramPath, Security, ServerHost, Template};
use crate::store::etcd::EndpointUrl;
use mfa_core::account::{Label, NoticeKind};
use mfa_core::factors::address::{AddressTemplate, Channel, EmailAddress, NumberTemplate, Region};
use mfa_core::factors::device::HashAlgorithm;
use mfa_core::factors::pin::BannedPin;
use mfa_core::factors::{Factor, FactorCombination};
use mfa_core::names::UserName;
use mfa_core::policy::{
    DayRange, HourRange, Mode, Network, Pattern, Prompting, SessionHosts, Source, Unenrolled,
};
use mfa_core::texts::Language;

/// What is written as a string.
pub(in crate::config) trait Text {
    /// What it becomes.
    type Output;
    /// What was expected, if the value is not a string.
    const EXPECTED: &str;

    /// The value, or what is wrong with it.
    fn parse(text: &str) -> Result<Self::Output, String>;

    /// Its bounds or its words.
    fn range() -> Option<String> {
        None
    }
}

impl<T: Text> Value for T {
    type Output = T::Output;

    fn range() -> Option<String> {
        T::range()
    }

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self::Output> {
        let Data::Text(text) = &node.data else {
            problems.push(node.misfit(T::EXPECTED));
            return None;
        };
        match T::parse(text) {
            Ok(value) => return Some(value),
            Err(message) => problems.push(node.problem(message)),
        }
        None
    }
}

/// A length of time, within limits in seconds.
pub(in crate::config) struct Lasting<const MIN: u64, const MAX: u64>;

impl<const MIN: u64, const MAX: u64> Lasting<MIN, MAX> {
    const LIMITS: [Duration; 2] = [Duration::from_secs(MIN), Duration::from_secs(MAX)];
}

impl<const MIN: u64, const MAX: u64> Text for Lasting<MIN, MAX> {
    type Output = Duration;
    const EXPECTED: &str = "a duration such as \"90s\", \"1h30m\" or \"14d\"";

    fn parse(text: &str) -> Result<Duration, String> {
        time::length(text, Self::LIMITS)
    }

    fn range() -> Option<String> {
        Some(time::range(Self::LIMITS))
    }
}

/// How long grace lasts, within limits in seconds, or the last day of it; none for no grace.
pub(in crate::config) struct GraceOf<const MAX: u64>;

/// Grace as the settings say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Grace {
    /// From the first login of each user.
    Lasting(Duration),
    /// Until the end of this day.
    Through(Date),
}

impl<const MAX: u64> Text for GraceOf<MAX> {
    type Output = Grace;
    const EXPECTED: &str = "a length of time such as \"14d\", or a last day such as \"2027-01-31\"";

    fn parse(text: &str) -> Result<Grace, String> {
        match text.parse::<Date>() {
            Ok(day) => Ok(Grace::Through(day)),
            Err(_) => <Lasting<0, MAX> as Text>::parse(text).map(Grace::Lasting),
        }
    }

    fn range() -> Option<String> {
        let lengths = <Lasting<0, MAX> as Text>::range()?;
        Some(format!("{lengths}, or a day such as \"2027-01-31\""))
    }
}

/// A line that people are shown, of at most so many bytes.
pub(in crate::config) struct Line<const MAX: usize>;

impl<const MAX: usize> Text for Line<MAX> {
    type Output = String;
    const EXPECTED: &str = "a text such as \"PIN: \"";

    fn parse(text: &str) -> Result<String, String> {
        line(text, MAX)
    }
}

/// Texts with a way to read them: what is expected, the name, what it becomes, and the function.
macro_rules! texts {
    ($($expected:literal: $name:ident => $output:ty, $parse:expr;)*) => {$(
        pub(in crate::config) struct $name;

        impl Text for $name {
            type Output = $output;
            const EXPECTED: &str = $expected;

            fn parse(text: &str) -> Result<$output, String> {
                $parse(text).map_err(|error| error.to_string())
            }
        }
    )*};
}

texts! {
    "a full path such as \"/var/lib/mfa\"": FullPath => PathBuf, paths::full;
    "a full path such as \"/run/mfa/agent.sock\"": SocketPath => PathBuf, paths::of_socket;
    "a prefix such as \"/pam-mfa/\"": StorePrefix => String, paths::prefix;
    "a full path, or \"\" for none": OptionalPath => Option<PathBuf>, paths::optional;
    "a full path such as \"/etc/mfa/smtp-password\", or the name of a systemd credential":
        SecretFile => PathBuf, paths::of_secret;
    "an address such as \"192.0.2.1\", \"192.0.2.1:1812\" or \"[2001:db8::1]:1812\"":
        ServerAddress => SocketAddr, messages::server_address;
    "a text such as \"Your code for {host}\"": Subject => Template, messages::subject;
    "a text such as \"{code} is your code for {host}\"": MessageText => Template, messages::text;
    "a text such as \"Example\"": Issuer => String, texts::issuer;
    "a PIN such as \"4711\"": EasyPin => BannedPin, texts::easy_pin;
    "a type of keys such as \"sk-ssh-ed25519@openssh.com\" or \"sk-*\"":
        KeyPattern => Vec<&'static str>, texts::key_types;
    "the name of a group such as \"wheel\"": GroupName => String, texts::group;
    "a user such as \"anna\", \"@staff\", \"!bob\" or \"*\"": UserPattern => Pattern, Pattern::user;
    "a service such as \"sshd\", \"!sudo\" or \"*\"": ServicePattern => Pattern, Pattern::service;
    "a host such as \"web-1\", \"web-*\", \"!web-canary\" or \"*\"": HostPattern => Pattern, Pattern::host;
    "a service such as \"sudo\"": ServiceName => String, texts::service;
    "an operation such as \"collect-evidence\", \"!restart\" or \"*\"":
        OperationPattern => Pattern, Pattern::operation;
    "a method such as \"publickey\", \"!password\" or \"*\"": MethodPattern => Pattern, Pattern::method;
    "a terminal such as \"tty1\", \"!tty2\" or \"*\"": TerminalPattern => Pattern, Pattern::terminal;
}

/// Types that read themselves, with what is expected; `words` says all that there is.
macro_rules! types {
    (@range $expected:literal words) => { Some($expected.to_owned()) };
    (@range $expected:literal) => { None };
    ($($expected:literal: $name:ty $(, $words:ident)?;)*) => {$(
        impl Text for $name {
            type Output = Self;
            const EXPECTED: &str = $expected;

            fn parse(text: &str) -> Result<Self, String> {
                text.parse::<Self>().map_err(|error| error.to_string())
            }

            fn range() -> Option<String> {
                types!(@range $expected $($words)?)
            }
        }
    )*};
}

types! {
    "\"none\", \"local-users\" or \"all\"": Mode, words;
    "\"dialogue\" or \"single\"": Prompting, words;
    "\"deny\", \"allow\" or \"enroll\"": Unenrolled, words;
    "\"local\" or \"federated\"": Source, words;
    "\"this\" or \"all\"": SessionHosts, words;
    "\"SHA1\", \"SHA256\" or \"SHA512\"": HashAlgorithm, words;
    "\"starttls\" or \"tls\"": Security, words;
    "\"preferred\" or \"required\"": KeyVerification, words;
    "\"email\" or \"sms\"": Channel, words;
    "\"vonage\", \"webhook\" or \"command\"": ProviderName, words;
    "\"sled\" or \"etcd\"": EngineName, words;
    "\"ask\", \"skip\" or \"deny\"": ActionName, words;
    "\"enroll\", \"remove\", \"locked\", \"bypass\", \"recovery\" or \"new-network\"": NoticeKind, words;
    "the full path of a program such as \"/usr/sbin/sendmail\"": ProgramPath;
    "an e-mail address such as \"mfa@example.org\"": EmailAddress;
    "a template of addresses such as \"{user}@example.org\"": AddressTemplate;
    "a template of numbers such as \"+4930901820{user}\"": NumberTemplate;
    "\"work-phone\", \"home-phone\", \"other\" or such as \"userdb:mobile\"": NumberSource, words;
    "\"userdb\"": AddressSource, words;
    "the name of a server such as \"mail.example.org\"": ServerHost;
    "an address such as \"https://sms.example.org/send\"": HttpsUrl;
    "the address of a server such as \"https://etcd1.example.org:2379\"": EndpointUrl;
    "the two letters of a country such as \"DE\"": Region;
    "a name such as \"vip\"": Label;
    "a language such as \"de\"": Language;
    "the name of a user such as \"freerad\"": UserName;
    "a factor such as \"totp\"": Factor;
    "a factor or combination such as \"totp\" or \"totp+pin\"": FactorCombination;
    "an address such as \"192.0.2.7\" or a network such as \"192.0.2.0/24\"": Network;
    "hours such as \"08:00-18:00\"": HourRange;
    "days such as \"mon-fri\" or \"sun\"": DayRange;
}
