//! The networks that a user has logged in from, so that a login from another one can be told to the user.
//!
//! A network is the first half of an address or so: providers give their customers another address from time to time.
//! The record keeps keyed hashes only, bound to the user: it tells nobody where the user was.

use std::net::IpAddr;

use ipnet::IpNet;

use super::Account;
use crate::factors::recovery::{CodeDigest, Pepper};

/// The most networks of a user; the one that was not used for the longest time is forgotten first.
pub(super) const MAX_KNOWN: usize = 12;

/// The bits of an address that name its network.
const V4_BITS: u8 = 24;
const V6_BITS: u8 = 48;

impl Account {
    /// Remembers that the user has logged in from the network of `address`.
    pub fn note_network(&mut self, user: &str, address: IpAddr, pepper: &Pepper) {
        let network = digest(user, address, pepper);
        self.networks.retain(|known| *known != network);
        self.networks.insert(0, network);
        self.networks.truncate(MAX_KNOWN);
    }

    /// Whether the last login came from a network that `before` does not have. The first network ever is not new: there
    /// is nothing to compare it with.
    pub(super) fn is_from_new_network(&self, before: &Self) -> bool {
        let last = self.networks.first();
        !before.networks.is_empty() && last.is_some_and(|last| !before.networks.contains(last))
    }
}

fn digest(user: &str, address: IpAddr, pepper: &Pepper) -> CodeDigest {
    let address = address.to_canonical();
    let bits = if address.is_ipv4() { V4_BITS } else { V6_BITS };
    let network = IpNet::new(address, bits).map_or_else(|_| address.into(), |net| net.trunc());
    // A code has no slash, so no code has the same hash.
    pepper.digest(&format!("network/{user}/{network}"))
}

#[cfg(test)]
mod tests {
    use super::super::samples::pepper;
    use super::*;

    /// Whether a login from `address` is from a new network; it is remembered.
    fn is_new(account: &mut Account, address: &str) -> bool {
        let before = account.clone();
        account.note_network("anna", address.parse().unwrap(), &pepper());
        account.is_from_new_network(&before)
    }

    #[test]
    fn the_first_network_is_not_new_and_others_are_once() {
        let mut account = Account::default();
        for (address, expected) in [
            ("192.0.2.7", false),
            ("192.0.2.200", false),
            ("::ffff:192.0.2.9", false),
            ("198.51.100.1", true),
            ("198.51.100.2", false),
            ("192.0.2.7", false),
            ("2001:db8:1:2::1", true),
            ("2001:db8:1:ffff::1", false),
            ("2001:db8:2::1", true),
        ] {
            assert_eq!(is_new(&mut account, address), expected, "{address}");
        }
    }

    #[test]
    fn the_network_that_was_unused_for_the_longest_time_is_forgotten() {
        let mut account = Account::default();
        for number in 0..MAX_KNOWN {
            is_new(&mut account, &format!("10.0.{number}.1"));
        }
        assert!(!is_new(&mut account, "10.0.0.1"));
        assert!(is_new(&mut account, "10.1.0.1"));
        assert_eq!(account.networks.len(), MAX_KNOWN);
        assert!(!is_new(&mut account, "10.0.0.1"));
        assert!(is_new(&mut account, "10.0.1.1"));
    }

    #[test]
    fn two_users_of_a_network_have_different_hashes() {
        let [mut anna, mut bob] = [Account::default(), Account::default()];
        let address = "192.0.2.7".parse().unwrap();
        anna.note_network("anna", address, &pepper());
        bob.note_network("bob", address, &pepper());
        assert_ne!(anna.networks, bob.networks);
    }
}
