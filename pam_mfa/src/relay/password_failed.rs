//! The `password_failed` flag, from one line of a stack to a later one.
//!
//! After a failed `substack` libpam goes on to the next line, as after a failed `required`. So a
//! line at the end of the substack, which only a wrong password reaches, sets the flag in PAM's
//! environment, and the line that would ask clears it and refuses. An attacker without the password
//! gets no prompt, and can't use up the user's attempts.

use super::{Host, Priority};

/// Sets the flag. If libpam refuses, the login fails all the same, but the code is asked for.
pub fn set(host: &mut impl Host) {
    if host.set_password_failed(true).is_err() {
        host.log(
            Priority::Error,
            "libpam did not store the password_failed flag; the user is asked for a code that \
             can't succeed",
        );
    }
}

/// Clears the flag and returns whether it was set: it applies to one login, though a program may
/// run several with one handle.
pub fn take(host: &mut impl Host) -> bool {
    let has_failed = host.has_password_failed();
    if has_failed && host.set_password_failed(false).is_err() {
        host.log(
            Priority::Error,
            "libpam did not clear the password_failed flag",
        );
    }
    has_failed
}
