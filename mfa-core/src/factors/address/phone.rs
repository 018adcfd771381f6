//! A number that text messages can be sent to, in E.164.
//!
//! A typed number is read with the numbering plans of all countries (the crate bundles Google's metadata), once, when
//! it is enrolled: impossible numbers and premium rate numbers are refused. A stored number is only checked for its
//! form: plans change, and a record must stay readable when they do.

use std::fmt;
use std::str::FromStr;

use phonenumber::metadata::DATABASE;
use phonenumber::{Mode, Type, country};
use serde::{Deserialize, Serialize};

/// Characters of a number as people type it, spaces and brackets included.
pub const LONGEST_NUMBER: usize = 40;
/// ITU-T E.164, 6.1: digits, the plus sign not counted. The shortest in use have seven.
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// A number in E.164, such as `+491701234542`. Shown masked, except by [`Self::as_str`].
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneNumber(String);

/// The country whose numbers may be typed without its code: two letters of ISO 3166.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region(country::Id);

/// A text that is not a telephone number, or a number that the agent does not send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Letters, control characters, or too many of anything.
    #[error(
        "a telephone number can contain only digits, spaces and + - ( ) . / and at most {LONGEST_NUMBER} characters"
    )]
    Characters,
    /// A number without a country code, and no region to take it from.
    #[error("type the telephone number with its country code, such as +49 170 1234567")]
    NoCountry,
    /// No numbering plan has it.
    #[error(
        "this is not a valid telephone number; type it with its country code, such as +49 170 1234567"
    )]
    NoSuchNumber,
    /// Premium rate, shared cost and the like.
    #[error("this kind of number can't receive text messages; type the number of a mobile phone")]
    Kind,
    /// A stored number that is not in E.164.
    #[error("a stored telephone number is not in the form +491701234567; enrol it again")]
    Form,
    /// No such region.
    #[error("unknown region; expected the two letters of a country, such as DE or GB")]
    Region,
}

impl PhoneNumber {
    /// Reads a number as people type it: with its country code after `+`, or as in `region`.
    ///
    /// # Errors
    ///
    /// [`NumberError`], with what to type instead.
    pub fn parse(text: &str, region: Option<Region>) -> Result<Self, NumberError> {
        let text = text.trim();
        let known = |b: u8| b.is_ascii_digit() || b" +-().".contains(&b) || b == b'/';
        if text.len() > LONGEST_NUMBER || !text.bytes().all(known) {
            return Err(NumberError::Characters);
        }
        if region.is_none() && !text.starts_with('+') {
            return Err(NumberError::NoCountry);
        }
        let number = phonenumber::parse(region.map(|region| region.0), text)
            .map_err(|_| NumberError::NoSuchNumber)?;
        if !number.is_valid() {
            return Err(NumberError::NoSuchNumber);
        }
        if !can_receive(number.number_type(&DATABASE)) {
            return Err(NumberError::Kind);
        }
        let text = number.format().mode(Mode::E164).to_string();
        // Some digits that are dialled at home make another number, or none, behind the country code.
        match phonenumber::parse(None, &text) {
            Ok(read) if read.is_valid() && read.format().mode(Mode::E164).to_string() == text => {
                Self::try_from(text).map_err(|_| NumberError::NoSuchNumber)
            }
            _ => Err(NumberError::NoSuchNumber),
        }
    }

    /// The whole number, a plus sign and digits. The caller is responsible for where it goes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digits alone.
    pub fn digits(&self) -> &str {
        &self.0[1..]
    }

    /// The number for other eyes than its owner's: `+49•••••42`, however long it is.
    #[must_use]
    pub fn masked(&self) -> String {
        let country = country_code_length(self.digits());
        let last = self.0.len() - 2;
        format!("+{}•••••{}", &self.digits()[..country], &self.0[last..])
    }
}

/// Whether text messages reach numbers of this type, as far as a plan tells, and cost what they usually
/// do. Many networks read them out to fixed lines. The crate does not know the type of numbers that begin
/// with a zero, such as Italian fixed lines; they are valid all the same.
fn can_receive(kind: Type) -> bool {
    matches!(
        kind,
        Type::Mobile
            | Type::FixedLineOrMobile
            | Type::FixedLine
            | Type::Voip
            | Type::PersonalNumber
            | Type::Unknown
    )
}

/// Country codes have one to three digits; the first two tell how many (ITU-T E.164, assigned codes).
fn country_code_length(digits: &str) -> usize {
    let mut digits = digits.bytes();
    match (digits.next(), digits.next()) {
        (Some(b'1' | b'7'), _) => 1,
        (Some(b'2'), Some(b'0' | b'7')) => 2,
        (Some(b'3'), Some(b'0'..=b'4' | b'6' | b'9')) => 2,
        (Some(b'4'), Some(b'2')) => 3,
        (Some(b'4'), _) => 2,
        (Some(b'5'), Some(b'1'..=b'8')) => 2,
        (Some(b'6'), Some(b'0'..=b'6')) => 2,
        (Some(b'8'), Some(b'1' | b'2' | b'4' | b'6')) => 2,
        (Some(b'9'), Some(b'0'..=b'5' | b'8')) => 2,
        _ => 3,
    }
}

impl TryFrom<String> for PhoneNumber {
    type Error = NumberError;

    /// Takes E.164 only, and does not ask the numbering plans.
    fn try_from(text: String) -> Result<Self, NumberError> {
        let digits = text.strip_prefix('+').ok_or(NumberError::Form)?;
        let are_digits = digits.bytes().all(|b| b.is_ascii_digit());
        if !are_digits || !DIGITS.contains(&digits.len()) || digits.starts_with('0') {
            return Err(NumberError::Form);
        }
        Ok(Self(text))
    }
}

impl From<PhoneNumber> for String {
    fn from(number: PhoneNumber) -> Self {
        number.0
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({})", self.masked())
    }
}

impl FromStr for Region {
    type Err = NumberError;

    fn from_str(text: &str) -> Result<Self, NumberError> {
        let id: country::Id = text
            .to_ascii_uppercase()
            .parse()
            .map_err(|_| NumberError::Region)?;
        Ok(Self(id))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn german(text: &str) -> Result<PhoneNumber, NumberError> {
        PhoneNumber::parse(text, Some("de".parse().unwrap()))
    }

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        for text in [
            "0170 1234567",
            "+49 170 1234567",
            "(0170) 123-45/67",
            "0049 170 1234567",
            "+49 (0)170 1234567",
        ] {
            assert_eq!(german(text).unwrap().as_str(), "+491701234567", "{text}");
        }
        let without = PhoneNumber::parse("+44 7400 123456", None).unwrap();
        assert_eq!(without.as_str(), "+447400123456");
        // Leading zeros that belong to the number stay.
        let italian = PhoneNumber::parse("+39 06 698 12345", None).unwrap();
        assert_eq!(italian.as_str(), "+390669812345");
    }

    #[test]
    fn a_number_is_shown_by_its_country_and_its_last_two_digits() {
        assert_eq!(german("0170 1234542").unwrap().masked(), "+49•••••42");
        for (number, masked) in [
            ("+12015550123", "+1•••••23"),
            ("+3545812345", "+354•••••45"),
            ("+420601123456", "+420•••••56"),
            ("+79161234567", "+7•••••67"),
        ] {
            let number = PhoneNumber::try_from(number.to_owned()).unwrap();
            assert_eq!(number.masked(), masked);
            assert_eq!(format!("{number:?}"), format!("PhoneNumber({masked})"));
        }
    }

    #[test]
    fn numbers_that_nobody_has_or_that_cost_a_premium_are_refused() {
        assert_eq!(german("0900 1234567"), Err(NumberError::Kind));
        assert_eq!(german("0800 1234567"), Err(NumberError::Kind));
        assert_eq!(german("110"), Err(NumberError::NoSuchNumber));
        assert_eq!(german("+49 1"), Err(NumberError::NoSuchNumber));
        assert_eq!(german(""), Err(NumberError::NoSuchNumber));
        assert_eq!(german("0170 CALLME"), Err(NumberError::Characters));
        assert_eq!(german("0170\r\n1234567"), Err(NumberError::Characters));
        assert_eq!(
            PhoneNumber::parse("0170 1234567", None),
            Err(NumberError::NoCountry)
        );
        assert_eq!("xx".parse::<Region>(), Err(NumberError::Region));
    }

    #[test]
    fn a_stored_number_is_read_without_asking_the_plans() {
        let read = |text: &str| serde_json::from_str::<PhoneNumber>(text);
        assert_eq!(read("\"+49999999999\"").unwrap().as_str(), "+49999999999");
        for text in [
            "\"49170123456\"",
            "\"+49 170 1234567\"",
            "\"+0170123456\"",
            "\"+123456\"",
            "\"+1234567890123456\"",
            "\"+\"",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_typed_ends_in_a_number_or_a_refusal(text in "[0-9 +().*/-]{0,40}|\\PC{0,30}|\\+[0-9]{5,16}", region in prop::sample::select(vec![None, Some("DE"), Some("US"), Some("BR"), Some("AR")])) {
            let region = region.map(|r| r.parse().unwrap());
            if let Ok(number) = PhoneNumber::parse(&text, region) {
                prop_assert!(number.as_str().starts_with('+'));
                prop_assert!(DIGITS.contains(&number.digits().len()));
                let again = PhoneNumber::parse(number.as_str(), None);
                prop_assert_eq!(again, Ok(number.clone()));
                let text = serde_json::to_string(&number).unwrap();
                prop_assert_eq!(serde_json::from_str::<PhoneNumber>(&text).unwrap(), number);
            }
        }
    }
}
