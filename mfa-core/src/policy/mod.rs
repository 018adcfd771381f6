//! Decides who is asked for a second factor, where, and for which.
//!
//! Pure: the inputs are the login, what the host knows of the user and the user's settings; the output is a
//! decision and its origin. `needs_groups` and `needs_locality` tell the caller what to look up first, so
//! that a login does not pay for look-ups that it does not need.
//!
//! 1. The first rule decides whose fields all match; if there is none, `[policy]` decides. A rule that
//!    denies by address also matches a host that is known by name only.
//! 2. `deny` and `skip` always apply: no setting of a user changes them.
//! 3. If a user is to be asked, a login from outside the user's networks is denied.
//! 4. `ask` applies as far as `[enforcement] mode` reaches: under `none` to nobody, under `local-users` to
//!    users who do not come from another source than `/etc/passwd`. Users without any entry are asked,
//!    because no identity provider has authenticated them.
//! 5. A user who is asked needs what the rule requires and what their own settings require.

mod ask;
mod explain;
mod needs;
mod network;
mod pattern;
mod personal;
mod rule;
mod walk;

use std::net::IpAddr;
use std::sync::Arc;

use jiff::civil::DateTime;

pub use ask::{Ask, GracePeriod, Guesses, SessionRule};
pub use explain::length_of_time;
pub use mfa_protocol::policy::{
    Enforcement, EnforcementMode as Mode, Prompting, SessionHosts, Source, Unenrolled,
};
pub use network::{Network, NetworkError, Networks, remote_address};
pub use pattern::{Fit, Pattern, PatternError, Patterns, SetFit, terminal_name};
pub use personal::{LoginOrigin, Outside, Personal};
pub use rule::{Action, ClockError, DayRange, Days, HourRange, Hours, Misfit, Place, Rule};
pub use walk::in_order;

use crate::factors::Factor;
use crate::names::{Groups, UserName};

/// A login to decide on.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The user, by the canonical name if there is one.
    pub user: &'a UserName,
    /// The PAM service.
    pub service: &'a str,
    /// The name of the host where the login is; `None` when it is unknown. Then rules with `hosts` do
    /// not match.
    pub host: Option<&'a str>,
    /// What the user is about to do, for a program that protects single operations. Without it,
    /// rules with `operations` do not match.
    pub operation: Option<&'a str>,
    /// The remote address, from [`remote_address`]; `None` when it is unknown. Then rules with
    /// `from` do not match, unless they deny and there is a name.
    pub rhost: Option<IpAddr>,
    /// The terminal; `None` or empty when it is unknown. Then rules with `tty` do not match.
    pub tty: Option<&'a str>,
    /// The methods that sshd has verified before, such as `publickey`: the first word of each line
    /// of `SSH_AUTH_INFO_0` in the PAM environment.
    pub after: &'a [String],
    /// The wall clock of this host, in its time zone.
    pub now: DateTime,
    /// Where the login comes from, from [`LoginOrigin::of`].
    pub origin: LoginOrigin,
}

/// What the host knows of the user.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Whether the user comes from another source than `/etc/passwd`
    /// ([`Names::is_federated`](crate::names::Names::is_federated)). May be `false` unless
    /// [`Policy::needs_locality`].
    pub federated: bool,
    /// The groups in [`Policy::groups`] that the user is in. May be empty unless
    /// [`Policy::needs_groups`].
    pub groups: &'a Groups,
}

/// The policy of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Who is asked at all.
    pub mode: Mode,
    /// Where `[enforcement] mode` is set; `None` if it is built in.
    pub mode_place: Option<Place>,
    /// What is asked for if no rule matches.
    pub default: Arc<Ask>,
    /// Where `[policy] require` is set; `None` if it is built in.
    pub default_place: Option<Place>,
    /// The rules, in order.
    pub rules: Vec<Arc<Rule>>,
}

/// What was decided, and by what. Owns its parts, so that a login finishes under the rules it began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What to do.
    pub verdict: PolicyVerdict,
    /// What decided.
    pub origin: Origin,
    /// What the user's own settings changed; nothing unless they are asked.
    pub own: Own,
}

/// What a user's own settings changed about what they are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Factors required of this user. Empty unless that changed the ways to pass.
    pub require: Vec<Factor>,
    /// Whether this user must have enrolled a factor.
    pub enforce: Enforcement,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PolicyVerdict {
    /// Ask for a second factor.
    Ask(Arc<Ask>),
    /// Let the user in without a second factor.
    Skip,
    /// Refuse.
    Deny,
}

/// What decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A rule.
    Rule(Arc<Rule>),
    /// A rule that denies by address, for a host that is known by name only.
    NamedHost(Arc<Rule>),
    /// `[enforcement] mode`, and where it is set.
    Mode(Mode, Option<Place>),
    /// `[policy]`, and where its `require` is set.
    Default(Option<Place>),
    /// The networks of the user.
    Personal(Outside),
}

impl Facts<'_> {
    /// Where the user comes from.
    #[must_use]
    pub fn source(&self) -> Source {
        match self.federated {
            true => Source::Federated,
            false => Source::Local,
        }
    }
}

impl Policy {
    /// Decides on a login.
    #[must_use]
    pub fn decide(
        &self,
        request: &Request<'_>,
        facts: &Facts<'_>,
        personal: &Personal,
    ) -> Decision {
        let fits = |rule: &&Arc<Rule>| rule.misfit(request, facts).is_none();
        let rule = in_order(&self.rules, fits, |_| true).next().flatten();
        if let Some(rule) = rule.filter(|rule| rule.denies_by_name(request)) {
            return Decision::new(PolicyVerdict::Deny, Origin::NamedHost(Arc::clone(rule)));
        }
        match personal.outside(request.origin) {
            Some(outside) if self.asks(rule).is_some() => {
                Decision::new(PolicyVerdict::Deny, Origin::Personal(outside))
            }
            _ => self.decision(rule, facts, personal),
        }
    }

    /// The result of `rule`, or of `[policy]` without one, for this user, wherever they log in
    /// from.
    fn decision(
        &self,
        rule: Option<&Arc<Rule>>,
        facts: &Facts<'_>,
        personal: &Personal,
    ) -> Decision {
        let origin = rule.map_or_else(
            || Origin::Default(self.default_place.clone()),
            |rule| Origin::Rule(Arc::clone(rule)),
        );
        let Some(ask) = self.asks(rule) else {
            let denies = rule.is_some_and(|rule| rule.action == Action::Deny);
            let verdict = if denies {
                PolicyVerdict::Deny
            } else {
                PolicyVerdict::Skip
            };
            return Decision::new(verdict, origin);
        };
        if self.passes_over(facts.source()) {
            let mode = Origin::Mode(self.mode, self.mode_place.clone());
            return Decision::new(PolicyVerdict::Skip, mode);
        }
        let refined = personal.refine(ask);
        let require = match refined.combinations == ask.combinations {
            true => Vec::new(),
            false => personal.require.clone(),
        };
        let enforce = personal.enforce;
        Decision {
            verdict: PolicyVerdict::Ask(refined),
            origin,
            own: Own { require, enforce },
        }
    }

    /// What `rule`, or `[policy]` without one, asks for, if it asks.
    fn asks<'a>(&'a self, rule: Option<&'a Arc<Rule>>) -> Option<&'a Arc<Ask>> {
        match rule.map(|rule| &rule.action) {
            None => Some(&self.default),
            Some(Action::Ask(ask)) => Some(ask),
            Some(Action::Skip | Action::Deny) => None,
        }
    }

    /// Whether `[enforcement] mode` passes over users of this source.
    #[must_use]
    pub fn passes_over(&self, source: Source) -> bool {
        match self.mode {
            Mode::None => true,
            Mode::LocalUsers => source == Source::Federated,
            Mode::All => false,
        }
    }

    /// Whether `[enforcement] mode` passes over everybody.
    #[must_use]
    pub fn asks_nobody(&self) -> bool {
        self.passes_over(Source::Local) && self.passes_over(Source::Federated)
    }

    /// What a user is asked for who proves who they are where logins are asked for nothing.
    #[must_use]
    pub fn proof_ask(&self, personal: &Personal) -> Arc<Ask> {
        personal.refine(&self.default)
    }
}

impl Decision {
    fn new(verdict: PolicyVerdict, origin: Origin) -> Self {
        Self {
            verdict,
            origin,
            own: Own::default(),
        }
    }
}
