//! The lines that wait for a sink, bounded, with a share for each sort of caller.
//!
//! Any local user can cause lines, by logging in as themselves and failing. They take at most half of
//! the queue, so that the lines of sshd and the other programs of root always find room. What finds
//! none is counted, and the count comes out as soon as anything does.

use std::collections::VecDeque;

/// Who caused a line. Stays out of the line itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Root, the agent itself, or a trusted program.
    Privileged,
    /// Anybody else.
    Ordinary,
}

pub(super) struct Queue<L> {
    lines: VecDeque<(L, Origin)>,
    ordinary: usize,
    lost: u64,
    most: usize,
}

/// What comes out of a queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<L> {
    /// So many lines found no room.
    Lost(u64),
    Line(L),
}

impl<L> Queue<L> {
    /// A queue for `most` lines.
    pub(super) fn new(most: usize) -> Self {
        Self {
            lines: VecDeque::new(),
            ordinary: 0,
            lost: 0,
            most,
        }
    }

    /// Puts a line at the end, or counts it as lost. Returns whether there was room.
    pub(super) fn push(&mut self, line: L, origin: Origin) -> bool {
        let ordinary = origin == Origin::Ordinary;
        if self.lines.len() >= self.most || (ordinary && self.ordinary >= self.most / 2) {
            self.lost += 1;
            return false;
        }
        self.ordinary += usize::from(ordinary);
        self.lines.push_back((line, origin));
        true
    }

    /// How many lines wait.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Takes the next one; lines that were lost come before those that came after them, as nearly as
    /// can be told.
    pub(super) fn pop(&mut self) -> Option<Next<L>> {
        if self.lost > 0 {
            return Some(Next::Lost(std::mem::take(&mut self.lost)));
        }
        let (line, origin) = self.lines.pop_front()?;
        self.ordinary -= usize::from(origin == Origin::Ordinary);
        Some(Next::Line(line))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.lost == 0
    }
}

#[cfg(test)]
mod tests {
    use super::Origin::{Ordinary, Privileged};
    use super::*;

    fn drain(queue: &mut Queue<u32>) -> Vec<Next<u32>> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn lines_of_ordinary_users_leave_half_of_the_queue_to_the_others() {
        let mut queue = Queue::new(4);
        for n in 1..=100 {
            queue.push(n, Ordinary);
        }
        queue.push(201, Privileged);
        queue.push(202, Privileged);
        let all = [Next::Lost(98)]
            .into_iter()
            .chain([1, 2, 201, 202].map(Next::Line));
        assert_eq!(drain(&mut queue), all.collect::<Vec<_>>());
        assert!(queue.is_empty());
        queue.push(3, Ordinary);
        assert_eq!(
            drain(&mut queue),
            [Next::Line(3)],
            "the share is free again"
        );
    }

    #[test]
    fn a_full_queue_drops_what_comes_and_counts_it() {
        let mut queue = Queue::new(2);
        for n in 1..=5 {
            queue.push(n, Privileged);
        }
        queue.push(6, Ordinary);
        assert_eq!(
            drain(&mut queue),
            [Next::Lost(4), Next::Line(1), Next::Line(2)]
        );
    }
}
