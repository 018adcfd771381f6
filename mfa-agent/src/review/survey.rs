//! Searches for a login that can succeed: samples of all logins, decided like real logins, within a budget.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;

use super::can_log_in::can_log_in;
use super::person::{Person, Role};
use super::premises::Premises;
use super::samples::{EntryPoint, times};
use mfa_core::account::Account;
use mfa_core::factors::{Factor, FactorRow};
use mfa_core::login::entry::EntryFacts;
use mfa_core::login::{KeyService, has_key};
use mfa_core::policy::{
    Decision, Facts, LoginOrigin, Networks, Personal, Policy, PolicyVerdict, Request, Rule,
    in_order,
};

/// So many logins are decided at most in one search.
pub(super) const MOST_LOGINS_OF_A_SEARCH: usize = 4_000;

/// So many in all searches for the same question.
const MOST_LOGINS: usize = 40_000;

pub(super) const BREAK_GLASS: &str =
    "users = [\"root\"], services = [\"login\"], tty = [\"tty1\"], action = \"skip\"";

/// What comes of the search for a login that a person gets through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Search {
    /// One was found.
    GetsIn,
    /// All logins were tried, and none lets them in; the first decision.
    Obstacle(Decision),
    /// There are more logins than may be tried, and none of those that were lets them in.
    NotTried,
}

/// The same, where nobody asks what is in the way. Of two searches that are both needed the lesser counts, of two that
/// are each enough the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Access {
    Refused,
    NotTried,
    GetsIn,
}

/// The search for a way in.
pub(super) struct Survey<'a> {
    policy: &'a Policy,
    host: Option<&'a str>,
    facts: EntryFacts<'a>,
    rules: Vec<Candidate<'a>>,
    pub(super) now: Timestamp,
    left: usize,
    /// Whether a user was asked for something that they could enrol.
    pub(super) is_asked: bool,
}

impl<'a> Survey<'a> {
    pub(super) fn of(premises: &Premises<'a>) -> Self {
        let Premises {
            policy,
            host,
            facts,
            now,
        } = *premises;
        Self {
            policy,
            host,
            facts,
            rules: policy.rules.iter().map(Candidate::of).collect(),
            now,
            left: MOST_LOGINS,
            is_asked: false,
        }
    }

    /// Whether the person could log in and put things right.
    pub(super) fn administers(&mut self, person: &Person) -> Access {
        let becomes_root = match person.role {
            Role::Root | Role::Manager => Access::GetsIn,
            _ => self.becomes_root(person),
        };
        match becomes_root {
            Access::GetsIn => self.lets_in(person),
            access => access,
        }
    }

    /// Whether the person gets in by one of their doors.
    pub(super) fn lets_in(&mut self, person: &Person) -> Access {
        let mut access = Access::Refused;
        for entry_point in &person.entry_points {
            match self.search(person, *entry_point).access() {
                Access::GetsIn => return Access::GetsIn,
                Access::NotTried => access = Access::NotTried,
                Access::Refused => {}
            }
        }
        access
    }

    /// Whether the person, who is in, becomes root.
    pub(super) fn becomes_root(&mut self, person: &Person) -> Access {
        match person.role {
            Role::Root | Role::Unasked => Access::GetsIn,
            Role::Sudoer => self.search(person, EntryPoint::Sudo).access(),
            Role::Manager | Role::Powerless | Role::User => Access::Refused,
        }
    }

    /// The command by which `user` sets up the first thing that the policy asks for and that each of `entry_points` can
    /// take; none if there is nothing: at the console, no key can be met.
    pub(super) fn enroll_command(&self, user: &str, entry_points: &[EntryPoint]) -> Option<String> {
        let meets = |it: &EntryPoint| self.facts.keys.at(it.service()) != KeyService::Neither;
        let meets_keys = entry_points.iter().all(meets);
        let mut combinations = self.policy.default.combinations.iter();
        let taken = combinations.find(|combination| meets_keys || !has_key(combination))?;
        let factor = taken.factors().first().unwrap_or(&Factor::Totp);
        Some(factor.enroll_command(user))
    }

    /// The remedy that begins with `enroll` for root, if it helps at `entry_points`.
    pub(super) fn remedy(&self, enroll: &str, entry_points: &[EntryPoint]) -> String {
        let command = self.enroll_command("root", entry_points);
        let enroll = match (self.is_asked, command) {
            (true, Some(command)) => format!("{enroll} ({command}), or "),
            (true, None) => "add \"totp\" to require, or ".to_owned(),
            (false, _) => String::new(),
        };
        format!("{enroll}add a rule such as {BREAK_GLASS} before all other rules")
    }

    /// Whether the person can log in through this entry point, in any case.
    pub(super) fn search(&mut self, person: &Person, entry_point: EntryPoint) -> Search {
        let budget = self.left.min(MOST_LOGINS_OF_A_SEARCH);
        let mut left = budget;
        let search = self.search_within(&mut left, person, entry_point);
        self.left -= budget - left;
        search
    }

    fn search_within(
        &mut self,
        left: &mut usize,
        person: &Person,
        entry_point: EntryPoint,
    ) -> Search {
        let mut first = Search::NotTried;
        for tty in entry_point.terminals(self.policy) {
            for after in entry_point.verified(self.policy) {
                let approach = Approach {
                    host: self.host,
                    person,
                    entry_point,
                    tty: &tty,
                    after: &after,
                };
                match (self.search_one(left, &approach), &first) {
                    (found @ (Search::GetsIn | Search::NotTried), _) => return found,
                    (found @ Search::Obstacle(_), Search::NotTried) => first = found,
                    (Search::Obstacle(_), _) => {}
                }
            }
        }
        first
    }

    /// The same, for one terminal and one set of verified methods.
    fn search_one(&mut self, left: &mut usize, approach: &Approach<'_>) -> Search {
        let (person, service) = (approach.person, approach.entry_point.service());
        let few = self.narrowed(approach);
        let rules: Vec<&Rule> = few.rules.iter().map(Arc::as_ref).collect();
        let personal = person.account.as_ref().map(Account::personal);
        let personal = personal.unwrap_or_default();
        let networks = rules.iter().filter_map(|rule| rule.from.as_ref());
        let networks: Vec<&Networks> = networks.chain(&personal.allow_from).collect();
        let times = times(&rules);
        let mut first = None;
        for origin in approach.entry_point.origins(networks.into_iter()) {
            for time in &times {
                let Some(less) = left.checked_sub(1) else {
                    return Search::NotTried;
                };
                *left = less;
                let decision = approach.decide(&few, &personal, origin, *time);
                if can_log_in(&decision, (person, service), self.facts, self.now) {
                    return Search::GetsIn;
                }
                let asks = matches!(decision.verdict, PolicyVerdict::Ask(_));
                self.is_asked |= asks && person.account.is_some();
                first.get_or_insert(decision);
            }
        }
        first.map_or(Search::NotTried, Search::Obstacle)
    }

    /// The policy without the rules that can't decide such a login.
    fn narrowed(&self, approach: &Approach<'_>) -> Policy {
        let request = approach.request(LoginOrigin::Unknown, DateTime::ZERO);
        let facts = approach.facts();
        let may_decide = |rule: &&Candidate<'_>| rule.outline.misfit(&request, &facts).is_none();
        let rules = in_order(&self.rules, may_decide, |rule| rule.is_everywhere()).flatten();
        let rules = rules.map(|candidate| Arc::clone(candidate.rule)).collect();
        Policy {
            mode: self.policy.mode,
            mode_place: self.policy.mode_place.clone(),
            default: Arc::clone(&self.policy.default),
            default_place: self.policy.default_place.clone(),
            rules,
        }
    }
}

impl Search {
    pub(super) fn access(&self) -> Access {
        match self {
            Self::GetsIn => Access::GetsIn,
            Self::Obstacle(_) => Access::Refused,
            Self::NotTried => Access::NotTried,
        }
    }
}

/// A rule, and the same without what depends on address and time.
struct Candidate<'a> {
    rule: &'a Arc<Rule>,
    outline: Rule,
}

impl<'a> Candidate<'a> {
    fn of(rule: &'a Arc<Rule>) -> Self {
        let outline = Rule {
            from: None,
            hours: None,
            days: None,
            ..Rule::clone(rule)
        };
        Self { rule, outline }
    }

    fn is_everywhere(&self) -> bool {
        self.rule.from.is_none() && self.rule.hours.is_none() && self.rule.days.is_none()
    }
}

/// A login, but for where from and when.
struct Approach<'a> {
    host: Option<&'a str>,
    person: &'a Person,
    entry_point: EntryPoint,
    tty: &'a str,
    after: &'a [String],
}

impl Approach<'_> {
    fn decide(
        &self,
        policy: &Policy,
        personal: &Personal,
        origin: LoginOrigin,
        now: DateTime,
    ) -> Decision {
        policy.decide(&self.request(origin, now), &self.facts(), personal)
    }

    fn request(&self, origin: LoginOrigin, now: DateTime) -> Request<'_> {
        let address = |origin| -> Option<IpAddr> {
            match origin {
                LoginOrigin::Address(address) => Some(address),
                LoginOrigin::Local | LoginOrigin::Name | LoginOrigin::Unknown => None,
            }
        };
        Request {
            user: &self.person.name,
            service: self.entry_point.service(),
            host: self.host,
            operation: None,
            rhost: address(origin),
            tty: Some(self.tty),
            after: self.after,
            now,
            origin,
        }
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            federated: self.person.federated,
            groups: &self.person.groups,
        }
    }
}
