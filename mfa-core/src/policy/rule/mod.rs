//! One `[[rule]]`: which logins it matches, and what it does.
//!
//! Every field that is set must match; an unset one always matches. An unknown value matches no
//! field: a login without an address is in no network, not even in `0.0.0.0/0`. The exception is a
//! rule that denies: it matches a remote host that is known by name only, because that may be any
//! host.

mod clock;
mod misfit;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use mfa_protocol::policy::RuleField;

pub use clock::{ClockError, DayRange, Days, HourRange, Hours};
pub use misfit::Misfit;

use super::pattern::{Fit, Patterns, SetFit, terminal_name};
use super::{Ask, Facts, LoginOrigin, Networks, Request, Source};
use crate::names::{Groups, UserName};

/// A rule. It matches a login when every field that is set matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its `name`, or `rule N` by its number over all files.
    pub name: String,
    /// Its position in the settings.
    pub place: Place,
    /// The users; `None`: all.
    pub users: Option<Patterns>,
    /// The source of these users; `None`: any, and users without an entry, too.
    pub source: Option<Source>,
    /// The PAM services; `None`: all.
    pub services: Option<Patterns>,
    /// The hosts; `None`: all, and a host of unknown name, too.
    pub hosts: Option<Patterns>,
    /// The operations; `None`: all, and logins without one, too.
    pub operations: Option<Patterns>,
    /// The networks; `None`: all, and unknown addresses, too.
    pub from: Option<Networks>,
    /// The terminals, without `/dev/`; `None`: all, and unknown terminals, too.
    pub tty: Option<Patterns>,
    /// The methods that sshd must have verified before; `None`: any or none.
    pub after: Option<Patterns>,
    /// The hours of the day; `None`: all.
    pub hours: Option<Hours>,
    /// The days of the week; `None`: all.
    pub days: Option<Days>,
    /// What it does.
    pub action: Action,
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask for a second factor, unless the enforcement mode exempts the user.
    Ask(Arc<Ask>),
    /// Let the user in without a second factor.
    Skip,
    /// Refuse the login.
    Deny,
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
    /// The first field that does not match; `None` when the rule matches.
    #[must_use]
    pub fn misfit<'a>(&'a self, request: &Request<'a>, facts: &Facts<'_>) -> Option<Misfit<'a>> {
        self.misfit_of_user(request.user, facts)
            .or_else(|| self.misfit_of_login(request))
    }

    /// As [`Rule::misfit`], for `users` and `source`, which need facts.
    #[must_use]
    pub fn misfit_of_user<'a>(
        &'a self,
        user: &'a UserName,
        facts: &Facts<'_>,
    ) -> Option<Misfit<'a>> {
        let users = self.users.as_ref();
        users
            .and_then(|users| misfit_of_name(RuleField::Users, users, user.as_str(), facts.groups))
            .or_else(|| self.misfit_of_source(facts.source()))
    }

    /// As [`Rule::misfit`], for all fields but `users` and `source`, which need no facts.
    #[must_use]
    pub fn misfit_of_login<'a>(&'a self, request: &Request<'a>) -> Option<Misfit<'a>> {
        self.misfit_of_service(request.service)
            .or_else(|| self.misfit_of_host(request.host))
            .or_else(|| self.misfit_of_operation(request.operation))
            .or_else(|| self.misfit_of_address(request))
            .or_else(|| self.misfit_of_terminal(request.tty))
            .or_else(|| self.misfit_of_methods(request.after))
            .or_else(|| self.misfit_of_clock(request))
    }

    /// As [`Rule::misfit`], for `hosts`.
    #[must_use]
    pub fn misfit_of_host<'a>(&'a self, host: Option<&'a str>) -> Option<Misfit<'a>> {
        let hosts = self.hosts.as_ref()?;
        match host {
            None => Some(Misfit::Unknown(RuleField::Hosts)),
            Some(host) => misfit_of_name(RuleField::Hosts, hosts, host, &Groups::new()),
        }
    }

    /// Whether it matches every login of its users, on its hosts.
    #[must_use]
    pub fn is_for_every_login(&self) -> bool {
        self.services.is_none() && self.is_for_all_circumstances()
    }

    /// Whether it can match a login by this PAM service, which names no operation.
    #[must_use]
    pub fn is_for_service(&self, service: &str) -> bool {
        self.misfit_of_service(service).is_none() && self.operations.is_none()
    }

    /// Whether it matches every login by its services, on its hosts.
    #[must_use]
    pub fn is_for_whole_services(&self) -> bool {
        self.users.is_none() && self.source.is_none() && self.is_for_all_circumstances()
    }

    /// Whether it matches every login of its users by its services, on its hosts.
    #[must_use]
    pub fn is_for_all_circumstances(&self) -> bool {
        let lists = [&self.operations, &self.tty, &self.after];
        lists.iter().all(|list| list.is_none())
            && self.from.is_none()
            && self.hours.is_none()
            && self.days.is_none()
    }

    fn misfit_of_source<'a>(&self, found: Source) -> Option<Misfit<'a>> {
        let wanted = self.source?;
        (wanted != found).then_some(Misfit::Source(wanted))
    }

    fn misfit_of_service<'a>(&'a self, service: &'a str) -> Option<Misfit<'a>> {
        misfit_of_name(
            RuleField::Services,
            self.services.as_ref()?,
            service,
            &Groups::new(),
        )
    }

    fn misfit_of_operation<'a>(&'a self, operation: Option<&'a str>) -> Option<Misfit<'a>> {
        let operations = self.operations.as_ref()?;
        let Some(operation) = operation else {
            return Some(Misfit::Unknown(RuleField::Operations));
        };
        misfit_of_name(RuleField::Operations, operations, operation, &Groups::new())
    }

    /// Whether it denies this login because its host is known by name only, and so may be in its
    /// networks.
    #[must_use]
    pub fn denies_by_name(&self, request: &Request<'_>) -> bool {
        self.action == Action::Deny && self.from.is_some() && request.origin == LoginOrigin::Name
    }

    fn misfit_of_address<'a>(&'a self, request: &Request<'a>) -> Option<Misfit<'a>> {
        let networks = self.from.as_ref()?;
        let Some(address) = request.rhost else {
            let fits = self.denies_by_name(request);
            return (!fits).then_some(match request.origin {
                LoginOrigin::Name => Misfit::Name,
                _ => Misfit::Unknown(RuleField::From),
            });
        };
        (!networks.contain(address)).then_some(Misfit::Address(networks, address))
    }

    fn misfit_of_terminal<'a>(&'a self, tty: Option<&'a str>) -> Option<Misfit<'a>> {
        let terminals = self.tty.as_ref()?;
        match tty.map(terminal_name) {
            None | Some("") => Some(Misfit::Unknown(RuleField::Tty)),
            Some(tty) => misfit_of_name(RuleField::Tty, terminals, tty, &Groups::new()),
        }
    }

    fn misfit_of_methods<'a>(&'a self, verified: &'a [String]) -> Option<Misfit<'a>> {
        let list = self.after.as_ref()?;
        let field = RuleField::After;
        match list.fit_set(verified) {
            SetFit::Fits => None,
            SetFit::TakenOut(name, by) => Some(Misfit::TakenOut { field, name, by }),
            SetFit::Missing => Some(Misfit::After(list, verified)),
        }
    }

    fn misfit_of_clock<'a>(&'a self, request: &Request<'_>) -> Option<Misfit<'a>> {
        let (time, day) = (request.now.time(), request.now.date().weekday());
        let hours = self.hours.as_ref().filter(|hours| !hours.contain(time));
        let days = self.days.as_ref().filter(|days| !days.contain(day));
        hours
            .map(|hours| Misfit::Hours(hours, time))
            .or_else(|| days.map(|days| Misfit::Days(days, day)))
    }
}

fn misfit_of_name<'a>(
    field: RuleField,
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
