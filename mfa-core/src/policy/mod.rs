//! Who is asked for a second factor, where, and for which.
//!
//! Pure: a login's circumstances, what the host knows of the user and what is set for them go in, a decision
//! and where it comes from go out. No file, clock or name service is touched here; `needs_groups` and
//! `needs_locality` tell the edge what it must look up first, so that a login that needs nothing costs
//! nothing.
//!
//! 1. The first rule whose every given field fits speaks; if none fits, `[policy]` does. A rule that denies
//!    by address also fits a host of which only the name is known.
//! 2. `deny` always holds, `skip` too: nothing that is set for a user touches them.
//! 3. Where a user is to be asked, a login from outside of the networks that are set for them is denied.
//! 4. `ask` holds as far as `[enforcement] mode` reaches: under `none` nobody is asked, under
//!    `local-users` nobody whose entry comes from another source than `/etc/passwd`. Users without any
//!    entry are asked: no identity provider has vouched for them.
//! 5. Who is asked is asked for what the rule says and for what is required of them.

mod ask;
mod explain;
mod needs;
mod network;
mod pattern;
mod personal;
mod rule;

use std::net::IpAddr;
use std::sync::Arc;

use jiff::civil::DateTime;

pub use ask::{Ask, SessionRule};
pub use explain::length_of_time;
pub use mfa_protocol::policy::{Enforce, EnforcementMode as Mode, Prompting, Source, Unenrolled};
pub use network::{Network, NetworkError, Networks, remote_address};
pub use pattern::{Fit, Pattern, PatternError, Patterns, SetFit, terminal_name};
pub use personal::{LoginOrigin, Outside, Personal};
pub use rule::{Action, ClockError, DayRange, Days, HourRange, Hours, Misfit, Place, Rule};

use crate::factors::Factor;
use crate::names::{Groups, UserName};

/// A login that wants to know.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The user, by the canonical name if there is one.
    pub user: &'a UserName,
    /// The PAM service.
    pub service: &'a str,
    /// What the user is about to do, where a program guards more than a login. Rules with `operations` do
    /// not fit without.
    pub operation: Option<&'a str>,
    /// The remote address, from [`remote_address`]; `None` when it is not known. Rules with `from` do not
    /// fit then, unless they deny and there is a name.
    pub rhost: Option<IpAddr>,
    /// The terminal; `None` or empty when it is not known. Rules with `tty` do not fit then.
    pub tty: Option<&'a str>,
    /// The methods that sshd has verified before, such as `publickey`: the first word of each line of
    /// `SSH_AUTH_INFO_0`, which it puts into the PAM environment.
    pub after: &'a [String],
    /// The wall clock of this host, in its time zone.
    pub now: DateTime,
    /// Where the login comes from, from [`LoginOrigin::of`].
    pub origin: LoginOrigin,
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

/// What was decided, and by what. Owns its parts, so that a login finishes under the rules it began with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What to do.
    pub verdict: Verdict,
    /// What says so.
    pub origin: Origin,
    /// What was changed about it because it is this user; nothing unless they are asked.
    pub own: Own,
}

/// What was changed for one user about what is asked of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// Factors that were required of them alone. Empty unless that changed the ways to pass.
    pub require: Vec<Factor>,
    /// Whether they must have set up something.
    pub enforce: Enforce,
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
    /// A rule that denies by address a host of which only the name is known.
    NamedHost(Arc<Rule>),
    /// `[enforcement] mode`, and where it stands.
    Mode(Mode, Option<Place>),
    /// `[policy]`, and where its `require` stands.
    Default(Option<Place>),
    /// The networks that are set for the user.
    Personal(Outside),
}

impl Policy {
    /// Decides.
    #[must_use]
    pub fn decide(
        &self,
        request: &Request<'_>,
        facts: &Facts<'_>,
        personal: &Personal,
    ) -> Decision {
        let rule = self
            .rules
            .iter()
            .find(|rule| rule.misfit(request, facts).is_none());
        if let Some(rule) = rule.filter(|rule| rule.denies_by_name(request)) {
            return Decision::new(Verdict::Deny, Origin::NamedHost(Arc::clone(rule)));
        }
        match personal.outside(request.origin) {
            Some(outside) if self.asks(rule).is_some() => {
                Decision::new(Verdict::Deny, Origin::Personal(outside))
            }
            _ => self.decision(rule, facts, personal),
        }
    }

    /// What `rule`, or `[policy]` without one, comes to for this user, wherever they log in from.
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
            let verdict = if denies { Verdict::Deny } else { Verdict::Skip };
            return Decision::new(verdict, origin);
        };
        if self.passes_over(facts) {
            let mode = Origin::Mode(self.mode, self.mode_place.clone());
            return Decision::new(Verdict::Skip, mode);
        }
        let refined = personal.refine(ask);
        let require = match refined.ways == ask.ways {
            true => Vec::new(),
            false => personal.require.clone(),
        };
        let enforce = personal.enforce;
        Decision {
            verdict: Verdict::Ask(refined),
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

    fn passes_over(&self, facts: &Facts<'_>) -> bool {
        match self.mode {
            Mode::None => true,
            Mode::LocalUsers => facts.federated,
            Mode::All => false,
        }
    }
}

impl Decision {
    fn new(verdict: Verdict, origin: Origin) -> Self {
        Self {
            verdict,
            origin,
            own: Own::default(),
        }
    }
}
