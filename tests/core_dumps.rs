//! The agent never leaves a core file, which would contain the key.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use mfa_tests::{Agent, built, eventually, not_run};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A command that may leave cores of any size, in `folder`.
fn with_cores(folder: &Path, program: &Path) -> Command {
    let mut command = Command::new("prlimit");
    command.args(["--core=unlimited", "--"]).arg(program);
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// Whether the kernel writes a core when the process crashes.
fn leaves_core(child: &mut Child) -> bool {
    let pid = Pid::from_raw(child.id().cast_signed());
    // A shell starts programs in the background with SIGQUIT ignored.
    kill(pid, Signal::SIGABRT).expect("a signal");
    let status = child.wait().expect("an end");
    assert_eq!(status.signal(), Some(Signal::SIGABRT as i32));
    status.core_dumped()
}

#[test]
fn a_crashed_agent_leaves_no_core_where_other_programs_do() {
    let cores = tempfile::tempdir().expect("a folder");
    let mut other = with_cores(cores.path(), Path::new("sleep"));
    let mut other = other.arg("600").spawn().expect("sleep");
    let comm = format!("/proc/{}/comm", other.id());
    eventually("sleep to run", || {
        (std::fs::read_to_string(&comm).ok()?.trim() == "sleep").then_some(())
    });
    if !leaves_core(&mut other) {
        not_run("the kernel writes no cores here");
        return;
    }

    let mut agent = Agent::start();
    agent.admin().pin("anna", "4826");
    agent.terminate();
    let mut agent_itself = with_cores(cores.path(), &built().agent)
        .arg("--config")
        .arg(agent.config())
        .spawn()
        .expect("mfa-agent");
    agent.await_socket();
    assert_eq!(agent.admin().status("anna").failures, 0, "it has its key");
    assert!(!leaves_core(&mut agent_itself), "a core of the agent");
}
