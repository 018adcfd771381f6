//! One call of a program's conversation function (`pam_conv(3)`), and its responses.
//!
//! The program allocates the responses; from then on we must wipe and free them, also after a
//! failed call, as libpam's own `pam_vprompt` does.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::{ptr, slice};

use mfa_protocol::login::{Message, Prompt, Style};
use pam::constants::{PAM_ERROR_MSG, PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON, PAM_TEXT_INFO};
use zeroize::Zeroize;

use super::SUCCESS;
use crate::relay::ConversationError;

/// `struct pam_conv`
#[repr(C)]
pub(super) struct PamConv {
    function: Option<ConversationFunction>,
    data: *mut c_void,
}

type ConversationFunction = unsafe extern "C" fn(
    c_int,
    *mut *const PamMessage,
    *mut *mut PamResponse,
    *mut c_void,
) -> c_int;

/// `struct pam_message`
#[repr(C)]
struct PamMessage {
    style: c_int,
    text: *const c_char,
}

/// `struct pam_response`
#[repr(C)]
struct PamResponse {
    text: *mut c_char,
    code: c_int, // unused, says pam_conv(3)
}

impl PamConv {
    pub(super) fn call(&self, texts: &mut Texts) -> Result<Responses, ConversationError> {
        let function = self.function.ok_or(ConversationError::Failed)?;
        let messages: Vec<PamMessage> = texts
            .0
            .iter()
            .map(|(style, text)| PamMessage {
                style: *style,
                text: text.as_ptr(),
            })
            .collect();
        // Linux-PAM: an array of pointers. They point into one array, so Solaris' interpretation
        // works, too.
        let mut pointers: Vec<*const PamMessage> = messages.iter().map(ptr::from_ref).collect();
        let count = c_int::try_from(pointers.len()).map_err(|_| ConversationError::Failed)?;
        let mut responses = Responses {
            array: ptr::null_mut(),
            count: pointers.len(),
        };
        // SAFETY: `pointers` holds `count` pointers to messages whose texts `texts` keeps alive
        // over the call; `responses.array` is valid for one pointer; `data` is the program's own
        // pointer.
        let code = unsafe {
            function(
                count,
                pointers.as_mut_ptr(),
                &raw mut responses.array,
                self.data,
            )
        };
        if code == SUCCESS {
            Ok(responses)
        } else {
            Err(ConversationError::Failed)
        }
    }
}

/// Messages and a prompt as C strings with their styles. Wiped when dropped.
pub(super) struct Texts(Vec<(c_int, CString)>);

impl Texts {
    pub(super) fn new(messages: &[Message], prompt: Option<&Prompt>) -> Self {
        let messages = messages.iter().map(|message| {
            let style = match message.style {
                Style::Info => PAM_TEXT_INFO,
                Style::Error => PAM_ERROR_MSG,
            };
            (style, printable(&message.text))
        });
        let prompt = prompt.map(|prompt| {
            let style = if prompt.echo {
                PAM_PROMPT_ECHO_ON
            } else {
                PAM_PROMPT_ECHO_OFF
            };
            (style, printable(&prompt.text))
        });
        Self(messages.chain(prompt).collect())
    }
}

/// A text may contain a key to enrol, or recovery codes.
impl Drop for Texts {
    fn drop(&mut self) {
        for (_, text) in self.0.drain(..) {
            text.into_bytes_with_nul().zeroize();
        }
    }
}

/// Many programs print texts as they are, so terminal sequences are escaped; a NUL would cut the
/// text.
fn printable(text: &str) -> CString {
    // Has the final capacity, because growing would leave a copy behind.
    let mut shown = String::with_capacity(text.len() + 1);
    shown.extend(text.chars().map(|c| match c.is_control() {
        true if c != '\n' && c != '\t' => '?',
        _ => c,
    }));
    CString::new(shown).unwrap_or_default()
}

/// Responses that the program allocated; wiped and freed when dropped.
pub(super) struct Responses {
    /// Null, or `count` entries.
    array: *mut PamResponse,
    count: usize,
}

impl Responses {
    /// The response to the last message, which is the prompt if there is one. Empty if there is
    /// none: programs leave out responses to information messages.
    pub(super) fn last(&self) -> &[u8] {
        self.given().unwrap_or_default()
    }

    /// The same; `None` if the program gave no response at all.
    pub(super) fn given(&self) -> Option<&[u8]> {
        let last = self.all().last();
        let response = last.filter(|response| !response.text.is_null())?;
        // SAFETY: the text of a response is null or a C string (pam_conv(3)), and lives until drop.
        let text = unsafe { CStr::from_ptr(response.text) };
        Some(text.to_bytes())
    }

    fn all(&self) -> &[PamResponse] {
        if self.array.is_null() {
            return &[];
        }
        // SAFETY: a program that sets the pointer allocates an entry for each message (pam_conv(3)).
        unsafe { slice::from_raw_parts(self.array, self.count) }
    }
}

impl Drop for Responses {
    fn drop(&mut self) {
        for response in self.all() {
            if response.text.is_null() {
                continue;
            }
            // SAFETY: a C string that the program allocated with malloc and gave up (pam_conv(3)). No other reference
            // exists: the slice that `last` lends has ended.
            unsafe {
                wipe(response.text);
                libc::free(response.text.cast());
            }
        }
        // SAFETY: allocated with malloc and given up by the program (pam_conv(3)), or null.
        unsafe { libc::free(self.array.cast()) };
    }
}

/// # Safety
///
/// `text` is a C string without other references.
unsafe fn wipe(text: *mut c_char) {
    // SAFETY: the caller keeps the contract; the bytes before the NUL belong to the string.
    unsafe {
        let length = CStr::from_ptr(text).count_bytes();
        slice::from_raw_parts_mut(text.cast::<u8>(), length).zeroize();
    }
}

#[cfg(test)]
mod tests;
