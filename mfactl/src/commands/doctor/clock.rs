//! The clock: codes are good for half a minute, so it must not run away.
//!
//! Only systemd-timesyncd says without further ado how it is doing: it touches a file once it has set
//! the clock (systemd-timesyncd.service(8)). Where another program keeps the clock, nothing is said.

use std::path::Path;

use super::Check;

/// The folder that is there while systemd-timesyncd runs.
pub(super) const TIMESYNC: &str = "/run/systemd/timesync";

pub(super) fn checks(folder: impl AsRef<Path>) -> Option<Check> {
    let folder = folder.as_ref();
    if !folder.is_dir() {
        return None;
    }
    if folder.join("synchronized").exists() {
        return Some(Check::ok("clock", "systemd-timesyncd has set it"));
    }
    Some(Check::problem(
        "clock",
        "systemd-timesyncd has not set it yet, and codes of devices depend on it",
        "timedatectl timesync-status tells why",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_not_set_is_a_problem_only_where_somebody_should_have_set_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(checks(folder.path().join("none")), None);
        assert!(!checks(folder.path()).unwrap().ok);
        std::fs::write(folder.path().join("synchronized"), "").unwrap();
        assert!(checks(folder.path()).unwrap().ok);
    }
}
