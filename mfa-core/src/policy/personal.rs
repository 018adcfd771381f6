//! A user's own settings, in addition to the rules.
//!
//! They tighten or loosen what a login is *asked* for, and can refuse a login by its address. They
//! never change `deny` or `skip`: a break-glass rule must work despite forgotten settings, and a
//! closed door stays closed.
//!
//! Only an address from the service, or a terminal of this host, counts as the origin
//! ([`LoginOrigin`]). The name of a remote host never does, because the owner of its reverse zone
//! controls it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Ask, Enforcement, Networks, Unenrolled, remote_address, terminal_name};
use crate::factors::{Factor, FactorCombination};

/// The settings of one user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Personal {
    /// Whether they must have enrolled a factor.
    pub enforce: Enforcement,
    /// Factors that are always required.
    pub require: Vec<Factor>,
    /// Where they may log in from: every one of these must contain the address. Empty: from
    /// anywhere.
    pub allow_from: Vec<Networks>,
}

/// Where a login comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoginOrigin {
    /// From this address.
    Address(IpAddr),
    /// This host: one of its terminals, or a program such as `sudo`.
    Local,
    /// Another host, known by name only: sshd passes the name with `UseDNS yes`.
    Name,
    /// Unknown.
    Unknown,
}

/// Why a login is outside the user's networks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outside {
    /// The address is in none of these networks.
    Networks(Networks, IpAddr),
    /// The address is not known.
    Unknown,
}

impl Personal {
    /// Why a login from `origin` is refused, if it is. Logins from this host never are.
    #[must_use]
    pub fn outside(&self, origin: LoginOrigin) -> Option<Outside> {
        match origin {
            LoginOrigin::Local => None,
            LoginOrigin::Name | LoginOrigin::Unknown => {
                (!self.allow_from.is_empty()).then_some(Outside::Unknown)
            }
            LoginOrigin::Address(address) => self
                .allow_from
                .iter()
                .find(|networks| !networks.contain(address))
                .map(|networks| Outside::Networks(networks.clone(), address)),
        }
    }

    /// What this user is asked for if others are asked for `ask`.
    #[must_use]
    pub fn refine(&self, ask: &Arc<Ask>) -> Arc<Ask> {
        if self.require.is_empty() && self.enforce == Enforcement::Default {
            return Arc::clone(ask);
        }
        let mut own = Ask::clone(ask);
        own.combinations = ways_with(&ask.combinations, &self.require);
        if !self.require.is_empty() && self.enforce != Enforcement::Optional {
            must(&mut own);
        }
        match self.enforce {
            Enforcement::Required => must(&mut own),
            Enforcement::Optional => (own.unenrolled, own.grace) = (Unenrolled::Allow, None),
            Enforcement::Default => {}
        }
        Arc::new(own)
    }
}

/// Users without a factor are refused.
fn must(ask: &mut Ask) {
    ask.grace = None;
    if ask.unenrolled == Unenrolled::Allow {
        ask.unenrolled = Unenrolled::Deny;
    }
}

/// All of `ways`, each with the missing factors of `required`: requiring a PIN must not remove the
/// code. A way that only adds to an earlier one is left out.
fn ways_with(combinations: &[FactorCombination], required: &[Factor]) -> Vec<FactorCombination> {
    if required.is_empty() {
        return combinations.to_vec();
    }
    let mut stricter: Vec<FactorCombination> = Vec::with_capacity(combinations.len());
    for combination in combinations {
        let extended = required
            .iter()
            .fold(combination.clone(), |combination, factor| {
                combination.with(*factor)
            });
        if !stricter
            .iter()
            .any(|known| asks_for_all_of(&extended, known))
        {
            stricter.push(extended);
        }
    }
    stricter
}

fn asks_for_all_of(combination: &FactorCombination, other: &FactorCombination) -> bool {
    let holds = |factor| combination.factors().contains(factor);
    other.factors().iter().all(holds)
}

impl LoginOrigin {
    /// Where a login comes from, by its `PAM_SERVICE`, `PAM_RHOST` and `PAM_TTY`.
    ///
    /// `sudo` passes this host's name as the remote host (measured with sudo 1.9), so for sudo the
    /// name is ignored and the origin is this host. The same is true for `mfactl`.
    #[must_use]
    pub fn of(service: &str, rhost: Option<&str>, tty: Option<&str>) -> Self {
        if let Some(address) = rhost.and_then(remote_address) {
            return Self::Address(address);
        }
        let is_here = ["sudo", "sudo-i", "mfactl"]
            .iter()
            .any(|own| service.eq_ignore_ascii_case(own));
        let no_rhost = rhost.is_none_or(str::is_empty);
        if is_here || (no_rhost && tty.is_some_and(is_terminal)) {
            return Self::Local;
        }
        match no_rhost {
            true => Self::Unknown,
            false => Self::Name,
        }
    }
}

/// Whether this is a terminal of this host, or an X display (`:0`). Network services without a
/// terminal pass their own name (`ssh`).
fn is_terminal(tty: &str) -> bool {
    let name = terminal_name(tty);
    ["tty", "pts/", "hvc", "console", ":"]
        .iter()
        .any(|start| name.starts_with(start))
}

impl fmt::Display for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Networks(networks, address) => write!(f, "{address} is not in {networks}"),
            Self::Unknown => f.write_str("the remote address is not known"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn combinations(list: &[&str]) -> Vec<FactorCombination> {
        list.iter()
            .map(|combination| combination.parse().unwrap())
            .collect()
    }

    #[test]
    fn required_factors_are_added_to_all_ways() {
        use Factor::{Pin, Questions, Totp};
        for (list, required, expected) in [
            (&["totp", "pin"][..], &[][..], &["totp", "pin"][..]),
            (&["totp", "pin", "questions"], &[Totp], &["totp"]),
            (&["totp", "pin", "questions"], &[Pin], &["totp+pin", "pin"]),
            (&["pin", "totp+pin", "pin+totp"], &[Totp], &["pin+totp"]),
            (&["pin", "totp+pin"], &[], &["pin", "totp+pin"]),
            (&["totp+pin"], &[Questions], &["totp+pin+questions"]),
            (
                &["totp", "pin"],
                &[Questions],
                &["totp+questions", "pin+questions"],
            ),
            (&["totp", "pin"], &[Totp, Pin], &["totp+pin"]),
            (&["questions"], &[Pin, Pin], &["questions+pin"]),
        ] {
            assert_eq!(
                ways_with(&combinations(list), required),
                combinations(expected),
                "{list:?} {required:?}"
            );
        }
    }

    #[test]
    fn the_origin_of_a_login_is_an_address_this_host_a_name_or_unknown() {
        let address = |text: &str| LoginOrigin::Address(text.parse().unwrap());
        for (service, rhost, tty, origin) in [
            ("sshd", Some("192.0.2.7"), Some("ssh"), address("192.0.2.7")),
            ("sshd", Some("::ffff:192.0.2.7"), None, address("192.0.2.7")),
            ("sudo", Some("192.0.2.7"), None, address("192.0.2.7")),
            (
                "login",
                Some("192.0.2.7"),
                Some("tty1"),
                address("192.0.2.7"),
            ),
            ("sshd", Some("localhost"), Some("ssh"), LoginOrigin::Name),
            ("sshd", None, Some("ssh"), LoginOrigin::Unknown),
            ("sshd", Some(""), None, LoginOrigin::Unknown),
            ("login", Some(""), Some("tty1"), LoginOrigin::Local),
            ("login", None, Some("/dev/tty1"), LoginOrigin::Local),
            (
                "login",
                Some("gate.example.org"),
                Some("tty1"),
                LoginOrigin::Name,
            ),
            ("su", None, Some("/dev/pts/3"), LoginOrigin::Local),
            ("su", None, Some("pts"), LoginOrigin::Unknown),
            ("agetty", None, Some("hvc0"), LoginOrigin::Local),
            ("agetty", None, Some("console"), LoginOrigin::Local),
            ("gdm", None, Some(":0"), LoginOrigin::Local),
            ("su", None, Some(""), LoginOrigin::Unknown),
            ("su", None, Some("/dev/"), LoginOrigin::Unknown),
            ("sudo", Some("thishost"), Some("pts/3"), LoginOrigin::Local),
            ("SUDO", Some("thishost"), None, LoginOrigin::Local),
            ("sudo-i", None, None, LoginOrigin::Local),
            ("mfactl", None, None, LoginOrigin::Local),
            (
                "sudoedit",
                Some("thishost"),
                Some("pts/3"),
                LoginOrigin::Name,
            ),
        ] {
            assert_eq!(
                LoginOrigin::of(service, rhost, tty),
                origin,
                "{service} {rhost:?} {tty:?}"
            );
        }
    }

    #[test]
    fn a_word_for_enforcement_reads_back() {
        for enforce in Enforcement::ALL {
            assert_eq!(enforce.name().parse(), Ok(enforce));
        }
        let told = "must".parse::<Enforcement>().unwrap_err().to_string();
        assert!(told.contains("\"must\" is not known"), "{told}");
    }

    proptest! {
        #[test]
        fn a_name_of_a_host_never_counts_as_an_address_or_as_here(
            rhost in "[a-z]{1,10}(\\.[a-z]{1,5})?", tty in "[a-z:/0-9]{0,6}"
        ) {
            prop_assume!(remote_address(&rhost).is_none());
            prop_assert_eq!(LoginOrigin::of("sshd", Some(&rhost), Some(&tty)), LoginOrigin::Name);
        }

        #[test]
        fn any_texts_come_from_somewhere(service: String, rhost: Option<String>, tty: Option<String>) {
            let _ = LoginOrigin::of(&service, rhost.as_deref(), tty.as_deref());
            let _ = service.parse::<Enforcement>();
        }
    }
}
