//! `pam_mfa.so`: a second factor for programs that use PAM.
//!
//! The module decides nothing. It asks `mfa-agent` what to show and what to ask, relays that
//! through the program's conversation, sends back the answers, and maps the agent's outcome to a
//! PAM code. Input from either side may be hostile. The module leaves no thread, signal handler,
//! descriptor or secret behind in the program, and no panic reaches it.
//!
//! Only after a wrong password it refuses by itself, without asking (`relay::password_failed`).
//!
//! `relay` is the logic, independent of libpam and tested with a scripted conversation; `libpam` is
//! our only module with `unsafe` code.

#![deny(unsafe_code)]

pub mod answer;
pub mod host;
mod libpam;
mod notice;
pub mod outcome;
pub mod relay;

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

/// The entry points for libpam. Session and password management return `PAM_IGNORE`, the default.
struct Module;

impl PamHooks for Module {
    // PAM_SILENT is ignored: sudo passes it, but still shows messages.
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

    // Not PAM_IGNORE: if every module ignores setcred, the login fails. An unused ticket and the
    // `password_failed` flag are removed here, so that the session does not see them.
    fn sm_setcred(handle: &mut PamHandle, _: Vec<&CStr>, _: PamFlag) -> PamResultCode {
        silence_panics();
        contained(&mut LibPam::new(handle), |host| {
            let _ = host.set_ticket(None);
            let _ = host.set_password_failed(false);
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
        relay::password_failed::set(host);
        return PamResultCode::PAM_IGNORE;
    }
    if relay::password_failed::take(host) {
        return PamResultCode::PAM_AUTH_ERR;
    }
    let result = relay::run(&arguments, host);
    outcome::conclude(&result, &arguments, host)
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
    let result = relay::admit(&arguments, host);
    outcome::conclude(&result, &arguments, host)
}

/// Keeps a panic's text from the program's standard error, which may be a terminal or a client. The
/// hook belongs to this module's own copy of Rust's library, not to the program's.
fn silence_panics() {
    static SILENCE: Once = Once::new();
    SILENCE.call_once(|| std::panic::set_hook(Box::new(|_| {})));
}

/// Runs `login`; a panic in it is logged and refuses the login.
fn contained<H: Host>(host: &mut H, login: impl FnOnce(&mut H) -> PamResultCode) -> PamResultCode {
    match catch_unwind(AssertUnwindSafe(|| login(host))) {
        Ok(code) => code,
        Err(panic) => {
            // Dropping the panic's payload may panic again.
            std::mem::forget(panic);
            host.log(
                Priority::Critical,
                "a bug in pam_mfa was contained; please report it",
            );
            PamResultCode::PAM_ABORT
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relay::script::{Event, NOT_CHECKED, Script};

    #[test]
    fn a_panic_is_contained_logged_and_refuses_the_login() {
        let mut host = Script::new("alice");
        let code = contained(&mut host, |_| panic!("a fault"));
        assert_eq!(code, PamResultCode::PAM_ABORT);
        assert!(host.logged().contains("contained"));
    }

    #[test]
    fn after_a_wrong_password_nobody_is_asked_and_the_next_login_is_a_new_one() {
        // Only the login that asks the agent shows anything, and no login asks.
        let mut host = Script::of([Event::Shows(vec![NOT_CHECKED], true)]);
        let flagged = authenticate(&[c"password_failed"], &mut host);
        assert_eq!(flagged, PamResultCode::PAM_IGNORE);
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
