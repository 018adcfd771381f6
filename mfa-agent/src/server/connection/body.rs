//! Parameters of calls, and what is replied.

use mfa_protocol::login::LoginReply;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::super::error::Failure;

/// Bytes of the longest reply of `org.pam-mfa.Admin` that shows a key or codes.
const KEY_REPLY: usize = 4096;

/// The parameters of a reply as JSON. Wiped, because some replies carry a key.
pub(in crate::server) struct Body(pub(super) Zeroizing<Vec<u8>>);

/// The parameters of a call. The error names the field, and nothing of its value.
pub(in crate::server) fn parse<T: DeserializeOwned>(
    parameters: Option<&RawValue>,
) -> Result<T, Failure> {
    let text = parameters.map_or("{}", RawValue::get);
    serde_json::from_str(text).map_err(|e| Failure::Parameter(field_of(&e)))
}

/// The reply of a login. A set-up shows a QR code and a key in its messages; in JSON a text takes at most six
/// times its bytes, and ours, which have no control characters but line breaks, twice.
pub(super) fn login_body(reply: &LoginReply) -> Result<Body, Failure> {
    let texts: usize = reply
        .step
        .messages
        .iter()
        .map(|m| 64 + 2 * m.text.len())
        .sum();
    body_within(reply, 1024 + texts)
}

/// The parameters of a reply.
pub(in crate::server) fn body(reply: &impl Serialize) -> Result<Body, Failure> {
    body_within(reply, KEY_REPLY)
}

/// The same, in so many bytes: growing would leave an unwiped copy of a key behind, and all of them are
/// wiped.
fn body_within(reply: &impl Serialize, size: usize) -> Result<Body, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(size));
    serde_json::to_writer(&mut *bytes, reply).map_err(Failure::unavailable)?;
    Ok(Body(bytes))
}

/// The field that a parsing error is about. Serde names fields in backquotes; values it may quote
/// otherwise, and those stay here.
fn field_of(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.split('`').nth(1) {
        Some(field) if text.contains("field `") => field.to_owned(),
        _ => "parameters".to_owned(),
    }
}
