//! A schedule of faults, drawn from a seed: the same seed gives the same faults in the same order.

use std::time::Duration;

use super::administrator::Work;

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
    /// The clock of a host is set so many seconds ahead, or behind.
    SetClock(usize, i64),
    /// An administrator of a host begins something for the whole fleet.
    Work(usize, Work),
}

/// How wrong a clock is at times, in seconds. A lock holds on hosts that differ by less than ten minutes.
const WRONG_CLOCKS: [i64; 4] = [20, -20, 180, -180];

/// When a fault of a schedule happens, how long it lasts, and how long all is well after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) fault: Fault,
    /// So long after the one before.
    pub(crate) after: Duration,
    pub(crate) lasts: Duration,
    pub(crate) then: Duration,
}

/// What happens while hosts log users in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// Faults, one or two at a time.
    pub(crate) rounds: Vec<Vec<Step>>,
    /// Whether all nodes are put back to what they held before, at the end.
    pub(crate) sets_back: bool,
}

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
        let fault = match self.below(16) {
            0 => Fault::KillNode(number),
            1 => Fault::KillLeader,
            2 => Fault::SuspendNode(number),
            3 => Fault::CutNode(number),
            4 => Fault::CutHost(number),
            5 | 6 => Fault::KillAgent(number),
            7 => Fault::Compact,
            8 => Fault::Defragment(number),
            9 | 10 => Fault::SetClock(number, WRONG_CLOCKS[self.below(WRONG_CLOCKS.len())]),
            11 | 12 => Fault::Work(number, Work::RotateKey),
            13 | 14 => Fault::Work(number, Work::Restore),
            _ => Fault::Work(number, Work::Merge),
        };
        Step {
            fault,
            after: self.millis(0, 300),
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
        Self {
            rounds: (0..rounds).map(|_| round()).collect(),
            sets_back: draw.below(5) == 0,
        }
    }

    /// All faults, in their order.
    pub(crate) fn faults(&self) -> impl Iterator<Item = Fault> {
        self.rounds.iter().flatten().map(|step| step.fault)
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
        let schedules: Vec<Schedule> = (0..200).map(Schedule::of).collect();
        let all: Vec<Fault> = schedules.iter().flat_map(Schedule::faults).collect();
        let has = |fault: Fault| all.contains(&fault);
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
            for work in Work::ALL {
                assert!(has(Fault::Work(number, work)), "{work:?} on {number}");
            }
            let sets_clock =
                |fault: &Fault| matches!(fault, Fault::SetClock(host, _) if *host == number);
            assert!(all.iter().any(sets_clock), "{number}");
        }
        assert!(has(Fault::KillLeader) && has(Fault::Compact));
        let set_back = schedules.iter().filter(|it| it.sets_back).count();
        assert!((20..80).contains(&set_back), "{set_back}");
    }
}
