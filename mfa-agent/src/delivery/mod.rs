//! Sends one-time codes to users, by email or by text message.
//!
//! A caller submits a verified address ([`Recipient`](mfa_core::factors::address::Recipient)), a [`Content`]
//! such as a code, and a deadline, and learns whether the message was handed over, or why not
//! ([`SendError`]). The [`DeliveryQueue`] queues in memory and sends on its own threads, so no login waits for
//! a provider; a restart drops waiting messages. No error contains a code, a provider's secret or a whole
//! address.
//!
//! ```text
//!   Job ─▶ DeliveryQueue ─┬▶ queue of email ──▶ Mailer ──▶ Smtp │ Sendmail
//!                         └▶ queue of texts ──▶ Texter ──▶ Vonage │ Webhook │ Command
//! ```
//!
//! The settings are trusted. Bytes from servers and commands are not.

mod content;
mod delivery_queue;
mod email;
mod error;
mod program;
mod secret_file;
mod sms;
mod template;
mod tls;

pub use content::{Content, Words};
pub use delivery_queue::{
    AtEnd, Delivery, DeliveryLimits, DeliveryQueue, Job, QueueFull, Ticket, Transport,
};
pub use email::{Credentials, HostError, MailRoute, Mailer, Security, Sendmail, ServerHost, Smtp};
pub use error::SendError;
pub use program::{PathError, ProgramPath};
pub use secret_file::{SecretError, read_secret};
pub use sms::{Authentication, Command, HttpsUrl, TextRoute, Texter, UrlError, Vonage, Webhook};
pub use template::{MessagePurpose, Notice, Template, TemplateError, Templates};
pub use tls::{Roots, RootsError, Trust};
