//! Lets a schedule of faults happen to a fleet, and repairs it.

use std::thread::JoinHandle;

use mfa_tests::{Fleet, Output};

use super::schedule::{Fault, Schedule};

/// What a fault leaves behind.
enum Begun {
    /// It is over.
    Over,
    /// It lasts until it is repaired.
    Lasts(Fault),
    /// A command that goes on.
    Works(Fault, JoinHandle<Output>),
}

impl Schedule {
    /// Lets everything happen, and repairs it. Returns how many commands of an administrator succeeded.
    pub(crate) fn happen(&self, fleet: &mut Fleet) -> usize {
        let mut done = 0;
        for round in &self.rounds {
            let (mut lasting, mut works) = (Vec::new(), Vec::new());
            for step in round {
                std::thread::sleep(step.after);
                match step.fault.begin(fleet) {
                    Begun::Over => {}
                    Begun::Lasts(fault) => lasting.push(fault),
                    Begun::Works(fault, command) => works.push((fault, command)),
                }
            }
            let (lasts, then) = (round[0].lasts, round[0].then);
            std::thread::sleep(lasts);
            for fault in lasting {
                fault.end(fleet);
            }
            for (fault, command) in works {
                let output = command.join().expect("a command");
                done += usize::from(output.is_success());
                if !output.is_success() {
                    eprintln!("{fault:?}: {output:?}");
                }
            }
            std::thread::sleep(then);
        }
        done
    }
}

impl Fault {
    /// Begins it. A fault that can't happen any more, since another keeps it from happening, does not.
    fn begin(self, fleet: &mut Fleet) -> Begun {
        match self {
            Self::KillNode(node) if fleet.etcd.is_running(node) => fleet.etcd.kill_node(node),
            Self::KillLeader => {
                let Some(leader) = fleet.etcd.leader() else {
                    return Begun::Over;
                };
                fleet.etcd.kill_node(leader);
                return Begun::Lasts(Self::KillNode(leader));
            }
            Self::SuspendNode(node) if fleet.etcd.is_running(node) => fleet.etcd.suspend(node),
            Self::CutNode(node) => fleet.cut_node(node),
            Self::CutHost(host) => fleet.cut(host),
            Self::SetClock(host, ahead) => fleet.set_clock(host, ahead),
            Self::KillAgent(host) => {
                let agent = &mut fleet.host_mut(host).agent;
                agent.kill_9();
                agent.spawn();
                return Begun::Over;
            }
            Self::Compact => {
                let revision = fleet.etcd.revision().to_string();
                // A fault at the same time may keep it from happening.
                let _ = fleet.etcd.ctl(0, &["compact", &revision]);
                return Begun::Over;
            }
            Self::Defragment(node) => {
                let _ = fleet.etcd.ctl(node, &["defrag"]);
                return Begun::Over;
            }
            Self::Work(host, work) => return Begun::Works(self, work.begin(fleet, host)),
            Self::KillNode(_) | Self::SuspendNode(_) => return Begun::Over,
        }
        Begun::Lasts(self)
    }

    /// Repairs it.
    fn end(self, fleet: &mut Fleet) {
        match self {
            Self::KillNode(node) => fleet.etcd.start_node(node),
            Self::SuspendNode(node) if fleet.etcd.is_running(node) => fleet.etcd.resume(node),
            Self::CutNode(node) => fleet.heal_node(node),
            Self::CutHost(host) => fleet.heal(host),
            Self::SetClock(host, _) => fleet.set_clock(host, 0),
            Self::SuspendNode(_)
            | Self::KillLeader
            | Self::KillAgent(_)
            | Self::Compact
            | Self::Defragment(_)
            | Self::Work(..) => {}
        }
    }
}
