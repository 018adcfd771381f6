//! The values of keys, each parsed into a type that can't hold a wrong one.

mod lists;
mod messages;
mod names;
mod paths;
mod texts;
mod time;

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

pub(super) use lists::{Catalogue, Fit, Joined, List, Ways};
pub(super) use messages::{MessageText, ServerAddress, Subject};
pub(super) use names::{
    MethodPattern, OperationPattern, ServiceName, ServicePattern, TerminalPattern, UserPattern,
};
pub(super) use paths::{FullPath, OptionalPath, SecretFile, SocketPath};
pub(super) use texts::{EasyPin, GroupName, Issuer, Line};
pub(super) use time::Lasting;

use super::error::Problem;
use super::keys::{Key, Shown};
use super::settings::Overridden;
use super::tree::{Data, Node};
use super::words::{ActionName, ProviderName};
use crate::delivery::{HttpsUrl, ProgramPath, Security, ServerHost, Template};
use mfa_core::account::Label;
use mfa_core::factors::address::{AddressTemplate, Channel, EmailAddress, Region};
use mfa_core::factors::device::{Algorithm, Digits, Period};
use mfa_core::factors::pin::BannedPin;
use mfa_core::factors::{Factor, FactorCombination};
use mfa_core::names::UserName;
use mfa_core::policy::{
    DayRange, HourRange, Mode, Network, Pattern, Place, Prompting, Source, Unenrolled,
    length_of_time,
};
use mfa_core::texts::Language;

/// What is found while the files are read.
#[derive(Default)]
pub(super) struct Findings {
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
    /// Lists that a later file has again.
    pub(super) overridden: Vec<Overridden>,
    /// Where files and programs are named, by the key.
    pub(super) file_places: BTreeMap<String, Place>,
}

impl Findings {
    pub(super) fn problem(&mut self, place: &Place, message: impl Into<String>) {
        self.problems.push(Problem {
            place: place.clone(),
            message: message.into(),
        });
    }
}

/// What a key takes.
pub(super) trait Value {
    /// What it becomes.
    type Output;

    /// Its bounds or its words, for the documentation.
    fn range() -> Option<String> {
        None
    }

    /// Reads one value. What is wrong with it goes to `problems`.
    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self::Output>;

    /// What holds where neither a file nor the table of keys has a value.
    fn absent() -> Option<Self::Output> {
        None
    }

    /// Reads a key from all files that have it. The last one holds, but each has to be right.
    fn read_key(key: &Key, nodes: &[&Node], findings: &mut Findings) -> Option<Self::Output> {
        let read = |node: &&Node| Self::read(node, &mut findings.problems);
        let values: Vec<_> = nodes.iter().map(read).collect();
        match values.into_iter().next_back() {
            Some(value) => value,
            None => Self::default_of(key, &mut findings.problems),
        }
    }

    /// What holds where no file has the key.
    fn default_of(key: &Key, problems: &mut Vec<Problem>) -> Option<Self::Output> {
        match key.shown {
            Shown::Default(text) => Self::read(&Node::built_in(key.name, text)?, problems),
            Shown::Example(_) | Shown::Alternative(_) => Self::absent(),
        }
    }
}

/// A key that may be left out.
impl<T: Value> Value for Option<T> {
    type Output = Option<T::Output>;

    fn range() -> Option<String> {
        T::range()
    }

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self::Output> {
        T::read(node, problems).map(Some)
    }

    fn absent() -> Option<Self::Output> {
        Some(None)
    }
}

/// A key of a rule that another section has too. It is read with that section; here is only where it is.
pub(super) struct Inherited;

impl Value for Inherited {
    type Output = Place;

    fn read(node: &Node, _: &mut Vec<Problem>) -> Option<Place> {
        Some(node.place.clone())
    }
}

impl Value for bool {
    type Output = Self;

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self> {
        match node.data {
            Data::Truth(truth) => return Some(truth),
            _ => problems.push(node.misfit("true or false")),
        }
        None
    }
}

/// What a whole number becomes.
pub(super) trait FromWhole: Sized {
    fn from_whole(number: u32) -> Option<Self>;
}

macro_rules! from_whole {
    ($($to:ty: $from:ty;)*) => {$(
        impl FromWhole for $to {
            fn from_whole(number: u32) -> Option<Self> {
                Self::try_from(<$from>::from(number)).ok()
            }
        }
    )*};
}

from_whole! {
    u32: u32;
    u16: u32;
    Digits: u32;
    Period: u64;
}

/// A whole number within limits.
pub(super) struct Whole<const MIN: u32, const MAX: u32, T = u32>(PhantomData<T>);

impl<const MIN: u32, const MAX: u32, T: FromWhole> Value for Whole<MIN, MAX, T> {
    type Output = T;

    fn range() -> Option<String> {
        Some(format!("{MIN} to {MAX}"))
    }

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<T> {
        let expected = format!("a whole number from {MIN} to {MAX}");
        let Data::Number(number) = node.data else {
            problems.push(node.misfit(&expected));
            return None;
        };
        let small = u32::try_from(number).ok();
        let within = small.filter(|number| (MIN..=MAX).contains(number));
        let value = within.and_then(|number| T::from_whole(number));
        if value.is_none() {
            let message = format!("invalid value: integer `{number}`; expected {expected}");
            problems.push(node.problem(message));
        }
        value
    }
}

/// What is written as a string.
pub(super) trait Text: FromStr<Err: fmt::Display> {
    /// What it becomes.
    type Output;
    /// What was expected, when there is something else than a string.
    const EXPECTED: &str;

    /// The value itself.
    fn output(self) -> Self::Output;

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
        match text.parse::<T>() {
            Ok(value) => return Some(value.output()),
            Err(error) => problems.push(node.problem(error.to_string())),
        }
        None
    }
}

/// Types of strings: what is expected, the type, and what is in it if that is what settings hold.
macro_rules! texts {
    ($($text:literal: $name:ty $(=> $inner:ty)? $(, const $limit:ident: $kind:ty)?;)*) => {$(
        impl$(<const $limit: $kind>)? Text for $name {
            const EXPECTED: &str = $text;
            texts!(@output $($inner)?);
        }
    )*};
    (@output) => {
        type Output = Self;

        fn output(self) -> Self {
            self
        }
    };
    (@output $inner:ty) => {
        type Output = $inner;

        fn output(self) -> $inner {
            self.0
        }
    };
}

/// Types of a few words.
macro_rules! words {
    ($($text:literal: $name:ty;)*) => {$(
        impl Text for $name {
            const EXPECTED: &str = $text;
            type Output = Self;

            fn output(self) -> Self {
                self
            }

            fn range() -> Option<String> {
                Some($text.to_owned())
            }
        }
    )*};
}

words! {
    "\"none\", \"local-users\" or \"all\"": Mode;
    "\"dialogue\" or \"single\"": Prompting;
    "\"deny\", \"allow\" or \"enroll\"": Unenrolled;
    "\"local\" or \"federated\"": Source;
    "\"SHA1\", \"SHA256\" or \"SHA512\"": Algorithm;
    "\"starttls\" or \"tls\"": Security;
    "\"email\" or \"sms\"": Channel;
    "\"vonage\", \"webhook\" or \"command\"": ProviderName;
    "\"ask\", \"skip\" or \"deny\"": ActionName;
}

impl<const MIN: u64, const MAX: u64> Text for Lasting<MIN, MAX> {
    const EXPECTED: &str = "a length of time such as \"90s\", \"1h30m\" or \"14d\"";
    type Output = Duration;

    fn output(self) -> Duration {
        self.0
    }

    fn range() -> Option<String> {
        let [min, max] = [MIN, MAX].map(|end| length_of_time(Duration::from_secs(end)));
        Some(format!("{min} to {max}"))
    }
}

texts! {
    "a full path such as \"/var/lib/mfa\"": FullPath => PathBuf;
    "a full path such as \"/run/mfa/agent.sock\"": SocketPath => PathBuf;
    "a full path, or \"\" for none": OptionalPath => Option<PathBuf>;
    "a full path such as \"/etc/mfa/smtp-password\", or the name of a systemd credential": SecretFile => PathBuf;
    "the full path of a program such as \"/usr/sbin/sendmail\"": ProgramPath;
    "an e-mail address such as \"mfa@example.org\"": EmailAddress;
    "a template of addresses such as \"{user}@example.org\"": AddressTemplate;
    "the name of a server such as \"mail.example.org\"": ServerHost;
    "an address such as \"https://sms.example.org/send\"": HttpsUrl;
    "an address such as \"192.0.2.1\", \"192.0.2.1:1812\" or \"[2001:db8::1]:1812\"": ServerAddress => SocketAddr;
    "a text such as \"Your code for {host}\"": Subject => Template;
    "a text such as \"{code} is your code for {host}\"": MessageText => Template;
    "the two letters of a country such as \"DE\"": Region;
    "a name such as \"vip\"": Label;
    "a text such as \"PIN: \"": Line<MAX> => String, const MAX: usize;
    "a language such as \"de\"": Language;
    "a text such as \"Example\"": Issuer => String;
    "a PIN such as \"4711\"": EasyPin => BannedPin;
    "the name of a group such as \"wheel\"": GroupName => String;
    "the name of a user such as \"freerad\"": UserName;
    "a factor such as \"totp\"": Factor;
    "a way such as \"totp\" or \"totp+pin\"": FactorCombination;
    "an address such as \"192.0.2.7\" or a network such as \"192.0.2.0/24\"": Network;
    "a user such as \"anna\", \"@staff\", \"!bob\" or \"*\"": UserPattern => Pattern;
    "a service such as \"sshd\", \"!sudo\" or \"*\"": ServicePattern => Pattern;
    "a service such as \"sudo\"": ServiceName => String;
    "an operation such as \"collect-evidence\", \"!restart\" or \"*\"": OperationPattern => Pattern;
    "a method such as \"publickey\", \"!password\" or \"*\"": MethodPattern => Pattern;
    "hours such as \"08:00-18:00\"": HourRange;
    "days such as \"mon-fri\" or \"sun\"": DayRange;
    "a terminal such as \"tty1\", \"!tty2\" or \"*\"": TerminalPattern => Pattern;
}
