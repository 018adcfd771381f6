//! What the relay needs of the program that it runs in.

use mfa_protocol::Secret;
use mfa_protocol::login::{Message, Prompt};

use crate::typed::{NoAnswer, PamAnswer};

/// The program and its libpam, as far as a login needs them.
pub trait Host {
    /// The user's name; the program may have to ask for it. `None` if it is not UTF-8.
    ///
    /// # Errors
    ///
    /// [`ConversationError`] when it was asked for in vain.
    fn user(&mut self) -> Result<Option<String>, ConversationError>;

    /// The service's name; `None` if it is missing or not UTF-8.
    fn service(&self) -> Option<String>;

    /// The remote host's name or address.
    fn rhost(&self) -> Option<String>;

    /// The user's name on the remote host.
    fn ruser(&self) -> Option<String>;

    fn tty(&self) -> Option<String>;

    /// What sshd has verified before it asked PAM: `SSH_AUTH_INFO_0` of PAM's environment, a line for each
    /// method (sshd_config(5), `ExposeAuthInfo`).
    fn ssh_auth_info(&self) -> Option<String>;

    /// The ticket that the `auth` phase has left in PAM's environment.
    fn ticket(&self) -> Option<Secret>;

    /// Leaves a ticket there, or takes it away.
    ///
    /// # Errors
    ///
    /// [`ConversationError`] when libpam does not take it.
    fn set_ticket(&mut self, ticket: Option<&Secret>) -> Result<(), ConversationError>;

    /// Whether a line before has found the password wrong; see [`crate::relay::mark`].
    fn is_marked(&self) -> bool;

    /// Says so, or no longer.
    ///
    /// # Errors
    ///
    /// [`ConversationError`] when libpam does not take it.
    fn set_marked(&mut self, marked: bool) -> Result<(), ConversationError>;

    /// The process that this one was started by.
    fn parent(&self) -> u32;

    /// The password that a module before this one asked for, unless it is empty or too long to be one.
    fn take_authtok(&mut self) -> Option<PamAnswer>;

    /// Hands a password, never an empty one, to the modules that follow.
    ///
    /// # Errors
    ///
    /// [`ConversationError`] when libpam does not take it.
    fn set_authtok(&mut self, password: &[u8]) -> Result<(), ConversationError>;

    /// Shows messages, then asks, all in one call of the conversation: some programs (ocserv) show only
    /// what comes together with a prompt.
    ///
    /// # Errors
    ///
    /// [`ConversationError`] when nothing was answered.
    fn ask(
        &mut self,
        messages: &[Message],
        prompt: &Prompt,
    ) -> Result<PamAnswer, ConversationError>;

    /// Shows messages that no prompt follows.
    ///
    /// # Errors
    ///
    /// [`ConversationError`] when the program does not show them.
    fn show(&mut self, messages: &[Message]) -> Result<(), ConversationError>;

    /// Writes a line to the system's log.
    fn log(&mut self, priority: Priority, text: &str);
}

/// The conversation brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConversationError {
    /// The program's conversation function failed, or there is none.
    #[error("the program's conversation failed")]
    Failed,
    /// What came is none.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
}

/// How urgent a line in the log is; the names and numbers of syslog(3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Priority {
    /// Act at once.
    Alert = libc::LOG_ALERT,
    /// A fault of ours.
    Critical = libc::LOG_CRIT,
    /// A login was refused for want of something.
    Error = libc::LOG_ERR,
    /// Worth knowing.
    Notice = libc::LOG_NOTICE,
    /// Each step, on demand.
    Debug = libc::LOG_DEBUG,
}
