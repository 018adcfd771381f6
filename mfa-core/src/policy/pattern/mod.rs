//! Lists of names in a rule: `["anna", "@staff", "!bob"]`, `["sshd", "!sudo"]`.

mod entry;
#[cfg(test)]
mod tests;

use std::fmt;

pub use entry::{Pattern, PatternError, terminal_name};

use crate::names::Groups;

/// A list of names. It fits a name when an entry without `!` fits and none with `!` does; a list of
/// nothing but `!` entries means everyone but these. Never empty. The order of the entries is of no
/// account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Patterns(Vec<Pattern>);

impl Patterns {
    /// A list; `None` when it is empty, since it could never fit.
    #[must_use]
    pub fn new(patterns: Vec<Pattern>) -> Option<Self> {
        (!patterns.is_empty()).then_some(Self(patterns))
    }

    /// The entries, as they were written.
    #[must_use]
    pub fn entries(&self) -> &[Pattern] {
        &self.0
    }

    /// How the list takes `name`, of whom `groups` are the groups.
    #[must_use]
    pub fn fit(&self, name: &str, groups: &Groups) -> Fit<'_> {
        let fits = |pattern: &&Pattern| pattern.stands_for(name, groups);
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

    /// How the list takes a set of names: an entry with `!` that stands for one of them takes the set out,
    /// and one of them has to fit an entry without. A list of nothing but `!` entries fits the empty set
    /// too.
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

    /// Whether the list fits `name` whatever groups it is in; `None` when that depends on them.
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

/// So many entries of a list are quoted in a reason.
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

/// How a list takes a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit<'a> {
    /// It fits.
    Fits,
    /// An entry with `!` takes the name out.
    TakenOut(&'a Pattern),
    /// No entry stands for the name.
    Missing,
}

/// How a list takes a set of names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetFit<'a> {
    /// It fits.
    Fits,
    /// An entry with `!` takes this name out, and with it the set.
    TakenOut(&'a str, &'a Pattern),
    /// No entry stands for any of the names.
    Missing,
}
