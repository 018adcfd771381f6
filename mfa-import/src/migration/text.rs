//! Decodes the URI to the bytes of the message.

use data_encoding::BASE64;
use zeroize::Zeroizing;

use crate::refusal::Refusal;

/// The bytes of the parameter `data`. QR readers return either base64 alphabet, escaped or not,
/// padded or not.
pub(super) fn data(uri: &str) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let value = query
        .split(['&', '#'])
        .find_map(|parameter| parameter.strip_prefix("data="))
        .filter(|value| !value.is_empty())
        .ok_or_else(|| {
            Refusal::whole("the URI has no data; expected otpauth-migration://offline?data=…")
        })?;
    let base64 = plain(value)?;
    let bytes = BASE64.decode(&base64).map_err(|_| {
        Refusal::whole("its data is not base64; check that the end was not cut off")
    })?;
    Ok(Zeroizing::new(bytes))
}

/// The standard alphabet, padded, nothing escaped.
fn plain(value: &str) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    // The capacity is never exceeded, so no unwiped copy of the key is left behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(value.len() + 3));
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        let byte = match byte {
            b'%' => escaped(bytes.next(), bytes.next())?,
            other => other,
        };
        match byte {
            b'=' => {}
            b'-' => plain.push(b'+'),
            b'_' => plain.push(b'/'),
            // Some readers decode a plus sign as a blank.
            b' ' => plain.push(b'+'),
            other => plain.push(other),
        }
    }
    while plain.len() % 4 != 0 {
        plain.push(b'=');
    }
    Ok(plain)
}

fn escaped(high: Option<u8>, low: Option<u8>) -> Result<u8, Refusal> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    let byte = digit(high)
        .zip(digit(low))
        .map(|(high, low)| high * 16 + low);
    byte.and_then(|byte| u8::try_from(byte).ok())
        .ok_or_else(|| {
            Refusal::whole(
                "its data has an incomplete % escape; check that the end was not cut off",
            )
        })
}
