//! Codes by text message: what is sent, and the three ways to hand it over.
//!
//! A provider's own interface ([`Vonage`]), any HTTPS server that takes JSON ([`Webhook`]), or an
//! executable of this host ([`Command`]). The latter two get the same JSON object: the text ready to
//! send, and what it was made of for those who write their own.

mod https;
mod vonage;
mod webhook;

use std::time::Instant;

use serde::Serialize;
use zeroize::Zeroizing;

use super::delivery_queue::Transport;
use super::program::ProgramPath;
use super::{Notice, SendError, Templates};
pub use https::{HttpsUrl, UrlError};
use mfa_core::factors::address::PhoneNumber;
pub use vonage::Vonage;
pub use webhook::{Authentication, Webhook};

/// Room for a payload; a buffer that grows leaves copies behind.
const USUAL_PAYLOAD: usize = 16 << 10;

/// Sends codes by text message.
#[derive(Debug)]
pub struct Texter {
    pub templates: Templates,
    /// Who takes it.
    pub route: TextRoute,
}

/// Who takes the text messages.
#[derive(Debug)]
pub enum TextRoute {
    /// Vonage's SMS API.
    Vonage(Vonage),
    /// A server of one's own.
    Webhook(Webhook),
    /// A program of this host.
    Command(Command),
}

/// An executable without arguments: it finds a JSON object on its standard input, with the members of a
/// [`Webhook`]'s body. Exit status 0 says that the message is sent, 75 to try again, any other that it
/// never will be. What it started and left behind is killed when it ends.
#[derive(Debug)]
pub struct Command {
    /// The executable.
    pub path: ProgramPath,
}

/// What a webhook and a command get.
#[derive(Serialize)]
struct Payload<'a> {
    to: &'a str,
    text: &'a str,
    code: &'a str,
    host: &'a str,
    service: &'a str,
}

impl Transport<PhoneNumber> for Texter {
    fn send(&self, to: &PhoneNumber, notice: &Notice, until: Instant) -> Result<(), SendError> {
        let text = self.templates.text(notice);
        let code = notice.code.expose();
        match &self.route {
            TextRoute::Vonage(vonage) => vonage.send(to, text.expose(), code, until),
            TextRoute::Webhook(webhook) => {
                webhook.send(&payload(to, text.expose(), notice)?, code, until)
            }
            TextRoute::Command(command) => {
                let payload = payload(to, text.expose(), notice)?;
                command.path.run(&[], &payload, &[code], until)
            }
        }
    }
}

/// `{"to": "+49…", "text": "…", "code": "…", "host": "…", "service": "…"}`.
fn payload(to: &PhoneNumber, text: &str, notice: &Notice) -> Result<Zeroizing<Vec<u8>>, SendError> {
    let payload = Payload {
        to: to.as_str(),
        text,
        code: notice.code.expose(),
        host: &notice.host,
        service: &notice.service,
    };
    let mut json = Zeroizing::new(Vec::with_capacity(USUAL_PAYLOAD));
    serde_json::to_writer(&mut *json, &payload)
        .map_err(|_| SendError::permanent("the message can't be written as JSON"))?;
    Ok(json)
}
