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
use mfa_core::policy::{
    Decision, Facts, LoginOrigin, Networks, Personal, Policy, Request, Rule, Verdict,
};

const BREAK_GLASS: &str =
    "users = [\"root\"], services = [\"login\"], tty = [\"tty1\"], action = \"skip\"";

/// The search for a way in.
pub(super) struct Survey<'a> {
    policy: &'a Policy,
    facts: EntryFacts<'a>,
    rules: Vec<Candidate<'a>>,
    pub(super) now: Timestamp,
    left: usize,
    /// Whether a user was asked for something that they could enrol.
    pub(super) is_asked: bool,
}

impl<'a> Survey<'a> {
    pub(super) fn of(premises: &Premises<'a>, left: usize) -> Self {
        let Premises { policy, facts, now } = *premises;
        Self {
            policy,
            facts,
            rules: policy.rules.iter().map(Candidate::of).collect(),
            now,
            left,
            is_asked: false,
        }
    }

    /// Whether the person could log in and put things right.
    pub(super) fn administers(&mut self, person: &Person) -> bool {
        let may = match person.role {
            Role::Root | Role::Manager => true,
            _ => self.becomes_root(person),
        };
        may && self.lets_in(person)
    }

    /// Whether the person gets in by one of their doors.
    pub(super) fn lets_in(&mut self, person: &Person) -> bool {
        let mut entry_points = person.entry_points.iter();
        entry_points.any(|entry_point| self.obstacle(person, *entry_point).is_none())
    }

    /// Whether the person, who is in, becomes root.
    pub(super) fn becomes_root(&mut self, person: &Person) -> bool {
        match person.role {
            Role::Root | Role::Unasked => true,
            Role::Sudoer => self.obstacle(person, EntryPoint::Sudo).is_none(),
            Role::Manager | Role::Powerless | Role::User => false,
        }
    }

    /// The command by which `user` sets up what the policy asks for first.
    pub(super) fn enroll_command(&self, user: &str) -> String {
        let first = self.policy.default.combinations.first();
        let factor = first.and_then(|combination| combination.factors().first());
        factor.unwrap_or(&Factor::Totp).enroll_command(user)
    }

    pub(super) fn remedy(&self, enroll: &str) -> String {
        let command = self.enroll_command("root");
        let enroll = match self.is_asked {
            true => format!("{enroll} ({command}), or "),
            false => String::new(),
        };
        format!("{enroll}add a rule such as {BREAK_GLASS} before all other rules")
    }

    /// What keeps the person from logging in through this entry point in every case: the first decision. None if they
    /// can log in, or if there are too many cases to try.
    pub(super) fn obstacle(
        &mut self,
        person: &Person,
        entry_point: EntryPoint,
    ) -> Option<Decision> {
        let mut obstacle = None;
        for tty in entry_point.terminals(self.policy) {
            for after in entry_point.verified(self.policy) {
                let approach = Approach {
                    person,
                    entry_point,
                    tty: &tty,
                    after: &after,
                };
                let found = self.obstacle_of(&approach)?;
                obstacle.get_or_insert(found);
            }
        }
        obstacle
    }

    /// The same, for one terminal and one set of verified methods.
    fn obstacle_of(&mut self, approach: &Approach<'_>) -> Option<Decision> {
        let person = approach.person;
        let few = self.narrowed(approach);
        let rules: Vec<&Rule> = few.rules.iter().map(Arc::as_ref).collect();
        let personal = person.account.as_ref().map(Account::personal);
        let personal = personal.unwrap_or_default();
        let networks = rules.iter().filter_map(|rule| rule.from.as_ref());
        let networks: Vec<&Networks> = networks.chain(&personal.allow_from).collect();
        let times = times(&rules);
        let mut obstacle = None;
        for origin in approach.entry_point.origins(networks.into_iter()) {
            for time in &times {
                self.left = self.left.checked_sub(1)?;
                let decision = approach.decide(&few, &personal, origin, *time);
                if can_log_in(&decision, person, self.facts, self.now) {
                    return None;
                }
                let asks = matches!(decision.verdict, Verdict::Ask(_));
                self.is_asked |= asks && person.account.is_some();
                obstacle.get_or_insert(decision);
            }
        }
        obstacle
    }

    /// The policy without the rules that can't decide such a login.
    fn narrowed(&self, approach: &Approach<'_>) -> Policy {
        let request = approach.request(LoginOrigin::Unknown, DateTime::ZERO);
        let facts = approach.facts();
        let mut rules = Vec::new();
        for candidate in &self.rules {
            if candidate.outline.misfit(&request, &facts).is_some() {
                continue;
            }
            rules.push(Arc::clone(candidate.rule));
            if candidate.is_everywhere() {
                break;
            }
        }
        Policy {
            mode: self.policy.mode,
            mode_place: self.policy.mode_place.clone(),
            default: Arc::clone(&self.policy.default),
            default_place: self.policy.default_place.clone(),
            rules,
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
