//! Lists of names in a rule: `["anna", "@staff", "!bob"]`, `["sshd", "!sudo"]`.

use std::fmt;

use crate::names::{Groups, is_invisible};

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
        let fits = |pattern: &&Pattern| pattern.subject.is(name, groups);
        if let Some(out) = self.0.iter().filter(|pattern| pattern.negated).find(fits) {
            return Fit::TakenOut(out);
        }
        let mut wanted = self.0.iter().filter(|pattern| !pattern.negated).peekable();
        if wanted.peek().is_none() || wanted.any(|pattern| fits(&pattern)) {
            Fit::Fits
        } else {
            Fit::Missing
        }
    }

    /// Whether the list fits `name` whatever groups it is in; `None` when that depends on them.
    #[must_use]
    pub fn fit_without_groups(&self, name: &str) -> Option<bool> {
        let none = Groups::new();
        let groups = |negated| {
            self.0
                .iter()
                .any(|pattern| pattern.negated == negated && pattern.group().is_some())
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

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    negated: bool,
    subject: Subject,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Subject {
    Any,
    Name(String),
    Service(String),
    Group(String),
}

impl Pattern {
    /// An entry of a list of users: a name, `@group`, `*`, or one of the first two after a `!`.
    ///
    /// # Errors
    ///
    /// [`PatternError`] when it is none of these.
    pub fn user(text: &str) -> Result<Self, PatternError> {
        let (negated, rest) = split(text);
        let subject = match rest.strip_prefix('@') {
            Some(group) => Subject::Group(plain(text, group)?),
            None => Subject::parse(text, rest)?,
        };
        Self::new(text, negated, subject)
    }

    /// An entry of a list of PAM services: a name, `*`, or a name after a `!`. Upper and lower case are
    /// one, since libpam turns names of services into lower case.
    ///
    /// # Errors
    ///
    /// [`PatternError`] when it is none of these.
    pub fn service(text: &str) -> Result<Self, PatternError> {
        let (negated, rest) = split(text);
        let subject = match Subject::without_groups(text, rest)? {
            Subject::Name(name) => Subject::Service(name),
            subject => subject,
        };
        Self::new(text, negated, subject)
    }

    /// An entry of a list of terminals: a name with or without `/dev/`, `*`, or a name after a `!`.
    ///
    /// # Errors
    ///
    /// [`PatternError`] when it is none of these.
    pub fn terminal(text: &str) -> Result<Self, PatternError> {
        let (negated, rest) = split(text);
        Self::new(
            text,
            negated,
            Subject::without_groups(text, terminal_name(rest))?,
        )
    }

    fn new(text: &str, negated: bool, subject: Subject) -> Result<Self, PatternError> {
        if negated && subject == Subject::Any {
            return Err(PatternError::Nobody(text.to_owned()));
        }
        Ok(Self { negated, subject })
    }

    /// The group that the entry names, if it names one.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        match &self.subject {
            Subject::Group(group) => Some(group),
            Subject::Any | Subject::Name(_) | Subject::Service(_) => None,
        }
    }
}

impl Subject {
    fn parse(text: &str, subject: &str) -> Result<Self, PatternError> {
        if subject == "*" {
            return Ok(Self::Any);
        }
        Ok(Self::Name(plain(text, subject)?))
    }

    fn without_groups(text: &str, subject: &str) -> Result<Self, PatternError> {
        if subject.starts_with('@') {
            return Err(PatternError::Group(text.to_owned()));
        }
        Self::parse(text, subject)
    }

    fn is(&self, name: &str, groups: &Groups) -> bool {
        match self {
            Self::Any => true,
            Self::Name(own) => own == name,
            Self::Service(own) => own.eq_ignore_ascii_case(name),
            Self::Group(group) => groups.contains(group),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.negated { "!" } else { "" };
        match &self.subject {
            Subject::Any => write!(f, "{not}*"),
            Subject::Name(name) | Subject::Service(name) => write!(f, "{not}{name}"),
            Subject::Group(group) => write!(f, "{not}@{group}"),
        }
    }
}

/// Why a text can't be an entry of a list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// No name in it.
    #[error("{0:?} names nothing; write a name, or \"*\" for all")]
    Empty(String),
    /// Blanks or control characters.
    #[error("{0:?} holds blanks at an end or invisible characters; write just the name")]
    Blank(String),
    /// A `*` or `!` where it has no meaning.
    #[error(
        "{0:?} holds {1:?} in its middle; \"*\" stands only alone, for all, and \"!\" only in front"
    )]
    Wildcard(String, char),
    /// `!*`.
    #[error("{0:?} takes everything out, so that the rule could never fit; leave it out")]
    Nobody(String),
    /// A group where there are none.
    #[error("{0:?} names a group of users; write the names of services or terminals here")]
    Group(String),
}

/// A terminal without the folder that some programs put in front (`tty1`, `/dev/tty1`).
#[must_use]
pub fn terminal_name(tty: &str) -> &str {
    tty.strip_prefix("/dev/").unwrap_or(tty)
}

fn split(text: &str) -> (bool, &str) {
    text.strip_prefix('!')
        .map_or((false, text), |rest| (true, rest))
}

fn plain(text: &str, name: &str) -> Result<String, PatternError> {
    if name.is_empty() {
        return Err(PatternError::Empty(text.to_owned()));
    }
    if name.trim() != name || name.chars().any(is_invisible) {
        return Err(PatternError::Blank(text.to_owned()));
    }
    if let Some(sign) = name.chars().find(|c| matches!(c, '*' | '!')) {
        return Err(PatternError::Wildcard(text.to_owned(), sign));
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn users(list: &[&str]) -> Patterns {
        Patterns::new(
            list.iter()
                .map(|text| Pattern::user(text).unwrap())
                .collect(),
        )
        .unwrap()
    }

    fn groups(list: &[&str]) -> Groups {
        list.iter().map(|&group| group.to_owned()).collect()
    }

    #[test]
    fn a_list_fits_by_name_group_or_star_unless_an_entry_takes_out() {
        for (list, name, of, fits) in [
            (&["anna"][..], "anna", &[][..], true),
            (&["anna"], "Anna", &[], false),
            (&["*"], "anyone", &[], true),
            (&["@staff"], "anna", &["staff"], true),
            (&["@staff"], "staff", &[], false),
            (&["*", "!bob"], "bob", &[], false),
            (&["*", "!bob"], "anna", &[], true),
            (&["!bob", "*"], "bob", &[], false),
            (&["bob", "!@staff"], "bob", &["staff"], false),
            (&["@staff", "!bob"], "anna", &["staff"], true),
            (&["!bob"], "anna", &[], true),
            (&["!bob"], "bob", &[], false),
            (&["!bob", "!@staff"], "anna", &["staff"], false),
        ] {
            assert_eq!(
                users(list).fit(name, &groups(of)) == Fit::Fits,
                fits,
                "{list:?} {name} {of:?}"
            );
        }
    }

    #[test]
    fn an_entry_that_could_not_mean_what_it_says_is_refused() {
        for (text, message) in [
            ("", "names nothing"),
            ("!", "names nothing"),
            ("@", "names nothing"),
            ("!@", "names nothing"),
            ("!*", "takes everything out"),
            ("adm*", "\"*\" stands only alone"),
            ("!!bob", "\"!\" only in front"),
            (" bob", "blanks"),
            ("@ staff", "blanks"),
            ("b\tb", "invisible"),
        ] {
            let error = Pattern::user(text).unwrap_err().to_string();
            assert!(error.contains(message), "{text:?}: {error}");
        }
        assert!(
            Pattern::service("@staff")
                .unwrap_err()
                .to_string()
                .contains("group of users")
        );
    }

    fn entry() -> impl Strategy<Value = &'static str> {
        prop::sample::select(vec!["*", "a", "b", "@g", "@h", "!a", "!b", "!@g", "!@h"])
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_reads_back(text in "[!@*a ]{0,4}|.{0,20}") {
            for parse in [Pattern::user, Pattern::service] {
                if let Ok(pattern) = parse(&text) {
                    prop_assert_eq!(pattern.to_string(), text.as_str());
                }
            }
        }

        #[test]
        fn what_holds_without_groups_holds_with_any(
            list in prop::collection::vec(entry(), 1..6),
            of in prop::collection::btree_set(prop::sample::select(vec!["g".to_owned(), "h".to_owned()]), 0..3),
        ) {
            let list = users(&list);
            if let Some(fits) = list.fit_without_groups("a") {
                prop_assert_eq!(list.fit("a", &of) == Fit::Fits, fits);
            }
        }

        #[test]
        fn the_order_of_entries_is_of_no_account(list in prop::collection::vec(entry(), 1..6)) {
            let of = groups(&["g"]);
            let mut reversed = list.clone();
            reversed.reverse();
            prop_assert_eq!(
                users(&list).fit("a", &of) == Fit::Fits,
                users(&reversed).fit("a", &of) == Fit::Fits
            );
        }
    }
}
