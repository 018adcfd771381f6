//! A server of etcd in a folder of its own.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

/// The turn of a test: servers of many tests at once would be slow. None if etcd is not installed; where it can be
/// installed, as in CI, it has to be.
pub(crate) fn turn() -> Option<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    if !Path::new("/usr/bin/etcd").exists() {
        assert!(
            std::env::var_os("CI").is_none(),
            "etcd is not installed: tests/install-needs"
        );
        let name = std::thread::current().name().unwrap_or("a test").to_owned();
        let _ = writeln!(
            std::io::stderr(),
            "NOT RUN: {name}: there is no /usr/bin/etcd (package etcd-server)"
        );
        return None;
    }
    Some(TURN.lock().unwrap_or_else(PoisonError::into_inner))
}

/// One server, which ends with this.
pub(crate) struct Node {
    folder: tempfile::TempDir,
    child: Child,
    client: u16,
    arguments: Vec<String>,
    scheme: &'static str,
}

/// A port that nobody has now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Node {
    /// The only server of its cluster.
    pub(crate) fn start() -> Self {
        let mut nodes = Self::cluster(1, "http", &[]);
        nodes.pop().unwrap()
    }

    /// The servers of a cluster that all answer.
    pub(crate) fn cluster(count: usize, scheme: &'static str, more: &[String]) -> Vec<Self> {
        let ports: Vec<(u16, u16)> = (0..count).map(|_| (free_port(), free_port())).collect();
        let members: Vec<String> = ports
            .iter()
            .enumerate()
            .map(|(index, (_, peer))| format!("n{index}=http://127.0.0.1:{peer}"))
            .collect();
        let nodes: Vec<Self> = ports
            .iter()
            .enumerate()
            .map(|(index, (client, peer))| {
                let folder = tempfile::tempdir().unwrap();
                let url = format!("{scheme}://127.0.0.1:{client}");
                let peer = format!("http://127.0.0.1:{peer}");
                let data = folder.path().join("data").display().to_string();
                let name = format!("n{index}");
                let members = members.join(",");
                let mut arguments: Vec<String> = [
                    ["--name", &name],
                    ["--data-dir", &data],
                    ["--listen-client-urls", &url],
                    ["--advertise-client-urls", &url],
                    ["--listen-peer-urls", &peer],
                    ["--initial-advertise-peer-urls", &peer],
                    ["--initial-cluster", &members],
                    ["--logger", "zap"],
                ]
                .concat()
                .into_iter()
                .map(str::to_owned)
                .collect();
                arguments.extend_from_slice(more);
                let child = spawn(&arguments);
                Self {
                    folder,
                    child,
                    client: *client,
                    arguments,
                    scheme,
                }
            })
            .collect();
        nodes.iter().for_each(Self::until_it_listens);
        nodes
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.client)
    }

    pub(crate) fn port(&self) -> u16 {
        self.client
    }

    /// Returns when it stands still: after the signal alone, threads of it on other processors go on for a moment.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
        let child = Id::Pid(Pid::from_raw(self.child.id() as i32));
        let end = WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        let stopped = waitid(child, end).unwrap();
        assert!(
            matches!(stopped, WaitStatus::Stopped(..)),
            "etcd has ended: {stopped:?}"
        );
    }

    pub(crate) fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// As by a power cut.
    pub(crate) fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(crate) fn start_again(&mut self) {
        self.child = spawn(&self.arguments);
        self.until_it_listens();
    }

    /// Waits until it has a leader.
    pub(crate) fn until_it_serves(&self) {
        let until = Instant::now() + Duration::from_secs(60);
        while !self.try_etcdctl(&["endpoint", "health"]).status.success() {
            assert!(
                Instant::now() < until,
                "etcd at {} has no leader",
                self.url()
            );
        }
    }

    /// Saves its state for [`Node::set_back`].
    pub(crate) fn save(&self) {
        let file = self.folder.path().join("snapshot.db");
        let _ = std::fs::remove_file(&file);
        self.etcdctl(&["snapshot", "save", &file.display().to_string()]);
    }

    /// Restores the state that was saved, as etcd's own guide says. The only server of its cluster can be set back.
    pub(crate) fn set_back(&mut self, token: &str) {
        self.stop();
        let option = |name: &str| {
            let at = self.arguments.iter().position(|it| it == name).unwrap();
            [name.to_owned(), self.arguments[at + 1].clone()]
        };
        let data = option("--data-dir");
        std::fs::remove_dir_all(&data[1]).unwrap();
        let more = [
            data,
            option("--name"),
            option("--initial-cluster"),
            option("--initial-advertise-peer-urls"),
            ["--initial-cluster-token".to_owned(), token.to_owned()],
        ]
        .concat();
        let file = self.folder.path().join("snapshot.db").display().to_string();
        let mut arguments = vec!["snapshot", "restore", &file];
        arguments.extend(more.iter().map(String::as_str));
        self.etcdctl(&arguments);
        self.start_again();
        self.until_it_serves();
    }

    pub(crate) fn compact(&self, revision: u64) {
        self.etcdctl(&["compact", "--physical", &revision.to_string()]);
    }

    pub(crate) fn etcdctl(&self, arguments: &[&str]) -> String {
        let output = self.try_etcdctl(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {text}{error}");
        text
    }

    fn try_etcdctl(&self, arguments: &[&str]) -> Output {
        Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .arg(format!("--endpoints={}", self.url()))
            .args(arguments)
            .output()
            .unwrap()
    }

    fn signal(&self, signal: Signal) {
        // It may be stopped.
        let _ = kill(Pid::from_raw(self.child.id() as i32), signal);
    }

    fn until_it_listens(&self) {
        let until = Instant::now() + Duration::from_secs(60);
        while std::net::TcpStream::connect(("127.0.0.1", self.client)).is_err() {
            assert!(
                Instant::now() < until,
                "etcd does not listen at {}",
                self.client
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn spawn(arguments: &[String]) -> Child {
    Command::new("/usr/bin/etcd")
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

impl Drop for Node {
    fn drop(&mut self) {
        self.thaw();
        self.stop();
    }
}
