//! One entry of a list of names.

use std::fmt;

use super::host::HostPattern;
use crate::names::{Groups, is_invisible};

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
    Method(String),
    Group(String),
    Host(HostPattern),
}

impl Pattern {
    /// An entry of a list of users: a name, `@group`, `*`, or `!` with a name or group.
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

    /// An entry of a list of PAM services: a name, `*`, or `!` with a name. Case is ignored,
    /// because libpam turns names of services into lower case.
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

    /// An entry of a list of terminals: a name with or without `/dev/`, `*`, or `!` with a name.
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

    /// An entry of a list of methods that sshd has verified: a name (RFC 4250, 4.6.1), one with the type of a key
    /// (`publickey:sk-ssh-ed25519@openssh.com`) or the beginning of types (`publickey:sk-*`), `*`, or `!` with one of these.
    ///
    /// # Errors
    ///
    /// [`PatternError`] when it is none of these.
    pub fn method(text: &str) -> Result<Self, PatternError> {
        let (negated, rest) = split(text);
        let whole = match rest.split_once(':') {
            Some((method, kind)) => {
                let begins = kind.strip_suffix('*').unwrap_or(kind);
                if method.is_empty() || begins.is_empty() {
                    return Err(PatternError::Method(text.to_owned()));
                }
                format!("{method}:{begins}")
            }
            None => rest.to_owned(),
        };
        let subject = match Subject::without_groups(text, &whole)? {
            Subject::Name(_) => Subject::Method(rest.to_owned()),
            subject => subject,
        };
        if rest
            .bytes()
            .any(|byte| !byte.is_ascii_graphic() || byte == b',')
        {
            return Err(PatternError::Method(text.to_owned()));
        }
        Self::new(text, negated, subject)
    }

    /// An entry of a list of hosts: a name in which `*` matches any part, with or without `!`.
    ///
    /// # Errors
    ///
    /// [`PatternError`] when no host has such a name.
    pub fn host(text: &str) -> Result<Self, PatternError> {
        let (negated, rest) = split(text);
        let subject = match rest {
            "" => return Err(PatternError::Empty(text.to_owned())),
            "*" => Subject::Any,
            name => match HostPattern::new(name) {
                Some(pattern) => Subject::Host(pattern),
                None => return Err(PatternError::Host(text.to_owned())),
            },
        };
        Self::new(text, negated, subject)
    }

    /// An entry of a list of operations: a name, `*`, or `!` with a name.
    ///
    /// # Errors
    ///
    /// [`PatternError`] when it is none of these.
    pub fn operation(text: &str) -> Result<Self, PatternError> {
        let (negated, rest) = split(text);
        Self::new(text, negated, Subject::without_groups(text, rest)?)
    }

    fn new(text: &str, negated: bool, subject: Subject) -> Result<Self, PatternError> {
        if negated && subject == Subject::Any {
            return Err(PatternError::Nobody(text.to_owned()));
        }
        Ok(Self { negated, subject })
    }

    /// Whether it excludes what it matches.
    #[must_use]
    pub fn is_negated(&self) -> bool {
        self.negated
    }

    /// Whether it matches `name`, who is in `groups`.
    pub(super) fn matches(&self, name: &str, groups: &Groups) -> bool {
        self.subject.is(name, groups)
    }

    /// The name, if it matches a single one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.subject {
            Subject::Name(name) | Subject::Service(name) | Subject::Method(name) => Some(name),
            Subject::Host(host) => host.name(),
            Subject::Any | Subject::Group(_) => None,
        }
    }

    /// The group, if the entry names one.
    #[must_use]
    pub fn group(&self) -> Option<&str> {
        match &self.subject {
            Subject::Group(group) => Some(group),
            Subject::Any
            | Subject::Name(_)
            | Subject::Service(_)
            | Subject::Method(_)
            | Subject::Host(_) => None,
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
            Self::Method(own) => is_method(own, name),
            Self::Group(group) => groups.contains(group),
            Self::Host(host) => host.matches(name),
        }
    }
}

/// Whether what sshd has verified (`METHOD`, or `METHOD:TYPE`) is of this method and, if it names one, of this type.
fn is_method(own: &str, verified: &str) -> bool {
    let Some((method, kind)) = own.split_once(':') else {
        return verified.split(':').next() == Some(own);
    };
    let is_kind = |found: &str| match kind.strip_suffix('*') {
        Some(begins) => found.starts_with(begins),
        None => found == kind,
    };
    verified
        .split_once(':')
        .is_some_and(|(found, of)| found == method && is_kind(of))
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.negated { "!" } else { "" };
        match &self.subject {
            Subject::Any => write!(f, "{not}*"),
            Subject::Name(name) | Subject::Service(name) | Subject::Method(name) => {
                write!(f, "{not}{name}")
            }
            Subject::Group(group) => write!(f, "{not}@{group}"),
            Subject::Host(host) => write!(f, "{not}{host}"),
        }
    }
}

/// Why a text can't be an entry of a list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It names nothing.
    #[error("{0:?} names nothing; expected a name, or \"*\" for all")]
    Empty(String),
    /// Blanks or control characters.
    #[error("{0:?} has blanks at an end or invisible characters; expected the name only")]
    Blank(String),
    /// A `*` or `!` where it has no meaning.
    #[error(
        "{0:?} has {1:?} in the middle; \"*\" must be alone, for all, and \"!\" must come first"
    )]
    Wildcard(String, char),
    /// `!*`.
    #[error("{0:?} excludes everything, so the rule could never match; remove it")]
    Nobody(String),
    /// A group in a list without groups.
    #[error(
        "{0:?} names a group of users, which only \"users\" accepts; expected plain names here"
    )]
    Group(String),
    /// Not the name of a host.
    #[error(
        "{0:?} can't be the name of a host; expected letters, digits, \"-\", \".\", \"_\", and \"*\" for any \
         part, such as \"web-*\""
    )]
    Host(String),
    /// Not a method of sshd.
    #[error(
        "{0:?} is not a method of sshd; expected a method such as \"publickey\", \"publickey:sk-*\", \
         \"password\" or \"keyboard-interactive\""
    )]
    Method(String),
}

/// A terminal without the folder that some programs add (`tty1`, `/dev/tty1`).
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
