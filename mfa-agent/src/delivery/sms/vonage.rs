//! Vonage's SMS API (formerly Nexmo): a form in, JSON out.
//!
//! <https://developer.vonage.com/en/api/sms>. The HTTP status is 200 even if nothing was sent; each
//! part of the message has its own status, and only 0 is success. Only errors that can disappear
//! within the life of a code are tried again.

use std::time::Instant;

use mfa_protocol::Secret;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::https::{HttpsUrl, Post};
use crate::delivery::error::said;
use crate::delivery::{SendError, Trust};
use mfa_core::factors::address::PhoneNumber;

/// An account at Vonage.
#[derive(Debug)]
pub struct Vonage {
    /// The API's address; by default [`Vonage::ENDPOINT`].
    pub endpoint: HttpsUrl,
    /// The key, which names the account.
    pub key: Secret,
    /// The secret that belongs to it.
    pub secret: Secret,
    /// The sender: a number, or a few letters where the country allows that.
    pub from: String,
    /// The trusted certificates.
    pub trust: Trust,
}

#[derive(Deserialize)]
struct Answer {
    messages: Vec<Part>,
}

/// The result for one part of a message: long messages have several.
#[derive(Deserialize)]
struct Part {
    status: String,
    #[serde(rename = "error-text", default)]
    reason: String,
}

impl Vonage {
    /// The API's default address.
    pub const ENDPOINT: &str = "https://rest.nexmo.com/sms/json";

    pub(super) fn send(
        &self,
        to: &PhoneNumber,
        text: &str,
        code: &str,
        until: Instant,
    ) -> Result<(), SendError> {
        let kind = if text.is_ascii() { "text" } else { "unicode" };
        let form = form(&[
            ("api_key", self.key.expose()),
            ("api_secret", self.secret.expose()),
            ("from", &self.from),
            // The API expects the number without its plus sign.
            ("to", to.digits()),
            ("text", text),
            ("type", kind),
        ]);
        let hidden = [code, self.key.expose(), self.secret.expose()];
        let answer = Post {
            url: &self.endpoint,
            content_type: "application/x-www-form-urlencoded",
            header: None,
            body: form.as_bytes(),
            hidden: &hidden,
        }
        .send(&self.trust, until)?;
        check_parts(&answer, &hidden)
    }
}

fn check_parts(answer: &str, hidden: &[&str]) -> Result<(), SendError> {
    let parts = serde_json::from_str::<Answer>(answer).map(|answer| answer.messages);
    let Some(parts) = parts.ok().filter(|parts| !parts.is_empty()) else {
        return Err(SendError::temporary(
            "the answer is not one of Vonage's API; check the endpoint",
        ));
    };
    match parts.iter().find(|part| part.status != "0") {
        None => Ok(()),
        Some(part) => Err(part.error(hidden)),
    }
}

impl Part {
    /// <https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms>.
    fn error(&self, hidden: &[&str]) -> SendError {
        let (is_temporary, meaning) = match self.status.as_str() {
            "1" => (true, "more messages than the account may send at once"),
            "2" | "3" => (false, "a parameter is missing or invalid; check `from`"),
            "4" => (
                false,
                "key or secret is wrong; compare both files with the dashboard",
            ),
            "5" => (true, "an internal error of Vonage"),
            "6" => (false, "it can't send to this number"),
            "7" => (false, "the number has opted out of messages"),
            "8" => (false, "the account is suspended"),
            "9" => (false, "the account has no credit left; top it up"),
            "10" => (true, "too many connections at once"),
            "11" => (false, "the account may not use this API"),
            "12" => (false, "the message is too long; shorten its template"),
            "14" => (false, "the account requires signed requests; turn that off"),
            "15" => (
                false,
                "`from` may not be used in the country of this number",
            ),
            "29" => (
                false,
                "a trial account sends to listed numbers only; list the number, or upgrade",
            ),
            "32" => (
                false,
                "the account accepts signed requests only; allow the secret for it",
            ),
            "33" => (false, "the number is no longer in service"),
            _ => (false, "see Vonage's documentation of this status"),
        };
        let status = said(&self.status, hidden);
        let reason = said(&self.reason, hidden);
        let text =
            format!("Vonage did not send the message: {meaning} (status {status}: {reason})");
        match is_temporary {
            true => SendError::Temporary(text),
            false => SendError::Permanent(text),
        }
    }
}

/// `application/x-www-form-urlencoded`, as the URL standard defines it.
fn form(fields: &[(&str, &str)]) -> Zeroizing<String> {
    let room = fields
        .iter()
        .map(|(name, value)| name.len() + value.len() * 3 + 2);
    let mut form = Zeroizing::new(String::with_capacity(room.sum()));
    for (name, value) in fields {
        if !form.is_empty() {
            form.push('&');
        }
        form.push_str(name);
        form.push('=');
        for byte in value.bytes() {
            push_escaped(&mut form, byte);
        }
    }
    form
}

fn push_escaped(form: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
            form.push(char::from(byte));
        }
        b' ' => form.push('+'),
        _ => {
            form.push('%');
            form.push(char::from(DIGITS[usize::from(byte >> 4)]));
            form.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_characters_in_values_are_escaped() {
        assert_eq!(
            form(&[("a", "1 &=+%"), ("text", "für")]).as_str(),
            "a=1+%26%3D%2B%25&text=f%C3%BCr"
        );
    }

    #[test]
    fn a_message_is_sent_when_all_its_parts_are() {
        let parts = |text: &str| {
            check_parts(
                &format!("{{\"message-count\":\"2\",\"messages\":[{text}]}}"),
                &[],
            )
        };
        let sent = r#"{"to":"447700900000","message-id":"0C000000217B7F02","status":"0"}"#;
        assert_eq!(parts(&format!("{sent},{sent}")), Ok(()));
        assert!(parts(&format!("{sent},{{\"status\":\"6\"}}")).is_err());
        assert!(parts("").is_err(), "no part, no success");
        for text in ["", "{}", "null", "<html>", r#"{"messages":[{}]}"#] {
            assert!(check_parts(text, &[]).unwrap_err().is_temporary(), "{text}");
        }
    }

    #[test]
    fn the_endpoint_is_an_address() {
        assert!(Vonage::ENDPOINT.parse::<HttpsUrl>().is_ok());
    }

    #[test]
    fn only_temporary_errors_are_tried_again() {
        let error_for = |status: u32| {
            let text = format!(
                "{{\"messages\":[{{\"status\":\"{status}\",\"error-text\":\"to +447700900000\"}}]}}"
            );
            check_parts(&text, &[]).unwrap_err()
        };
        let temporary: Vec<u32> = (1..40)
            .filter(|status| error_for(*status).is_temporary())
            .collect();
        assert_eq!(temporary, [1, 5, 10]);
        assert!(!error_for(4).to_string().contains("7700900000"));
    }
}
