//! Vonage's SMS API (formerly Nexmo): a form in, JSON out.
//!
//! <https://developer.vonage.com/en/api/sms>. The answer has HTTP status 200 even if nothing was sent; a
//! status for each part of the message tells, and only 0 is success. Only those that go away by themselves
//! are tried again: an empty account is not filled within the life of a code.

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
    /// Where the API is; [`Vonage::ENDPOINT`] unless it is another data centre's.
    pub endpoint: HttpsUrl,
    /// The key, which names the account.
    pub key: Secret,
    /// The secret that belongs to it.
    pub secret: Secret,
    /// Whom the message is from: a number, or a few letters where the country allows that.
    pub from: String,
    /// Whose certificates are believed.
    pub trust: Trust,
}

#[derive(Deserialize)]
struct Answer {
    messages: Vec<Part>,
}

/// One part of a message: long ones have several.
#[derive(Deserialize)]
struct Part {
    status: String,
    #[serde(rename = "error-text", default)]
    reason: String,
}

impl Vonage {
    /// The API's usual address.
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
            // The API wants the number without its plus sign.
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
        judge(&answer, &hidden)
    }
}

fn judge(answer: &str, hidden: &[&str]) -> Result<(), SendError> {
    let parts = serde_json::from_str::<Answer>(answer).map(|answer| answer.messages);
    let Some(parts) = parts.ok().filter(|parts| !parts.is_empty()) else {
        return Err(SendError::temporary(
            "Vonage answers something else than its API does; is the endpoint right?",
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
            "2" | "3" => (false, "it misses or dislikes a parameter; look at `from`"),
            "4" => (
                false,
                "key or secret are wrong; look at both files and at the dashboard",
            ),
            "5" => (true, "an error within Vonage"),
            "6" => (false, "it can't send to this number"),
            "7" => (false, "the number does not want messages"),
            "8" => (false, "the account is suspended"),
            "9" => (false, "the account has no credit left; top it up"),
            "10" => (true, "too many connections at once"),
            "11" => (false, "the account may not use this API"),
            "12" => (false, "the message is too long; shorten its template"),
            "14" => (
                false,
                "it wants signed requests; turn that off for this account",
            ),
            "15" => (
                false,
                "`from` may not be used in the country of this number",
            ),
            "29" => (
                false,
                "a trial account sends to listed numbers only; list it, or pay",
            ),
            "32" => (
                false,
                "it wants signed requests only; allow the secret for this account",
            ),
            "33" => (false, "the number is no longer in service"),
            _ => (false, "a status that its documentation explains"),
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

/// `application/x-www-form-urlencoded`, by the rules of the URL standard.
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
    fn a_form_hides_its_own_signs_in_values() {
        assert_eq!(
            form(&[("a", "1 &=+%"), ("text", "für")]).as_str(),
            "a=1+%26%3D%2B%25&text=f%C3%BCr"
        );
    }

    #[test]
    fn a_message_is_sent_when_all_its_parts_are() {
        let parts = |text: &str| {
            judge(
                &format!("{{\"message-count\":\"2\",\"messages\":[{text}]}}"),
                &[],
            )
        };
        let sent = r#"{"to":"447700900000","message-id":"0C000000217B7F02","status":"0"}"#;
        assert_eq!(parts(&format!("{sent},{sent}")), Ok(()));
        assert!(parts(&format!("{sent},{{\"status\":\"6\"}}")).is_err());
        assert!(parts("").is_err(), "no part, no success");
        for text in ["", "{}", "null", "<html>", r#"{"messages":[{}]}"#] {
            assert!(judge(text, &[]).unwrap_err().is_temporary(), "{text}");
        }
    }

    #[test]
    fn the_endpoint_is_an_address() {
        assert!(Vonage::ENDPOINT.parse::<HttpsUrl>().is_ok());
    }

    #[test]
    fn only_what_goes_away_by_itself_is_tried_again() {
        let judged = |status: u32| {
            let text = format!(
                "{{\"messages\":[{{\"status\":\"{status}\",\"error-text\":\"to +447700900000\"}}]}}"
            );
            judge(&text, &[]).unwrap_err()
        };
        let temporary: Vec<u32> = (1..40)
            .filter(|status| judged(*status).is_temporary())
            .collect();
        assert_eq!(temporary, [1, 5, 10]);
        assert!(!judged(4).to_string().contains("7700900000"));
    }
}
