//! A schedule of faults, drawn from a seed: the same seed gives the same faults in the same order.

use std::time::Duration;

use mfa_tests::Fleet;

/// Something that breaks, or that an administrator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A node loses its power, and is back later.
    KillNode(usize),
    /// The node that leads does.
    KillLeader,
    /// A node holds its connections and answers nothing.
    SuspendNode(usize),
    /// The cable of a node is pulled.
    CutNode(usize),
    /// The cable of a host is pulled.
    CutHost(usize),
    /// An agent is killed, and started again.
    KillAgent(usize),
    /// All older revisions are dropped.
    Compact,
    /// A node rewrites its database, and answers nothing meanwhile.
    Defragment(usize),
}

/// How long each fault of a schedule lasts, and how long all is well after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) fault: Fault,
    pub(crate) lasts: Duration,
    pub(crate) then: Duration,
}

/// Faults, one or two at a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule(pub(crate) Vec<Vec<Step>>);

/// SplitMix64, which needs no more than a number.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("a small number")
    }

    fn millis(&mut self, from: usize, to: usize) -> Duration {
        Duration::from_millis((from + self.below(to - from)) as u64)
    }

    fn step(&mut self) -> Step {
        let number = self.below(3);
        let fault = match self.below(9) {
            0 => Fault::KillNode(number),
            1 => Fault::KillLeader,
            2 => Fault::SuspendNode(number),
            3 => Fault::CutNode(number),
            4 => Fault::CutHost(number),
            5 | 6 => Fault::KillAgent(number),
            7 => Fault::Compact,
            _ => Fault::Defragment(number),
        };
        Step {
            fault,
            lasts: self.millis(50, 1500),
            then: self.millis(50, 800),
        }
    }
}

impl Schedule {
    /// The schedule of a seed. Two faults at once may take the quorum, and often do.
    pub(crate) fn of(seed: u64) -> Self {
        let mut draw = Draw(seed);
        let rounds = 1 + draw.below(3);
        let mut round = || (0..1 + draw.below(2)).map(|_| draw.step()).collect();
        Self((0..rounds).map(|_| round()).collect())
    }

    /// Lets everything happen, and mends it.
    pub(crate) fn happen(&self, fleet: &mut Fleet) {
        for round in &self.0 {
            let mut undo = Vec::new();
            for step in round {
                undo.extend(step.fault.begin(fleet));
            }
            let (lasts, then) = (round[0].lasts, round[0].then);
            std::thread::sleep(lasts);
            for fault in undo {
                fault.end(fleet);
            }
            std::thread::sleep(then);
        }
    }
}

impl Fault {
    /// Begins it; returns what is to be ended, if anything. A fault that can't happen any more, since another keeps it
    /// from happening, does not.
    pub(crate) fn begin(self, fleet: &mut Fleet) -> Option<Self> {
        match self {
            Self::KillNode(node) if fleet.etcd.is_running(node) => fleet.etcd.kill_node(node),
            Self::KillLeader => {
                let leader = fleet.etcd.leader()?;
                fleet.etcd.kill_node(leader);
                return Some(Self::KillNode(leader));
            }
            Self::SuspendNode(node) if fleet.etcd.is_running(node) => fleet.etcd.suspend(node),
            Self::CutNode(node) => fleet.cut_node(node),
            Self::CutHost(host) => fleet.cut(host),
            Self::KillAgent(host) => {
                let agent = &mut fleet.host_mut(host).agent;
                agent.kill_9();
                agent.spawn();
                return None;
            }
            Self::Compact => {
                let revision = fleet.etcd.revision().to_string();
                // A fault at the same time may keep it from happening.
                let _ = fleet.etcd.ctl(0, &["compact", &revision]);
                return None;
            }
            Self::Defragment(node) => {
                let _ = fleet.etcd.ctl(node, &["defrag"]);
                return None;
            }
            Self::KillNode(_) | Self::SuspendNode(_) => return None,
        }
        Some(self)
    }

    /// Mends it.
    pub(crate) fn end(self, fleet: &mut Fleet) {
        match self {
            Self::KillNode(node) => fleet.etcd.start_node(node),
            Self::SuspendNode(node) if fleet.etcd.is_running(node) => fleet.etcd.resume(node),
            Self::CutNode(node) => fleet.heal_node(node),
            Self::CutHost(host) => fleet.heal(host),
            Self::SuspendNode(_)
            | Self::KillLeader
            | Self::KillAgent(_)
            | Self::Compact
            | Self::Defragment(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_schedule_and_others_give_others() {
        assert_eq!(Schedule::of(7), Schedule::of(7));
        let different = (0..100).map(Schedule::of).collect::<Vec<_>>();
        assert!(different.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn two_hundred_schedules_have_every_fault() {
        let all: Vec<Step> = (0..200)
            .flat_map(|seed| Schedule::of(seed).0.concat())
            .collect();
        let has = |fault: Fault| all.iter().any(|step| step.fault == fault);
        for number in 0..3 {
            for fault in [
                Fault::KillNode(number),
                Fault::SuspendNode(number),
                Fault::CutNode(number),
                Fault::CutHost(number),
                Fault::KillAgent(number),
                Fault::Defragment(number),
            ] {
                assert!(has(fault), "{fault:?}");
            }
        }
        assert!(has(Fault::KillLeader) && has(Fault::Compact));
    }
}
