//! Sends codes by text message, in three ways.
//!
//! A provider's API ([`Vonage`]), any HTTPS server that takes JSON ([`Webhook`]), or an executable
//! of this host ([`Command`]). The latter two get the same JSON object: the text ready to send, and
//! the values in it for administrators who write their own.

mod https;
mod vonage;
mod webhook;

use std::time::Instant;

use serde::Serialize;
use zeroize::Zeroizing;

use super::delivery_queue::Transport;
use super::program::ProgramPath;
use super::{Content, SendError, Templates};
pub use https::{HttpsUrl, UrlError};
use mfa_core::factors::address::PhoneNumber;
pub use vonage::Vonage;
pub use webhook::{Authentication, Webhook};

/// Capacity for a payload, because a growing buffer leaves copies behind.
const USUAL_PAYLOAD: usize = 16 << 10;

/// Sends codes by text message.
#[derive(Debug)]
pub struct Texter {
    pub templates: Templates,
    /// Where messages are handed over.
    pub route: TextRoute,
}

/// Where messages are handed over.
#[derive(Debug)]
pub enum TextRoute {
    /// Vonage's SMS API.
    Vonage(Vonage),
    /// The administrator's own server.
    Webhook(Webhook),
    /// A program of this host.
    Command(Command),
}

/// An executable without arguments. It gets a JSON object on standard input, with the members of a
/// [`Webhook`]'s body. Exit status 0 means sent, 75 try again, any other a permanent failure. Its
/// child processes are killed when it ends.
#[derive(Debug)]
pub struct Command {
    /// The executable.
    pub path: ProgramPath,
}

/// The JSON object for webhooks and commands. A notice has neither code nor service.
#[derive(Serialize)]
struct Payload<'a> {
    to: &'a str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    host: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<&'a str>,
}

impl Transport<PhoneNumber> for Texter {
    fn send(&self, to: &PhoneNumber, content: &Content, until: Instant) -> Result<(), SendError> {
        let text = content.short_text(&self.templates);
        let code = content.code().unwrap_or_default();
        match &self.route {
            TextRoute::Vonage(vonage) => vonage.send(to, text.expose(), code, until),
            TextRoute::Webhook(webhook) => {
                webhook.send(&payload(to, text.expose(), content)?, code, until)
            }
            TextRoute::Command(command) => {
                let payload = payload(to, text.expose(), content)?;
                command.path.run(&[], &payload, &[code], until)
            }
        }
    }
}

/// `{"to": "+49…", "text": "…", "code": "…", "host": "…", "service": "…"}`.
fn payload(
    to: &PhoneNumber,
    text: &str,
    content: &Content,
) -> Result<Zeroizing<Vec<u8>>, SendError> {
    let payload = Payload {
        to: to.as_str(),
        text,
        code: content.code(),
        host: content.host(),
        service: content.service(),
    };
    let mut json = Zeroizing::new(Vec::with_capacity(USUAL_PAYLOAD));
    serde_json::to_writer(&mut *json, &payload)
        .map_err(|_| SendError::permanent("the message can't be written as JSON"))?;
    Ok(json)
}
