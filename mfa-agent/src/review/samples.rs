//! Sample logins: one for each kind of login that the rules can tell apart.
//!
//! Rules draw borders through addresses, hours, days, terminals and verified methods. One sample from
//! between each two borders is enough: every other login from there is decided in the same way.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;
use jiff::civil::{DateTime, date};

use super::shadowing::minutes;
use mfa_core::policy::{Hours, LoginOrigin, Networks, Patterns, Policy, Rule};

/// Where administrators log in, and where they become root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryPoint {
    /// From afar.
    Sshd,
    /// At this host itself.
    Console,
    /// To root, with the user's own password.
    Sudo,
    /// To root, with root's password.
    Su,
}

impl EntryPoint {
    /// The PAM service.
    pub(super) const fn service(self) -> &'static str {
        match self {
            Self::Sshd => "sshd",
            Self::Console => "login",
            Self::Sudo => "sudo",
            Self::Su => "su",
        }
    }

    /// The terminals; sshd gives its own name (measured with OpenSSH 9.2).
    pub(super) fn terminals(self, policy: &Policy) -> Vec<String> {
        match self {
            Self::Sshd => vec!["ssh".to_owned()],
            Self::Console => with_named(&["tty1", "ttyS0"], policy, |rule| &rule.tty),
            Self::Sudo | Self::Su => with_named(&["pts/0", "tty1"], policy, |rule| &rule.tty),
        }
    }

    /// What sshd may have verified: nothing, one method, or all methods that rules name.
    pub(super) fn verified(self, policy: &Policy) -> Vec<Vec<String>> {
        let mut sets = vec![Vec::new()];
        if self == Self::Sshd {
            let usual = ["publickey", "password", "keyboard-interactive"];
            let methods = with_named(&usual, policy, |rule| &rule.after);
            sets.extend(methods.iter().map(|method| vec![method.clone()]));
            sets.push(methods);
        }
        sets
    }

    /// Where logins come from, as far as `networks` tell one address from another. A name of a host, which
    /// sshd gives with `UseDNS yes`, is no address.
    pub(super) fn origins<'a>(
        self,
        networks: impl Iterator<Item = &'a Networks>,
    ) -> Vec<LoginOrigin> {
        match self {
            Self::Console => vec![LoginOrigin::Local],
            Self::Sudo | Self::Su => vec![LoginOrigin::Local, LoginOrigin::Unknown],
            Self::Sshd => {
                let addresses = addresses(networks).into_iter().map(LoginOrigin::Address);
                addresses.chain([LoginOrigin::Unknown]).collect()
            }
        }
    }
}

/// The first address of each network, the first one past its end, and the first of all: whatever lies
/// between two of these is in the same networks as the former.
fn addresses<'a>(networks: impl Iterator<Item = &'a Networks>) -> BTreeSet<IpAddr> {
    let first = [
        IpAddr::from(Ipv4Addr::UNSPECIFIED),
        IpAddr::from(Ipv6Addr::UNSPECIFIED),
    ];
    let mut addresses = BTreeSet::from(first);
    for network in networks.flat_map(Networks::entries) {
        addresses.insert(network.net().network());
        addresses.extend(past(network.net()));
    }
    addresses
}

fn past(net: IpNet) -> Option<IpAddr> {
    match net {
        IpNet::V4(net) => {
            let next = u32::from(net.broadcast()).checked_add(1)?;
            Some(Ipv4Addr::from(next).into())
        }
        IpNet::V6(net) => {
            let next = u128::from(net.broadcast()).checked_add(1)?;
            Some(Ipv6Addr::from(next).into())
        }
    }
}

/// Times of a week, as far as the rules tell one from another.
pub(super) fn times(rules: &[&Rule]) -> Vec<DateTime> {
    const FIRST_DAY: i8 = 1;
    let has_days = rules.iter().any(|rule| rule.days.is_some());
    let last_day = if has_days { 7 } else { FIRST_DAY };
    let hours = rules.iter().filter_map(|rule| rule.hours.as_ref());
    let times: BTreeSet<(i8, i8)> = hours.flat_map(borders).chain([(0, 0)]).collect();
    let day = |day| {
        times
            .iter()
            .map(move |(hour, minute)| (day, *hour, *minute))
    };
    let of_week = (FIRST_DAY..=last_day).flat_map(day);
    of_week
        .map(|(day, hour, minute)| date(2026, 6, day).at(hour, minute, 0, 0))
        .collect()
}

/// Where hours begin and end.
fn borders(hours: &Hours) -> Vec<(i8, i8)> {
    let minutes = minutes(hours);
    let of_day = (0_i8..24).flat_map(|hour| (0_i8..60).map(move |minute| (hour, minute)));
    let before = minutes.iter().skip(1).zip(&minutes);
    let changes = of_day
        .skip(1)
        .zip(before)
        .filter(|(_, (now, before))| now != before);
    changes.map(|(time, _)| time).collect()
}

/// The most names of rules that are tried.
const MOST_NAMES: usize = 16;

/// `usual` ones, and those that rules name.
fn with_named(
    usual: &[&str],
    policy: &Policy,
    list: impl Fn(&Rule) -> &Option<Patterns>,
) -> Vec<String> {
    let lists = policy.rules.iter().filter_map(|rule| list(rule).as_ref());
    let named = lists
        .flat_map(Patterns::entries)
        .filter_map(|entry| entry.name());
    let mut names: Vec<String> = usual.iter().map(|&name| name.to_owned()).collect();
    for name in named {
        if names.len() < MOST_NAMES && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}
