//! A code with the PIN right behind it, in one answer: `483920` and `1379` as `4839201379`.

use mfa_protocol::Secret;

use crate::factors::device::unspaced;
use crate::factors::pin::{MAX_PIN, MIN_PIN};

/// The digits of google-authenticator's scratch codes; bypass codes and our own recovery codes have more.
const SHORTEST_OTHER_CODE: usize = 8;

/// An answer, after it is known whether it contains a bypass or recovery code.
#[derive(Debug)]
pub struct CodeSearch {
    typed: Secret,
    /// The code of a device and the PIN behind it, as which it is taken if it holds no other code.
    pair: Option<(Secret, Secret)>,
    candidates: Vec<Candidate>,
}

/// A possible bypass or recovery code, and the PIN after it.
#[derive(Debug)]
struct Candidate {
    code: Secret,
    pin: Option<Secret>,
}

/// What to look for in an answer with a code of so many digits, if known, followed by a PIN.
pub(super) fn search(typed: &Secret, digits: Option<u32>) -> CodeSearch {
    let pair = digits.and_then(|digits| code_and_pin(typed, digits));
    let mut candidates = other_codes_and_pins(typed);
    if pair.is_some() {
        candidates.push(Candidate {
            code: typed.clone(),
            pin: None,
        });
    }
    CodeSearch {
        typed: typed.clone(),
        pair,
        candidates,
    }
}

impl CodeSearch {
    pub(super) fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// What may be a code.
    pub(super) fn candidates(&self) -> impl Iterator<Item = &str> {
        self.candidates
            .iter()
            .map(|candidate| candidate.code.expose())
    }

    /// The code and the PIN, where that candidate is a bypass or recovery code.
    pub(super) fn found(self, candidate: Option<usize>) -> (Secret, Option<Secret>) {
        let found = candidate.and_then(|index| self.candidates.into_iter().nth(index));
        match (found, self.pair) {
            (Some(Candidate { code, pin }), _) => (code, pin),
            (None, Some((code, pin))) => (code, Some(pin)),
            // It is too long for a code alone. It is verified like what was found, with a PIN behind it: a guess must
            // cost the same whether or not it was a code.
            (None, None) => {
                let text = unspaced(self.typed.expose());
                let pin = text.get(text.len().saturating_sub(MIN_PIN)..);
                (self.typed, Some(pin.unwrap_or_default().into()))
            }
        }
    }
}

/// The code of so many digits, and the PIN behind it; none if what was typed is no such pair.
fn code_and_pin(typed: &Secret, digits: u32) -> Option<(Secret, Secret)> {
    let text = unspaced(typed.expose());
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (code, pin) = text.split_at_checked(digits as usize)?;
    (MIN_PIN..=MAX_PIN)
        .contains(&pin.len())
        .then(|| (code.into(), pin.into()))
}

/// Every bypass or recovery code that it may be, with a PIN behind it.
fn other_codes_and_pins(typed: &Secret) -> Vec<Candidate> {
    let text = unspaced(typed.expose());
    if text.len() < SHORTEST_OTHER_CODE + MIN_PIN || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Vec::new();
    }
    let pair = |length: usize| {
        let (code, pin) = text.split_at_checked(text.len().checked_sub(length)?)?;
        (code.len() >= SHORTEST_OTHER_CODE).then(|| Candidate {
            code: code.into(),
            pin: Some(pin.into()),
        })
    };
    (MIN_PIN..=MAX_PIN).filter_map(pair).collect()
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

    /// The code and the PIN of what was typed by a user who has one other code.
    fn found(typed: &str, other: &str) -> (String, Option<String>) {
        let search = search(&typed.into(), Some(6));
        let candidate = search.candidates().position(|text| text == other);
        let (code, pin) = search.found(candidate);
        let pin = pin.map(|pin| pin.expose().to_owned());
        (code.expose().to_owned(), pin)
    }

    #[test]
    fn a_pin_may_stand_right_behind_a_bypass_or_recovery_code() {
        for code in ["48392013", "483920131", "4839201312"] {
            for pin in ["1379", "13791", "13791379"] {
                let typed = format!("{code}{pin}");
                let expected = (code.to_owned(), Some(pin.to_owned()));
                assert_eq!(found(&typed, code), expected, "{typed}");
            }
        }
        for typed in ["48392013", "48392013137", "4839201313x9", ""] {
            let is_pair = found(typed, "48392013").0 == "48392013" && typed != "48392013";
            assert!(!is_pair, "{typed}");
        }
    }

    #[test]
    fn what_is_too_long_for_a_code_is_verified_with_a_pin_whether_or_not_it_holds_one() {
        for typed in ["4839201379137", "483920137913791"] {
            let (code, pin) = search(&typed.into(), None).found(None);
            assert_eq!(code.expose(), typed);
            assert_eq!(pin.unwrap().expose(), &typed[typed.len() - MIN_PIN..]);
        }
    }

    #[test]
    fn a_code_of_its_own_is_no_pair_and_other_digits_are() {
        let whole = "0123456789";
        assert_eq!(found(whole, whole), (whole.to_owned(), None));
        let pair = ("012345".to_owned(), Some("6789".to_owned()));
        assert_eq!(found(whole, "1111111111"), pair);
    }
}
