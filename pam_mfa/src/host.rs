//! What the relay needs from the program that it runs in.

use mfa_protocol::login::{Message, Prompt, Unsigned};
use mfa_protocol::{Secret, ssh_agent};

use crate::answer::{NoAnswer, PamAnswer};

/// The program and its libpam.
pub trait Host {
    /// The user's name; the program may have to ask for it. `None` if it is not UTF-8.
    ///
    /// # Errors
    ///
    /// [`ConversationError`] when the program asked and got no answer.
    fn user(&mut self) -> Result<Option<String>, ConversationError>;

    /// The service's name; `None` if it is missing or not UTF-8.
    fn service(&self) -> Option<String>;

    /// The remote host's name or address.
    fn rhost(&self) -> Option<String>;

    /// The user's name on the remote host.
    fn ruser(&self) -> Option<String>;

    fn tty(&self) -> Option<String>;

    /// The methods that sshd verified before PAM: `SSH_AUTH_INFO_0` of PAM's environment, a line
    /// for each method (sshd_config(5), `ExposeAuthInfo`).
    fn ssh_auth_info(&self) -> Option<String>;

    /// Whether the user who started the program has an ssh-agent that the module may connect to.
    fn has_ssh_agent(&self) -> bool;

    /// Sends a message to that ssh-agent, with the rights of its user, and returns the reply in base64.
    ///
    /// # Errors
    ///
    /// Why there is no reply.
    fn ask_ssh_agent(&mut self, message: &ssh_agent::Message) -> Result<String, Unsigned>;

    /// The ticket that the `auth` phase left in PAM's environment.
    fn ticket(&self) -> Option<Secret>;

    /// Stores a ticket there, or removes it.
    ///
    /// # Errors
    ///
    /// [`ConversationError`] when libpam refuses.
    fn set_ticket(&mut self, ticket: Option<&Secret>) -> Result<(), ConversationError>;

    /// Whether an earlier line found the password wrong; see [`crate::relay::password_failed`].
    fn has_password_failed(&self) -> bool;

    /// Sets or clears that flag.
    ///
    /// # Errors
    ///
    /// [`ConversationError`] when libpam refuses.
    fn set_password_failed(&mut self, failed: bool) -> Result<(), ConversationError>;

    /// The locale of the program's messages, such as `de_DE.UTF-8`.
    fn locale(&self) -> Option<String>;

    /// The parent process.
    fn parent(&self) -> u32;

    /// The password that an earlier module asked for, unless it is empty or too long.
    fn take_authtok(&mut self) -> Option<PamAnswer>;

    /// Hands a password, never an empty one, to the next modules.
    ///
    /// # Errors
    ///
    /// [`ConversationError`] when libpam refuses.
    fn set_authtok(&mut self, password: &[u8]) -> Result<(), ConversationError>;

    /// Shows messages and asks in one call of the conversation: some programs (ocserv) show only
    /// messages that come with a prompt.
    ///
    /// # Errors
    ///
    /// [`ConversationError`] when there is no answer.
    fn ask(
        &mut self,
        messages: &[Message],
        prompt: &Prompt,
    ) -> Result<PamAnswer, ConversationError>;

    /// Shows messages without a prompt.
    ///
    /// # Errors
    ///
    /// [`ConversationError`] when the program does not show them.
    fn show(&mut self, messages: &[Message]) -> Result<(), ConversationError>;

    /// Writes a line to the system's log.
    fn log(&mut self, priority: Priority, text: &str);
}

/// Why the conversation gave no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConversationError {
    /// The program's conversation function failed, or there is none.
    #[error("the program's conversation failed")]
    Failed,
    /// The answer is not usable.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
}

/// Severity of a log line; names and numbers of syslog(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Priority {
    /// Act at once.
    Alert = libc::LOG_ALERT,
    /// A bug of ours.
    Critical = libc::LOG_CRIT,
    /// A login was refused because something is missing.
    Error = libc::LOG_ERR,
    /// Worth knowing.
    Notice = libc::LOG_NOTICE,
    /// Each step, if the `debug` argument is given.
    Debug = libc::LOG_DEBUG,
}
