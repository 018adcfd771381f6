//! The values of keys, each parsed into a type that can't hold a wrong one.

mod lists;
mod messages;
mod numbers;
mod paths;
mod strings;
mod texts;
mod time;

use std::collections::BTreeMap;

pub(super) use lists::{Catalogue, Combinations, Fit, Joined, List};
pub(super) use numbers::Whole;
pub(super) use strings::{
    EasyPin, FullPath, Grace, GraceOf, GroupName, HostPattern, Issuer, KeyPattern, Lasting, Line,
    MessageText, MethodPattern, OperationPattern, OptionalPath, SecretFile, ServerAddress,
    ServiceName, ServicePattern, SocketPath, StorePrefix, Subject, TerminalPattern, UserPattern,
};
pub(super) use texts::line;

use super::error::Problem;
use super::key::{Key, Shown};
use super::overridden::Overridden;
use super::tree::Node;
use mfa_core::policy::Place;

/// What is found while the files are read.
#[derive(Default)]
pub(super) struct Findings {
    /// What is wrong.
    pub(super) problems: Vec<Problem>,
    /// Lists that a later file has again.
    pub(super) overridden: Vec<Overridden>,
    /// Where files and programs are named, by the key.
    pub(super) file_places: BTreeMap<String, Place>,
}

impl Findings {
    pub(super) fn problem(&mut self, place: &Place, message: impl Into<String>) {
        self.problems.push(Problem {
            place: place.clone(),
            message: message.into(),
        });
    }
}

/// The values of a key.
pub(super) trait Value {
    /// What it becomes.
    type Output;

    /// Its bounds or its words, for the documentation.
    fn range() -> Option<String> {
        None
    }

    /// Reads one value. What is wrong with it goes to `problems`.
    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self::Output>;

    /// The value if neither a file nor the table of keys has one.
    fn absent() -> Option<Self::Output> {
        None
    }

    /// Reads a key from all files that have it. The last one holds, but each has to be right.
    fn read_key(key: &Key, nodes: &[&Node], findings: &mut Findings) -> Option<Self::Output> {
        let read = |node: &&Node| Self::read(node, &mut findings.problems);
        let values: Vec<_> = nodes.iter().map(read).collect();
        match values.into_iter().next_back() {
            Some(value) => value,
            None => Self::default_of(key, &mut findings.problems),
        }
    }

    /// The default.
    fn default_of(key: &Key, problems: &mut Vec<Problem>) -> Option<Self::Output> {
        match key.shown {
            Shown::Default(text) => Self::read(&Node::built_in(key.name, text)?, problems),
            Shown::Example(_) | Shown::Alternative(_) => Self::absent(),
        }
    }
}

/// A key that may be left out.
impl<T: Value> Value for Option<T> {
    type Output = Option<T::Output>;

    fn range() -> Option<String> {
        T::range()
    }

    fn read(node: &Node, problems: &mut Vec<Problem>) -> Option<Self::Output> {
        T::read(node, problems).map(Some)
    }

    fn absent() -> Option<Self::Output> {
        Some(None)
    }
}

/// A key of a rule that another section has too. It is read with that section; here is only where it is.
pub(super) struct Inherited;

impl Value for Inherited {
    type Output = Place;

    fn read(node: &Node, _: &mut Vec<Problem>) -> Option<Place> {
        Some(node.place.clone())
    }
}
