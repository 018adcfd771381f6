//! Lists. Some join over all files, and of the others only the last holds; who wrote one of them may not know of the
//! other, so both places are kept.

use std::marker::PhantomData;

use super::{Findings, Key, Line, Value};
use crate::config::error::Problem;
use crate::config::key::Shown;
use crate::config::overridden::Overridden;
use crate::config::tree::Node;
use mfa_core::factors::FactorCombination;
use mfa_core::factors::questions::MAX_QUESTION;
use mfa_core::policy::{
    DayRange, Days, HourRange, Hours, Network, Networks, Pattern, Patterns, Place,
};

const NO_MATCH: &str = "the list is empty, so the rule could never match; expected an entry, or \
                        no such key to match everything";

const NO_WAY: &str = "the list is empty, so no user could log in; expected a factor or combination such as \
     \"totp\" or \"totp+pin\"";

/// The entries with their places. Each that is wrong is reported.
fn entries<T: Value>(node: &Node, problems: &mut Vec<Problem>) -> Option<Vec<(Place, T::Output)>> {
    let Some(nodes) = node.as_list() else {
        problems.push(node.misfit("a list in [ ]"));
        return None;
    };
    let read = |node: &Node| Some((node.place.clone(), T::read(node, problems)?));
    let entries: Vec<_> = nodes.iter().map(read).collect();
    entries.into_iter().collect()
}

fn bare<T>(entries: Vec<(Place, T)>) -> Vec<T> {
    entries.into_iter().map(|(_, entry)| entry).collect()
}

fn overridden(key: &Key, earlier: &Node, node: &Node, joins: bool) -> Overridden {
    Overridden {
        key: key.full_name,
        place: node.place.clone(),
        earlier: earlier.place.clone(),
        joins,
    }
}

/// What `read` makes of a list.
type Entries<T> = Option<Vec<(Place, T)>>;

/// The list of the last file, or the built-in list. Replacing a list that equals the built-in one loses nothing.
fn last<T: PartialEq>(
    key: &Key,
    nodes: &[&Node],
    findings: &mut Findings,
    read: fn(&Node, &mut Vec<Problem>) -> Entries<T>,
) -> Entries<T> {
    let built_in = match key.shown {
        Shown::Default(text) => read(&Node::built_in(key.name, text)?, &mut findings.problems)?,
        Shown::Example(_) | Shown::Alternative(_) => Vec::new(),
    };
    let is_built_in = |list: &[(Place, T)]| {
        let values = list.iter().map(|(_, value)| value);
        values.eq(built_in.iter().map(|(_, value)| value))
    };
    let mut earlier: Option<&Node> = None;
    let mut held = None;
    for node in nodes {
        let list = read(node, &mut findings.problems)?;
        if let Some(earlier) = earlier {
            let lost = overridden(key, earlier, node, false);
            findings.overridden.push(lost);
        }
        earlier = (!list.is_empty() && !is_built_in(&list)).then_some(*node);
        held = Some(list);
    }
    Some(held.unwrap_or(built_in))
}

/// A list of which the last file's holds.
pub(in crate::config) struct List<T>(PhantomData<T>);

impl<T: Value<Output: PartialEq>> Value for List<T> {
    type Output = Vec<T::Output>;

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self::Output> {
        entries::<T>(node, problems).map(bare)
    }

    fn read_key(key: &Key, nodes: &[&Node], findings: &mut Findings) -> Option<Self::Output> {
        last(key, nodes, findings, entries::<T>).map(bare)
    }
}

/// A list that has what the lists of all files have, each entry once: a user named in one file is not forgotten for
/// another file.
pub(in crate::config) struct Joined<T>(PhantomData<T>);

impl<T: Value<Output: PartialEq>> Value for Joined<T> {
    type Output = Vec<T::Output>;

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self::Output> {
        entries::<T>(node, problems).map(bare)
    }

    fn read_key(key: &Key, nodes: &[&Node], findings: &mut Findings) -> Option<Self::Output> {
        let mut joined = Vec::new();
        let mut earlier = None;
        for node in nodes {
            let entries = Self::read(node, &mut findings.problems)?;
            match (entries.is_empty(), earlier) {
                (false, _) => earlier = Some(node),
                (true, Some(earlier)) => {
                    let in_vain = overridden(key, earlier, node, true);
                    findings.overridden.push(in_vain);
                }
                (true, None) => {}
            }
            for entry in entries {
                if !joined.contains(&entry) {
                    joined.push(entry);
                }
            }
        }
        Some(joined)
    }
}

/// Ways to pass, with their places; at least one.
pub(in crate::config) struct Combinations;

impl Value for Combinations {
    type Output = Vec<(Place, FactorCombination)>;

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self::Output> {
        let combinations = entries::<FactorCombination>(node, problems)?;
        if combinations.is_empty() {
            problems.push(node.problem(NO_WAY));
            return None;
        }
        Some(combinations)
    }

    fn read_key(key: &Key, nodes: &[&Node], findings: &mut Findings) -> Option<Self::Output> {
        last(key, nodes, findings, Self::read)
    }
}

/// Questions to choose from, with their places.
pub(in crate::config) struct Catalogue;

impl Value for Catalogue {
    type Output = Vec<(Place, String)>;

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self::Output> {
        entries::<Line<MAX_QUESTION>>(node, problems)
    }

    fn read_key(key: &Key, nodes: &[&Node], findings: &mut Findings) -> Option<Self::Output> {
        last(key, nodes, findings, Self::read)
    }
}

/// What a login must match, made of entries of `T`; at least one.
pub(in crate::config) struct Fit<L, T>(PhantomData<(L, T)>);

/// A list of a rule; none without entries.
pub(in crate::config) trait Fits<T>: Sized {
    fn of(entries: Vec<T>) -> Option<Self>;
}

macro_rules! fits {
    ($($list:ty: $entry:ty;)*) => {$(
        impl Fits<$entry> for $list {
            fn of(entries: Vec<$entry>) -> Option<Self> {
                Self::new(entries)
            }
        }
    )*};
}

fits! {
    Patterns: Pattern;
    Networks: Network;
    Hours: HourRange;
    Days: DayRange;
}

impl<T: Value, L: Fits<T::Output>> Value for Fit<L, T> {
    type Output = L;

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<L> {
        let list = L::of(bare(entries::<T>(node, problems)?));
        if list.is_none() {
            problems.push(node.problem(NO_MATCH));
        }
        list
    }
}
