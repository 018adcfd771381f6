//! Why a rule does not match a login: the field, and a sentence with the rule's and the login's
//! values.

use std::fmt;
use std::net::IpAddr;

use jiff::civil::{Time, Weekday};
use mfa_protocol::policy::RuleField;

use super::Source;
use super::clock::{Days, Hours, day_name};
use crate::policy::{Networks, Pattern, Patterns};

/// Why a rule does not match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit<'a> {
    /// An entry with `!` excludes the name.
    TakenOut {
        /// The field.
        field: RuleField,
        /// The user, service, host, operation, terminal or method.
        name: &'a str,
        /// The entry.
        by: &'a Pattern,
    },
    /// No entry matches the name.
    Missing {
        /// The field.
        field: RuleField,
        /// The user, service, host, operation or terminal.
        name: &'a str,
        /// The entries.
        list: &'a Patterns,
    },
    /// The rule is for users of this source, but the user is from the other.
    Source(Source),
    /// The address is in none of the networks.
    Address(&'a Networks, IpAddr),
    /// The remote host is known by name only.
    Name,
    /// No entry matches any method that sshd has verified.
    After(&'a Patterns, &'a [String]),
    /// It is another time of the day.
    Hours(&'a Hours, Time),
    /// It is another day of the week.
    Days(&'a Days, Weekday),
    /// What the field needs is not known.
    Unknown(RuleField),
}

impl Misfit<'_> {
    /// The field that does not match, by its name in the settings.
    #[must_use]
    pub const fn field(&self) -> RuleField {
        match self {
            Self::TakenOut { field, .. } | Self::Missing { field, .. } | Self::Unknown(field) => {
                *field
            }
            Self::Source(_) => RuleField::Source,
            Self::Address(..) | Self::Name => RuleField::From,
            Self::After(..) => RuleField::After,
            Self::Hours(..) => RuleField::Hours,
            Self::Days(..) => RuleField::Days,
        }
    }
}

impl fmt::Display for Misfit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TakenOut { name, by, .. } => write!(f, "\"{by}\" excludes {name:?}"),
            Self::Missing { name, list, .. } => write!(f, "{name:?} is not among {list}"),
            Self::Source(Source::Local) => {
                f.write_str("the user is federated, but the rule is for local users")
            }
            Self::Source(Source::Federated) => {
                f.write_str("the user is local, but the rule is for federated users")
            }
            Self::Address(networks, address) => write!(f, "{address} is not in {networks}"),
            Self::Name => f.write_str(
                "the remote host is known only by name, but networks need an address; sshd passes \
                 names with UseDNS yes",
            ),
            Self::After(list, []) => {
                write!(
                    f,
                    "sshd has verified nothing before, but the rule needs one of {list}"
                )
            }
            Self::After(list, verified) => {
                write!(
                    f,
                    "sshd has verified {verified:?}, but the rule needs one of {list}"
                )
            }
            Self::Hours(hours, time) => {
                write!(
                    f,
                    "it is {:02}:{:02}, not in {hours}",
                    time.hour(),
                    time.minute()
                )
            }
            Self::Days(days, day) => write!(f, "it is {}, not in {days}", day_name(*day)),
            Self::Unknown(RuleField::Hosts) => f.write_str("the name of the host is not known"),
            Self::Unknown(RuleField::From) => f.write_str("the remote address is not known"),
            Self::Unknown(RuleField::Operations) => f.write_str("the login names no operation"),
            Self::Unknown(_) => f.write_str("the terminal is not known"),
        }
    }
}
