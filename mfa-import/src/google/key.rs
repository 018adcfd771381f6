//! The first line: the key in base32, as leniently read as by the module.

use zeroize::Zeroizing;

use crate::refusal::Refusal;

/// Blanks and dashes are passed over, either case is taken, and 0, 1 and 8, which base32 does not
/// have, stand for O, L and B. Bits that make no whole byte are dropped.
pub(super) fn decode(line: &str) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    // Never grows, so no copy is left behind unwiped.
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
            "a character that base32 does not have; expected the key in base32",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_in_any_dress() {
        let plain = decode("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ").unwrap();
        assert_eq!(plain.as_slice(), b"12345678901234567890");
        assert_eq!(
            decode(" gezd-gnbv gy3t qojq\tgezdgnbvgy3tqojq\r").unwrap(),
            plain
        );
    }

    #[test]
    fn mistyped_digits_stand_for_the_letters_they_look_like() {
        assert_eq!(decode("0180").unwrap(), decode("OLBO").unwrap());
    }

    #[test]
    fn what_is_no_key_is_refused_and_not_repeated() {
        for line in ["", "A", "GEZDGNBV!", "\" TOTP_AUTH", "GEZDGNBVÄ"] {
            let refusal = decode(line).unwrap_err().to_string();
            assert!(refusal.starts_with("line 1: "), "{refusal}");
            assert!(!refusal.contains("GEZDGNBV"), "{refusal}");
        }
    }
}
