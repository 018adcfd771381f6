//! A cluster of etcd on a [`Lan`], of real nodes that a test stops, cuts off and fills up.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

use crate::{
    Authority, Certificate, Lan, Output, has_program, run, run_with_input, suspend, within,
};

/// A cluster has to elect a leader, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// The addresses of nodes end with these numbers.
const FIRST_ADDRESS: u8 = 11;

/// The cluster. Its nodes are killed when dropped.
pub struct Etcd {
    folder: TempDir,
    nodes: Vec<Node>,
    authority: Option<Authority>,
    options: Vec<String>,
}

struct Node {
    name: String,
    address: String,
    certificate: Option<Certificate>,
    child: Option<Child>,
}

impl Etcd {
    /// Whether there is an etcd to run. If not, it says that the test does not run.
    #[must_use]
    pub fn is_here() -> bool {
        has_program("/usr/bin/etcd", "etcd-server")
            && has_program("/usr/bin/etcdctl", "etcd-client")
    }

    /// Starts `count` nodes that anyone on the network may use, and waits until they serve.
    #[must_use]
    pub fn start(lan: &Lan, count: u8) -> Self {
        Self::with(lan, count, None, &[])
    }

    /// The same with certificates, which clients need too: [`Etcd::authority`] signs them.
    #[must_use]
    pub fn with_tls(lan: &Lan, count: u8) -> Self {
        Self::with_tls_and(lan, count, &[])
    }

    /// The same with more options of etcd(1).
    #[must_use]
    pub fn with_tls_and(lan: &Lan, count: u8, options: &[&str]) -> Self {
        Self::with(lan, count, Some(Authority::new()), options)
    }

    /// The same without certificates and with more options of etcd(1).
    #[must_use]
    pub fn with_options(lan: &Lan, count: u8, options: &[&str]) -> Self {
        Self::with(lan, count, None, options)
    }

    fn with(lan: &Lan, count: u8, authority: Option<Authority>, options: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("mfa-etcd-").tempdir();
        let node = |number: u8| {
            let name = format!("etcd{}", number + 1);
            let address = lan.join(&name, FIRST_ADDRESS + number);
            let of = |authority: &Authority| authority.certificate_of_address(&name, &address);
            Node {
                certificate: authority.as_ref().map(of),
                name,
                address,
                child: None,
            }
        };
        let mut etcd = Self {
            folder: folder.expect("a folder"),
            nodes: (0..count).map(node).collect(),
            authority,
            options: options.iter().map(|&option| option.to_owned()).collect(),
        };
        for number in 0..etcd.nodes.len() {
            etcd.start_node(number);
        }
        etcd.await_quorum();
        etcd
    }

    /// The authority that signed the certificates, if there are any.
    #[must_use]
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// The number of nodes.
    #[must_use]
    pub fn count(&self) -> usize {
        self.nodes.len()
    }

    /// The name of a node on the network, for [`Lan::cut`].
    #[must_use]
    pub fn name(&self, number: usize) -> &str {
        &self.nodes[number].name
    }

    /// The address of a node.
    #[must_use]
    pub fn address(&self, number: usize) -> &str {
        &self.nodes[number].address
    }

    /// Where clients reach a node.
    #[must_use]
    pub fn endpoint(&self, number: usize) -> String {
        let scheme = if self.authority.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}:2379", self.nodes[number].address)
    }

    /// All of them, as `[store] endpoints` has them.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        (0..self.nodes.len())
            .map(|number| self.endpoint(number))
            .collect()
    }

    /// The data of a node.
    #[must_use]
    pub fn data(&self, number: usize) -> PathBuf {
        self.folder.path().join(&self.nodes[number].name)
    }

    /// Starts a node, or starts it again.
    pub fn start_node(&mut self, number: usize) {
        assert!(self.nodes[number].child.is_none(), "the node runs already");
        let log = self
            .folder
            .path()
            .join(format!("{}.log", self.nodes[number].name));
        let log = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("a log");
        let mut words = Lan::on(&self.nodes[number].name, &self.nodes[number].name).into_iter();
        let child = Command::new(words.next().expect("a program"))
            .args(words)
            .args(self.words_of_node(number))
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log)
            .spawn()
            .expect("etcd");
        self.nodes[number].child = Some(child);
    }

    fn words_of_node(&self, number: usize) -> Vec<String> {
        let node = &self.nodes[number];
        let peer = |node: &Node| format!("http://{}:2380", node.address);
        let members: Vec<String> = self
            .nodes
            .iter()
            .map(|node| format!("{}={}", node.name, peer(node)))
            .collect();
        let data = self.data(number).to_string_lossy().into_owned();
        let mut words: Vec<String> = [
            "/usr/bin/etcd",
            "--name",
            &node.name,
            "--data-dir",
            &data,
            "--listen-client-urls",
            &self.endpoint(number),
            "--advertise-client-urls",
            &self.endpoint(number),
            "--listen-peer-urls",
            &peer(node),
            "--initial-advertise-peer-urls",
            &peer(node),
            "--initial-cluster",
            &members.join(","),
            "--logger",
            "zap",
        ]
        .map(str::to_owned)
        .to_vec();
        if let (Some(certificate), Some(authority)) = (&node.certificate, &self.authority) {
            let path = |path: &PathBuf| path.to_string_lossy().into_owned();
            words.extend([
                "--client-cert-auth".to_owned(),
                "--trusted-ca-file".to_owned(),
            ]);
            words.extend([path(&authority.file()), "--cert-file".to_owned()]);
            words.extend([path(&certificate.file), "--key-file".to_owned()]);
            words.push(path(&certificate.key));
        }
        words.extend(self.options.iter().cloned());
        words
    }

    /// Ends a node like a power cut, as far as that is possible for a process.
    pub fn kill_node(&mut self, number: usize) {
        let mut child = self.nodes[number].child.take().expect("a running node");
        child.kill().expect("a kill");
        child.wait().expect("an end");
    }

    /// What the disks of all nodes hold at one moment, as a snapshot of their machines has it.
    #[must_use]
    pub fn snapshot(&self) -> TempDir {
        let folder = tempfile::Builder::new().prefix("mfa-etcd-then-").tempdir();
        let folder = folder.expect("a folder");
        let running = || (0..self.nodes.len()).filter(|node| self.is_running(*node));
        running().for_each(|node| self.suspend(node));
        for node in 0..self.nodes.len() {
            copy(
                &self.data(node),
                &folder.path().join(&self.nodes[node].name),
            );
        }
        running().for_each(|node| self.resume(node));
        folder
    }

    /// Puts what the disk of a node held then in the place of what it holds now, and starts it.
    pub fn set_back_node(&mut self, number: usize, then: &TempDir) {
        if self.is_running(number) {
            self.kill_node(number);
        }
        let data = self.data(number);
        fs::remove_dir_all(&data).expect("the data of the node");
        copy(&then.path().join(&self.nodes[number].name), &data);
        self.start_node(number);
    }

    /// The same for all nodes.
    pub fn set_back(&mut self, then: &TempDir) {
        let running = (0..self.nodes.len()).filter(|node| self.is_running(*node));
        for node in running.collect::<Vec<_>>() {
            self.kill_node(node);
        }
        (0..self.nodes.len()).for_each(|node| self.set_back_node(node, then));
    }

    /// Whether the node runs.
    #[must_use]
    pub fn is_running(&self, number: usize) -> bool {
        self.nodes[number].child.is_some()
    }

    /// Suspends a node: it holds its connections and answers nothing.
    pub fn suspend(&self, number: usize) {
        suspend(self.pid(number));
    }

    /// Lets it continue.
    pub fn resume(&self, number: usize) {
        kill(self.pid(number), Signal::SIGCONT).expect("a signal");
    }

    fn pid(&self, number: usize) -> Pid {
        let child = self.nodes[number].child.as_ref().expect("a running node");
        Pid::from_raw(child.id().cast_signed())
    }

    /// The node that leads, if one does.
    #[must_use]
    pub fn leader(&self) -> Option<usize> {
        (0..self.nodes.len())
            .find(|number| self.status(*number).is_some_and(|status| leads(&status)))
    }

    /// What a node says of itself; none if it does not answer.
    #[must_use]
    pub fn status(&self, number: usize) -> Option<Value> {
        let output = self.ctl(number, &["endpoint", "status", "--write-out=json"]);
        let statuses: Value = serde_json::from_str(&output.stdout).ok()?;
        statuses.get(0).map(|status| status["Status"].clone())
    }

    /// The revision of the whole store.
    #[must_use]
    pub fn revision(&self) -> u64 {
        let of_node = |number| self.status(number)?["header"]["revision"].as_u64();
        let revisions = (0..self.nodes.len()).filter_map(of_node);
        revisions.max().expect("a node that answers")
    }

    /// Runs `etcdctl` for one node, at the test's own address.
    pub fn ctl(&self, number: usize, arguments: &[&str]) -> Output {
        self.ctl_with_input(number, arguments, "")
    }

    /// The same with text on its standard input, such as a long value.
    pub fn ctl_with_input(&self, number: usize, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new("/usr/bin/etcdctl");
        command
            .env("ETCDCTL_API", "3")
            .args(["--dial-timeout=2s", "--command-timeout=20s"])
            .arg(format!("--endpoints={}", self.endpoint(number)));
        if let (Some(authority), Some(certificate)) =
            (&self.authority, &self.nodes[number].certificate)
        {
            command.arg("--cacert").arg(authority.file());
            command.arg("--cert").arg(&certificate.file);
            command.arg("--key").arg(&certificate.key);
        }
        run_with_input(command.args(arguments), input)
    }

    /// The same where it must succeed.
    pub fn must(&self, number: usize, arguments: &[&str]) -> String {
        let output = self.ctl(number, arguments);
        assert!(output.is_success(), "etcdctl {arguments:?}: {output:?}");
        output.stdout
    }

    /// Waits until the running nodes take a change.
    pub fn await_quorum(&self) {
        within(PATIENCE, "a quorum of etcd", || {
            let mut running = (0..self.nodes.len()).filter(|number| self.is_running(*number));
            let serves = |number| self.ctl(number, &["endpoint", "health"]).is_success();
            running.all(serves).then_some(())
        });
    }

    /// The end of the log of each node.
    #[must_use]
    pub fn log(&self) -> String {
        let of_node = |node: &Node| {
            let log = self.folder.path().join(format!("{}.log", node.name));
            let text = fs::read_to_string(log).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let end = lines[lines.len().saturating_sub(12)..].join("\n");
            format!("{}:\n{end}\n", node.name)
        };
        self.nodes.iter().map(of_node).collect()
    }
}

/// Copies the data of a node. Its files are mostly holes.
fn copy(from: &Path, to: &Path) {
    let arguments = ["--archive", "--sparse=always"];
    let copied = run(Command::new("cp").args(arguments).arg(from).arg(to));
    assert!(copied.is_success(), "{copied:?}");
}

fn leads(status: &Value) -> bool {
    let (leader, own) = (&status["leader"], &status["header"]["member_id"]);
    leader.as_u64().is_some_and(|leader| leader != 0) && leader == own
}

impl Drop for Etcd {
    fn drop(&mut self) {
        for child in self.nodes.iter_mut().filter_map(|node| node.child.as_mut()) {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            eprintln!("the end of the logs of etcd:\n{}", self.log());
        }
    }
}
