//! The arguments of `mfactl require`, `enforce`, `self-manage` and `allow-from`: per-user
//! settings.

use std::net::IpAddr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{ArgGroup, ValueEnum};
use mfa_protocol::factor::Factor;
use mfa_protocol::policy;

use super::word::word;
use super::{Sshd, name};

pub(super) const REQUIRE: &str = "\
Example: mfactl require totp alice
Each login of alice that asks for a factor then asks for this one as well. --off
removes the requirement. Without USER, you set it for yourself; an administrator
must allow that first: mfactl self-manage USER on";

pub(super) const ENFORCE: &str = "\
Example: mfactl enforce alice required
required  a user who has enrolled nothing is denied
optional  a user who has enrolled nothing is let in
default   the rules decide";

pub(super) const PREFER: &str = "\
Example: mfactl prefer alice sms
Where the policy accepts one of several factors, each login asks alice for this
one first. She can still choose another with ?. It loosens nothing. To ask in
the order of the policy again:
  mfactl prefer alice default";

pub(super) const SELF_MANAGE: &str = "\
Example: mfactl self-manage alice on
The user can add restrictions, but not loosen those of an administrator.";

pub(super) const ALLOW_FROM: &str = "\
Example: mfactl allow-from alice 192.0.2.0/24 2001:db8::/32
The networks replace the earlier ones. To remove all limits:
  mfactl allow-from alice --anywhere";

/// A factor to require.
#[derive(Debug, clap::Args)]
pub(crate) struct Require {
    /// The factor
    #[arg(value_name = "FACTOR", value_parser = word::<Factor>())]
    pub(crate) factor: Factor,
    /// The user (default: yourself)
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// Remove the requirement
    #[arg(long)]
    pub(crate) off: bool,
}

/// A factor to ask for first.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct Prefer {
    /// The user (default: yourself)
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// The factor, or default
    #[arg(value_name = "FACTOR", required = true, value_parser = preferred())]
    pub(crate) factor: Preferred,
}

/// A factor, or none for the order of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Preferred(pub(crate) Option<Factor>);

fn preferred() -> impl TypedValueParser<Value = Preferred> {
    let words = Factor::ALL.iter().map(|factor| factor.name());
    let read = |typed: String| match typed.as_str() {
        "default" => Ok(Preferred(None)),
        other => other.parse().map(|factor| Preferred(Some(factor))),
    };
    PossibleValuesParser::new(words.chain(["default"])).try_map(read)
}

/// Whether a user must have a factor.
#[derive(Debug, clap::Args)]
pub(crate) struct Enforce {
    /// The user
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: String,
    /// Whether the user must have a factor
    #[arg(value_name = "LEVEL", value_parser = word::<policy::Enforcement>())]
    pub(crate) level: policy::Enforcement,
    /// The sshd to ask
    #[command(flatten)]
    pub(crate) sshd: Sshd,
}

/// Whether a user may set their own requirements.
#[derive(Debug, clap::Args)]
pub(crate) struct SelfManage {
    /// The user
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: String,
    /// Whether the user may
    #[arg(value_name = "on|off", hide_possible_values = true)]
    pub(crate) switch: Switch,
}

/// On or off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

/// Where a user may log in from.
#[derive(Debug, clap::Args)]
#[command(override_usage = "mfactl allow-from [OPTIONS] <USER> <CIDR...|--anywhere>")]
#[command(group = ArgGroup::new("where").required(true).args(["networks", "anywhere"]))]
pub(crate) struct AllowFrom {
    /// The user
    #[arg(value_name = "USER", value_parser = no_network)]
    pub(crate) user: String,
    /// Addresses and networks, such as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32
    #[arg(value_name = "CIDR", value_parser = network)]
    pub(crate) networks: Vec<String>,
    /// Remove all limits
    #[arg(long)]
    pub(crate) anywhere: bool,
    /// The sshd to ask
    #[command(flatten)]
    pub(crate) sshd: Sshd,
}

/// An address, or a network with the length of its prefix. The agent decides what it means; typing errors are caught
/// here.
fn network(text: &str) -> Result<String, String> {
    if is_network(text) {
        Ok(text.to_owned())
    } else {
        Err("expected an address or a network, such as 192.0.2.0/24".to_owned())
    }
}

fn is_network(text: &str) -> bool {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let Ok(address) = address.parse::<IpAddr>() else {
        return false;
    };
    let longest = if address.is_ipv4() { 32 } else { 128 };
    length.is_none_or(|length| length.parse::<u8>().is_ok_and(|length| length <= longest))
}

/// A name, and not the first network of a line without a user.
fn no_network(text: &str) -> Result<String, String> {
    if is_network(text) {
        return Err("expected the user first, then the networks".to_owned());
    }
    name(text)
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use proptest::prelude::*;

    use super::*;
    use crate::args::Args;

    fn error(line: &str) -> String {
        let parsed = Args::try_parse_from(line.split(' '));
        parsed.map_or_else(|error| error.to_string(), |args| format!("taken: {args:?}"))
    }

    #[test]
    fn networks_or_anywhere_but_not_both_nor_neither() {
        assert!(error("mfactl allow-from alice").contains("required arguments"));
        assert!(error("mfactl allow-from alice ::1 --anywhere").contains("cannot be used"));
        assert!(error("mfactl allow-from alice --anywhere").starts_with("taken"));
        assert!(error("mfactl allow-from alice ::1 10.0.0.0/8").starts_with("taken"));
    }

    #[test]
    fn a_network_mistyped_or_in_the_place_of_the_user_is_named() {
        for wrong in [
            "10.0.0/8",
            "10.0.0.0/33",
            "10.0.0.0/",
            "::/129",
            "office.example",
        ] {
            let error = error(&format!("mfactl allow-from alice {wrong}"));
            assert!(
                error.contains("expected an address or a network"),
                "{wrong}: {error}"
            );
        }
        assert!(error("mfactl allow-from 10.0.0.0/8 ::1").contains("expected the user first"));
    }

    proptest! {
        #[test]
        fn every_address_with_every_prefix_of_its_kind_is_a_network(
            address: IpAddr, length in 0u8..=128,
        ) {
            prop_assert!(is_network(&address.to_string()));
            let fits = length <= 32 || address.is_ipv6();
            prop_assert_eq!(is_network(&format!("{address}/{length}")), fits);
        }

        #[test]
        fn no_text_is_too_strange(text in ".{0,24}") {
            prop_assert_eq!(network(&text).is_ok(), no_network(&text).is_err() && is_network(&text));
        }
    }
}
