//! A key of the file: which token it is of, and the device that it makes.

use roxmltree::Node;
use zeroize::Zeroizing;

use super::super::{Token, check_length, name, used_before};
use super::crypto::Keys;
use super::{at, binary, child, children, text};
use crate::account::{Device, HashAlgorithm, Kind, base32};
use crate::refusal::Refusal;

const DEFAULT_PERIOD: u64 = 30;

pub(super) fn token(
    place: u64,
    info: Option<Node<'_, '_>>,
    key: Node<'_, '_>,
    keys: Option<&Keys>,
) -> Token {
    let serial = info.and_then(|info| text(info, "SerialNo"));
    let serial = name(serial).or_else(|| name(key.attribute("Id")));
    let user = text(key, "UserId").or_else(|| info.and_then(|info| text(info, "UserId")));
    let label = name(text(key, "FriendlyName")).or_else(|| serial.clone());
    let mut notes = Vec::new();
    if let Some(policy) = child(key, "Policy")
        && child(policy, "PINPolicy").is_some()
    {
        notes.push(
            "the file asks for a PIN with this token; here a PIN is a factor of its own, and mfactl enroll pin USER sets it"
                .to_owned(),
        );
    }
    let device = device(key, keys).map(|device| Device {
        label: label.clone(),
        credential_id: serial.clone(),
        ..device
    });
    Token {
        place,
        serial,
        name: label,
        user: user.and_then(|user| name(Some(user))),
        device,
        notes,
    }
}

fn device(key: Node<'_, '_>, keys: Option<&Keys>) -> Result<Device, Refusal> {
    check_usage(key)?;
    let data = child(key, "Data").ok_or_else(|| Refusal::whole("it has no Data"))?;
    let algorithm_name = key.attribute("Algorithm").unwrap_or_default();
    let kind = algorithm_name.rsplit([':', '#', '/']).next();
    let is_hotp = match kind.map(str::to_ascii_lowercase).as_deref() {
        Some("hotp") => true,
        Some("totp") => false,
        _ => {
            return Err(Refusal::whole(
                "its Algorithm is not supported; pskc:hotp and pskc:totp are",
            ));
        }
    };
    let parameters = child(key, "AlgorithmParameters");
    let suite = parameters.and_then(|parameters| text(parameters, "Suite"));
    let hash = match suite.map(str::trim).filter(|suite| !suite.is_empty()) {
        Some(suite) => algorithm(suite).ok_or_else(|| {
            Refusal::whole("its Suite is not supported; HMAC with SHA-1, SHA-256 and SHA-512 are")
        })?,
        None => HashAlgorithm::Sha1,
    };
    let secret = secret(data, keys)?;
    let (kind, used) = match is_hotp {
        true => (
            Kind::Counter,
            number(data, "Counter", keys)?.and_then(used_before),
        ),
        false => (time(data, keys)?, None),
    };
    Ok(Device {
        label: None,
        credential_id: None,
        secret: base32(&secret),
        algorithm: hash,
        digits: digits(key)?,
        kind,
        used,
    })
}

/// `SHA1`, `HMAC-SHA256`, `HmacSHA512` and the like.
pub(in crate::tokens) fn algorithm(text: &str) -> Option<HashAlgorithm> {
    let letters = text.rsplit(['#', ':', '/']).next().unwrap_or_default();
    let letters = letters.chars().filter(|c| c.is_ascii_alphanumeric());
    let letters: String = letters.map(|c| c.to_ascii_uppercase()).collect();
    letters
        .strip_prefix("HMAC")
        .unwrap_or(&letters)
        .parse()
        .ok()
}

fn check_usage(key: Node<'_, '_>) -> Result<(), Refusal> {
    let Some(policy) = child(key, "Policy") else {
        return Ok(());
    };
    let mut usages = children(policy, "KeyUsage").peekable();
    let is_otp = |usage: Node<'_, '_>| usage.text().is_some_and(|it| it.trim() == "OTP");
    if usages.peek().is_some() && !usages.any(is_otp) {
        return Err(Refusal::whole(
            "its KeyUsage does not allow one-time codes (OTP)",
        ));
    }
    Ok(())
}

fn digits(key: Node<'_, '_>) -> Result<u32, Refusal> {
    let Some(format) = at(key, &["AlgorithmParameters", "ResponseFormat"]) else {
        return Ok(6);
    };
    let encoding = format.attribute("Encoding").or(format.attribute("Format"));
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("decimal")) {
        return Err(Refusal::whole("its codes are not decimal"));
    }
    if matches!(format.attribute("CheckDigits"), Some("true" | "1")) {
        return Err(Refusal::whole(
            "its codes have a check digit, which is not supported",
        ));
    }
    match format.attribute("Length") {
        None => Ok(6),
        Some(length) => length
            .trim()
            .parse()
            .map_err(|_| Refusal::whole("the Length of its codes is not a number")),
    }
}

fn time(data: Node<'_, '_>, keys: Option<&Keys>) -> Result<Kind, Refusal> {
    if number(data, "Time", keys)?.is_some_and(|start| start != 0) {
        return Err(Refusal::whole(
            "its time does not begin in 1970 (Time is not 0), which is not supported",
        ));
    }
    let drift = match child(data, "TimeDrift").and_then(|it| text(it, "PlainValue")) {
        Some(drift) => drift
            .trim()
            .parse()
            .map_err(|_| Refusal::whole("its TimeDrift is not a whole number"))?,
        None => 0,
    };
    Ok(Kind::Time {
        period: number(data, "TimeInterval", keys)?.unwrap_or(DEFAULT_PERIOD),
        offset: drift,
    })
}

fn secret(data: Node<'_, '_>, keys: Option<&Keys>) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let element = child(data, "Secret").ok_or_else(|| Refusal::whole("it has no Secret"))?;
    let secret = match (child(element, "PlainValue"), keys) {
        (Some(_), _) => binary(element, "PlainValue")
            .map(Zeroizing::new)
            .ok_or_else(|| Refusal::whole("its key is not base64"))?,
        (None, Some(keys)) => keys.open(element)?,
        (None, None) => return Err(Refusal::whole("it has no key")),
    };
    check_length(&secret)?;
    Ok(secret)
}

/// A number, plain or encrypted. An encrypted one is its digits, or its bytes.
fn number(
    data: Node<'_, '_>,
    name: &'static str,
    keys: Option<&Keys>,
) -> Result<Option<u64>, Refusal> {
    let Some(element) = child(data, name) else {
        return Ok(None);
    };
    let wrong = || Refusal::whole(format!("its {name} is not a whole number"));
    if let Some(plain) = text(element, "PlainValue") {
        return plain.trim().parse().map(Some).map_err(|_| wrong());
    }
    let Some(keys) = keys else {
        return Ok(None);
    };
    let bytes = keys.open(element)?;
    if let Some(number) = std::str::from_utf8(&bytes)
        .ok()
        .and_then(|it| it.parse().ok())
    {
        return Ok(Some(number));
    }
    if bytes.len() > 8 {
        return Err(wrong());
    }
    let number = bytes
        .iter()
        .fold(0, |number, byte| number << 8 | u64::from(*byte));
    Ok(Some(number))
}
