//! Ways through a stack that end in success, over every code that a module may return.

use std::collections::BTreeSet;

use crate::chain::{Entry, Kind};
use crate::codes::{CODES, INCOMPLETE, SUCCESS};
use crate::dispatch::State;

/// As many states as are looked at. Stacks that people write have some hundred.
const MAX_STATES: usize = 100_000;

/// An entry that was come to, and the code that its module gave.
pub type Said = (usize, usize);

/// A way to one of the codes `ends` on which no module says anything that `is_met` takes for what is wanted; none if there
/// is no such way. `may` tells whether the module of an entry can return a code at all.
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
        // What is put last is looked at first: success.
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
