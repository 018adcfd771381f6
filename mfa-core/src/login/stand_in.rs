//! The placeholder that sshd answers for users that it refuses anyway.

/// `auth-pam.c` of OpenSSH: for users that do not exist or may not log in, what they type is replaced
/// by this, repeated or cut to its length.
const STAND_IN: &[u8] = b"\x08\n\r\x7fINCORRECT";

/// Whether `typed` is sshd's placeholder (rule 9 of the architecture: it is not an attempt).
///
/// With `cut`, `typed` is the end of a longer answer, so that it may begin anywhere in the pattern.
pub(super) fn is_stand_in(typed: &str, cut: bool) -> bool {
    let fits_from = |start: usize| {
        let pattern = STAND_IN.iter().cycle().skip(start);
        !typed.is_empty() && typed.bytes().zip(pattern).all(|(a, b)| a == *b)
    };
    if cut {
        (0..STAND_IN.len()).any(fits_from)
    } else {
        fits_from(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sshds_stand_in_is_known_at_every_length() {
        let long: String = STAND_IN
            .iter()
            .cycle()
            .take(60)
            .map(|b| char::from(*b))
            .collect();
        for length in 1..long.len() {
            assert!(is_stand_in(&long[..length], false), "{length}");
            assert!(is_stand_in(&long[length..], true), "{length}");
        }
    }

    #[test]
    fn nothing_that_a_person_types_is_taken_for_it() {
        for typed in [
            "",
            "INCORRECT",
            "287082",
            "incorrect",
            "\x08\n\r\x7fINCORRECT1",
        ] {
            assert!(!is_stand_in(typed, false), "{typed:?}");
        }
        assert!(!is_stand_in("287082", true));
    }
}
