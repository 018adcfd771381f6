//! `pam_mfa.so`: a second factor for programs that use PAM.
//!
//! The module decides nothing. It asks `mfa-agent` over its socket what to show and what to ask, relays
//! that through the program's conversation, sends back what was typed, and turns the agent's outcome into
//! a PAM code. What comes in from either side may be wrong in any way; what leaves is a code, a line in
//! the log and, where one answer holds a password and a code, the password for the next module. No thread,
//! signal handler, descriptor or secret stays behind in the program, and no panic reaches it.
//!
//! One thing it answers by itself, and only with a refusal: after a wrong password it asks nobody (`relay::mark`).
//!
//! `relay` is the logic, free of libpam and tested with a scripted conversation; `libpam` is the only
//! file with `unsafe` code of ours.

#![deny(unsafe_code)]

pub mod host;
mod libpam;
pub mod outcome;
pub mod relay;
pub mod typed;

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use pam::constants::{PamFlag, PamResultCode};
use pam::module::{PamHandle, PamHooks};

use libpam::LibPam;
use mfa_protocol::arguments::Arguments;
use relay::{Host, Priority};

#[allow(
    unsafe_code,
    missing_docs,
    unreachable_pub,
    reason = "written by pam_hooks!"
)]
mod entry_points {
    use super::Module;

    pam::pam_hooks!(Module);
}

/// What libpam calls. Session and password management are no business of a second factor's: there it says
/// `PAM_IGNORE`, which is the default.
struct Module;

impl PamHooks for Module {
    // PAM_SILENT is not looked at: sudo passes it, and yet shows what it is given.
    fn sm_authenticate(
        handle: &mut PamHandle,
        arguments: Vec<&CStr>,
        _flags: PamFlag,
    ) -> PamResultCode {
        silence_panics();
        contained(&mut LibPam::new(handle), |host| {
            authenticate(&arguments, host)
        })
    }

    fn acct_mgmt(handle: &mut PamHandle, arguments: Vec<&CStr>, _flags: PamFlag) -> PamResultCode {
        silence_panics();
        contained(&mut LibPam::new(handle), |host| admit(&arguments, host))
    }

    // Not PAM_IGNORE: a stack in which every module ignores setcred fails the login. A ticket that no
    // account phase has used ends here, as does a mark: what runs in the session is not to see them.
    fn sm_setcred(handle: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        silence_panics();
        contained(&mut LibPam::new(handle), |host| {
            let _ = host.set_ticket(None);
            let _ = host.set_marked(false);
            PamResultCode::PAM_SUCCESS
        })
    }
}

fn authenticate(arguments: &[&CStr], host: &mut impl Host) -> PamResultCode {
    let arguments = match Arguments::parse(arguments.iter().map(|argument| argument.to_bytes())) {
        Ok(arguments) => arguments,
        Err(error) => {
            host.log(Priority::Error, &error.to_string());
            return PamResultCode::PAM_SERVICE_ERR;
        }
    };
    if arguments.password_failed() {
        relay::mark::password_failed(host);
        return PamResultCode::PAM_IGNORE;
    }
    if relay::mark::take(host) {
        return PamResultCode::PAM_AUTH_ERR;
    }
    let ending = relay::run(&arguments, host);
    outcome::conclude(&ending, &arguments, host)
}

fn admit(arguments: &[&CStr], host: &mut impl Host) -> PamResultCode {
    let arguments = arguments.iter().map(|argument| argument.to_bytes());
    let arguments = match Arguments::parse_account(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            host.log(Priority::Error, &error.to_string());
            return PamResultCode::PAM_SERVICE_ERR;
        }
    };
    let ending = relay::admit(&arguments, host);
    outcome::conclude(&ending, &arguments, host)
}

/// A panic's text would go to the program's standard error, which may be a terminal or a client. The
/// hook is that of this module's own copy of Rust's library, not of a program written in Rust.
fn silence_panics() {
    static SILENCE: Once = Once::new();
    SILENCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}

/// Runs `login`; a panic in it is logged and refuses the login.
fn contained<H: Host>(host: &mut H, login: impl FnOnce(&mut H) -> PamResultCode) -> PamResultCode {
    match catch_unwind(AssertUnwindSafe(|| login(host))) {
        Ok(code) => code,
        Err(panic) => {
            // Dropping what a panic carries may panic again.
            std::mem::forget(panic);
            host.log(
                Priority::Critical,
                "a fault in pam_mfa was contained; please report it",
            );
            PamResultCode::PAM_ABORT
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::script::Script;

    #[test]
    fn a_panic_is_contained_logged_and_refuses_the_login() {
        let mut host = Script::new("alice");
        let code = contained(&mut host, |_| panic!("a fault"));
        assert_eq!(code, PamResultCode::PAM_ABORT);
        assert!(host.logged().contains("contained"));
    }

    #[test]
    fn after_a_wrong_password_nobody_is_asked_and_the_next_login_is_a_new_one() {
        // A script without events: whoever asks ends the test.
        let mut host = Script::new("alice");
        let mark = authenticate(&[c"password_failed"], &mut host);
        assert_eq!(mark, PamResultCode::PAM_IGNORE);
        let refused = authenticate(&[c"socket=/nowhere/agent.sock"], &mut host);
        assert_eq!(refused, PamResultCode::PAM_AUTH_ERR);
        let next = authenticate(&[c"socket=/nowhere/agent.sock"], &mut host);
        assert_eq!(
            next,
            PamResultCode::PAM_AUTHINFO_UNAVAIL,
            "this one asked the agent"
        );
    }

    #[test]
    fn a_bad_argument_is_named_in_the_log_and_nobody_is_asked() {
        let mut host = Script::new("alice");
        let code = authenticate(&[c"timeuot=3"], &mut host);
        assert_eq!(code, PamResultCode::PAM_SERVICE_ERR);
        assert!(host.logged().contains("timeuot=3"));
    }
}
