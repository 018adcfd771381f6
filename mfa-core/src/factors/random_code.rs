//! Codes drawn at random: bypass, recovery and sent codes.

use mfa_protocol::Secret;

/// Random bytes that one code takes: so many that no code is noticeably more likely than another.
pub const CODE_ENTROPY: usize = 16;

/// A code drawn at random.
pub struct RandomCode {
    number: u128,
    digits: u32,
}

impl RandomCode {
    /// A code of so many digits, up to 38.
    #[must_use]
    pub fn new(random: [u8; CODE_ENTROPY], digits: u32) -> Self {
        let number = u128::from_le_bytes(random) % combinations(digits);
        Self { number, digits }
    }

    /// As many codes as there are pieces of random bytes; no two are alike.
    #[must_use]
    pub fn set(random: &[[u8; CODE_ENTROPY]], digits: u32) -> Vec<Self> {
        let mut codes: Vec<Self> = Vec::with_capacity(random.len());
        for bytes in random {
            let mut code = Self::new(*bytes, digits);
            while codes.iter().any(|other| other.number == code.number) {
                code.number = (code.number + 1) % combinations(digits);
            }
            codes.push(code);
        }
        codes
    }

    /// All its digits, leading zeros among them.
    #[must_use]
    pub fn text(&self) -> Secret {
        let (number, width) = (self.number, self.digits as usize);
        Secret::new(format!("{number:0width$}"))
    }
}

fn combinations(digits: u32) -> u128 {
    10_u128.saturating_pow(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factors::bypass::BYPASS_DIGITS;
    use crate::factors::recovery::RECOVERY_DIGITS;

    #[test]
    fn a_code_has_all_its_digits_whatever_was_drawn() {
        assert_eq!(RandomCode::new([0; 16], 6).text().expose(), "000000");
        for digits in [6, 7, 8, BYPASS_DIGITS, RECOVERY_DIGITS] {
            for random in [[0; 16], [255; 16], [7; 16], [0xfe; 16]] {
                let code = RandomCode::new(random, digits).text();
                assert_eq!(code.expose().len(), digits as usize);
                assert!(code.expose().bytes().all(|b| b.is_ascii_digit()));
            }
        }
    }

    #[test]
    fn no_two_codes_of_a_set_are_alike() {
        let drawn = [[0; 16], [0; 16], [255; 16], [7; 16], [0; 16]];
        let codes = RandomCode::set(&drawn, RECOVERY_DIGITS);
        let texts: Vec<Secret> = codes.iter().map(RandomCode::text).collect();
        assert_eq!(texts[0].expose(), "0000000000");
        assert_eq!(texts[1].expose(), "0000000001");
        assert_eq!(texts[4].expose(), "0000000002");
    }

    #[test]
    fn a_set_of_all_codes_that_there_are_still_ends() {
        let codes = RandomCode::set(&[[3; 16]; 10], 1);
        let mut numbers: Vec<u128> = codes.iter().map(|code| code.number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..10).collect::<Vec<_>>());
    }
}
