//! libpam, where the `pam` crate does not reach: our only module with `unsafe` code.
//!
//! The `pam` crate's conversation sends one message a call and frees responses on success only; the
//! crate has no `pam_syslog` and can't set `PAM_AUTHTOK`. These functions are declared here as in
//! Linux-PAM's `<security/pam_modules.h>` and `<security/pam_ext.h>`. Every response that a program
//! allocates is wiped and freed, whatever the call returned.

#![allow(unsafe_code, reason = "the C interface of libpam")]

mod conversation;
mod invoker;

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr;

use mfa_protocol::login::{Message, Prompt, Unsigned};
use mfa_protocol::{Secret, ssh_agent};
use pam::constants::PamResultCode;
use pam::items::{AuthTok, ItemType, RHost, RUser, Service, Tty};
use pam::module::PamHandle;
use zeroize::Zeroizing;

use crate::answer::PamAnswer;
use crate::relay::{ConversationError, Host, Priority};
use conversation::{PamConv, Responses, Texts};
use invoker::Invoker;

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_get_item(handle: *const PamHandle, item: c_int, value: *mut *const c_void) -> c_int;
    fn pam_set_item(handle: *mut PamHandle, item: c_int, value: *const c_void) -> c_int;
    fn pam_putenv(handle: *mut PamHandle, name_value: *const c_char) -> c_int;
    fn pam_getenv(handle: *const PamHandle, name: *const c_char) -> *const c_char;
    fn pam_syslog(handle: *const PamHandle, priority: c_int, format: *const c_char, ...);
}

/// The program behind a PAM handle.
pub(crate) struct LibPam<'a> {
    handle: &'a mut PamHandle,
}

impl<'a> LibPam<'a> {
    pub(crate) fn new(handle: &'a mut PamHandle) -> Self {
        Self { handle }
    }

    /// A variable of PAM's environment.
    fn variable(&self, name: &CStr) -> Option<String> {
        // SAFETY: the handle is libpam's own and the name a C string; libpam reads both and keeps
        // neither.
        let value = unsafe { pam_getenv(self.handle, name.as_ptr()) };
        if value.is_null() {
            return None;
        }
        // SAFETY: not null, so it is a C string inside PAM's environment, which nobody changes
        // before it is copied here.
        Some(lossy(unsafe { CStr::from_ptr(value) }))
    }

    /// Sets a variable of PAM's environment (`NAME=value`), or removes it (`NAME`).
    fn put(&mut self, text: &CStr) -> c_int {
        // SAFETY: the handle is libpam's own and the text a C string, of which libpam makes its own copy.
        unsafe { pam_putenv(self.handle, text.as_ptr()) }
    }

    /// One call of the program's conversation function.
    fn converse(&mut self, texts: &mut Texts) -> Result<Responses, ConversationError> {
        let mut item: *const c_void = ptr::null();
        // SAFETY: the handle is libpam's own, and `item` is valid for the pointer that libpam
        // writes.
        let code = unsafe { pam_get_item(self.handle, ItemType::Conv as c_int, &raw mut item) };
        // SAFETY: for PAM_CONV the item is null or points to the program's `struct pam_conv`, which
        // libpam keeps as long as the handle and does not change while a module runs.
        let conv = unsafe { item.cast::<PamConv>().as_ref() };
        match conv {
            Some(conv) if code == SUCCESS => conv.call(texts),
            _ => Err(ConversationError::Failed),
        }
    }
}

impl Host for LibPam<'_> {
    fn user(&mut self) -> Result<Option<String>, ConversationError> {
        match self.handle.get_user(None) {
            Ok(user) => Ok(Some(user)),
            // The `pam` crate reports "not UTF-8" like this.
            Err(PamResultCode::PAM_SYSTEM_ERR) => Ok(None),
            Err(_) => Err(ConversationError::Failed),
        }
    }

    fn service(&self) -> Option<String> {
        let Service(name) = self.handle.get_item().ok()??;
        name.to_str().ok().map(str::to_owned)
    }

    fn rhost(&self) -> Option<String> {
        self.handle.get_item().ok()?.map(|RHost(name)| lossy(name))
    }

    fn ruser(&self) -> Option<String> {
        self.handle.get_item().ok()?.map(|RUser(name)| lossy(name))
    }

    fn tty(&self) -> Option<String> {
        self.handle.get_item().ok()?.map(|Tty(name)| lossy(name))
    }

    fn ssh_auth_info(&self) -> Option<String> {
        // sshd is started by root. In a program that a user has started, a module before may have read the variable from
        // a file of that user's (pam_env).
        invoker::is_root()
            .then(|| self.variable(c"SSH_AUTH_INFO_0"))
            .flatten()
    }

    fn has_ssh_agent(&self) -> bool {
        Invoker::with_ssh_agent().is_some()
    }

    fn ask_ssh_agent(&mut self, message: &ssh_agent::Message) -> Result<String, Unsigned> {
        let invoker = Invoker::with_ssh_agent().ok_or(Unsigned::NoAgent)?;
        invoker.relay(message)
    }

    fn ticket(&self) -> Option<Secret> {
        self.variable(c"MFA_TICKET").map(Secret::new)
    }

    fn set_ticket(&mut self, ticket: Option<&Secret>) -> Result<(), ConversationError> {
        let Some(ticket) = ticket else {
            // A name alone removes the variable; libpam logs an alert if it does not exist.
            return match self.ticket() {
                Some(_) => accepted(self.put(c"MFA_TICKET")),
                None => Ok(()),
            };
        };
        let mut text = Zeroizing::new(Vec::with_capacity(MAX_TICKET));
        text.extend_from_slice(b"MFA_TICKET=");
        text.extend_from_slice(ticket.expose().as_bytes());
        text.push(0);
        let text = CStr::from_bytes_with_nul(&text).map_err(|_| ConversationError::Failed)?;
        accepted(self.put(text))
    }

    fn has_password_failed(&self) -> bool {
        self.variable(PASSWORD_FAILED).is_some()
    }

    fn set_password_failed(&mut self, failed: bool) -> Result<(), ConversationError> {
        match (failed, self.has_password_failed()) {
            (true, false) => accepted(self.put(c"MFA_PASSWORD_FAILED=1")),
            (false, true) => accepted(self.put(PASSWORD_FAILED)),
            _ => Ok(()),
        }
    }

    /// As gettext finds it, which other modules use.
    fn locale(&self) -> Option<String> {
        let names = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter();
        let mut set = names.filter_map(|name| std::env::var(name).ok());
        set.find(|value| !value.is_empty())
    }

    fn parent(&self) -> u32 {
        std::os::unix::process::parent_id()
    }

    fn take_authtok(&mut self) -> Option<PamAnswer> {
        let password: AuthTok<'_> = self.handle.get_item().ok()??;
        PamAnswer::new(password.as_bytes()).ok()
    }

    fn set_authtok(&mut self, password: &[u8]) -> Result<(), ConversationError> {
        let mut text = Zeroizing::new(Vec::with_capacity(password.len() + 1));
        text.extend_from_slice(password);
        text.push(0);
        let text = CStr::from_bytes_with_nul(&text).map_err(|_| ConversationError::Failed)?;
        // SAFETY: for PAM_AUTHTOK the value is a C string; libpam makes its own copy before it returns.
        let code = unsafe {
            pam_set_item(
                self.handle,
                ItemType::AuthTok as c_int,
                text.as_ptr().cast(),
            )
        };
        accepted(code)
    }

    fn ask(
        &mut self,
        messages: &[Message],
        prompt: &Prompt,
    ) -> Result<PamAnswer, ConversationError> {
        let responses = self.converse(&mut Texts::new(messages, Some(prompt)))?;
        let is_optional = prompt.optional && responses.given().is_some();
        Ok(PamAnswer::to(is_optional, responses.last())?)
    }

    fn show(&mut self, messages: &[Message]) -> Result<(), ConversationError> {
        self.converse(&mut Texts::new(messages, None)).map(drop)
    }

    fn log(&mut self, priority: Priority, text: &str) {
        let line = log_line(text);
        // SAFETY: the handle is libpam's own; the format takes one C string, and `line` is one.
        unsafe {
            pam_syslog(
                self.handle,
                priority as c_int,
                c"%s".as_ptr(),
                line.as_ptr(),
            )
        };
    }
}

fn accepted(code: c_int) -> Result<(), ConversationError> {
    match code {
        SUCCESS => Ok(()),
        _ => Err(ConversationError::Failed),
    }
}

fn lossy(name: &CStr) -> String {
    name.to_string_lossy().into_owned()
}

/// The text may quote the agent: no line breaks, no terminal sequences, bounded length.
fn log_line(text: &str) -> CString {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if line.len() >= MAX_LOG_LINE {
            line.push('…');
            break;
        }
        match character {
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    CString::new(line).unwrap_or_default()
}

const SUCCESS: c_int = PamResultCode::PAM_SUCCESS as c_int;

/// The environment variable of the `password_failed` flag.
const PASSWORD_FAILED: &CStr = c"MFA_PASSWORD_FAILED";

/// Bytes of the variable with the longest accepted ticket, so that the buffer never grows and
/// leaves a copy.
const MAX_TICKET: usize = 256;

/// Bytes that syslog daemons accept in one piece.
const MAX_LOG_LINE: usize = 900;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_line_can_not_forge_another_nor_control_a_terminal() {
        let line = log_line("a\nb\0c\u{1b}[2J\u{9b}d\u{e9}");
        assert_eq!(line.to_str().unwrap(), "a\\nb\\u{0}c\\u{1b}[2J\\u{9b}dé");
    }

    #[test]
    fn a_log_line_has_a_bounded_length() {
        assert!(log_line(&"\n".repeat(70_000)).as_bytes().len() < 1000);
    }
}
