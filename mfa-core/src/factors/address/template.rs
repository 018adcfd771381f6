//! The address of users who have enrolled none, made from their name.
//!
//! The name is typed at login, so it must not change the domain of the address: it is copied unchanged to before the
//! `@`, or there is no address. Names with characters that mail servers use for relaying (`%`, `!`) give no address
//! either: postfix reads `eve%example.com@example.org` as an address of example.com.

use std::str::FromStr;

use super::EmailAddress;
use crate::names::UserName;

const PLACEHOLDER: &str = "{user}";

/// What a name may hold besides letters and digits.
const SIGNS: &[u8] = b"._-+'";

/// Such as `{user}@example.org`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressTemplate {
    /// Before the name.
    before: String,
    /// After it: the rest of the local part.
    after: String,
    /// Without the `@`, in lower case.
    domain: String,
}

/// A text that makes no addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressTemplateError {
    /// All users would get their codes at one address.
    #[error(
        "the name of the user is missing; expected {{user}} once, before the @, such as {{user}}@example.org"
    )]
    NoUser,
    /// The domain is not for users to choose, and nothing but `{user}` is put in.
    #[error(
        "{{user}} is the only placeholder and must appear once, before the @; expected an address \
         such as {{user}}@example.org"
    )]
    Placeholder,
    /// Whatever the name.
    #[error(
        "this does not make an e-mail address; expected an address such as {{user}}@example.org"
    )]
    Malformed,
}

impl AddressTemplate {
    /// The address of a user; `None` when the name makes none.
    #[must_use]
    pub fn address(&self, user: &UserName) -> Option<EmailAddress> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || SIGNS.contains(&b);
        if !user.as_str().bytes().all(plain) {
            return None;
        }
        let text = format!("{}{user}{}@{}", self.before, self.after, self.domain);
        let address: EmailAddress = text.parse().ok()?;
        (address.as_str() == text).then_some(address)
    }
}

impl FromStr for AddressTemplate {
    type Err = AddressTemplateError;

    fn from_str(text: &str) -> Result<Self, AddressTemplateError> {
        let (before, rest) = text
            .split_once(PLACEHOLDER)
            .ok_or(AddressTemplateError::NoUser)?;
        let (after, domain) = rest.split_once('@').ok_or(match before.contains('@') {
            true => AddressTemplateError::Placeholder,
            false => AddressTemplateError::Malformed,
        })?;
        if [before, after, domain].join("").contains(['{', '}']) {
            return Err(AddressTemplateError::Placeholder);
        }
        let template = Self {
            before: before.to_owned(),
            after: after.to_owned(),
            domain: domain.to_ascii_lowercase(),
        };
        let anybody = "a".parse().ok();
        match anybody.and_then(|user| template.address(&user)) {
            Some(_) => Ok(template),
            None => Err(AddressTemplateError::Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn address(template: &str, user: &str) -> Option<String> {
        let template: AddressTemplate = template.parse().unwrap();
        let address = template.address(&user.parse().unwrap())?;
        Some(address.as_str().to_owned())
    }

    #[test]
    fn a_name_stands_before_the_domain_as_it_is() {
        for (template, user, expected) in [
            ("{user}@example.org", "anna", "anna@example.org"),
            ("{user}@EXAMPLE.org", "Anna.B", "Anna.B@example.org"),
            ("mfa+{user}@host", "anna", "mfa+anna@host"),
            ("{user}+mfa@example.org", "o'neil", "o'neil+mfa@example.org"),
        ] {
            assert_eq!(address(template, user).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_name_that_would_bend_the_address_makes_none() {
        let long = "a".repeat(65);
        for user in [
            "eve@example.com",
            "eve@example.com,anna",
            "eve%example.com",
            "example.com!eve",
            "|sh",
            "-oQ",
            "an na",
            "änna",
            ".anna",
            "an..na",
            "\"anna\"",
            "DOMAIN\\anna",
            "{user}",
            &long,
        ] {
            assert_eq!(address("{user}@example.org", user), None, "{user}");
        }
    }

    #[test]
    fn a_template_without_a_place_for_the_name_before_the_at_is_refused() {
        use AddressTemplateError::{Malformed, NoUser, Placeholder};
        for (text, expected) in [
            ("", NoUser),
            ("mfa@example.org", NoUser),
            ("{name}@example.org", NoUser),
            ("{user}", Malformed),
            ("{user}@", Malformed),
            ("{user}@exa mple.org", Malformed),
            ("{user}@example.org, eve@example.com", Malformed),
            ("-{user}@example.org", Malformed),
            (" {user}@example.org", Malformed),
            ("mfa@{user}", Placeholder),
            ("mfa@{user}.example.org", Placeholder),
            ("{user}.{user}@example.org", Placeholder),
            ("{user}@{host}", Placeholder),
            ("{{user}}@example.org", Placeholder),
        ] {
            assert_eq!(text.parse::<AddressTemplate>(), Err(expected), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn an_address_has_exactly_the_name_before_exactly_the_domain(
            user in "\\PC{1,40}|[a-z@.%!,<> \"\\\\+-]{1,20}|[a-z.]{1,70}",
        ) {
            let template: AddressTemplate = "{user}@example.org".parse().unwrap();
            let Ok(user) = user.parse::<UserName>() else { return Ok(()) };
            if let Some(address) = template.address(&user) {
                prop_assert_eq!(address.as_str(), format!("{user}@example.org"));
                prop_assert_eq!(address.as_str().matches('@').count(), 1);
            }
        }

        #[test]
        fn ordinary_names_have_an_address(user in "[a-z_][a-z0-9_-]{0,30}(\\.[a-z]{1,10})?") {
            let address = address("{user}@example.org", &user);
            prop_assert_eq!(address, Some(format!("{user}@example.org")));
        }

        #[test]
        fn any_text_is_a_template_or_refused(text in "\\PC{0,20}(\\{user\\})?\\PC{0,10}@?\\PC{0,20}") {
            if let Ok(template) = text.parse::<AddressTemplate>() {
                prop_assert!(template.address(&"anna".parse().unwrap()).is_some());
            }
        }
    }
}
