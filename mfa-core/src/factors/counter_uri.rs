//! The `otpauth` URI of a device that counts, of which totp-rs knows only those with a clock.

use mfa_protocol::Secret;

/// The scheme and host of a TOTP device, and of an HOTP device.
const BY_TIME: &str = "otpauth://totp/";
const BY_COUNTER: &str = "otpauth://hotp/";

/// The URI of an HOTP device, made from the URI of a TOTP device.
pub(super) fn of_counter(by_time: &Secret, next: u64) -> Option<Secret> {
    let rest = by_time.expose().strip_prefix(BY_TIME)?;
    let (path, query) = rest.split_once('?')?;
    let number = next.to_string();
    let parts = query.split('&').filter(|part| !part.starts_with("period="));
    let mut uri = String::with_capacity(by_time.expose().len() + number.len() + 16);
    uri.push_str(BY_COUNTER);
    uri.push_str(path);
    for (separator, part) in std::iter::once('?')
        .chain(std::iter::repeat('&'))
        .zip(parts)
    {
        uri.push(separator);
        uri.push_str(part);
    }
    uri.push_str("&counter=");
    uri.push_str(&number);
    Some(Secret::new(uri))
}
