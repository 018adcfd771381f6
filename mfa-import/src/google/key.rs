//! The first line: the key in base32, read as leniently as pam_google_authenticator reads it.

use zeroize::Zeroizing;

use crate::refusal::Refusal;

/// Ignores blanks and dashes, accepts either case, reads 0, 1 and 8 as O, L and B, and drops bits
/// that make no whole byte.
pub(super) fn decode(line: &str) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    // The capacity is never exceeded, so no unwiped copy of the key is left behind.
    let mut key = Zeroizing::new(Vec::with_capacity(line.len()));
    let (mut buffer, mut bits) = (0u32, 0);
    for byte in line.bytes() {
        let Some(value) = value(byte)? else {
            continue;
        };
        buffer = (buffer << 5 | u32::from(value)) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            key.push((buffer >> bits & 0xff) as u8);
        }
    }
    if key.is_empty() {
        return Err(Refusal::line(1, "no key; expected the key in base32"));
    }
    Ok(key)
}

fn value(byte: u8) -> Result<Option<u8>, Refusal> {
    let letter = match byte {
        b' ' | b'\t' | b'\r' | b'-' => return Ok(None),
        b'0' => b'O',
        b'1' => b'L',
        b'8' => b'B',
        other => other.to_ascii_uppercase(),
    };
    match letter {
        b'A'..=b'Z' => Ok(Some(letter - b'A')),
        b'2'..=b'7' => Ok(Some(letter - b'2' + 26)),
        _ => Err(Refusal::line(
            1,
            "a character that is not base32; expected the key in base32",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_with_blanks_dashes_and_either_case() {
        let plain = decode("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        assert_eq!(plain.as_slice(), b"12345678901234567890");
        assert_eq!(
            decode(" gezd-gnbv gy3t qojq\tgezdgnbvgy3tqojq\r").unwrap(),
            plain
        );
    }

    #[test]
    fn mistyped_digits_are_read_as_the_letters_they_look_like() {
        assert_eq!(decode("0180").unwrap(), decode("OLBO").unwrap());
    }

    #[test]
    fn a_malformed_key_is_refused_and_not_repeated() {
        for line in ["", "A", "GEZDGNBV!", "\" TOTP_AUTH", "GEZDGNBVÄ"] {
            let refusal = decode(line).unwrap_err().to_string();
            assert!(refusal.starts_with("line 1: "), "{refusal}");
            assert!(!refusal.contains("GEZDGNBV"), "{refusal}");
        }
    }
}
