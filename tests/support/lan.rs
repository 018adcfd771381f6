//! Machines on a network of their own: each is a network namespace at a bridge.
//!
//! The calling thread enters the namespace of the bridge. [`Lan::on`] gives the words that run a program on one of the
//! machines, and [`Lan::cut`] pulls its cable. All ends with the [`crate::Machine`], whose thread must be the caller.

use std::process::Command;

use nix::sched::{CloneFlags, unshare};

use crate::{Machine, run};

/// The network.
pub struct Lan {
    _private: (),
}

impl Lan {
    /// The address of the test itself.
    pub const OWN: &'static str = "192.0.2.254";

    /// Moves the calling thread into a network that has no other machine yet.
    #[must_use]
    pub fn new(_on: &Machine) -> Self {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
        ip("link set lo up");
        ip("link add lan type bridge");
        ip(&format!("address add {}/24 dev lan", Self::OWN));
        ip("link set lan up");
        Self { _private: () }
    }

    /// Adds a machine, whose address ends with `number`. Returns the address.
    #[must_use]
    pub fn join(&self, name: &str, number: u8) -> String {
        let address = format!("192.0.2.{number}");
        ip(&format!("netns add {name}"));
        ip(&format!(
            "link add {name} type veth peer name lan netns {name}"
        ));
        ip(&format!("link set {name} master lan"));
        ip(&format!("link set {name} up"));
        ip(&format!("-n {name} link set lo up"));
        ip(&format!("-n {name} address add {address}/24 dev lan"));
        ip(&format!("-n {name} link set lan up"));
        address
    }

    /// The words before a program that runs on a machine, which has that host name. The program keeps the process ID.
    #[must_use]
    pub fn on(name: &str, host_name: &str) -> Vec<String> {
        let set_name = "hostname \"$0\" && exec \"$@\"";
        let words = [
            "ip", "netns", "exec", name, "unshare", "--uts", "sh", "-c", set_name, host_name,
        ];
        words.map(str::to_owned).to_vec()
    }

    /// Pulls the cable of a machine: what it sends is lost, and nobody is told.
    pub fn cut(&self, name: &str) {
        ip(&format!("link set {name} down"));
    }

    /// Puts it back.
    pub fn heal(&self, name: &str) {
        ip(&format!("link set {name} up"));
    }
}

fn ip(arguments: &str) {
    let output = run(Command::new("ip").args(arguments.split(' ')));
    assert!(output.is_success(), "ip {arguments}: {output:?}");
}
