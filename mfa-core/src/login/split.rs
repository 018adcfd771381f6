//! A code with the PIN right behind it, in one answer: `483920` and `1379` as `4839201379`.

use mfa_protocol::Secret;

use crate::factors::device::unspaced;
use crate::factors::pin::{MAX_PIN, MIN_PIN};

/// The digits of google-authenticator's scratch codes; bypass codes and our own recovery codes have more.
const SHORTEST_OTHER_CODE: usize = 8;

/// The code of so many digits, and the PIN behind it; none if what was typed is no such pair.
pub(super) fn code_and_pin(typed: &Secret, digits: u32) -> Option<(Secret, Secret)> {
    let text = unspaced(typed.expose());
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (code, pin) = text.split_at_checked(digits as usize)?;
    (MIN_PIN..=MAX_PIN)
        .contains(&pin.len())
        .then(|| (code.into(), pin.into()))
}

/// A bypass or recovery code, which `is_other_code` knows, and the PIN behind it.
pub(super) fn other_code_and_pin(
    typed: &Secret,
    is_other_code: &dyn Fn(&str) -> bool,
) -> Option<(Secret, Secret)> {
    let text = unspaced(typed.expose());
    if text.len() < SHORTEST_OTHER_CODE + MIN_PIN || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    (MIN_PIN..=MAX_PIN).find_map(|length| {
        let (code, pin) = text.split_at_checked(text.len().checked_sub(length)?)?;
        let long_enough = code.len() >= SHORTEST_OTHER_CODE;
        (long_enough && is_other_code(code)).then(|| (code.into(), pin.into()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(typed: &str, digits: u32) -> Option<(String, String)> {
        let (code, pin) = code_and_pin(&typed.into(), digits)?;
        Some((code.expose().to_owned(), pin.expose().to_owned()))
    }

    #[test]
    fn a_pin_may_stand_right_behind_its_code() {
        let pair = |code: &str, pin: &str| Some((code.to_owned(), pin.to_owned()));
        assert_eq!(split("4839201379", 6), pair("483920", "1379"));
        assert_eq!(split("483 920 1379", 6), pair("483920", "1379"));
        assert_eq!(split("48392013791379", 6), pair("483920", "13791379"));
        assert_eq!(split("483920471379", 8), pair("48392047", "1379"));
    }

    #[test]
    fn what_has_no_room_for_a_pin_is_a_code_alone() {
        for alone in [
            "",
            "483920",
            "483920137",
            "483920137913791",
            "48392013a9",
            "４８３９２０１３７９",
        ] {
            assert_eq!(split(alone, 6), None, "{alone:?}");
        }
    }

    #[test]
    fn a_pin_may_stand_right_behind_a_bypass_or_recovery_code() {
        for code in ["48392013", "483920131", "4839201312"] {
            for pin in ["1379", "13791", "13791379"] {
                let typed = format!("{code}{pin}");
                let found = other_code_and_pin(&typed.as_str().into(), &|text| text == code);
                let found =
                    found.map(|(code, pin)| (code.expose().to_owned(), pin.expose().to_owned()));
                assert_eq!(found, Some((code.to_owned(), pin.to_owned())), "{typed}");
            }
        }
        for typed in ["48392013", "48392013137", "4839201313x9", ""] {
            let found = other_code_and_pin(&typed.into(), &|text| text == "48392013");
            assert!(found.is_none(), "{typed}");
        }
    }
}
