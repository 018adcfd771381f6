//! Finds paths through a stack that end in success, over every code that a module may return.

use std::collections::BTreeSet;

use crate::chain::{Entry, Kind};
use crate::codes::{CODES, INCOMPLETE, SUCCESS};
use crate::dispatch::State;

/// A limit on states; real stacks have some hundred.
const MAX_STATES: usize = 100_000;

/// The index of an entry, and the code that its module returned.
pub type Said = (usize, usize);

/// A path to one of the codes `ends` on which no step satisfies `is_met`; `None` if there is none.
/// `may` tells whether the module of an entry can return a code at all.
pub fn way_without(
    entries: &[Entry],
    ends: &[usize],
    may: impl Fn(usize, usize) -> bool,
    is_met: impl Fn(usize, usize) -> bool,
) -> Option<Vec<Said>> {
    let mut seen = BTreeSet::new();
    let mut open: Vec<(State, Vec<Said>)> = vec![(State::default(), Vec::new())];
    while let Some((state, way)) = open.pop() {
        let Some(entry) = entries.get(state.at) else {
            if ends.contains(&state.verdict()) {
                return Some(way);
            }
            continue;
        };
        if seen.len() >= MAX_STATES || !seen.insert(state.clone()) {
            continue;
        }
        let calls = matches!(entry.kind, Kind::Module(_));
        // The last one pushed is tried first: success.
        for code in (0..CODES.len()).rev() {
            let goes_on = code != INCOMPLETE && may(state.at, code) && !is_met(state.at, code);
            if calls && !goes_on || !calls && code != SUCCESS {
                continue;
            }
            let mut next = state.clone();
            next.step(entries, code);
            let mut way = way.clone();
            if calls {
                way.push((state.at, code));
            }
            open.push((next, way));
        }
    }
    None
}
