//! The arguments of the commands about addresses that codes are sent to, and of `mfactl enroll radius`.
//!
//! The agent decides which addresses are valid. What can't be an address is refused here: a word is missing, or two
//! are in the wrong order.

use mfa_protocol::factor::{Authenticator, Channel};

use super::name;
use super::word::{one_of, word};

pub(super) const EMAIL: &str = "\
Example: mfactl enroll email anna@example.org
As an administrator, for a user: mfactl enroll email alice anna@example.org
mfactl sends a code to the address and asks you for it before it stores the
address. For administrators it stores the address at once, and the user's next
login confirms it; --confirm asks for the code here. If standard input is not
a terminal, mfactl reads the code from its next line.";

pub(super) const SMS: &str = "\
Example: mfactl enroll sms +491701234567
As an administrator, for a user: mfactl enroll sms alice +491701234567
mfactl sends a code to the number and asks you for it before it stores the
number. For administrators it stores the number at once, and the user's next
login confirms it; --confirm asks for the code here. If standard input is not
a terminal, mfactl reads the code from its next line.";

pub(super) const RADIUS: &str = "\
Example: mfactl enroll radius alice --server vip --as asmith
NAME is a [[radius]] server of agent.toml. It replaces the server that the user
had before.";

pub(super) const PRIMARY: &str = "\
Example: mfactl primary email alice anna@example.org
Codes go to the primary address first. You can write the address as mfactl
status shows it.";

pub(super) const ENABLE: &str = "\
Examples:
  mfactl enable sms alice +491701234567
  mfactl enable totp alice --label phone
  mfactl enable key alice --label yubikey
  mfactl enable radius alice
You can write an address as mfactl status shows it.";

pub(super) const DISABLE: &str = "\
Examples:
  mfactl disable sms alice +491701234567
  mfactl disable totp alice --label phone
  mfactl disable key alice --label yubikey
  mfactl disable radius alice
It stays stored. Until mfactl enable, no code goes to the address, no code of
the device is accepted, the key does not count, and the RADIUS server is not
asked. You can write an address as mfactl status shows it.";

pub(super) const TEST_DELIVERY: &str = "\
Example: mfactl test-delivery email anna@example.org
The message has no code. Exit status: 0 accepted for delivery, 1 not accepted,
with the reason.";

const EXPECTED: &str = "expected an address such as anna@example.org or +491701234567. Order: \
                        [USER] ADDRESS; options can go anywhere";

/// An address to enrol.
#[derive(Debug, Default, clap::Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct EnrollAddress {
    /// The user (default: yourself)
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// The address for codes
    #[arg(value_name = "ADDRESS", value_parser = address, required = true)]
    pub(crate) address: String,
    /// Ask for the code even as an administrator
    #[arg(long)]
    pub(crate) confirm: bool,
}

/// An account at a RADIUS server.
#[derive(Debug, clap::Args)]
pub(crate) struct EnrollRadius {
    /// The user
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: String,
    /// The server's name in agent.toml
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub(crate) server: String,
    /// The user's name on the server (default: USER)
    #[arg(long = "as", value_name = "REMOTE", value_parser = name)]
    pub(crate) remote: Option<String>,
}

/// An address of a user.
#[derive(Debug, clap::Args)]
#[command(allow_missing_positional = true)]
pub(crate) struct NamedAddress {
    /// The kind of address
    #[arg(value_name = "FACTOR", value_parser = word::<Channel>())]
    pub(crate) factor: Channel,
    /// The user (default: yourself)
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// The address or number
    #[arg(value_name = "ADDRESS", value_parser = address, required = true)]
    pub(crate) address: String,
}

/// What can be disabled.
const SWITCHED: [&str; 6] = ["email", "sms", "totp", "hotp", "key", "radius"];

/// An address, a device, a security key or a RADIUS account to enable or disable.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "mfactl enable|disable [OPTIONS] <FACTOR> [USER] [ADDRESS|--label LABEL]"
)]
pub(crate) struct Switched {
    /// The factor
    #[arg(value_name = "FACTOR", ignore_case = true, value_parser = one_of::<Authenticator>(&SWITCHED))]
    pub(crate) factor: Authenticator,
    /// The user (default: yourself)
    #[arg(value_name = "USER", value_parser = name)]
    pub(crate) user: Option<String>,
    /// For email and sms: the address or number
    #[arg(value_name = "ADDRESS", value_parser = name)]
    address: Option<String>,
    /// For totp, hotp and key: its name, or the fingerprint of a key; not needed if the user has one of the kind
    #[arg(long, value_parser = name)]
    label: Option<String>,
}

/// What is enabled or disabled, and whose it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// An address.
    Address(Option<String>, Channel, String),
    /// A device, a security key, or an account at a RADIUS server.
    Factor(Option<String>, Authenticator, Option<String>),
}

impl Switched {
    /// The user that is named, if one is.
    pub(crate) fn named_user(&self) -> Option<&str> {
        let is_address = self.factor.channel().is_some() && self.address.is_none();
        self.user.as_deref().filter(|_| !is_address)
    }

    /// The words by their meaning, or what is wrong with them.
    pub(crate) fn target(self) -> Result<Target, String> {
        let Self {
            factor,
            user,
            address: last,
            label,
        } = self;
        let Some(channel) = factor.channel() else {
            if let Some(extra) = last {
                return Err(format!(
                    "{extra:?} is one word too many; expected {factor} [USER], and for a device or key --label LABEL"
                ));
            }
            let has_labels = factor.device_kind().is_some() || factor == Authenticator::Key;
            if label.is_some() && !has_labels {
                return Err(format!("{factor} has no labels; leave out --label"));
            }
            return Ok(Target::Factor(user, factor, label));
        };
        if label.is_some() {
            return Err(format!("{factor} has no labels; {EXPECTED}"));
        }
        // A single word is the address.
        let (user, last) = match (user, last) {
            (only, None) => (None, only),
            both => both,
        };
        let last = last.ok_or_else(|| EXPECTED.to_owned())?;
        Ok(Target::Address(user, channel, address(&last)?))
    }
}

/// Where to send a test message.
#[derive(Debug, clap::Args)]
pub(crate) struct TestDelivery {
    /// How to send it
    #[arg(value_name = "CHANNEL", value_parser = word::<Channel>())]
    pub(crate) channel: Channel,
    /// The address or number
    #[arg(value_name = "ADDRESS", value_parser = address)]
    pub(crate) address: String,
}

/// What may be an e-mail address or a telephone number, whole or masked.
pub(crate) fn address(text: &str) -> Result<String, String> {
    let text = name(text)?;
    let is_number =
        || text.chars().any(|c| c.is_ascii_digit()) && !text.chars().any(char::is_alphabetic);
    if text.contains('@') || is_number() {
        return Ok(text);
    }
    Err(EXPECTED.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use proptest::prelude::*;

    use super::*;
    use crate::args::{Args, Command, Enroll};

    fn enrolled(line: &str) -> (Option<String>, String, bool) {
        let args = Args::try_parse_from(line.split(' ')).unwrap();
        match args.command {
            Some(Command::Enroll(what)) => match what.factor {
                Some(Enroll::Email(args) | Enroll::Sms(args)) => {
                    (args.user, args.address, args.confirm)
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    fn error(line: &str) -> String {
        let parsed = Args::try_parse_from(line.split(' '));
        parsed.map_or_else(|error| error.to_string(), |args| format!("taken: {args:?}"))
    }

    #[test]
    fn one_value_is_the_address_and_two_are_user_and_address() {
        let own = (None, "a@b.example".to_owned(), false);
        assert_eq!(enrolled("mfactl enroll email a@b.example"), own);
        let alice = |confirm| (Some("alice".to_owned()), "+4917".to_owned(), confirm);
        assert_eq!(enrolled("mfactl enroll sms alice +4917"), alice(false));
        for line in [
            "mfactl enroll sms --confirm alice +4917",
            "mfactl enroll sms alice +4917 --confirm",
        ] {
            assert_eq!(enrolled(line), alice(true), "{line}");
        }
    }

    #[test]
    fn an_address_left_out_or_in_the_wrong_place_is_named() {
        for line in [
            "mfactl enroll email alice",
            "mfactl enroll email a@b.example alice",
            "mfactl enroll email alice --confirm a@b.example",
            "mfactl primary email alice",
            "mfactl test-delivery email alice",
        ] {
            let error = error(line);
            assert!(error.contains("Order: [USER] ADDRESS"), "{line}: {error}");
        }
        assert!(error("mfactl enroll sms").contains("required"));
        assert!(error("mfactl primary totp alice x@y").contains("email, sms"));
        assert!(error("mfactl enroll radius alice").contains("--server"));
        let strange = address("a@b\u{1b}").unwrap_err();
        assert!(strange.contains("control character"), "{strange}");
    }

    #[test]
    fn an_address_a_device_or_a_radius_account_is_disabled() {
        let target = |line: &str| {
            let args = Args::try_parse_from(line.split(' ')).map_err(|error| error.to_string());
            match args?.command {
                Some(Command::Disable(switched)) => switched.target(),
                other => panic!("{other:?}"),
            }
        };
        let alice = Some("alice".to_owned());
        let phone = Some("phone".to_owned());
        let number = "+4917".to_owned();
        for (line, expected) in [
            (
                "mfactl disable sms +4917",
                Target::Address(None, Channel::Sms, number.clone()),
            ),
            (
                "mfactl disable SMS alice +4917",
                Target::Address(alice.clone(), Channel::Sms, number),
            ),
            (
                "mfactl disable hotp alice --label phone",
                Target::Factor(alice.clone(), Authenticator::Hotp, phone),
            ),
            (
                "mfactl disable key alice --label SHA256:AbC",
                Target::Factor(
                    alice.clone(),
                    Authenticator::Key,
                    Some("SHA256:AbC".to_owned()),
                ),
            ),
            (
                "mfactl disable radius alice",
                Target::Factor(alice, Authenticator::Radius, None),
            ),
        ] {
            assert_eq!(target(line), Ok(expected), "{line}");
        }
        for (line, words) in [
            ("mfactl disable sms alice", "Order: [USER] ADDRESS"),
            ("mfactl disable sms", "Order: [USER] ADDRESS"),
            ("mfactl disable totp alice phone", "--label LABEL"),
            ("mfactl disable radius alice --label vip", "no labels"),
            (
                "mfactl disable pin alice",
                "email, sms, totp, hotp, key, radius",
            ),
        ] {
            let error = target(line).unwrap_err();
            assert!(error.contains(words), "{line}: {error}");
        }
    }

    #[test]
    fn an_address_may_be_named_as_it_is_shown() {
        for shown in ["a•••@example.org", "+49•••••42", "0170 / 123-45 67"] {
            assert_eq!(address(shown), Ok(shown.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn a_name_of_letters_and_digits_is_no_address(name in "[a-z_][a-z0-9_.-]{0,30}") {
            prop_assume!(name.chars().any(char::is_alphabetic));
            prop_assert!(address(&name).is_err());
        }

        #[test]
        fn whatever_is_taken_is_taken_as_it_is(text in "\\PC{0,40}") {
            prop_assert!(address(&text).is_ok_and(|taken| taken == text) || address(&text).is_err());
        }
    }
}
