//! Runs a program that delivers a message: the host's `sendmail`, or an administrator's command.
//!
//! There is no shell, and no part of the message is an option or in the environment, which contains
//! only `PATH`. The message goes to standard input; output is read up to a bound, and its first
//! line may be quoted in an error. The program runs in its own process group, which is killed when
//! the time is up and also when the program ends. It inherits none of the agent's descriptors.

use std::fmt;
use std::io::{ErrorKind, PipeReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::str::FromStr;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

use super::SendError;
use super::error::said;
use crate::sys;
use crate::trusted_path::{self, Owners};

const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The output that is kept. More is read and dropped, so that the program does not block.
const LONGEST_OUTPUT: usize = 4096;
/// sysexits(3): try again later.
const EX_TEMPFAIL: i32 = 75;
/// How late the end of a program is noticed if its output stays open.
const TICK: Duration = Duration::from_millis(20);

/// The absolute path of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramPath(PathBuf);

/// The path is not absolute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected the absolute path of a program, without arguments, such as /usr/local/sbin/send-code"
)]
pub struct PathError;

impl FromStr for ProgramPath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let is_plain = !text.contains(char::is_control) && !text.ends_with('/');
        if !text.starts_with('/') || !is_plain {
            return Err(PathError);
        }
        Ok(Self(PathBuf::from(text)))
    }
}

impl fmt::Display for ProgramPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.display().fmt(f)
    }
}

impl ProgramPath {
    /// Runs it with `input` until `until`: exit status 0 is success, 75 (`EX_TEMPFAIL`) a temporary
    /// failure. `hidden` never appears in the error.
    pub(super) fn run(
        &self,
        arguments: &[&str],
        input: &[u8],
        hidden: &[&str],
        until: Instant,
    ) -> Result<(), SendError> {
        self.check()?;
        let mut running = self.start(arguments)?;
        let end = running.feed_until_it_ends(input, until);
        let status = running.finish();
        let first = String::from_utf8_lossy(&running.output);
        let line = said(first.lines().next().unwrap_or(""), hidden);
        match (end, status) {
            (End::TimeIsUp, _) => Err(SendError::temporary(format!(
                "{self} took too long and was killed"
            ))),
            (End::Exited, Some(status)) => self.verdict(status, &line),
            (End::Exited, None) => Err(SendError::temporary(format!(
                "the exit status of {self} is unknown"
            ))),
        }
    }

    /// A user who can change the program can read every code.
    pub(crate) fn check(&self) -> Result<(), SendError> {
        let permanent = |reason: String| Err(SendError::permanent(format!("{self} {reason}")));
        let meta = match std::fs::metadata(&self.0) {
            Ok(meta) => meta,
            Err(e) => return permanent(format!("can't be run: {e}")),
        };
        if !meta.is_file() || meta.permissions().mode() & 0o111 == 0 {
            return permanent("is not executable; make it so with chmod 0755".to_owned());
        }
        if meta.permissions().mode() & 0o022 != 0 {
            return permanent(
                "can be changed by other users; protect it with chmod go-w".to_owned(),
            );
        }
        match trusted_path::check(&self.0, &Owners::own()) {
            Ok(()) => Ok(()),
            Err(error) => permanent(format!("is not run: {error}")),
        }
    }

    fn start(&self, arguments: &[&str]) -> Result<Running, SendError> {
        let failed = |e: std::io::Error| match e.kind() {
            ErrorKind::NotFound | ErrorKind::PermissionDenied => {
                SendError::permanent(format!("{self} can't be run: {e}"))
            }
            _ => SendError::temporary(format!("{self} can't be run: {e}")),
        };
        let (reader, writer) = std::io::pipe().map_err(failed)?;
        sys::inherit_nothing().map_err(failed)?;
        let mut child = Command::new(&self.0)
            .args(arguments)
            .env_clear()
            .env("PATH", PATH)
            .current_dir("/")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(writer.try_clone().map_err(failed)?)
            .stderr(writer)
            .spawn()
            .map_err(failed)?;
        let stdin = child.stdin.take();
        Ok(Running {
            child,
            stdin,
            reader,
            output: Vec::new(),
        })
    }

    fn verdict(&self, status: ExitStatus, line: &str) -> Result<(), SendError> {
        let line = match line {
            "" => "it printed nothing".to_owned(),
            line => format!("it printed: {line}"),
        };
        match (status.code(), status.signal()) {
            (Some(0), _) => Ok(()),
            (Some(EX_TEMPFAIL), _) => Err(SendError::temporary(format!(
                "{self} asks to try again later; {line}"
            ))),
            (Some(code), _) => Err(SendError::permanent(format!(
                "{self} failed with status {code}; {line}"
            ))),
            (None, signal) => Err(SendError::temporary(format!(
                "{self} was killed by signal {}; {line}",
                signal.unwrap_or(0)
            ))),
        }
    }
}

struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    reader: PipeReader,
    output: Vec<u8>,
}

enum End {
    Exited,
    TimeIsUp,
}

impl Running {
    /// Writes the input and reads the output, until the program ends.
    fn feed_until_it_ends(&mut self, input: &[u8], until: Instant) -> End {
        let mut rest = input;
        self.unblock();
        loop {
            // Checked before the output is read, so that all output of an ended program is there.
            let has_ended = self.has_ended();
            self.write(&mut rest);
            let is_open = self.read();
            if has_ended {
                return End::Exited;
            }
            if Instant::now() >= until {
                return End::TimeIsUp;
            }
            self.await_something(is_open);
        }
    }

    fn unblock(&self) {
        // This can't fail on a pipe; if it did, the caller's time limit would not work.
        let nonblocking = FcntlArg::F_SETFL(OFlag::O_NONBLOCK);
        if let Some(stdin) = &self.stdin {
            let _ = fcntl(stdin, nonblocking);
        }
        let _ = fcntl(&self.reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK));
    }

    /// The program stays a zombie until [`Self::finish`], so that its group ID stays valid.
    fn has_ended(&self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT | WaitPidFlag::WNOHANG;
        !matches!(
            waitid(Id::Pid(self.pid()), flags),
            Ok(WaitStatus::StillAlive) | Err(Errno::EINTR)
        )
    }

    fn write(&mut self, rest: &mut &[u8]) {
        let Some(stdin) = &mut self.stdin else {
            return;
        };
        while !rest.is_empty() {
            match stdin.write(rest) {
                Ok(written) => *rest = &rest[written..],
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => return,
                // The program does not read its input; its exit status decides.
                Err(_) => break,
            }
        }
        self.stdin = None;
    }

    /// Reads available output; returns whether more may come.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 1024];
        // A program that never stops writing must not keep us here.
        for _ in 0..64 {
            match self.reader.read(&mut buffer) {
                Ok(0) => return false,
                Ok(length) => {
                    let room = LONGEST_OUTPUT - self.output.len();
                    self.output.extend_from_slice(&buffer[..length.min(room)]);
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return e.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }

    fn await_something(&self, is_open: bool) {
        let mut waited = Vec::with_capacity(2);
        if is_open {
            waited.push(PollFd::new(self.reader.as_fd(), PollFlags::POLLIN));
        }
        if let Some(stdin) = &self.stdin {
            waited.push(PollFd::new(stdin.as_fd(), PollFlags::POLLOUT));
        }
        let tick = PollTimeout::try_from(TICK).unwrap_or(PollTimeout::ZERO);
        let _ = poll(&mut waited, tick);
    }

    /// Kills the rest of the group, and reaps the program.
    fn finish(&mut self) -> Option<ExitStatus> {
        let _ = killpg(self.pid(), Signal::SIGKILL);
        self.child.wait().ok()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Does nothing if the program has been reaped.
        if let Ok(None) = self.child.try_wait() {
            self.finish();
        }
    }
}

impl AsRef<Path> for ProgramPath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

#[cfg(test)]
mod tests;
