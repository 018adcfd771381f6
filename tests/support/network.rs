//! Two hosts on their own network: a gateway, which is the test's thread, and a client.
//!
//! Both are network namespaces. The calling thread enters the gateway's, so that everything the
//! test starts later (the agent, a VPN server) runs there; [`Network::client`] runs programs in the
//! other. They end with the [`crate::Machine`], whose thread must be the caller.

use std::process::Command;

use nix::sched::{CloneFlags, unshare};

use crate::{Machine, run};

/// The network.
pub struct Network {
    _private: (),
}

impl Network {
    /// The gateway's address.
    pub const GATEWAY: &'static str = "192.0.2.1";
    /// The client's address.
    pub const CLIENT: &'static str = "192.0.2.2";

    /// Moves the calling thread into its own network, with a client at the other end.
    #[must_use]
    pub fn new(_on: &Machine) -> Self {
        unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace");
        ip("link set lo up");
        ip("netns add client");
        ip("link add wire type veth peer name wire netns client");
        ip(&format!("address add {}/24 dev wire", Self::GATEWAY));
        ip("link set wire up");
        ip("-n client link set lo up");
        ip(&format!(
            "-n client address add {}/24 dev wire",
            Self::CLIENT
        ));
        ip("-n client link set wire up");
        Self { _private: () }
    }

    /// A program that runs at the client's end.
    #[must_use]
    pub fn client(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", "client", program]);
        command
    }

    /// The arguments for [`crate::Pty::spawn`] to run a program at the client's end.
    #[must_use]
    pub fn client_arguments<'a>(&self, program: &'a [&'a str]) -> Vec<&'a str> {
        let mut arguments = vec!["netns", "exec", "client"];
        arguments.extend_from_slice(program);
        arguments
    }
}

fn ip(arguments: &str) {
    let output = run(Command::new("ip").args(arguments.split(' ')));
    assert!(output.is_success(), "ip {arguments}: {output:?}");
}
