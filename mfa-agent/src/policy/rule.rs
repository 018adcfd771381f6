//! One `[[rule]]`: whom it fits, and what it says.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use super::pattern::{Fit, Pattern, Patterns, terminal_name};
use super::{Facts, Networks, Request, Unenrolled};
use crate::factors::Way;
use crate::names::{Groups, UserName};

/// A rule. It fits a login when every field that is given fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its `name`, or `rule N` by its number over all files.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// The users it is for; none: all.
    pub users: Option<Patterns>,
    /// The PAM services it is for; none: all.
    pub services: Option<Patterns>,
    /// The networks it is for; none: all, and unknown addresses too.
    pub from: Option<Networks>,
    /// The terminals it is for, without `/dev/`; none: all, and unknown terminals too.
    pub tty: Option<Patterns>,
    /// What it says.
    pub action: Action,
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask for a second factor, unless the enforcement mode passes over the user.
    Ask(Arc<Ask>),
    /// Let the user in without.
    Skip,
    /// Refuse the login.
    Deny,
}

/// What is asked for, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The ways to pass: any one of them, the first that the user has. Never empty.
    pub ways: Vec<Way>,
    /// Whether the program can hold a conversation.
    pub prompting: Prompting,
    /// Answers that are judged within one login, 1 to 5.
    pub tries: u32,
    /// What becomes of users who have set up none of the ways.
    pub unenrolled: Unenrolled,
}

/// Whether a program can hold a conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prompting {
    /// It shows prompts one after the other.
    #[default]
    Dialogue,
    /// It has one answer only: the code stands at the end of the password.
    Single,
}

impl Prompting {
    /// The word for it in settings and on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dialogue => "dialogue",
            Self::Single => "single",
        }
    }
}

/// A line of a settings file. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// The line, counted from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

impl Rule {
    /// The first field that does not fit; `None` when the rule fits.
    #[must_use]
    pub fn misfit<'a>(&'a self, request: &Request<'a>, facts: &Facts<'_>) -> Option<Misfit<'a>> {
        self.misfit_of_user(request.user, facts)
            .or_else(|| self.misfit_of_place(request))
    }

    /// As [`Rule::misfit`], for `users` only.
    #[must_use]
    pub fn misfit_of_user<'a>(
        &'a self,
        user: &'a UserName,
        facts: &Facts<'_>,
    ) -> Option<Misfit<'a>> {
        misfit_of_name("users", self.users.as_ref()?, user.as_str(), facts.groups)
    }

    /// As [`Rule::misfit`], for all fields but `users`.
    #[must_use]
    pub fn misfit_of_place<'a>(&'a self, request: &Request<'a>) -> Option<Misfit<'a>> {
        self.misfit_of_service(request.service)
            .or_else(|| self.misfit_of_address(request.rhost))
            .or_else(|| self.misfit_of_terminal(request.tty))
    }

    /// Whether it fits every login of the users that it is for.
    #[must_use]
    pub fn is_for_every_login(&self) -> bool {
        self.services.is_none() && self.from.is_none() && self.tty.is_none()
    }

    fn misfit_of_service<'a>(&'a self, service: &'a str) -> Option<Misfit<'a>> {
        misfit_of_name("services", self.services.as_ref()?, service, &Groups::new())
    }

    fn misfit_of_address<'a>(&'a self, rhost: Option<IpAddr>) -> Option<Misfit<'a>> {
        let networks = self.from.as_ref()?;
        let Some(address) = rhost else {
            return Some(Misfit::Unknown("from"));
        };
        (!networks.contain(address)).then_some(Misfit::Address(networks, address))
    }

    fn misfit_of_terminal<'a>(&'a self, tty: Option<&'a str>) -> Option<Misfit<'a>> {
        let terminals = self.tty.as_ref()?;
        match tty.map(terminal_name) {
            None | Some("") => Some(Misfit::Unknown("tty")),
            Some(tty) => misfit_of_name("tty", terminals, tty, &Groups::new()),
        }
    }
}

fn misfit_of_name<'a>(
    field: &'static str,
    list: &'a Patterns,
    name: &'a str,
    groups: &Groups,
) -> Option<Misfit<'a>> {
    match list.fit(name, groups) {
        Fit::Fits => None,
        Fit::TakenOut(by) => Some(Misfit::TakenOut { field, name, by }),
        Fit::Missing => Some(Misfit::Missing { field, name, list }),
    }
}

/// Why a rule does not fit; says so by `Display`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misfit<'a> {
    /// An entry with `!` takes the name out.
    TakenOut {
        /// The field.
        field: &'static str,
        /// The user, service or terminal.
        name: &'a str,
        /// The entry.
        by: &'a Pattern,
    },
    /// No entry stands for the name.
    Missing {
        /// The field.
        field: &'static str,
        /// The user, service or terminal.
        name: &'a str,
        /// The entries.
        list: &'a Patterns,
    },
    /// The address lies in none of the networks.
    Address(&'a Networks, IpAddr),
    /// What the field needs is not known.
    Unknown(&'static str),
}

impl Misfit<'_> {
    /// The field that does not fit, as it is called in the settings.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::TakenOut { field, .. } | Self::Missing { field, .. } | Self::Unknown(field) => {
                field
            }
            Self::Address(..) => "from",
        }
    }
}

impl fmt::Display for Misfit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TakenOut { name, by, .. } => write!(f, "\"{by}\" takes out {name:?}"),
            Self::Missing { name, list, .. } => write!(f, "{name:?} is not among {list}"),
            Self::Address(networks, address) => write!(f, "{address} is not in {networks}"),
            Self::Unknown("from") => f.write_str("the remote address is not known"),
            Self::Unknown(_) => f.write_str("the terminal is not known"),
        }
    }
}
