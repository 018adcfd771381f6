//! A server of etcd in a folder of its own.

use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The turn of a test: servers of many tests at once would be slow. None if etcd is not installed; where it can be
/// installed, as in CI, it has to be.
pub(super) fn turn() -> Option<MutexGuard<'static, ()>> {
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
pub(super) struct Node {
    _folder: tempfile::TempDir,
    child: Child,
    client: u16,
    arguments: Vec<String>,
    scheme: &'static str,
}

/// A port that nobody has now.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Node {
    /// The only server of its cluster.
    pub(super) fn start() -> Self {
        let mut nodes = Self::cluster(1, "http", &[]);
        nodes.pop().unwrap()
    }

    /// The servers of a cluster that all answer.
    pub(super) fn cluster(count: usize, scheme: &'static str, more: &[String]) -> Vec<Self> {
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
                    _folder: folder,
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

    pub(super) fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.client)
    }

    pub(super) fn port(&self) -> u16 {
        self.client
    }

    pub(super) fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub(super) fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    /// As by a power cut.
    pub(super) fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub(super) fn start_again(&mut self) {
        self.child = spawn(&self.arguments);
        self.until_it_listens();
    }

    pub(super) fn compact(&self, revision: u64) {
        self.etcdctl(&["compact", "--physical", &revision.to_string()]);
    }

    pub(super) fn etcdctl(&self, arguments: &[&str]) -> String {
        let output = Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .arg(format!("--endpoints={}", self.url()))
            .args(arguments)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {text}{error}");
        text
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
