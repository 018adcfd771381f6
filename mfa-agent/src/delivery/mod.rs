//! Sends one-time codes to users: by mail, by text message.
//!
//! In come an address that is known to be one ([`Recipient`](mfa_core::factors::address::Recipient)), a [`Notice`] with
//! the code, and a deadline; out comes whether the message was handed over, or why not, in words for an
//! administrator ([`SendError`]). The [`DeliveryQueue`] queues in memory, and sends on threads of its own, so
//! that whoever asks never waits for a provider. Nothing is written to disk: a restart voids what is
//! under way. Neither a code, nor a secret of a provider, nor a whole address is ever in an error.
//!
//! ```text
//!   Job ─▶ DeliveryQueue ─┬▶ lane of e-mail ──▶ Mailer ──▶ Smtp │ Sendmail
//!                   └▶ lane of texts ───▶ Texter ──▶ Vonage │ Webhook │ Command
//! ```
//!
//! What is trusted: the settings. What is not: every byte that a server or a command says.

mod delivery_queue;
mod email;
mod error;
mod program;
mod secret_file;
mod sms;
mod template;
mod tls;

pub use delivery_queue::{
    AtEnd, Delivery, DeliveryQueue, Job, Limits, QueueFull, Ticket, Transport,
};
pub use email::{Credentials, HostError, MailRoute, Mailer, Security, Sendmail, ServerHost, Smtp};
pub use error::SendError;
pub use program::{PathError, ProgramPath};
pub use secret_file::{SecretError, read_secret};
pub use sms::{Authentication, Command, HttpsUrl, TextRoute, Texter, UrlError, Vonage, Webhook};
pub use template::{Notice, Template, TemplateError, Templates};
pub use tls::{Roots, RootsError, Trust};
