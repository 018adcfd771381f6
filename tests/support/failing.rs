//! Makes system calls of a running agent fail, as on a broken or full disk.

use std::fs;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::{Agent, eventually};

/// The highest number of a table or journal that faults are made for.
const NUMBERS: u32 = 400;

/// The system calls that fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Faults {
    /// Names of system calls, separated by commas.
    pub calls: &'static str,
    /// Such as `EIO`.
    pub error: &'static str,
    /// Which of a thread's calls, in strace's form: `2`, `1+3` (every third), `1+` (all).
    pub when: &'static str,
    /// The files on which they fail.
    pub on: On,
}

/// Files on which calls fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// Any file.
    AllFiles,
    Store,
    /// The files of its tables of recent changes.
    Tables,
}

impl Faults {
    /// A wrapper to start an agent under, so that its calls fail from the beginning.
    #[must_use]
    pub fn wrapper(&self, agent: &Agent) -> Vec<String> {
        let mut words: Vec<String> = ["strace", "-D", "-f", "-qq", "-o", "/dev/null"]
            .map(str::to_owned)
            .to_vec();
        words.extend(self.options(agent));
        words
    }

    /// Whether no change can be made durable while they last.
    #[must_use]
    pub fn keep_all_from_being_durable(&self) -> bool {
        self.when == "1+" && matches!(self.calls, "fdatasync" | "pwrite64")
    }

    fn options(&self, agent: &Agent) -> Vec<String> {
        let Self {
            calls, error, when, ..
        } = self;
        let mut words = vec![
            format!("--trace={calls}"),
            format!("--inject={calls}:error={error}:when={when}"),
        ];
        let names = names(agent, self.on);
        words.extend(names.into_iter().map(|name| format!("--trace-path={name}")));
        words
    }
}

/// Present and future names of files, because strace knows no patterns; `None` for all files.
fn names(agent: &Agent, on: On) -> Vec<String> {
    let store = agent.store().display().to_string();
    let table = |n: u32| ["", "/conf", "/db", "/blobs"].map(|file| format!("table.{n}{file}"));
    let journal = |n: u32| ["", ".new"].map(|end| format!("journal.{n}-{n}{end}"));
    let tables = (1..NUMBERS).flat_map(table);
    let journals = (1..NUMBERS).flat_map(journal);
    let named = |name: String| format!("{store}/{name}");
    match on {
        On::AllFiles => Vec::new(),
        On::Tables => tables.map(named).collect(),
        On::Store => tables
            .chain(journals)
            .map(named)
            .chain([store.clone()])
            .collect(),
    }
}

/// An agent whose calls fail, until this is dropped.
pub struct Failing(Child);

impl Failing {
    /// Makes calls of `agent` fail from now on.
    ///
    /// # Panics
    ///
    /// When strace can't be attached.
    #[must_use]
    pub fn start(agent: &Agent, faults: &Faults) -> Self {
        let pid = agent.pid();
        // A thread that starts while strace looks for all threads would be missed.
        agent.suspend();
        let child = Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-p", &pid.to_string()])
            .args(faults.options(agent))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("strace");
        eventually("strace to be attached", || {
            threads_traced(pid)
                .iter()
                .all(|traced| *traced)
                .then_some(())
        });
        agent.resume();
        Self(child)
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        // It detaches from the agent then.
        let _ = kill(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGINT);
        let _ = self.0.wait();
    }
}

fn threads_traced(pid: Pid) -> Vec<bool> {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return vec![false];
    };
    let status = |thread: fs::DirEntry| fs::read_to_string(thread.path().join("status"));
    threads
        .filter_map(|thread| status(thread.ok()?).ok())
        .map(|status| !status.contains("TracerPid:\t0\n"))
        .collect()
}
