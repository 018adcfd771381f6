//! Sends codes by email: the message, and the two ways to hand it over.
//!
//! Either an SMTP server, which must offer TLS with a valid certificate ([`Smtp`]), or the host's
//! own `sendmail` ([`Sendmail`]). A message is plain text in UTF-8 and is marked as automatic (RFC
//! 3834), so that no out-of-office reply answers it.

mod message;
mod reply;
mod smtp;
mod stream;

use std::time::Instant;

use super::delivery_queue::Transport;
use super::program::ProgramPath;
use super::{Content, SendError, Templates};
use mfa_core::factors::address::EmailAddress;
pub use smtp::{Credentials, HostError, Security, ServerHost, Smtp};

/// Sends codes by email.
#[derive(Debug)]
pub struct Mailer {
    /// The sender, in the header and the envelope.
    pub from: EmailAddress,
    /// Subject and text.
    pub templates: Templates,
    /// Where messages are handed over.
    pub route: MailRoute,
}

/// Where messages are handed over.
#[derive(Debug)]
pub enum MailRoute {
    /// An SMTP server.
    Smtp(Smtp),
    /// A program of this host.
    Sendmail(Sendmail),
}

/// The host's `sendmail`, or a compatible program: postfix, exim, msmtp, nullmailer.
#[derive(Debug)]
pub struct Sendmail {
    /// Such as `/usr/sbin/sendmail`.
    pub path: ProgramPath,
}

impl Transport<EmailAddress> for Mailer {
    fn send(&self, to: &EmailAddress, content: &Content, until: Instant) -> Result<(), SendError> {
        let message = message::compose(&self.from, to, &self.templates, content)?;
        let code = content.code().unwrap_or_default();
        match &self.route {
            MailRoute::Smtp(smtp) => smtp.send(&self.from, to, &message, code, until),
            MailRoute::Sendmail(sendmail) => sendmail.send(&self.from, to, &message, code, until),
        }
    }
}

impl Sendmail {
    fn send(
        &self,
        from: &EmailAddress,
        to: &EmailAddress,
        message: &[u8],
        code: &str,
        until: Instant,
    ) -> Result<(), SendError> {
        // -i: a line with only a dot does not end the message. Local programs expect local line
        // ends.
        let arguments = ["-i", "-f", from.as_str(), "--", to.as_str()];
        let text = message::with_local_line_ends(message);
        self.path.run(&arguments, &text, &[code], until)
    }
}
