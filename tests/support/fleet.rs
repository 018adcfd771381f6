//! Hosts that share a store: agents on machines of a [`Lan`], and the nodes of etcd that they share.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{Agent, Clock, Etcd, Lan, Stack};

/// What the hosts are called; the last has a short name.
const NAMES: [&str; 3] = ["web-1.example.org", "web-2.example.org", "db-1"];

/// The addresses of hosts end with these numbers.
const FIRST_ADDRESS: u8 = 21;

/// A fleet, all of whose hosts serve.
pub struct Fleet {
    /// The network.
    pub lan: Lan,
    /// The store.
    pub etcd: Etcd,
    hosts: Vec<Host>,
    folder: TempDir,
}

/// A host of the fleet.
pub struct Host {
    /// Its name on the network, for [`Lan::cut`].
    pub cable: String,
    /// What its kernel calls it.
    pub name: &'static str,
    /// Its agent.
    pub agent: Agent,
    /// A PAM stack that asks the agent, and lets in who is not asked.
    pub stack: Stack,
    clock: Option<Clock>,
}

impl Fleet {
    /// So many hosts with that store and more settings.
    #[must_use]
    pub fn on(lan: Lan, etcd: Etcd, count: usize, settings: &str) -> Self {
        let endpoints = etcd.endpoints();
        let mut fleet = Self::unmade(lan, etcd, count, (&endpoints, ""), settings);
        fleet.launch();
        fleet
    }

    /// The same with hosts whose clocks [`Fleet::set_clock`] sets.
    #[must_use]
    pub fn with_clocks(lan: Lan, etcd: Etcd, count: usize, settings: &str) -> Self {
        let endpoints = etcd.endpoints();
        let clock = |file: PathBuf| Some(Clock::new(file));
        let mut fleet = Self::made_of(lan, etcd, (count, clock), (&endpoints, ""), settings);
        fleet.launch();
        fleet
    }

    /// The same with these endpoints and more lines of `[store]`, before any host has started.
    #[must_use]
    pub fn unmade(
        lan: Lan,
        etcd: Etcd,
        count: usize,
        store: (&[String], &str),
        settings: &str,
    ) -> Self {
        Self::made_of(lan, etcd, (count, |_| None), store, settings)
    }

    fn made_of(
        lan: Lan,
        etcd: Etcd,
        (count, clock): (usize, impl Fn(PathBuf) -> Option<Clock>),
        (endpoints, more): (&[String], &str),
        settings: &str,
    ) -> Self {
        let folder = tempfile::Builder::new().prefix("mfa-fleet-").tempdir();
        let folder = folder.expect("a folder");
        let host = |number: usize| {
            let cable = format!("host{}", number + 1);
            let _ = lan.join(
                &cable,
                FIRST_ADDRESS + u8::try_from(number).expect("a few hosts"),
            );
            let name = NAMES[number];
            let store = store_lines(folder.path(), number, endpoints) + more;
            let clock = clock(folder.path().join(format!("{cable}.clock")));
            let its_clock = clock.iter().flat_map(Clock::words);
            let place = Lan::on(&cable, name).into_iter().chain(its_clock);
            let agent = Agent::elsewhere(place.collect(), &store, settings);
            let stack = Stack::guarded_by(&agent);
            Host {
                cable,
                name,
                agent,
                stack,
                clock,
            }
        };
        let hosts = (0..count).map(host).collect();
        Self {
            lan,
            etcd,
            hosts,
            folder,
        }
    }

    /// Makes the store and the key on the first host, takes the key to the others, and starts all.
    pub fn launch(&mut self) {
        let made = self.hosts[0].agent.init();
        assert!(made.is_success(), "{made:?}");
        for number in 1..self.hosts.len() {
            fs::copy(self.key(0), self.key(number)).expect("the key of the fleet");
        }
        for host in &mut self.hosts {
            host.agent.launch();
        }
    }

    /// The hosts.
    #[must_use]
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }

    /// A host.
    #[must_use]
    pub fn host(&self, number: usize) -> &Host {
        &self.hosts[number]
    }

    /// A host, to be stopped and started.
    pub fn host_mut(&mut self, number: usize) -> &mut Host {
        &mut self.hosts[number]
    }

    /// The agent of a host.
    #[must_use]
    pub fn agent(&self, number: usize) -> &Agent {
        &self.hosts[number].agent
    }

    /// The file of the fleet's key on a host.
    #[must_use]
    pub fn key(&self, host: usize) -> PathBuf {
        key(self.folder.path(), host)
    }

    /// Sets the clock of a host so many seconds ahead of the machine's, or behind, while its agent runs.
    ///
    /// # Panics
    ///
    /// When the hosts have no clocks of their own: [`Fleet::with_clocks`].
    pub fn set_clock(&self, number: usize, ahead: i64) {
        let clock = self.hosts[number].clock.as_ref();
        clock.expect("a clock of its own").set_ahead(ahead);
    }

    /// Pulls the cable of a host.
    pub fn cut(&self, number: usize) {
        self.lan.cut(&self.hosts[number].cable);
    }

    /// Puts it back.
    pub fn heal(&self, number: usize) {
        self.lan.heal(&self.hosts[number].cable);
    }

    /// Pulls the cable of a node.
    pub fn cut_node(&self, number: usize) {
        self.lan.cut(self.etcd.name(number));
    }

    /// Puts it back.
    pub fn heal_node(&self, number: usize) {
        self.lan.heal(self.etcd.name(number));
    }

    /// A folder for files of the test.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn key(folder: &Path, host: usize) -> PathBuf {
    folder.join(format!("host{}.key", host + 1))
}

fn store_lines(folder: &Path, host: usize, endpoints: &[String]) -> String {
    let key = key(folder, host);
    let state = folder.join(format!("host{}", host + 1));
    format!(
        "path = {state:?}\nengine = \"etcd\"\nendpoints = {endpoints:?}\nprefix = \"/pam-mfa/\"\nkey_file = {key:?}\n"
    )
}
