//! A bounded queue of lines, with a share for ordinary users.
//!
//! Any local user can cause lines by failing to log in. Their lines take at most half of the queue,
//! so that lines of sshd and other programs of root always find room. Lines that find none are
//! counted, and the count comes out before the next line.

use std::collections::VecDeque;

/// Who caused a line; it is not part of the line.
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

/// The next item of a queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<L> {
    /// This number of lines found no room.
    Lost(u64),
    Line(L),
}

impl<L> Queue<L> {
    /// A queue for at most `most` lines.
    pub(super) fn new(most: usize) -> Self {
        Self {
            lines: VecDeque::new(),
            ordinary: 0,
            lost: 0,
            most,
        }
    }

    /// Appends a line, or counts it as lost. Returns whether there was room.
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

    /// Number of waiting lines.
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    /// Takes the next item; a count of lost lines comes roughly where they would have been.
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
    fn ordinary_users_leave_half_of_the_queue_to_the_others() {
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
    fn a_full_queue_drops_new_lines_and_counts_them() {
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
