//! Who is asked for a second factor, where, and for which.
//!
//! Pure: a login's circumstances and what the host knows of the user go in, a decision and where it comes
//! from go out. No file, clock or name service is touched here; `needs_groups` and `needs_locality` tell
//! the edge what it must look up first, so that a login that needs nothing costs nothing.
//!
//! 1. The first rule whose every given field fits speaks; if none fits, `[policy]` does.
//! 2. `deny` always holds, `skip` too.
//! 3. `ask` holds as far as `[enforcement] mode` reaches: under `none` nobody is asked, under
//!    `local-users` nobody whose entry comes from another source than `/etc/passwd`. Users without any
//!    entry are asked: no identity provider has vouched for them.

mod explain;
mod network;
mod pattern;
#[cfg(test)]
mod properties;
mod rule;
#[cfg(test)]
mod table;

use std::net::IpAddr;
use std::sync::Arc;

pub use network::{Network, NetworkError, Networks, remote_address};
pub use pattern::{Fit, Pattern, PatternError, Patterns, terminal_name};
pub use rule::{Action, Ask, Misfit, Place, Prompting, Rule};

use crate::factors::{Factor, Way};
use crate::names::{Groups, UserName};

/// A login that wants to know.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The user, by the canonical name if there is one.
    pub user: &'a UserName,
    /// The PAM service.
    pub service: &'a str,
    /// The remote address, from [`remote_address`]; `None` when it is not known. Rules with `from` do not
    /// fit then.
    pub rhost: Option<IpAddr>,
    /// The terminal; `None` or empty when it is not known. Rules with `tty` do not fit then.
    pub tty: Option<&'a str>,
}

/// What the host knows of the user.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Whether another source than `/etc/passwd` vouches for the user
    /// ([`Names::is_federated`](crate::names::Names::is_federated)). May be `false` unless
    /// [`Policy::needs_locality`].
    pub federated: bool,
    /// Those of [`Policy::groups`] that the user is in. May be empty unless [`Policy::needs_groups`].
    pub groups: &'a Groups,
}

/// All that decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Who is asked at all.
    pub mode: Mode,
    /// Where `[enforcement] mode` stands; none if it is built in.
    pub mode_place: Option<Place>,
    /// What is asked for where no rule fits.
    pub default: Arc<Ask>,
    /// Where `[policy] require` stands; none if it is built in.
    pub default_place: Option<Place>,
    /// The rules, in order.
    pub rules: Vec<Arc<Rule>>,
}

/// Who is asked at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Nobody.
    None,
    /// All but federated users.
    LocalUsers,
    /// Everyone.
    #[default]
    All,
}

impl Mode {
    /// The word for it in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::LocalUsers => "local-users",
            Self::All => "all",
        }
    }
}

/// What becomes of users who are asked and have set up nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unenrolled {
    /// They can't log in.
    #[default]
    Deny,
    /// They log in without.
    Allow,
}

/// What was decided, and by what. Owns its parts, so that a login finishes under the rules it began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What to do.
    pub verdict: Verdict,
    /// What says so.
    pub origin: Origin,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Ask for a second factor.
    Ask(Arc<Ask>),
    /// Let the user in without.
    Skip,
    /// Refuse.
    Deny,
}

/// What decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A rule.
    Rule(Arc<Rule>),
    /// `[enforcement] mode`, and where it stands.
    Mode(Mode, Option<Place>),
    /// `[policy]`, and where its `require` stands.
    Default(Option<Place>),
}

impl Policy {
    /// Decides.
    #[must_use]
    pub fn decide(&self, request: &Request<'_>, facts: &Facts<'_>) -> Decision {
        let rule = self
            .rules
            .iter()
            .find(|rule| rule.misfit(request, facts).is_none());
        self.decision(rule, facts)
    }

    /// Whether the decision depends on the user's groups. Where an earlier rule decides, or the rules with
    /// groups are for other services and addresses, it does not.
    #[must_use]
    pub fn needs_groups(&self, request: &Request<'_>) -> bool {
        let user = request.user.as_str();
        self.rules
            .iter()
            .filter(|rule| rule.misfit_of_place(request).is_none())
            .map(|rule| {
                rule.users
                    .as_ref()
                    .map_or(Some(true), |users| users.fit_without_groups(user))
            })
            .find(|fits| *fits != Some(false))
            .is_some_and(|fits| fits.is_none())
    }

    /// Whether the decision depends on where the user's entry comes from.
    #[must_use]
    pub fn needs_locality(&self) -> bool {
        self.mode == Mode::LocalUsers
    }

    /// Whether decisions depend on anything that only the name service knows.
    #[must_use]
    pub fn needs_names(&self) -> bool {
        let has_group = |rule: &Arc<Rule>| {
            rule.users
                .as_ref()
                .is_some_and(|users| users.entries().iter().any(|entry| entry.group().is_some()))
        };
        self.needs_locality() || self.rules.iter().any(has_group)
    }

    /// The groups that rules name, each once.
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        let lists = self.rules.iter().filter_map(|rule| rule.users.as_ref());
        let groups: Groups = lists
            .flat_map(Patterns::entries)
            .filter_map(Pattern::group)
            .map(str::to_owned)
            .collect();
        groups.into_iter().collect()
    }

    /// What `rule`, or `[policy]` without one, comes to under the enforcement mode.
    fn decision(&self, rule: Option<&Arc<Rule>>, facts: &Facts<'_>) -> Decision {
        let verdict = match rule.map(|rule| &rule.action) {
            Some(Action::Deny) => Verdict::Deny,
            Some(Action::Skip) => Verdict::Skip,
            Some(Action::Ask(_)) | None if self.passes_over(facts) => {
                let origin = Origin::Mode(self.mode, self.mode_place.clone());
                return Decision {
                    verdict: Verdict::Skip,
                    origin,
                };
            }
            Some(Action::Ask(ask)) => Verdict::Ask(Arc::clone(ask)),
            None => Verdict::Ask(Arc::clone(&self.default)),
        };
        let origin = rule.map_or_else(
            || Origin::Default(self.default_place.clone()),
            |rule| Origin::Rule(Arc::clone(rule)),
        );
        Decision { verdict, origin }
    }

    fn passes_over(&self, facts: &Facts<'_>) -> bool {
        match self.mode {
            Mode::None => true,
            Mode::LocalUsers => facts.federated,
            Mode::All => false,
        }
    }
}

impl Default for Ask {
    /// Any factor, once, in a conversation.
    fn default() -> Self {
        Self {
            ways: Factor::ALL.map(Way::from).into(),
            prompting: Prompting::default(),
            tries: 1,
            unenrolled: Unenrolled::default(),
        }
    }
}
