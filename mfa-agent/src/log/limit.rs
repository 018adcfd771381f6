//! Limits lines that strangers can cause at will: a few of each kind are written a minute, and the
//! others are counted and reported once the minute is over.

use std::time::{Duration, Instant};

/// Lines of a kind in a minute.
const LINES: u32 = 5;

const MINUTE: Duration = Duration::from_secs(60);

/// Kinds are constant texts in the program, so their number is bounded.
pub(super) struct Limits {
    kinds: Vec<Kind>,
}

struct Kind {
    name: &'static str,
    began: Instant,
    written: u32,
    left_out: u64,
}

/// Lines of a kind that were left out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) kind: &'static str,
    pub(super) count: u64,
}

impl Limits {
    pub(super) const fn new() -> Self {
        Self { kinds: Vec::new() }
    }

    /// Whether to write a line of this kind. Call [`Self::over`] first.
    pub(super) fn admit(&mut self, name: &'static str, now: Instant) -> bool {
        let Some(kind) = self.kinds.iter_mut().find(|kind| kind.name == name) else {
            self.kinds.push(Kind {
                name,
                began: now,
                written: 1,
                left_out: 0,
            });
            return true;
        };
        if kind.written < LINES {
            kind.written += 1;
            return true;
        }
        kind.left_out += 1;
        false
    }

    /// Ends the minutes that are over, and returns what was left out in them.
    pub(super) fn over(&mut self, now: Instant) -> Vec<LeftOut> {
        self.end(|kind| now.duration_since(kind.began) >= MINUTE)
    }

    /// Ends all minutes.
    pub(super) fn end_all(&mut self) -> Vec<LeftOut> {
        self.end(|_| true)
    }

    fn end(&mut self, ends: impl Fn(&Kind) -> bool) -> Vec<LeftOut> {
        let ended = self.kinds.extract_if(.., |kind| ends(kind));
        ended
            .filter(|kind| kind.left_out > 0)
            .map(|kind| LeftOut {
                kind: kind.name,
                count: kind.left_out,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_lines_of_a_kind_are_written_in_a_minute_and_the_others_counted() {
        let (mut limits, start) = (Limits::new(), Instant::now());
        let admitted = (0..20).filter(|_| limits.admit("refused", start)).count();
        assert_eq!(admitted, 5);
        assert!(limits.admit("turned away", start), "another kind");
        assert_eq!(limits.over(start + MINUTE / 2), []);
        let left_out = LeftOut {
            kind: "refused",
            count: 15,
        };
        assert_eq!(limits.over(start + MINUTE), [left_out]);
        assert_eq!(limits.over(start + MINUTE), [], "said once");
        assert!(limits.admit("refused", start + MINUTE));
    }

    #[test]
    fn lines_left_out_are_reported_at_the_end_of_the_process_too() {
        let (mut limits, start) = (Limits::new(), Instant::now());
        let admitted = (0..7).filter(|_| limits.admit("refused", start)).count();
        assert_eq!(admitted, 5);
        let left_out = LeftOut {
            kind: "refused",
            count: 2,
        };
        assert_eq!(limits.end_all(), [left_out]);
    }
}
