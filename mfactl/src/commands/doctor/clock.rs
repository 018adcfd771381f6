//! The clock: codes are valid for half a minute, so it must be right.
//!
//! Only systemd-timesyncd shows its state in a file: it touches one once it has set the clock
//! (systemd-timesyncd.service(8)). If another program sets the clock, there is no check.

use std::path::Path;

use super::Check;

/// The folder exists while systemd-timesyncd runs.
pub(super) const TIMESYNC: &str = "/run/systemd/timesync";

pub(super) fn checks(folder: impl AsRef<Path>) -> Option<Check> {
    let folder = folder.as_ref();
    if !folder.is_dir() {
        return None;
    }
    if folder.join("synchronized").exists() {
        return Some(Check::ok("clock", "set by systemd-timesyncd"));
    }
    Some(Check::problem(
        "clock",
        "systemd-timesyncd has not set the clock yet, and codes depend on it",
        "see why: timedatectl timesync-status",
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
