//! Kills a program at any one of its system calls, like a crash.
//!
//! The calls of all its threads are counted together, which `strace --inject` can't do: it counts
//! each thread and each kind of call separately.

use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// How a traced program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// By the requested signal.
    Killed,
    /// By itself, before it had made enough calls.
    Ended(ExitStatus),
}

/// A traced program.
pub struct Traced {
    pid: Pid,
    has_ended: AtomicBool,
}

impl Traced {
    /// Whether it has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::SeqCst)
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        // It may have ended already.
        let _ = kill(self.pid, Signal::SIGTERM);
    }
}

/// Runs `words` with `output`, and kills the process with SIGKILL at the beginning of its system
/// call number `calls`, which does not take place. `meanwhile` runs at the same time and must end
/// with the process.
///
/// # Panics
///
/// When it can't be traced.
#[must_use]
pub fn killed_after(
    calls: usize,
    words: &[String],
    output: File,
    meanwhile: impl FnOnce(&Traced) + Send,
) -> Ending {
    // It stops itself, so that none of its calls is missed.
    let mut child = Command::new("sh")
        .args(["-c", r#"kill -STOP $$; exec "$@""#, "sh"])
        .args(words)
        // Cargo sets this, and the loader would look there for each library first.
        .env_remove("LD_LIBRARY_PATH")
        .stdin(Stdio::null())
        .stdout(output.try_clone().expect("a log"))
        .stderr(output)
        .spawn()
        .expect("sh");
    let pid = Pid::from_raw(child.id().cast_signed());
    waitpid(pid, Some(WaitPidFlag::WUNTRACED)).expect("a stopped shell");
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    ptrace::seize(pid, options).expect("a shell that can be traced");
    kill(pid, Signal::SIGCONT).expect("a signal");
    let traced = Traced {
        pid,
        has_ended: AtomicBool::new(false),
    };
    let ending = std::thread::scope(|scope| {
        let traced = &traced;
        scope.spawn(move || meanwhile(traced));
        let ending = traced_until(pid, calls);
        traced.has_ended.store(true, Ordering::SeqCst);
        ending
    });
    // Its end was noticed already.
    let _ = child.try_wait();
    ending
}

/// Follows `pid` to its end.
fn traced_until(pid: Pid, calls: usize) -> Ending {
    let mut ending = None;
    let mut counted = 0;
    let mut is_it = false;
    // Must not reap children of other threads, such as other tests'.
    let ours = WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD;
    loop {
        match waitpid(None, Some(ours)) {
            Err(Errno::ECHILD) => return ending.expect("an end of the process"),
            Err(Errno::EINTR) => {}
            Err(e) => panic!("a traced process is lost: {e}"),
            Ok(WaitStatus::Exited(it, code)) if it == pid => {
                ending = Some(Ending::Ended(ExitStatus::from_raw(code << 8)));
            }
            Ok(WaitStatus::Signaled(it, Signal::SIGKILL, _)) if it == pid => {
                ending = Some(Ending::Killed);
            }
            Ok(WaitStatus::Signaled(it, signal, _)) if it == pid => {
                ending = Some(Ending::Ended(ExitStatus::from_raw(signal as i32)));
            }
            Ok(WaitStatus::PtraceSyscall(thread)) => {
                if is_it && begins_a_call(thread) {
                    counted += 1;
                    if counted == calls {
                        kill(pid, Signal::SIGKILL).expect("a kill");
                    }
                }
                go_on(thread, None);
            }
            Ok(WaitStatus::PtraceEvent(thread, _, event)) => {
                is_it |= event == libc::PTRACE_EVENT_EXEC;
                go_on(thread, None);
            }
            Ok(WaitStatus::Stopped(thread, signal)) => go_on(thread, Some(signal)),
            Ok(_) => {}
        }
    }
}

fn begins_a_call(thread: Pid) -> bool {
    ptrace::syscall_info(thread).is_ok_and(|info| info.op == libc::PTRACE_SYSCALL_INFO_ENTRY)
}

fn go_on(thread: Pid, signal: Option<Signal>) {
    // A thread that was killed meanwhile reports that itself.
    let _ = ptrace::syscall(thread, signal);
}
