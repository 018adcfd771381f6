//! An answer from the user.
//!
//! It may be a password and a code in one, and the agent must see the code only. So the whole
//! answer stays here, in a buffer that is wiped when dropped, and only its end is sent. A password
//! may be in any encoding; only the end that is sent must be UTF-8.

use mfa_protocol::{MAX_ANSWER, Secret};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// An answer: 1 to [`MAX_ANSWER`] bytes without NUL, or none where the prompt is optional. Wiped when dropped, never shown.
pub struct PamAnswer(Zeroizing<Vec<u8>>);

/// Why an answer can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoAnswer {
    /// Nothing was typed.
    #[error("the answer was empty")]
    Empty,
    /// More than [`MAX_ANSWER`] bytes.
    #[error("the answer was longer than {MAX_ANSWER} bytes")]
    TooLong,
    /// The part to be sent is not UTF-8.
    #[error("the answer was not UTF-8")]
    NotUtf8,
    /// sshd's fake password, which replaces the answers of users that it refuses.
    #[error("the program refuses this user and hid the answer")]
    FakePassword,
}

impl PamAnswer {
    /// Copies an answer out of memory that its owner wipes.
    ///
    /// # Errors
    ///
    /// [`NoAnswer::Empty`] or [`NoAnswer::TooLong`].
    pub fn new(bytes: &[u8]) -> Result<Self, NoAnswer> {
        match bytes.len() {
            0 => Err(NoAnswer::Empty),
            1..=MAX_ANSWER => Ok(Self(Zeroizing::new(bytes.to_vec()))),
            _ => Err(NoAnswer::TooLong),
        }
    }

    /// The same for a prompt that takes an empty answer if `is_optional`.
    ///
    /// # Errors
    ///
    /// As for [`Self::new`].
    pub fn to(is_optional: bool, bytes: &[u8]) -> Result<Self, NoAnswer> {
        match is_optional && bytes.is_empty() {
            true => Ok(Self(Zeroizing::default())),
            false => Self::new(bytes),
        }
    }

    /// The whole answer, for the agent.
    ///
    /// # Errors
    ///
    /// [`NoAnswer::NotUtf8`].
    pub fn whole(&self) -> Result<Secret, NoAnswer> {
        text(&self.0)
    }

    /// The last `count` characters, or as many as there are, for the agent. If a password in
    /// another encoding reaches into them, they begin after it.
    ///
    /// sshd's fake password means cancelled, not wrong (rule 9 of the architecture). The agent
    /// can't recognise it by its end alone, so it is recognised here.
    ///
    /// # Errors
    ///
    /// [`NoAnswer::NotUtf8`] or [`NoAnswer::FakePassword`].
    pub fn tail(&self, count: u32) -> Result<Secret, NoAnswer> {
        if self
            .0
            .iter()
            .zip(FAKE_PASSWORD.iter().cycle())
            .all(|(typed, junk)| typed == junk)
        {
            return Err(NoAnswer::FakePassword);
        }
        let end = &self.0[self.start_of_last(count)..];
        (0..end.len())
            .find_map(|start| text(&end[start..]).ok())
            .ok_or(NoAnswer::NotUtf8)
    }

    /// The part before the last `count` characters; `None` if there are fewer.
    #[must_use]
    pub fn before_last(&self, count: u32) -> Option<&[u8]> {
        let start = self.start_of_last(count);
        (characters(&self.0[start..]) == count as usize).then(|| &self.0[..start])
    }

    /// Compares in a time that reveals only the lengths.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }

    fn start_of_last(&self, count: u32) -> usize {
        let mut start = self.0.len();
        for _ in 0..count {
            let Some(at) = self.0[..start]
                .iter()
                .rposition(|&byte| begins_character(byte))
            else {
                return 0;
            };
            start = at;
        }
        start
    }
}

fn text(bytes: &[u8]) -> Result<Secret, NoAnswer> {
    std::str::from_utf8(bytes)
        .map(Secret::from)
        .map_err(|_| NoAnswer::NotUtf8)
}

fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|&&byte| begins_character(byte)).count()
}

/// Every byte of UTF-8 except `10xxxxxx` begins a character.
fn begins_character(byte: u8) -> bool {
    byte & 0b1100_0000 != 0b1000_0000
}

/// OpenSSH's `auth-pam.c` repeats this to the length of the answer, or cuts it.
const FAKE_PASSWORD: &[u8] = b"\x08\n\r\x7fINCORRECT";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn typed(bytes: &[u8]) -> PamAnswer {
        PamAnswer::new(bytes).unwrap()
    }

    #[test]
    fn the_end_is_cut_off_and_the_rest_stays() {
        let answer = typed(b"secret483920");
        assert_eq!(answer.tail(6).unwrap().expose(), "483920");
        assert_eq!(answer.before_last(6), Some(&b"secret"[..]));
        assert_eq!(answer.tail(99).unwrap().expose(), "secret483920");
        assert_eq!(answer.before_last(99), None);
        assert_eq!(typed(b"483920").before_last(6), Some(&b""[..]));
    }

    #[test]
    fn a_password_in_another_encoding_does_not_hinder_its_code() {
        let answer = typed(b"gr\xfc\xdfe483920");
        assert_eq!(answer.tail(6).unwrap().expose(), "483920");
        assert_eq!(answer.before_last(6), Some(&b"gr\xfc\xdfe"[..]));
        assert_eq!(answer.tail(8).unwrap().expose(), "e483920");
        assert_eq!(typed(b"483920\xfc").tail(6).unwrap_err(), NoAnswer::NotUtf8);
        assert_eq!(answer.whole().unwrap_err(), NoAnswer::NotUtf8);
    }

    #[test]
    fn an_empty_and_a_long_answer_are_refused() {
        assert_eq!(PamAnswer::new(b"").err(), Some(NoAnswer::Empty));
        assert!(PamAnswer::new(&[b'x'; 512]).is_ok());
        assert_eq!(PamAnswer::new(&[b'x'; 513]).err(), Some(NoAnswer::TooLong));
    }

    #[test]
    fn sshds_fake_password_is_recognised_whole_repeated_and_cut() {
        let junk = FAKE_PASSWORD.repeat(3);
        for length in 1..junk.len() {
            assert_eq!(
                typed(&junk[..length]).tail(6).unwrap_err(),
                NoAnswer::FakePassword
            );
        }
        assert!(typed(b"INCORRECT").tail(6).is_ok());
    }

    proptest! {
        #[test]
        fn the_two_parts_make_the_whole(text in ".{1,100}", count in 1u32..120) {
            prop_assume!(!text.starts_with('\x08'));
            let answer = typed(text.as_bytes());
            let tail = answer.tail(count).unwrap();
            match answer.before_last(count) {
                Some(rest) => {
                    prop_assert_eq!(tail.expose().chars().count(), count as usize);
                    prop_assert_eq!([rest, tail.expose().as_bytes()].concat(), text.as_bytes());
                }
                None => prop_assert_eq!(tail.expose(), text),
            }
        }

        #[test]
        fn no_bytes_make_it_panic(
            bytes in prop::collection::vec(any::<u8>(), 1..600), count in any::<u32>()
        ) {
            if let Ok(answer) = PamAnswer::new(&bytes) {
                let count = count % 700;
                let _ = answer.tail(count).map(drop);
                let _ = answer.before_last(count);
            }
        }
    }
}
