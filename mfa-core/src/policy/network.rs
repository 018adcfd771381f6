//! Networks in a rule, and the address that a login comes from.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::{IpNet, Ipv4Net, PrefixLenError};
use serde::{Deserialize, Serialize};

/// The address of a remote host, from `PAM_RHOST`: an IPv4 or IPv6 address, without its zone. An
/// IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) becomes the IPv4 address. A name gives `None`: the
/// owner of the reverse zone controls it, so nothing may be decided by it.
#[must_use]
pub fn remote_address(rhost: &str) -> Option<IpAddr> {
    if let Ok(address) = rhost.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    let (address, zone) = rhost.split_once('%')?;
    if zone.is_empty() {
        return None;
    }
    address
        .parse::<Ipv6Addr>()
        .ok()
        .map(|address| IpAddr::V6(address).to_canonical())
}

/// The networks of a rule. They never match an unknown address: `0.0.0.0/0` is every known IPv4
/// address, `::/0` every known IPv6 address. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Networks(Vec<Network>);

impl Networks {
    /// A list; `None` when it is empty, because it could never match.
    #[must_use]
    pub fn new(networks: Vec<Network>) -> Option<Self> {
        (!networks.is_empty()).then_some(Self(networks))
    }

    /// The networks.
    #[must_use]
    pub fn entries(&self) -> &[Network] {
        &self.0
    }

    /// Whether one of them contains `address`.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.0.contains(&address))
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, network) in self.0.iter().enumerate() {
            write!(f, "{}{network}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// A network without bits beyond its mask; IPv4-mapped ones become IPv4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

impl TryFrom<String> for Network {
    type Error = NetworkError;

    fn try_from(text: String) -> Result<Self, NetworkError> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

impl Network {
    /// The network.
    #[must_use]
    pub fn net(&self) -> IpNet {
        self.0
    }
}

/// Why a text is not a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Not an address.
    #[error(
        "{0:?} is not an address; expected an address such as \"192.0.2.7\" or a network such as \
         \"192.0.2.0/24\" or \"2001:db8::/32\" (host names can't be trusted here)"
    )]
    Unknown(String),
    /// Bits beyond the mask: it may mean a network or one address.
    #[error(
        "{0:?} has bits beyond its mask; expected \"{1}\" for the network or \"{2}\" for the \
         address"
    )]
    Bits(String, IpNet, IpAddr),
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let unknown = || NetworkError::Unknown(text.to_owned());
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self(address.to_canonical().into()));
        }
        let net: IpNet = text.parse().map_err(|_| unknown())?;
        if net.trunc() != net {
            return Err(NetworkError::Bits(text.to_owned(), net.trunc(), net.addr()));
        }
        unmapped(net).map(Self).map_err(|_| unknown())
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            return self.0.addr().fmt(f);
        }
        self.0.fmt(f)
    }
}

/// `::ffff:192.0.2.0/120` is `192.0.2.0/24`.
fn unmapped(net: IpNet) -> Result<IpNet, PrefixLenError> {
    const MAPPED: u8 = 96;
    let IpNet::V6(six) = net else { return Ok(net) };
    let (Some(four), true) = (six.addr().to_ipv4_mapped(), six.prefix_len() >= MAPPED) else {
        return Ok(net);
    };
    Ok(Ipv4Net::new(four, six.prefix_len() - MAPPED)?.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn networks(list: &[&str]) -> Networks {
        Networks::new(list.iter().map(|text| text.parse().unwrap()).collect()).unwrap()
    }

    #[test]
    fn an_address_is_in_a_network_in_every_notation() {
        for (list, rhost, inside) in [
            (&["192.0.2.0/24"][..], "192.0.2.7", true),
            (&["192.0.2.0/24"], "::ffff:192.0.2.7", true),
            (&["192.0.2.0/24"], "198.51.100.7", false),
            (&["192.0.2.7"], "192.0.2.7", true),
            (&["192.0.2.7"], "192.0.2.8", false),
            (&["::ffff:192.0.2.0/120"], "192.0.2.7", true),
            (&["::ffff:192.0.2.7"], "192.0.2.7", true),
            (&["0.0.0.0/0"], "192.0.2.7", true),
            (&["0.0.0.0/0"], "2001:db8::1", false),
            (&["::/0"], "2001:db8::1", true),
            (&["::/0"], "192.0.2.7", false),
            (&["::/0"], "::ffff:192.0.2.7", false),
            (&["fe80::/10"], "fe80::1%eth0", true),
            (&["10.0.0.0/8", "2001:db8::/32"], "2001:db8::1", true),
        ] {
            let address = remote_address(rhost).unwrap();
            assert_eq!(networks(list).contain(address), inside, "{list:?} {rhost}");
        }
    }

    #[test]
    fn a_host_name_is_not_an_address_however_much_it_looks_like_one() {
        for rhost in [
            "",
            "localhost",
            "192.0.2.7.example.org",
            "192.0.2.7 ",
            "192.0.2",
            "0x7f.1",
            "[::1]",
            "fe80::1%",
            "192.0.2.7%eth0",
            "1",
        ] {
            assert_eq!(remote_address(rhost), None, "{rhost:?}");
        }
    }

    #[test]
    fn a_text_that_is_not_a_network_is_refused_with_what_was_expected() {
        for (text, message) in [
            ("office", "host names"),
            ("192.0.2.0/33", "192.0.2.0/24"),
            ("", "is not an address"),
            (
                "192.0.2.7/24",
                "expected \"192.0.2.0/24\" for the network or \"192.0.2.7\"",
            ),
            ("2001:db8::1/32", "expected \"2001:db8::/32\""),
        ] {
            let error = text.parse::<Network>().unwrap_err().to_string();
            assert!(error.contains(message), "{text:?}: {error}");
        }
    }

    proptest! {
        #[test]
        fn a_network_reads_back_as_it_is_shown(bytes: [u8; 16], prefix in 0_u8..=128, four: bool) {
            let net = if four {
                let [a, b, c, d, ..] = bytes;
                IpNet::new([a, b, c, d].into(), prefix % 33)
            } else {
                IpNet::new(bytes.into(), prefix)
            };
            let network: Network = net.unwrap().trunc().to_string().parse().unwrap();
            prop_assert_eq!(network.to_string().parse::<Network>().unwrap(), network);
        }

        #[test]
        fn any_text_is_refused_or_taken(text in "[0-9a-f:./%]{0,40}|.{0,20}") {
            let _ = text.parse::<Network>();
            let _ = remote_address(&text);
        }
    }
}
