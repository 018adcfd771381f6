//! PINs: which are good enough.
//!
//! Pure. The typed text and the banned PINs come in, a [`Pin`] that can be hashed comes out; hashing takes long and is
//! done by `hasher`. The rules apply when a PIN is chosen: an existing PIN stays valid when they change.

use std::collections::BTreeSet;
use std::sync::Arc;

use mfa_protocol::Secret;

use super::{AnswerForm, Need, Row, Stored, Verification};

/// The properties of this factor.
pub const ROW: Row = Row {
    prompt: Some("prompt-pin"),
    choice: "way-pin",
    in_notice: "notice-factor-pin",
    form: AnswerForm::Digits,
    verification: Verification::Hash(Secret::clone),
    stored: Stored::Pin,
    needs: Need::Nothing,
    enroll_arguments: "",
    enroll_note: "",
    may_be_required_first: false,
    fits_one_answer: false,
    enrolls_in_login: true,
};

/// The fewest digits of a PIN.
pub const MIN_PIN: usize = 4;
/// The most digits of a PIN.
pub const MAX_PIN: usize = 8;

/// 4 to 8 digits, and, unless they were [imported](Pin::imported), not among the first that a thief tries.
pub struct Pin(Secret);

/// 4 to 8 digits that are banned.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BannedPin(Box<str>);

/// All banned PINs. They are many, and each login that sets up a PIN holds them: a clone shares them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Banned(Arc<BTreeSet<Box<str>>>);

/// Why a PIN is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// Not digits only.
    #[error("a PIN has digits only")]
    NotDigits,
    /// Too short or too long.
    #[error("a PIN has {MIN_PIN} to {MAX_PIN} digits")]
    Length,
    /// 1234, 8765.
    #[error("this PIN is a run of digits and easy to guess; choose another")]
    Run,
    /// 1111, 1212.
    #[error("this PIN repeats itself and is easy to guess; choose another")]
    Repeat,
    /// 2000 to 2099.
    #[error("this PIN is a year of this century and easy to guess; choose another")]
    Year,
    /// In the list.
    #[error("this PIN is very common and easy to guess; choose another")]
    Banned,
}

impl Pin {
    /// Takes a PIN that may be enrolled.
    ///
    /// # Errors
    ///
    /// A [`PinError`] that says what to choose instead.
    pub fn new(typed: Secret, banned: &Banned) -> Result<Self, PinError> {
        let pin = Self::imported(typed)?;
        let digits = pin.0.expose().as_bytes();
        if is_run(digits) {
            return Err(PinError::Run);
        }
        if repeats(digits) {
            return Err(PinError::Repeat);
        }
        if digits.len() == 4 && digits.starts_with(b"20") {
            return Err(PinError::Year);
        }
        if banned.0.contains(pin.0.expose()) {
            return Err(PinError::Banned);
        }
        Ok(pin)
    }

    /// Accepts a PIN that the user already has elsewhere: it may be easy to guess.
    ///
    /// # Errors
    ///
    /// [`PinError::NotDigits`] and [`PinError::Length`].
    pub fn imported(held: Secret) -> Result<Self, PinError> {
        check_form(held.expose())?;
        Ok(Self(held))
    }

    /// What is hashed.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.0
    }
}

impl BannedPin {
    /// Takes an entry of a list.
    ///
    /// # Errors
    ///
    /// [`PinError::NotDigits`] and [`PinError::Length`].
    pub fn new(text: &str) -> Result<Self, PinError> {
        check_form(text)?;
        Ok(Self(text.into()))
    }
}

impl Banned {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<BannedPin> for Banned {
    fn from_iter<T: IntoIterator<Item = BannedPin>>(pins: T) -> Self {
        Self(Arc::new(pins.into_iter().map(|pin| pin.0).collect()))
    }
}

/// 4 to 8 digits (of ASCII: an Arabic keyboard has others).
fn check_form(pin: &str) -> Result<(), PinError> {
    if !pin.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(PinError::NotDigits);
    }
    if !(MIN_PIN..=MAX_PIN).contains(&pin.len()) {
        return Err(PinError::Length);
    }
    Ok(())
}

/// Whether each digit follows the one before, up or down, past the end of the row too (7890, 2109).
fn is_run(digits: &[u8]) -> bool {
    [1, 9].iter().any(|step| {
        digits
            .windows(2)
            .all(|w| (w[0] - b'0' + step) % 10 == w[1] - b'0')
    })
}

/// Whether it is one digit or one pair over and over.
fn repeats(digits: &[u8]) -> bool {
    let by = |length: usize| {
        digits.len().is_multiple_of(length)
            && digits.chunks(length).all(|part| *part == digits[..length])
    };
    by(1) || by(2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(pin: &str) -> Option<PinError> {
        let banned = ["4711", "0852"].map(|pin| BannedPin::new(pin).unwrap());
        Pin::new(pin.into(), &banned.into_iter().collect()).err()
    }

    #[test]
    fn easy_pins_are_refused_with_the_reason() {
        for (pin, reason) in [
            ("12a4", PinError::NotDigits),
            ("١٢٣٤", PinError::NotDigits),
            ("", PinError::Length),
            ("137", PinError::Length),
            ("137913791", PinError::Length),
            ("1234", PinError::Run),
            ("87654321", PinError::Run),
            ("7890", PinError::Run),
            ("2109", PinError::Run),
            ("1111", PinError::Repeat),
            ("1212", PinError::Repeat),
            ("2024", PinError::Year),
            ("4711", PinError::Banned),
            ("0852", PinError::Banned),
        ] {
            assert_eq!(refusal(pin), Some(reason), "{pin}");
        }
    }

    #[test]
    fn other_pins_of_4_to_8_digits_are_taken() {
        for pin in [
            "1379", "1924", "20241", "4839201", "48392017", "47110", "852852",
        ] {
            assert_eq!(refusal(pin), None, "{pin}");
        }
    }

    #[test]
    fn a_pin_that_is_held_elsewhere_may_be_easy_to_guess() {
        for pin in ["1234", "0000", "2024", "4711"] {
            assert!(Pin::imported(pin.into()).is_ok(), "{pin}");
        }
        for pin in ["123", "123456789", "12e4", ""] {
            assert!(Pin::imported(pin.into()).is_err(), "{pin}");
        }
    }

    proptest! {
        #[test]
        fn a_banned_pin_is_refused_and_no_other_because_of_it(
            banned in "[0-9]{4,8}",
            other in "[0-9]{4,8}",
        ) {
            let list: Banned = [BannedPin::new(&banned).unwrap()].into_iter().collect();
            prop_assert!(Pin::new(banned.as_str().into(), &list).is_err());
            let with = Pin::new(other.as_str().into(), &list).err();
            let without = Pin::new(other.as_str().into(), &Banned::default()).err();
            prop_assert!(banned == other || with == without);
        }
    }
}
