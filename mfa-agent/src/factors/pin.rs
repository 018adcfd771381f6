//! PINs: which are good enough.
//!
//! Pure. What comes in is what was typed, what goes out a [`Pin`] that is fit to be hashed; the hash
//! itself takes long and is the business of `hasher`.

use mfa_protocol::Secret;

/// The fewest digits of a PIN.
pub const MIN_PIN: usize = 4;
/// The most digits of a PIN.
pub const MAX_PIN: usize = 8;

/// 4 to 8 digits that are not among the first that a thief tries.
pub struct Pin(Secret);

/// Why a PIN is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// Not digits only.
    #[error("a PIN is made of digits only")]
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
}

impl Pin {
    /// Takes a PIN that may be enrolled.
    ///
    /// # Errors
    ///
    /// A [`PinError`] that says what to choose instead.
    pub fn new(typed: Secret) -> Result<Self, PinError> {
        let digits = typed.expose().as_bytes();
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(PinError::NotDigits);
        }
        if !(MIN_PIN..=MAX_PIN).contains(&digits.len()) {
            return Err(PinError::Length);
        }
        if is_run(digits) {
            return Err(PinError::Run);
        }
        if repeats(digits) {
            return Err(PinError::Repeat);
        }
        if digits.len() == 4 && digits.starts_with(b"20") {
            return Err(PinError::Year);
        }
        Ok(Self(typed))
    }

    /// Takes a PIN that is in use elsewhere, however easy to guess.
    ///
    /// # Errors
    ///
    /// [`PinError::NotDigits`] or [`PinError::Length`].
    pub fn imported(typed: Secret) -> Result<Self, PinError> {
        let digits = typed.expose().as_bytes();
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(PinError::NotDigits);
        }
        if !(MIN_PIN..=MAX_PIN).contains(&digits.len()) {
            return Err(PinError::Length);
        }
        Ok(Self(typed))
    }

    /// What is to be hashed.
    #[must_use]
    pub fn secret(&self) -> &Secret {
        &self.0
    }
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

    fn refusal(pin: &str) -> Option<PinError> {
        Pin::new(pin.into()).err()
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
        ] {
            assert_eq!(refusal(pin), Some(reason), "{pin}");
        }
    }

    #[test]
    fn other_pins_of_4_to_8_digits_are_taken() {
        for pin in ["1379", "1924", "20241", "4839201", "48392017"] {
            assert_eq!(refusal(pin), None, "{pin}");
        }
    }
}
