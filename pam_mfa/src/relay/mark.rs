//! The mark of a wrong password, from one line of a stack to a later one.
//!
//! A `substack` that fails ends nothing but itself: libpam goes on to the line after it, as it does after a
//! `required` that failed. A line at the substack's end, where only a wrong password leads, leaves the mark in PAM's
//! environment; the line that would ask finds it, takes it away and refuses. So who does not know the password is
//! asked nothing, and can't use up somebody's attempts.

use super::{Host, Priority};

/// Leaves the mark. Where libpam does not take it the login fails all the same, but the code is asked for.
pub fn password_failed(host: &mut impl Host) {
    if host.set_marked(true).is_err() {
        host.log(
            Priority::Error,
            "libpam did not take the mark of a wrong password; the code is asked for in vain",
        );
    }
}

/// Whether there is one; it is good for one login, though a program may hold several with one handle.
pub fn take(host: &mut impl Host) -> bool {
    let is_marked = host.is_marked();
    if is_marked && host.set_marked(false).is_err() {
        host.log(
            Priority::Error,
            "libpam did not take the mark of a wrong password away",
        );
    }
    is_marked
}
