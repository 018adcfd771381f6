//! Lists of names in a rule: `["anna", "@staff", "!bob"]`, `["sshd", "!sudo"]`.

mod entry;
mod host;
#[cfg(test)]
mod tests;

use std::fmt;

pub use entry::{Pattern, PatternError, terminal_name};

use crate::names::Groups;

/// A list of names. It matches a name when an entry without `!` matches and none with `!` does; a
/// list of only `!` entries matches everyone else. Never empty. The order of the entries does not
/// matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patterns(Vec<Pattern>);

impl Patterns {
    /// A list; `None` when it is empty, because it could never match.
    #[must_use]
    pub fn new(patterns: Vec<Pattern>) -> Option<Self> {
        (!patterns.is_empty()).then_some(Self(patterns))
    }

    /// The entries, as written.
    #[must_use]
    pub fn entries(&self) -> &[Pattern] {
        &self.0
    }

    /// How the list matches `name`, who is in `groups`.
    #[must_use]
    pub fn fit(&self, name: &str, groups: &Groups) -> Fit<'_> {
        let fits = |pattern: &&Pattern| pattern.matches(name, groups);
        if let Some(out) = self
            .0
            .iter()
            .filter(|pattern| pattern.is_negated())
            .find(fits)
        {
            return Fit::TakenOut(out);
        }
        let mut wanted = self
            .0
            .iter()
            .filter(|pattern| !pattern.is_negated())
            .peekable();
        if wanted.peek().is_none() || wanted.any(|pattern| fits(&pattern)) {
            Fit::Fits
        } else {
            Fit::Missing
        }
    }

    /// How the list matches a set of names: an entry with `!` that matches one of them excludes the
    /// set, and one of them must match an entry without. A list of only `!` entries matches the
    /// empty set, too.
    #[must_use]
    pub fn fit_set<'a>(&'a self, names: &'a [String]) -> SetFit<'a> {
        let nobody = Groups::new();
        let mut fits = self.0.iter().all(Pattern::is_negated);
        for name in names {
            match self.fit(name, &nobody) {
                Fit::TakenOut(by) => return SetFit::TakenOut(name, by),
                Fit::Fits => fits = true,
                Fit::Missing => {}
            }
        }
        if fits { SetFit::Fits } else { SetFit::Missing }
    }

    /// Whether the list matches `name` in any groups; `None` when that depends on them.
    #[must_use]
    pub fn fit_without_groups(&self, name: &str) -> Option<bool> {
        let none = Groups::new();
        let groups = |negated| {
            self.0
                .iter()
                .any(|pattern| pattern.is_negated() == negated && pattern.group().is_some())
        };
        match self.fit(name, &none) {
            Fit::TakenOut(_) => Some(false),
            Fit::Missing if !groups(false) => Some(false),
            Fit::Fits if !groups(true) => Some(true),
            Fit::Fits | Fit::Missing => None,
        }
    }
}

/// The most entries of a list that are quoted in a reason.
const SHOWN: usize = 10;

impl fmt::Display for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, pattern) in self.0.iter().take(SHOWN).enumerate() {
            write!(f, "{}\"{pattern}\"", if i == 0 { "" } else { ", " })?;
        }
        match self.0.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// How a list matches a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit<'a> {
    /// It matches.
    Fits,
    /// An entry with `!` excludes the name.
    TakenOut(&'a Pattern),
    /// No entry matches the name.
    Missing,
}

/// How a list matches a set of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetFit<'a> {
    /// It matches.
    Fits,
    /// An entry with `!` excludes this name, and with it the set.
    TakenOut(&'a str, &'a Pattern),
    /// No entry matches any of the names.
    Missing,
}
