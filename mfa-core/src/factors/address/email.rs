//! An address that mail can be sent to.
//!
//! RFC 5321 as far as it is used: a local part and a domain of ASCII, no quoted local parts, no address
//! literals. A domain with other letters is written in its `xn--` form, so that two addresses that look
//! alike are not the same text.

use std::fmt;
use std::str::FromStr;

use email_address::EmailAddress as WellFormed;
use serde::{Deserialize, Serialize};

/// RFC 5321, 4.5.3.1.3, less the angle brackets.
const LONGEST: usize = 254;
/// RFC 5321, 4.5.3.1.1.
const LONGEST_LOCAL: usize = 64;

/// An address that mail can be sent to. Shown masked, except by [`Self::as_str`].
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress {
    whole: String,
    /// Where the `@` is.
    at: usize,
}

/// A text that is no address, or none that we send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Longer than RFC 5321 has it.
    #[error(
        "an e-mail address has at most {LONGEST} characters, {LONGEST_LOCAL} of them before the @"
    )]
    Long,
    /// Control characters, spaces, letters with accents.
    #[error(
        "an e-mail address has no spaces and only ASCII letters; type other domains in their xn-- \
         form"
    )]
    Characters,
    /// Anything else.
    #[error("this is not an e-mail address; expected an address such as name@example.org")]
    Malformed,
}

impl EmailAddress {
    /// The whole address. The caller is responsible for where it goes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.whole
    }

    /// The address for other eyes than its owner's: `a•••@example.org`.
    #[must_use]
    pub fn masked(&self) -> String {
        let user = self.user();
        let shown = if user.len() > 1 { &user[..1] } else { "" };
        format!("{shown}•••@{}", self.domain())
    }

    /// What is before the `@`.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.whole[..self.at]
    }

    /// What is behind the `@`.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.whole[self.at + 1..]
    }
}

impl FromStr for EmailAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        if text.len() > LONGEST {
            return Err(AddressError::Long);
        }
        // Quotation marks would allow spaces, brackets an address literal.
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(AddressError::Characters);
        }
        if text.contains(['"', '\\', '[', ']', '<', '>', '(', ')', ',', ';', ':']) {
            return Err(AddressError::Malformed);
        }
        let (user, domain) = text.rsplit_once('@').ok_or(AddressError::Malformed)?;
        if user.len() > LONGEST_LOCAL {
            return Err(AddressError::Long);
        }
        // A local part that begins with a dash could be taken for an option.
        if user.starts_with('-') || domain.starts_with('-') {
            return Err(AddressError::Malformed);
        }
        let domain = domain.to_ascii_lowercase();
        if !WellFormed::is_valid_local_part(user) || !WellFormed::is_valid_domain(&domain) {
            return Err(AddressError::Malformed);
        }
        Ok(Self {
            whole: format!("{user}@{domain}"),
            at: user.len(),
        })
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.whole
    }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmailAddress({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(text: &str) -> EmailAddress {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_shown_by_its_first_letter_and_its_domain() {
        assert_eq!(address("anna@example.org").masked(), "a•••@example.org");
        assert_eq!(address("a@example.org").masked(), "•••@example.org");
        assert_eq!(
            format!("{:?}", address("anna@example.org")),
            "EmailAddress(a•••@example.org)"
        );
    }

    #[test]
    fn domains_are_the_same_in_capitals_and_names_before_them_need_not_be() {
        assert_eq!(address(" anna@EXAMPLE.org "), address("anna@example.org"));
        assert_ne!(address("Anna@example.org"), address("anna@example.org"));
        assert_eq!(address("anna+mfa@host").as_str(), "anna+mfa@host");
    }

    #[test]
    fn what_could_be_read_as_something_else_is_refused() {
        for text in [
            "",
            "anna",
            "@example.org",
            "anna@",
            "a@b@c",
            "-oQ/x@example.org",
            "anna@-x",
            "\"an na\"@example.org",
            "anna@[127.0.0.1]",
            "anna@example.org>",
            "anna@example.org,eve@example.com",
            "anna@example.org\r\nBcc: eve@example.com",
            "anna@exämple.org",
            "anna@example.org\0",
        ] {
            assert!(text.parse::<EmailAddress>().is_err(), "{text:?}");
        }
        let local = format!("{}@example.org", "a".repeat(65));
        assert_eq!(local.parse::<EmailAddress>(), Err(AddressError::Long));
        let long = format!("a@{}", "a.".repeat(127));
        assert_eq!(long.parse::<EmailAddress>(), Err(AddressError::Long));
    }

    proptest! {
        #[test]
        fn an_address_holds_nothing_that_ends_a_line_or_an_argument(text in "\\PC{0,40}|[a-z@.\r\n \"<>-]{0,30}") {
            if let Ok(address) = text.parse::<EmailAddress>() {
                prop_assert!(address.as_str().bytes().all(|b| b.is_ascii_graphic()));
                prop_assert!(!address.as_str().starts_with('-'));
                prop_assert_eq!(address.as_str().parse::<EmailAddress>(), Ok(address.clone()));
                let text = serde_json::to_string(&address).unwrap();
                prop_assert_eq!(serde_json::from_str::<EmailAddress>(&text).unwrap(), address);
            }
        }

        #[test]
        fn ordinary_addresses_are_taken(user in "[a-z0-9_][a-z0-9._+-]{0,20}[a-z0-9]", domain in "[a-z]{1,10}(\\.[a-z]{2,5}){0,2}") {
            prop_assume!(!user.contains(".."));
            let text = format!("{user}@{domain}");
            let address = text.parse::<EmailAddress>().unwrap();
            prop_assert_eq!(address.as_str(), text);
            let masked = address.masked();
            let (local, _) = masked.split_once('@').unwrap();
            prop_assert!(!local.contains(&user));
        }
    }
}
