//! Codes that are made here and sent to the user.
//!
//! Pure. A code exists in the memory of one login only: it is good for no other, a restart voids it, and it
//! is never stored.

use jiff::Timestamp;
use mfa_protocol::Secret;
use subtle::ConstantTimeEq;

use super::address::Recipient;
use super::device::unspaced;

/// Random bytes that a code is made of: so many that none is noticeably more likely than others.
pub const RANDOM_A_CODE: usize = 16;

/// A code that was sent.
#[derive(Clone, Debug)]
pub struct SentCode {
    /// The code.
    pub code: Secret,
    /// Where it went.
    pub to: Recipient,
    /// What the user could pass then, if the address was not among theirs
    /// ([`Account::generation`](crate::account::Account::generation)).
    pub unless_changed_since: Option<u64>,
}

/// A fresh code of so many digits.
#[must_use]
pub fn fresh_code(random: [u8; RANDOM_A_CODE], digits: u32) -> Secret {
    let number = u128::from_le_bytes(random) % 10_u128.pow(digits);
    let width = digits as usize;
    Secret::new(format!("{number:0width$}"))
}

/// When a code that is sent at `now` is no longer good.
#[must_use]
pub fn expiry(now: Timestamp, lifetime: std::time::Duration) -> Timestamp {
    crate::clock::after(now, lifetime)
}

impl SentCode {
    /// Whether `typed` is this code.
    #[must_use]
    pub fn is(&self, typed: &str) -> bool {
        let typed = unspaced(typed);
        typed.as_bytes().ct_eq(self.code.expose().as_bytes()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::factors::address::Channel;

    #[test]
    fn a_code_has_all_its_digits() {
        assert_eq!(fresh_code([0; 16], 6).expose(), "000000");
        let code = fresh_code([0xfe; 16], 8);
        assert!(code.expose().len() == 8 && code.expose().bytes().all(|b| b.is_ascii_digit()));
    }

    #[test]
    fn a_code_is_itself_with_or_without_blanks_and_nothing_else() {
        let sent = SentCode {
            code: "483920".into(),
            to: Channel::Email.recipient("anna@example.org", None).unwrap(),
            unless_changed_since: None,
        };
        assert!(sent.is("483920") && sent.is("483 920"));
        for wrong in ["", "483921", "48392", "4839200", "４８３９２０"] {
            assert!(!sent.is(wrong), "{wrong:?}");
        }
    }
}
