//! The user who typed the command, although root runs it.

use std::env;
use std::fs;

use nix::unistd::{Uid, User};

/// The value of `loginuid` without a login (proc(5)).
const UNSET: u32 = u32::MAX;

/// The user who became root, or who logged in here; none if a service runs this.
pub(super) fn name() -> Option<String> {
    let by_id = ["SUDO_UID", "PKEXEC_UID"].into_iter();
    let by_id = by_id.filter_map(|name| env::var(name).ok()?.parse().ok());
    let by_name = env::var("DOAS_USER").ok();
    let mut ids = by_id.chain(login_id()).filter(|id| *id != 0);
    let user = ids.next().map(Uid::from_raw);
    let user = user.and_then(|id| User::from_uid(id).ok().flatten());
    let logged_in_as_root = login_id().map(|_| "root".to_owned());
    user.map(|user| user.name).or(by_name).or(logged_in_as_root)
}

/// The user who logged in, whatever user the process has now.
fn login_id() -> Option<u32> {
    let text = fs::read_to_string("/proc/self/loginuid").ok()?;
    text.trim().parse().ok().filter(|id| *id != UNSET)
}
