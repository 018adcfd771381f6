//! The number of users who have enrolled none, made from their name: where names are extensions, or whole numbers.
//!
//! The name is typed at login. It is copied unchanged and must be digits, or there is no number.

use std::str::FromStr;

use super::PhoneNumber;
use crate::names::UserName;

const PLACEHOLDER: &str = "{user}";

/// Such as `+4930901820{user}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberTemplate {
    /// The plus sign, and digits.
    before: String,
    /// Digits.
    after: String,
}

/// A text that makes no numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberTemplateError {
    /// All users would get their codes at one number.
    #[error("the name of the user is missing; expected {{user}} once, such as +4930901820{{user}}")]
    NoUser,
    /// Something that is no part of a number with its country code.
    #[error(
        "this does not make a telephone number; expected a plus sign and the country code, then digits and {{user}} once, \
         such as +4930901820{{user}}"
    )]
    Malformed,
}

impl NumberTemplate {
    /// The number of a user; `None` when the name makes none that could be enrolled.
    #[must_use]
    pub fn number(&self, user: &UserName) -> Option<PhoneNumber> {
        if !are_digits(user.as_str()) {
            return None;
        }
        let text = format!("{}{user}{}", self.before, self.after);
        let number = PhoneNumber::parse(&text, None).ok()?;
        (number.as_str() == text).then_some(number)
    }
}

impl FromStr for NumberTemplate {
    type Err = NumberTemplateError;

    fn from_str(text: &str) -> Result<Self, NumberTemplateError> {
        let (before, after) = text
            .split_once(PLACEHOLDER)
            .ok_or(NumberTemplateError::NoUser)?;
        let prefix = before.strip_prefix('+');
        match prefix.is_some_and(are_digits) && are_digits(after) {
            true => Ok(Self {
                before: before.to_owned(),
                after: after.to_owned(),
            }),
            false => Err(NumberTemplateError::Malformed),
        }
    }
}

/// Also of no digit at all.
fn are_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(template: &str, user: &str) -> Option<String> {
        let template: NumberTemplate = template.parse().unwrap();
        let number = template.number(&user.parse().unwrap())?;
        Some(number.as_str().to_owned())
    }

    #[test]
    fn a_name_of_digits_is_part_of_the_number_as_it_is() {
        for (template, user, expected) in [
            ("+4930901820{user}", "123", "+4930901820123"),
            ("+49{user}", "1701234567", "+491701234567"),
            ("+{user}", "491701234567", "+491701234567"),
        ] {
            assert_eq!(number(template, user).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_name_that_makes_no_number_that_could_be_enrolled_has_none() {
        for user in [
            "anna",
            "1",
            "01701234567",
            "9001234567",
            "1701234567x",
            "170 123",
        ] {
            assert_eq!(number("+49{user}", user), None, "{user}");
        }
    }

    #[test]
    fn a_template_that_is_no_number_is_refused() {
        use NumberTemplateError::{Malformed, NoUser};
        for (text, expected) in [
            ("", NoUser),
            ("+491701234567", NoUser),
            ("{user}", Malformed),
            ("0170{user}", Malformed),
            ("+49 170 {user}", Malformed),
            ("+49{user}{user}", Malformed),
            ("+49{user},+43123", Malformed),
        ] {
            assert_eq!(text.parse::<NumberTemplate>(), Err(expected), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_number_holds_exactly_the_name(user in "\\PC{1,20}|[0-9]{1,15}") {
            let template: NumberTemplate = "+49{user}".parse().unwrap();
            let Ok(user) = user.parse::<UserName>() else { return Ok(()) };
            if let Some(number) = template.number(&user) {
                prop_assert_eq!(number.as_str(), format!("+49{user}"));
            }
        }
    }
}
