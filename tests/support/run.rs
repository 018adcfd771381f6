//! Runs programs to their end, and waits for asynchronous events.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

/// Long enough for a slow and busy machine; a test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(60);

/// The result of a program.
#[derive(Debug)]
pub struct Output {
    /// Its exit status; `None` if a signal ended it.
    pub status: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Output {
    /// Whether it ended with status 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status == Some(0)
    }
}

/// Runs a command to its end, with empty standard input.
pub fn run(command: &mut Command) -> Output {
    run_with_input(command, "")
}

/// Runs a command to its end with `input` on its standard input.
pub fn run_with_input(command: &mut Command, input: &str) -> Output {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command
        .spawn()
        .unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let mut stdin = child.stdin.take().expect("a pipe");
    // A program that needs no input may have ended already; its output shows that.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("the output of a child");
    Output {
        status: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Suspends a child; `SIGCONT` lets it continue. Returns when it stands still: after the signal alone, threads of it on other
/// processors go on for a moment.
///
/// # Panics
///
/// When it has ended.
pub fn suspend(child: Pid) {
    kill(child, Signal::SIGSTOP).expect("a signal");
    let end = WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
    let stopped = waitid(Id::Pid(child), end).expect("a child");
    assert!(
        matches!(stopped, WaitStatus::Stopped(..)),
        "it has ended: {stopped:?}"
    );
}

/// Waits until `probe` returns a value.
///
/// # Panics
///
/// When it has not after half a minute; `what` names the event.
pub fn eventually<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, probe)
}

/// The same with another time-out, for slow events.
///
/// # Panics
///
/// As above.
pub fn within<T>(patience: Duration, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(
            Instant::now() < deadline,
            "waited {patience:?} in vain for {what}"
        );
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Says that this test does not run, also if the test harness captures the output: `.ci/run` lists these lines. The
/// caller returns.
pub fn not_run(why: &str) {
    let name = std::thread::current().name().unwrap_or("a test").to_owned();
    let _ = writeln!(std::io::stderr(), "NOT RUN: {name}: {why}");
}

/// Whether there is a program, which comes with a package of Debian. If not, it says that the test does not run.
///
/// # Panics
///
/// In CI, when the package can be installed: nothing is left out there that could be tested.
#[must_use]
pub fn has_program(path: &str, package: &str) -> bool {
    let has = std::path::Path::new(path).exists();
    if !has {
        let is_ci = std::env::var_os("CI").is_some();
        assert!(
            !is_ci || !can_be_installed(package),
            "{path} is missing; install it: tests/install-needs"
        );
        not_run(&format!("there is no {path} (package {package})"));
    }
    has
}

/// Whether apt has a version of a package.
fn can_be_installed(package: &str) -> bool {
    let policy = Command::new("apt-cache").args(["policy", package]).output();
    policy.is_ok_and(|policy| {
        let text = String::from_utf8_lossy(&policy.stdout).into_owned();
        let mut candidates = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("Candidate:"));
        candidates.any(|version| version.trim() != "(none)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_apt_does_not_know_can_t_be_installed() {
        assert!(!can_be_installed("mfat-no-such-package"));
        assert!(!has_program("/nowhere/mfat", "mfat-no-such-package"));
        assert!(has_program("/bin/sh", "dash"));
    }
}
