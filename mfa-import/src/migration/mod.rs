//! Reads `otpauth-migration://offline?data=…`: the QR codes that Google Authenticator exports.
//!
//! The data is a protobuf message in base64 (see [`payload`]). An export of many devices comes in
//! several QR codes, which are numbered. Missing fields mean what they mean in the app: SHA-1, six
//! digits, 30 seconds.

mod payload;
mod text;
mod uri;

use prost::Message;
use zeroize::Zeroizing;

use crate::account::{Device, HashAlgorithm, Kind, base32};
use crate::refusal::Refusal;
use payload::{Count, Hash, Otp, Payload, Type};

pub use uri::otpauth;

/// The app knows this period only, in seconds.
const PERIOD: u64 = 30;

const SCHEME: &str = "otpauth-migration://";

/// The devices in one QR code of an export.
#[derive(Debug)]
pub struct Export {
    /// Each device, or why it can't be used, in the order of the export.
    pub devices: Vec<Result<Device, Refusal>>,
    /// Number of this QR code, from 1, and how many the export has.
    pub part: Option<(u32, u32)>,
}

/// Whether a URI is an export of Google Authenticator.
#[must_use]
pub fn is_export(uri: &str) -> bool {
    uri.get(..SCHEME.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(SCHEME))
}

/// Reads a URI.
///
/// # Errors
///
/// A [`Refusal`] that names the part that can't be used.
pub fn read(uri: &str) -> Result<Export, Refusal> {
    if !is_export(uri) {
        return Err(Refusal::whole(
            "expected otpauth-migration://offline?data=…",
        ));
    }
    let bytes: Zeroizing<Vec<u8>> = text::data(uri)?;
    // The library's own error text could repeat what it read.
    let payload = Payload::decode(bytes.as_slice()).map_err(|_| {
        Refusal::whole(
            "its data is not an export of Google Authenticator; check that the end was \
                        not cut off",
        )
    })?;
    if payload.devices.is_empty() {
        return Err(Refusal::whole("the export contains no device"));
    }
    Ok(Export {
        part: part(payload.batch_index, payload.batch_size),
        devices: payload.devices.iter().map(device).collect(),
    })
}

fn part(index: i32, size: i32) -> Option<(u32, u32)> {
    let (index, size) = (u32::try_from(index).ok()?, u32::try_from(size).ok()?);
    (index < size).then_some((index + 1, size))
}

fn device(otp: &Otp) -> Result<Device, Refusal> {
    if otp.secret.is_empty() {
        return Err(Refusal::whole("a device without a key"));
    }
    let (kind, used) = kind(otp)?;
    Ok(Device {
        label: label(otp),
        credential_id: None,
        secret: base32(&otp.secret),
        algorithm: algorithm(otp)?,
        digits: digits(otp)?,
        kind,
        used,
    })
}

fn kind(otp: &Otp) -> Result<(Kind, Option<u64>), Refusal> {
    match Type::try_from(otp.kind) {
        Ok(Type::Totp) => Ok((
            Kind::Time {
                period: PERIOD,
                offset: 0,
            },
            None,
        )),
        // The app increments first and then computes, so it stores the counter of the last code it
        // showed.
        Ok(Type::Hotp) => match u64::try_from(otp.counter) {
            Ok(counter) => Ok((Kind::Counter, Some(counter).filter(|c| *c > 0))),
            Err(_) => Err(Refusal::whole("a device with a counter below 0")),
        },
        Ok(Type::Unspecified) | Err(_) => {
            Err(Refusal::whole("a device that is neither TOTP nor HOTP"))
        }
    }
}

fn algorithm(otp: &Otp) -> Result<HashAlgorithm, Refusal> {
    match Hash::try_from(otp.algorithm) {
        Ok(Hash::Unspecified | Hash::Sha1) => Ok(HashAlgorithm::Sha1),
        Ok(Hash::Sha256) => Ok(HashAlgorithm::Sha256),
        Ok(Hash::Sha512) => Ok(HashAlgorithm::Sha512),
        Ok(Hash::Md5) | Err(_) => Err(Refusal::whole(
            "a device with MD5 or an unknown algorithm; expected SHA1, SHA256 or SHA512",
        )),
    }
}

fn digits(otp: &Otp) -> Result<u32, Refusal> {
    match Count::try_from(otp.digits) {
        Ok(Count::Unspecified | Count::Six) => Ok(6),
        Ok(Count::Eight) => Ok(8),
        Ok(Count::Seven) => Ok(7),
        Err(_) => Err(Refusal::whole(
            "a device with codes of an unknown length; expected 6 to 8 digits",
        )),
    }
}

/// The issuer, else the name: some versions of the app put both into the name.
fn label(otp: &Otp) -> Option<String> {
    [&otp.issuer, &otp.name]
        .into_iter()
        .map(|text| text.trim())
        .find(|text| !text.is_empty())
        .map(str::to_owned)
}

#[cfg(test)]
mod tests;
