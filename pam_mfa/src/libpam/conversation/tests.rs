//! Good and bad conversation functions of programs.

use super::*;

/// Answers prompts, leaves messages without an answer, and records how many there were.
unsafe extern "C" fn answers(
    count: c_int,
    messages: *mut *const PamMessage,
    responses: *mut *mut PamResponse,
    data: *mut c_void,
) -> c_int {
    // SAFETY: the arguments are those of `pam_conv(3)`; `data` is a test's `Vec`.
    unsafe {
        let count = count as usize;
        let seen = &mut *data.cast::<Vec<(c_int, String)>>();
        let array = libc::calloc(count, size_of::<PamResponse>()).cast::<PamResponse>();
        for i in 0..count {
            let message = &**messages.add(i);
            seen.push((
                message.style,
                CStr::from_ptr(message.text).to_str().unwrap().to_owned(),
            ));
            if matches!(message.style, PAM_PROMPT_ECHO_OFF | PAM_PROMPT_ECHO_ON) {
                (*array.add(i)).text = libc::strdup(c"483920".as_ptr());
            }
        }
        *responses = array;
    }
    SUCCESS
}

/// Answers everything, and then reports failure.
unsafe extern "C" fn answers_and_fails(
    count: c_int,
    _: *mut *const PamMessage,
    responses: *mut *mut PamResponse,
    _: *mut c_void,
) -> c_int {
    // SAFETY: as above.
    unsafe {
        let array = libc::calloc(count as usize, size_of::<PamResponse>()).cast::<PamResponse>();
        for i in 0..count as usize {
            (*array.add(i)).text = libc::strdup(c"left behind".as_ptr());
        }
        *responses = array;
    }
    19
}

unsafe extern "C" fn says_nothing(
    _: c_int,
    _: *mut *const PamMessage,
    _: *mut *mut PamResponse,
    _: *mut c_void,
) -> c_int {
    SUCCESS
}

fn conv(function: ConversationFunction, seen: &mut Vec<(c_int, String)>) -> PamConv {
    PamConv {
        function: Some(function),
        data: ptr::from_mut(seen).cast(),
    }
}

fn info_and_prompt() -> Texts {
    let info = Message {
        style: Style::Info,
        text: "look\nat\u{1b}[2J this\0".into(),
    };
    let error = Message {
        style: Style::Error,
        text: "wrong".into(),
    };
    let prompt = Prompt {
        text: "OTP code: ".into(),
        echo: false,
        tail: None,
        optional: false,
    };
    Texts::new(&[info, error], Some(&prompt))
}

#[test]
fn messages_and_prompt_go_in_one_call_and_only_the_prompt_needs_an_answer() {
    let mut seen = Vec::new();
    let responses = conv(answers, &mut seen)
        .call(&mut info_and_prompt())
        .unwrap();
    assert_eq!(responses.last(), b"483920");
    assert_eq!(
        seen,
        [
            (PAM_TEXT_INFO, "look\nat?[2J this?".to_owned()),
            (PAM_ERROR_MSG, "wrong".to_owned()),
            (PAM_PROMPT_ECHO_OFF, "OTP code: ".to_owned()),
        ]
    );
}

#[test]
fn a_failed_call_that_leaves_answers_behind_is_a_failure() {
    let mut seen = Vec::new();
    let error = conv(answers_and_fails, &mut seen)
        .call(&mut info_and_prompt())
        .err();
    assert_eq!(error, Some(ConversationError::Failed));
}

#[test]
fn success_without_an_array_is_an_empty_answer() {
    let mut seen = Vec::new();
    let responses = conv(says_nothing, &mut seen)
        .call(&mut info_and_prompt())
        .unwrap();
    assert_eq!(responses.last(), b"");
}

#[test]
fn a_program_without_a_conversation_function_fails() {
    let none = PamConv {
        function: None,
        data: ptr::null_mut(),
    };
    assert!(none.call(&mut info_and_prompt()).is_err());
}

#[test]
fn a_wiped_answer_is_all_zeros() {
    let mut text = *b"483920\0after";
    // SAFETY: `text` is a C string of this test's own.
    unsafe { wipe(text.as_mut_ptr().cast()) };
    assert_eq!(&text, b"\0\0\0\0\0\0\0after");
}
