//! The values that stand in settings, each parsed into a type that can't hold a wrong one.

mod messages;
mod names;
mod paths;
mod texts;
mod time;

use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer, Visitor};

pub(super) use messages::{MessageText, ServerAddress, Subject};
pub(super) use names::{
    MethodPattern, OperationPattern, ServiceName, ServicePattern, TerminalPattern, UserPattern,
};
pub(super) use paths::{FullPath, OptionalPath, SecretFile, SocketPath};
pub(super) use texts::{EasyPin, GroupName, Issuer, Line};
pub(super) use time::Lasting;

use crate::delivery::{HttpsUrl, ProgramPath, ServerHost};
use mfa_core::account::Label;
use mfa_core::factors::address::{AddressTemplate, Channel, EmailAddress, Region};
use mfa_core::factors::{Factor, FactorCombination};
use mfa_core::names::UserName;
use mfa_core::policy::{DayRange, HourRange, Network};
use mfa_core::texts::Language;

/// A string that is parsed; its errors carry the place of the string.
#[derive(Debug)]
pub(super) struct Parsed<T>(pub T);

/// What is written as a string.
pub(super) trait Text: FromStr<Err: fmt::Display> {
    /// What was expected, when there is something else than a string.
    const EXPECTED: &str;
}

impl<'de, T: Text> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parse<T>(PhantomData<T>);

        impl<T: Text> Visitor<'_> for Parse<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Parse(PhantomData)).map(Self)
    }
}

/// A whole number within limits.
#[derive(Debug)]
pub(super) struct Whole<const MIN: u32, const MAX: u32>(pub u32);

impl<'de, const MIN: u32, const MAX: u32> Deserialize<'de> for Whole<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Within<const MIN: u32, const MAX: u32>;

        impl<const MIN: u32, const MAX: u32> Visitor<'_> for Within<MIN, MAX> {
            type Value = u32;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a whole number from {MIN} to {MAX}")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<u32, E> {
                u32::try_from(number)
                    .ok()
                    .filter(|number| (MIN..=MAX).contains(number))
                    .ok_or_else(|| E::invalid_value(de::Unexpected::Signed(number), &self))
            }
        }

        deserializer.deserialize_i64(Within::<MIN, MAX>).map(Self)
    }
}

macro_rules! expected {
    ($($text:literal: $name:ty $(, $(const $limit:ident: $kind:ty),+)?;)*) => {$(
        impl$(<$(const $limit: $kind),+>)? Text for $name {
            const EXPECTED: &str = $text;
        }
    )*};
}

expected! {
    "a length of time such as \"90s\", \"1h30m\" or \"14d\"": Lasting<MIN, MAX>, const MIN: u64, const MAX: u64;
    "a full path such as \"/var/lib/mfa\"": FullPath;
    "a full path such as \"/run/mfa/agent.sock\"": SocketPath;
    "a full path, or \"\" for none": OptionalPath;
    "a full path such as \"/etc/mfa/smtp-password\", or the name of a systemd credential": SecretFile;
    "the full path of a program such as \"/usr/sbin/sendmail\"": ProgramPath;
    "\"email\" or \"sms\"": Channel;
    "an e-mail address such as \"mfa@example.org\"": EmailAddress;
    "a template of addresses such as \"{user}@example.org\"": AddressTemplate;
    "the name of a server such as \"mail.example.org\"": ServerHost;
    "an address such as \"https://sms.example.org/send\"": HttpsUrl;
    "an address such as \"192.0.2.1\", \"192.0.2.1:1812\" or \"[2001:db8::1]:1812\"": ServerAddress;
    "a text such as \"Your code for {host}\"": Subject;
    "a text such as \"{code} is your code for {host}\"": MessageText;
    "the two letters of a country such as \"DE\"": Region;
    "a name such as \"vip\"": Label;
    "a text such as \"PIN: \"": Line<MAX>, const MAX: usize;
    "a language such as \"de\"": Language;
    "a text such as \"Example\"": Issuer;
    "a PIN such as \"4711\"": EasyPin;
    "the name of a group such as \"wheel\"": GroupName;
    "the name of a user such as \"freerad\"": UserName;
    "a factor such as \"totp\"": Factor;
    "a way such as \"totp\" or \"totp+pin\"": FactorCombination;
    "an address such as \"192.0.2.7\" or a network such as \"192.0.2.0/24\"": Network;
    "a user such as \"anna\", \"@staff\", \"!bob\" or \"*\"": UserPattern;
    "a service such as \"sshd\", \"!sudo\" or \"*\"": ServicePattern;
    "a service such as \"sudo\"": ServiceName;
    "an operation such as \"collect-evidence\", \"!restart\" or \"*\"": OperationPattern;
    "a method such as \"publickey\", \"!password\" or \"*\"": MethodPattern;
    "hours such as \"08:00-18:00\"": HourRange;
    "days such as \"mon-fri\" or \"sun\"": DayRange;
    "a terminal such as \"tty1\", \"!tty2\" or \"*\"": TerminalPattern;
}
