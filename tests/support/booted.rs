//! A machine of its own: Debian with systemd as its first process, in `systemd-nspawn`.
//!
//! The effects of packages, units and upgrades only show on a booted machine. Its files are made
//! once by `mmdebstrap`, from the package sources of this machine, and copied for each test; it has
//! only its own loopback network. It is removed with its files when dropped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::{Output, Pty, built, run, within};

/// Its packages, besides those of every Debian.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,openssh-server,openssh-client,libpam-runtime,oathtool,rpm,\
     python3,python3-apt";

/// A boot takes this long on a busy machine.
const BOOTING: Duration = Duration::from_secs(180);

/// A running machine.
pub struct Booted {
    root: TempDir,
    nspawn: Child,
    init: Pid,
}

impl Booted {
    /// Makes one and boots it.
    #[must_use]
    pub fn start() -> Self {
        Self::of("bookworm", "", |_| ())
    }

    /// Makes one of another kind, with more packages, changes its files and boots it.
    #[must_use]
    pub fn of(kind: &str, packages: &str, change: impl FnOnce(&Path)) -> Self {
        let root = tempfile::tempdir_in(folder()).expect("a folder");
        let copied = run(Command::new("cp")
            .args(["--archive", "--reflink=auto"])
            .arg(format!("{}/.", template(kind, packages).display()))
            .arg(root.path()));
        assert!(copied.is_success(), "{copied:?}");
        change(root.path());
        let mut nspawn = Command::new("systemd-nspawn")
            .args(["--quiet", "--boot", "--private-network", "--register=no"])
            .args(["--keep-unit", "--console=passive", "--hostname=host"])
            .arg(format!("--directory={}", root.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("systemd-nspawn is missing: run tests/install-needs --all");
        let init = within(BOOTING, "the machine's first process", || {
            let ended = nspawn.try_wait().expect("a child");
            assert!(ended.is_none(), "systemd-nspawn ended at once: {ended:?}");
            child_of(nspawn.id()).filter(|child| is_first(*child))
        });
        let machine = Self { root, nspawn, init };
        within(BOOTING, "the machine to be up", || {
            let state = machine.sh("systemctl is-system-running");
            ["running", "degraded"]
                .contains(&state.stdout.trim())
                .then_some(())
        });
        machine
    }

    /// Its files, as seen from outside.
    #[must_use]
    pub fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    /// Runs a script there.
    #[must_use]
    pub fn sh(&self, script: &str) -> Output {
        let arguments = self.inside(&["sh", "-c", script]);
        run(Command::new("nsenter").args(arguments))
    }

    /// Runs a script there that must succeed; returns its output.
    pub fn must(&self, script: &str) -> String {
        let output = self.sh(script);
        assert!(
            output.is_success(),
            "{script}: {output:?}\n{}",
            self.journal()
        );
        output.stdout
    }

    /// A command line that runs a program there.
    #[must_use]
    pub fn command(&self, program: &[&str]) -> String {
        format!("nsenter {}", quoted(&self.inside(program)))
    }

    /// A program at a terminal there.
    #[must_use]
    pub fn terminal(&self, program: &[&str]) -> Pty {
        let arguments = self.inside(program);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Pty::spawn("nsenter", &arguments)
    }

    /// The end of its journal.
    #[must_use]
    pub fn journal(&self) -> String {
        self.sh("journalctl --no-pager --lines=60").stdout
    }

    fn inside(&self, program: &[&str]) -> Vec<String> {
        let target = format!("--target={}", self.init);
        let mut arguments: Vec<String> = ["--mount", "--uts", "--ipc", "--net", "--pid", "--root"]
            .map(str::to_owned)
            .into();
        arguments.push(target);
        let rest = [
            "env",
            "-i",
            "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL=C.UTF-8",
            "HOME=/root",
        ];
        let rest = rest
            .into_iter()
            .chain(["TERM=dumb", "DEBIAN_FRONTEND=noninteractive"]);
        arguments.extend(rest.map(str::to_owned));
        arguments.extend(["sh", "-c", "cd /root && exec \"$@\"", "sh"].map(str::to_owned));
        arguments.extend(program.iter().map(|&word| word.to_owned()));
        arguments
    }
}

impl Drop for Booted {
    fn drop(&mut self) {
        // All of its processes end with its first one. nspawn reports it if that has changed.
        let _ = kill(self.init, Signal::SIGKILL);
        if let Some(child) = child_of(self.nspawn.id()) {
            let _ = kill(child, Signal::SIGKILL);
        }
        let _ = self.nspawn.kill();
        let _ = self.nspawn.wait();
    }
}

/// As one line for a shell.
fn quoted(words: &[String]) -> String {
    let quoted = words.iter().map(|word| format!("'{word}'"));
    quoted.collect::<Vec<_>>().join(" ")
}

/// Whether a process is the first one of its machine: nspawn has a helper before it.
fn is_first(pid: Pid) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    let is_one = numbers.is_some_and(|numbers| numbers.split_whitespace().last() == Some("1"));
    is_one && status.starts_with("Name:\tsystemd\n")
}

fn child_of(pid: u32) -> Option<Pid> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    let first = children.split_whitespace().next()?.parse().ok()?;
    Some(Pid::from_raw(first))
}

fn folder() -> PathBuf {
    let folder = built().target().join("machines");
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

/// Tests that run side by side boot machines of one kind, whose files are made by the first.
static MAKING: Mutex<()> = Mutex::new(());

/// The files of a fresh machine.
fn template(kind: &str, packages: &str) -> PathBuf {
    let _one_at_a_time = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
    let done = folder().join(kind);
    if done.exists() {
        return done;
    }
    let making = folder().join(format!("{kind}.making"));
    let _ = fs::remove_dir_all(&making);
    let mut mmdebstrap = Command::new("mmdebstrap");
    mmdebstrap
        .args(["--quiet", "--variant=minbase"])
        .arg(format!("--include={PACKAGES},{packages}"))
        .arg("bookworm")
        .arg(&making)
        .args(sources());
    let made = run(&mut mmdebstrap);
    assert!(
        made.is_success(),
        "mmdebstrap (tests/install-needs --all brings it): {made:?}"
    );
    fs::rename(&making, &done).expect("the machine's files");
    done
}

/// The package sources of this machine.
fn sources() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let lists = Path::new("/etc/apt/sources.list.d");
    for entry in fs::read_dir(lists).into_iter().flatten().flatten() {
        files.push(entry.path());
    }
    files.retain(|file| {
        let is_list = file
            .extension()
            .is_some_and(|end| end == "sources" || end == "list");
        let text = fs::read_to_string(file).unwrap_or_default();
        is_list && text.contains("bookworm")
    });
    let list = PathBuf::from("/etc/apt/sources.list");
    if fs::read_to_string(&list).is_ok_and(|text| text.contains("bookworm")) {
        files.push(list);
    }
    files.sort();
    files
}
