//! The commands of `docs/fleet.md` for etcd, as they are printed, on nodes with the settings and certificates of the guide.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mfa_tests::{Lan, Output, built, run, within};
use serde_json::Value;

use super::with_lan;

/// Three nodes elect a leader, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// Less than the settings of the guide have, so that it is soon full.
const QUOTA: &str = "16777216";

/// A block of commands below a heading.
fn block(heading: &str, number: usize) -> String {
    let guide = fs::read_to_string(built().tree.join("docs/fleet.md")).expect("the guide");
    let (_, rest) = guide
        .split_once(&format!("\n{heading}\n"))
        .unwrap_or_else(|| panic!("no heading {heading}"));
    let section = rest.split("\n#").next().expect("a section");
    let mut blocks = section.split("```sh\n").skip(1);
    let block = blocks.nth(number).unwrap_or_else(|| panic!("{heading}"));
    block.split("```").next().expect("its end").to_owned()
}

/// Three nodes as the guide has them, each with its own `/etc/etcd`.
struct Nodes<'a> {
    folder: &'a Path,
    running: Vec<Option<Child>>,
}

impl Nodes<'_> {
    fn name(node: usize) -> String {
        format!("etcd{}", node + 1)
    }

    /// Runs commands on a node, in the folder with the certificates.
    fn sh(&self, node: usize, script: &str) -> Output {
        let name = Self::name(node);
        let mut words = Lan::on(&name, &name).into_iter();
        run(Command::new(words.next().expect("a program"))
            .args(words)
            .args(["sh", "-euc", script])
            .current_dir(self.folder))
    }

    fn must(&self, node: usize, script: &str) -> String {
        let output = self.sh(node, script);
        assert!(output.is_success(), "{script}: {output:?}");
        output.stdout
    }

    /// The same with the variables of etcdctl.
    fn etcdctl(&self, node: usize, script: &str) -> Output {
        self.sh(node, &with_variables(script))
    }

    /// Puts the certificates of a node where the guide puts them.
    fn install(&self, node: usize) {
        let name = Self::name(node);
        fs::create_dir_all(format!("/etc/netns/{name}/etcd")).expect("a folder");
        let commands = block("### 2. Nodes", 0);
        let installs = commands
            .lines()
            .filter(|line| line.starts_with("install "))
            .map(|line| line.replace("node-etcd1", &format!("node-{name}")) + "\n");
        let _ = self.must(node, &installs.collect::<String>());
    }

    /// Starts a node with the settings of the guide, and these in the place of its own.
    fn start(&mut self, node: usize, other: &[(&str, &str)]) {
        let name = Self::name(node);
        let settings = built().tree.join("packaging/etcd/etcd.default");
        let settings = fs::read_to_string(settings).expect("the settings");
        let data = self.folder.join(&name);
        let mut words = Lan::on(&name, &name).into_iter();
        let mut command = Command::new(words.next().expect("a program"));
        command.args(words).arg("/usr/bin/etcd");
        for line in settings.lines().filter(|line| line.starts_with("ETCD_")) {
            let (key, value) = line.split_once('=').expect("a setting");
            let value = value.trim_matches('"');
            let value = match key {
                "ETCD_INITIAL_CLUSTER" => value.to_owned(),
                _ => value
                    .replace("etcd1", &name)
                    .replace("192.0.2.11", &format!("192.0.2.{}", 11 + node)),
            };
            command.env(key, value);
        }
        command
            .env("ETCD_DATA_DIR", &data)
            .env("ETCD_QUOTA_BACKEND_BYTES", QUOTA)
            .envs(other.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.running[node] = Some(command.spawn().expect("etcd"));
    }

    fn kill(&mut self, node: usize) {
        let mut child = self.running[node].take().expect("a running node");
        child.kill().expect("a kill");
        child.wait().expect("an end");
    }

    fn await_health(&self) {
        let commands = block("### 2. Nodes", 1);
        within(PATIENCE, "all nodes to be healthy", || {
            self.sh(0, &commands).is_success().then_some(())
        });
    }
}

impl Drop for Nodes<'_> {
    fn drop(&mut self) {
        for child in self.running.iter_mut().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Commands after the variables that the guide has for them.
fn with_variables(script: &str) -> String {
    let variables = block("### 2. Nodes", 1);
    let exports = variables.lines().filter(|line| line.starts_with("export "));
    let exports: Vec<&str> = exports.collect();
    format!("{}\n{script}", exports.join("\n"))
}

fn set_up(folder: &Path) -> Nodes<'_> {
    let script = built().tree.join("packaging/etcd/make-certificates");
    let certificates = block("### 1. Certificates", 0)
        .replace("mkdir -p /root/etcd-certificates", "")
        .replace("cd /root/etcd-certificates", "")
        .replace(
            "/usr/share/doc/pam-mfa/examples/etcd/make-certificates",
            &script.to_string_lossy(),
        );
    let made = run(Command::new("sh")
        .args(["-euc", &certificates])
        .current_dir(folder));
    assert!(made.is_success(), "{made:?}");
    Nodes {
        folder,
        running: vec![None, None, None],
    }
}

/// A lost node is taken out of the cluster, and a new one is taken in.
fn replace_a_node(nodes: &mut Nodes<'_>) {
    nodes.kill(2);
    // It may have been the leader.
    let left =
        "etcdctl --endpoints https://192.0.2.11:2379,https://192.0.2.12:2379 endpoint health";
    within(PATIENCE, "the nodes that are left", || {
        nodes.etcdctl(0, left).is_success().then_some(())
    });
    let list = "etcdctl --endpoints https://192.0.2.11:2379 member list --write-out=json";
    let members = nodes.etcdctl(0, list);
    let members: Value = serde_json::from_str(&members.stdout).expect("JSON");
    let members = members["members"].as_array().expect("a list");
    let lost = members.iter().find(|member| member["name"] == "etcd3");
    let id = lost.expect("the lost node")["ID"].as_u64().expect("an ID");
    let commands = block("## Loss of a node", 0).replace("8e9e05c52164694d", &format!("{id:x}"));
    // As the guide says: each is repeated until the cluster is well.
    for command in commands.lines() {
        within(PATIENCE, command, || {
            nodes.etcdctl(0, command).is_success().then_some(())
        });
    }
    fs::remove_dir_all(nodes.folder.join("etcd3")).expect("the data of the lost node");
    nodes.start(2, &[("ETCD_INITIAL_CLUSTER_STATE", "existing")]);
    nodes.await_health();
}

/// Two nodes are lost and the third was killed: its database begins a new cluster.
fn begin_again_with_the_node_that_is_left(nodes: &mut Nodes<'_>) {
    let _ = put(nodes);
    (0..3).for_each(|node| nodes.kill(node));
    let folder = nodes.folder.to_string_lossy().into_owned();
    let left = nodes.folder.join("etcd1/member/snap/db");
    fs::copy(left, nodes.folder.join("left.db")).expect("the database that is left");
    let commands = block("## Loss of the quorum", 0);
    for node in 0..3 {
        let name = Nodes::name(node);
        let lines = commands
            .lines()
            .filter(|line| !line.starts_with("systemctl"));
        let mut script = lines.collect::<Vec<_>>().join("\n");
        // Not in the list of all members.
        script = script
            .replace("--name etcd1", &format!("--name {name}"))
            .replace(
                "-urls https://192.0.2.11",
                &format!("-urls https://192.0.2.{}", 11 + node),
            )
            .replace("/var/lib/etcd/pam-mfa", &format!("{folder}/{name}"));
        let _ = nodes.must(node, &script);
    }
    (0..3).for_each(|node| nodes.start(node, &[("ETCD_INITIAL_CLUSTER_TOKEN", "pam-mfa-2")]));
    nodes.await_health();
    let hashes = nodes.etcdctl(0, &block("## Loss of the quorum", 1));
    let hashes: Vec<&str> = hashes
        .stdout
        .lines()
        .filter_map(|line| line.rsplit(", ").next())
        .collect();
    let is_same = hashes.len() == 3 && hashes.iter().all(|hash| *hash == hashes[0]);
    assert!(is_same, "{hashes:?}");
    assert!(put(nodes).is_success());
}

fn put(nodes: &Nodes<'_>) -> Output {
    let big = "head -c 1000000 /dev/zero | tr '\\0' x";
    let put = "etcdctl --endpoints https://192.0.2.11:2379 put filler";
    nodes.etcdctl(0, &format!("{big} | {put}"))
}

/// Older revisions fill the database, and the guide empties it.
fn empty_a_full_database(nodes: &Nodes<'_>) {
    let is_full = (0..40).any(|_| !put(nodes).is_success());
    assert!(is_full, "the database is not full");
    let commands = block("## A full database", 0);
    let emptied = nodes.etcdctl(0, &commands);
    assert!(emptied.is_success(), "{commands}: {emptied:?}");
    let after = put(nodes);
    assert!(after.is_success(), "{after:?}");
}

#[test]
#[ignore = "takes a minute: make test-all runs it"]
fn the_commands_of_the_guide_for_etcd_work_as_they_are_printed() {
    with_lan(|lan| {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir_all("/etc/etcd").expect("a folder");
        let mut nodes = set_up(folder.path());
        for node in 0..3 {
            let _ = lan.join(&Nodes::name(node), 11 + u8::try_from(node).expect("a few"));
            nodes.install(node);
        }
        (0..3).for_each(|node| nodes.start(node, &[]));
        nodes.await_health();
        replace_a_node(&mut nodes);
        begin_again_with_the_node_that_is_left(&mut nodes);
        empty_a_full_database(&nodes);
    });
}
