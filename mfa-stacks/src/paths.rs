//! Finds paths through a stack that end in success, over every code that a module may return.

use std::collections::BTreeSet;

use crate::chain::{Entry, Kind};
use crate::codes::{CODES, INCOMPLETE, SUCCESS};
use crate::dispatch::State;

/// A limit on states; real stacks have some hundred.
const MAX_STATES: usize = 100_000;

/// The index of an entry, and the code that its module returned.
pub type Said = (usize, usize);

/// The stack has more ways than are looked at, so that nobody knows whether there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

/// A way to one of the codes `ends` on which no module says anything that `is_met` takes for what is wanted; none if there
/// is no such way. `may` tells whether the module of an entry can return a code at all.
///
/// # Errors
/// [`TooMany`] if the search ended before all ways were seen.
pub fn way_without(
    entries: &[Entry],
    ends: &[usize],
    may: impl Fn(usize, usize) -> bool,
    is_met: impl Fn(usize, usize) -> bool,
) -> Result<Option<Vec<Said>>, TooMany> {
    search(entries, ends, may, is_met, None)
}

/// Such a way that comes to one of the entries `through`.
///
/// # Errors
/// [`TooMany`] if the search ended before all ways were seen.
pub fn way_through(
    entries: &[Entry],
    ends: &[usize],
    may: impl Fn(usize, usize) -> bool,
    is_met: impl Fn(usize, usize) -> bool,
    through: &dyn Fn(usize) -> bool,
) -> Result<Option<Vec<Said>>, TooMany> {
    search(entries, ends, may, is_met, Some(through))
}

/// A place in the search.
struct Open {
    state: State,
    has_come_through: bool,
    way: Vec<Said>,
}

fn search(
    entries: &[Entry],
    ends: &[usize],
    may: impl Fn(usize, usize) -> bool,
    is_met: impl Fn(usize, usize) -> bool,
    through: Option<&dyn Fn(usize) -> bool>,
) -> Result<Option<Vec<Said>>, TooMany> {
    let mut seen = BTreeSet::new();
    let mut open = vec![Open {
        state: State::default(),
        has_come_through: through.is_none(),
        way: Vec::new(),
    }];
    while let Some(place) = open.pop() {
        let state = place.state;
        let Some(entry) = entries.get(state.at) else {
            if place.has_come_through && ends.contains(&state.verdict()) {
                return Ok(Some(place.way));
            }
            continue;
        };
        let is_through = through.is_some_and(|through| through(state.at));
        let has_come_through = place.has_come_through || is_through;
        if !seen.insert((state.clone(), has_come_through)) {
            continue;
        }
        if seen.len() >= MAX_STATES {
            return Err(TooMany);
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
            let mut way = place.way.clone();
            if calls {
                way.push((state.at, code));
            }
            open.push(Open {
                state: next,
                has_come_through,
                way,
            });
        }
    }
    Ok(None)
}
