//! The files as tables of TOML. Each value has its place, and a table of a later file lies over the same table of
//! an earlier one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{Problem, Source};
use mfa_core::policy::Place;

/// A value, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) data: Data,
}

#[derive(Clone, Debug)]
pub(super) enum Data {
    Text(String),
    Number(i128),
    Truth(bool),
    List(Vec<Node>),
    Table(Table),
    /// Values that no key accepts: dates and fractions.
    Other(&'static str),
}

/// A table of one file.
#[derive(Clone, Debug, Default)]
pub(super) struct Table(BTreeMap<String, Entry>);

#[derive(Clone, Debug)]
struct Entry {
    /// Where the key is.
    place: Place,
    node: Node,
}

/// All files, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    files: Vec<Arc<Path>>,
    roots: Vec<Table>,
    /// Invalid TOML.
    pub(super) problems: Vec<Problem>,
}

impl Tree {
    pub(super) fn parse(files: &[(PathBuf, String)]) -> Self {
        let mut tree = Self::default();
        for (file, text) in files {
            let source = Source::new(file, text);
            match DeTable::parse(text) {
                Ok(root) => tree.roots.push(table(&source, root.into_inner())),
                Err(error) => tree.problems.push(source.syntax_problem(&error)),
            }
            tree.files.push(source.file);
        }
        tree
    }

    /// The root tables, one over another.
    pub(super) fn layers(&self) -> Layers<'_> {
        Layers(self.roots.iter().collect())
    }

    /// The problems by file and line, each once.
    pub(super) fn in_order(&self, mut problems: Vec<Problem>) -> Vec<Problem> {
        let position = |place: &Place| {
            let file = self.files.iter().position(|file| *file == place.file);
            file.map_or((usize::MAX, 0), |file| (file, place.line))
        };
        problems.sort_by_key(|problem| position(&problem.place));
        problems.dedup();
        problems
    }
}

impl Table {
    /// The keys with their places and values.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, &Place, &Node)> {
        let entries = self.0.iter();
        entries.map(|(key, entry)| (key.as_str(), &entry.place, &entry.node))
    }
}

/// The same table of several files, the last one on top.
#[derive(Clone, Default)]
pub(super) struct Layers<'a>(Vec<&'a Table>);

impl<'a> Layers<'a> {
    pub(super) fn of(table: &'a Table) -> Self {
        Self(vec![table])
    }

    /// With the tables of `top` over these.
    pub(super) fn under(&self, top: &Self) -> Self {
        Self(self.0.iter().chain(&top.0).copied().collect())
    }

    /// The values of a key in all files; the last one applies.
    pub(super) fn nodes(&self, key: &str) -> Vec<&'a Node> {
        let entries = self.0.iter().filter_map(|table| table.0.get(key));
        entries.map(|entry| &entry.node).collect()
    }

    /// Where the value is that holds.
    pub(super) fn place(&self, key: &str) -> Option<&'a Place> {
        self.nodes(key).last().map(|node| &node.place)
    }

    /// Where the last of several keys is.
    pub(super) fn last_place(&self, keys: &[&str]) -> Option<&'a Place> {
        self.0.iter().rev().find_map(|table| {
            let nodes = keys.iter().filter_map(|key| table.0.get(*key));
            let places = nodes.map(|entry| &entry.node.place);
            places.max_by_key(|place| place.line)
        })
    }

    /// The table of that name, by dots. A value that is no table is left out; [`super::unknown`] reports it.
    pub(super) fn table(&self, name: &str) -> Self {
        let step = |layers: Self, key: &str| {
            let nodes = layers.nodes(key).into_iter();
            Self(nodes.filter_map(Node::as_table).collect())
        };
        name.split('.').fold(self.clone(), step)
    }

    /// The tables of a list such as `[[rule]]`, of all files in order, with their places.
    pub(super) fn tables(&self, name: &str) -> impl Iterator<Item = (&'a Place, &'a Table)> {
        let lists = self.nodes(name).into_iter().filter_map(Node::as_list);
        lists
            .flatten()
            .filter_map(|node| Some((&node.place, node.as_table()?)))
    }

    /// The tables, one by one.
    pub(super) fn each(&self) -> impl Iterator<Item = &'a Table> {
        self.0.iter().copied()
    }
}

impl Node {
    /// The value of a key that no file has.
    pub(super) fn built_in(key: &str, text: &str) -> Option<Self> {
        let source = Source::new(Path::new("built-in settings"), key);
        Some(node(&source, DeValue::parse(text).ok()?))
    }

    pub(super) fn as_table(&self) -> Option<&Table> {
        match &self.data {
            Data::Table(table) => Some(table),
            _ => None,
        }
    }

    pub(super) fn as_list(&self) -> Option<&[Self]> {
        match &self.data {
            Data::List(nodes) => Some(nodes),
            _ => None,
        }
    }

    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        Problem {
            place: self.place.clone(),
            message: message.into(),
        }
    }

    /// That something else is here.
    pub(super) fn misfit(&self, expected: &str) -> Problem {
        let found = match &self.data {
            Data::Text(text) => format!("string {text:?}"),
            Data::Number(number) => format!("integer `{number}`"),
            Data::Truth(truth) => format!("boolean `{truth}`"),
            Data::List(_) => "list".to_owned(),
            Data::Table(_) => "table".to_owned(),
            Data::Other(what) => (*what).to_owned(),
        };
        self.problem(format!("invalid type: {found}; expected {expected}"))
    }
}

fn table(source: &Source, table: DeTable<'_>) -> Table {
    let entry = |(key, value): (Spanned<std::borrow::Cow<'_, str>>, Spanned<DeValue<'_>>)| {
        let place = source.place(key.span());
        let node = node(source, value);
        (key.into_inner().into_owned(), Entry { place, node })
    };
    Table(table.into_iter().map(entry).collect())
}

fn node(source: &Source, value: Spanned<DeValue<'_>>) -> Node {
    let place = source.place(value.span());
    let data = match value.into_inner() {
        DeValue::String(text) => Data::Text(text.into_owned()),
        DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix())
            .map_or(Data::Other("integer that is too large"), Data::Number),
        DeValue::Boolean(truth) => Data::Truth(truth),
        DeValue::Array(list) => {
            Data::List(list.into_iter().map(|value| node(source, value)).collect())
        }
        DeValue::Table(inner) => Data::Table(table(source, inner)),
        DeValue::Float(_) => Data::Other("number with a fraction"),
        DeValue::Datetime(_) => Data::Other("date"),
    };
    Node { place, data }
}
