//! Whether anybody would be left who can log in and mend the settings.
//!
//! Administrators are root and the listed members of the `[admin]` groups. For each, samples of all
//! logins through sshd and at the console are decided as real ones are, until one is found that can be
//! passed. Only when there is none for anybody, that is an error. Where a policy has more cases than may be
//! tried, nothing is claimed.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::DateTime;
use mfa_protocol::admin::{Finding, Severity};

use super::passable::{is_locked_for_good, is_passable};
use super::samples::{Door, times};
use super::warning;
use crate::account::Account;
use crate::factors::Factor;
use crate::names::{Groups, UserName};
use crate::policy::{Decision, Facts, Networks, Personal, Policy, Request, Rule, Verdict, Whence};

/// So many logins are decided at most.
const MOST_LOGINS: usize = 4_000;

/// Somebody who administers this host.
pub(super) struct Person {
    /// Who.
    pub(super) name: UserName,
    /// As [`Facts::federated`].
    pub(super) federated: bool,
    /// As [`Facts::groups`].
    pub(super) groups: Groups,
    /// What they have set up; none if that can't be known.
    pub(super) account: Option<Account>,
    /// What they can be sent without an address in their account: to one that a template makes, or to a
    /// number that the login asks for.
    pub(super) beside: Vec<Factor>,
}

/// The error when no administrator can log in, or the warning when root can't at the console. The first of
/// `people` is root; of nobody nothing is said.
pub(super) fn shut_out(policy: &Policy, people: &[Person], now: Timestamp) -> Option<Finding> {
    let mut survey = Survey {
        policy,
        rules: policy.rules.iter().map(Candidate::of).collect(),
        now,
        left: MOST_LOGINS,
        is_asked: false,
    };
    let root = people.first()?;
    let obstacle = survey.obstacle(root, Door::Console)?;
    let open = |person: &Person| {
        let doors = [Door::Console, Door::Sshd];
        doors
            .iter()
            .any(|door| survey.obstacle(person, *door).is_none())
    };
    if people.iter().any(open) {
        survey.is_asked = matches!(obstacle.verdict, Verdict::Ask(_));
        return Some(root_is_shut_out(root, &obstacle, &survey));
    }
    Some(nobody(root, &obstacle, &survey))
}

const BREAK_GLASS: &str =
    "users = [\"root\"], services = [\"login\"], tty = [\"tty1\"], action = \"skip\"";

fn nobody(root: &Person, obstacle: &Decision, survey: &Survey<'_>) -> Finding {
    let message = format!(
        "nobody who administers this host could log in, neither through sshd nor at the console (for \
         root: {}); {}",
        why(root, obstacle, survey.now),
        survey.remedy("enrol one first")
    );
    Finding {
        severity: Severity::Error,
        ..warning(obstacle.place(), message)
    }
}

fn root_is_shut_out(root: &Person, obstacle: &Decision, survey: &Survey<'_>) -> Finding {
    let message = format!(
        "root could not log in at the console, should all else fail: {}; {}",
        why(root, obstacle, survey.now),
        survey.remedy("enrol root")
    );
    warning(obstacle.place(), message)
}

fn why(root: &Person, obstacle: &Decision, now: Timestamp) -> String {
    let lacking = match (&obstacle.verdict, &root.account) {
        (Verdict::Ask(_), Some(account)) if is_locked_for_good(account, now) => {
            ", and root is locked (mfactl unlock root)"
        }
        (Verdict::Ask(_), _) => ", and root can't give that",
        (Verdict::Skip | Verdict::Deny, _) => "",
    };
    obstacle.reason() + lacking
}

/// The search for a way in.
struct Survey<'a> {
    policy: &'a Policy,
    rules: Vec<Candidate<'a>>,
    now: Timestamp,
    left: usize,
    /// Whether somebody was asked for what they could set up.
    is_asked: bool,
}

impl Survey<'_> {
    fn remedy(&self, enrol: &str) -> String {
        let first = self.policy.default.ways.first();
        let factor = first.and_then(|way| way.factors().first());
        let command = factor.unwrap_or(&Factor::Totp).enroll_command("root");
        let enrol = match self.is_asked {
            true => format!("{enrol} ({command}), or "),
            false => String::new(),
        };
        format!("{enrol}add a rule such as {BREAK_GLASS} before all others")
    }

    /// What keeps the person from going through that door, however they try it: the first decision. None
    /// when they can, or it is too much to try.
    fn obstacle(&mut self, person: &Person, door: Door) -> Option<Decision> {
        let mut obstacle = None;
        for tty in door.terminals(self.policy) {
            for after in door.verified(self.policy) {
                let approach = Approach {
                    person,
                    door,
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
        for whence in approach.door.origins(networks.into_iter()) {
            for time in &times {
                self.left = self.left.checked_sub(1)?;
                let decision = approach.decide(&few, &personal, whence, *time);
                if is_passable(&decision, person.account.as_ref(), &person.beside, self.now) {
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
        let request = approach.request(Whence::Unknown, DateTime::ZERO);
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
    door: Door,
    tty: &'a str,
    after: &'a [String],
}

impl Approach<'_> {
    fn decide(
        &self,
        policy: &Policy,
        personal: &Personal,
        whence: Whence,
        now: DateTime,
    ) -> Decision {
        policy.decide(&self.request(whence, now), &self.facts(), personal)
    }

    fn request(&self, whence: Whence, now: DateTime) -> Request<'_> {
        let address = |whence| -> Option<IpAddr> {
            match whence {
                Whence::Address(address) => Some(address),
                Whence::Local | Whence::Unknown => None,
            }
        };
        Request {
            user: &self.person.name,
            service: self.door.service(),
            operation: None,
            rhost: address(whence),
            tty: Some(self.tty),
            after: self.after,
            now,
            whence,
        }
    }

    fn facts(&self) -> Facts<'_> {
        Facts {
            federated: self.person.federated,
            groups: &self.person.groups,
        }
    }
}
