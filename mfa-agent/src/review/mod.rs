//! Reviews settings like a careful colleague, before they are applied.
//!
//! Valid settings come in, and likely mistakes come out: rules that can never match, names that do not exist, and above
//! all a policy that would lock out every administrator who could fix it. Nothing is changed, and only certain findings
//! are reported: readers ignore warnings after false alarms.
//!
//! - `shadowing`: rules that earlier ones leave nothing to. Pure.
//! - `hosts`: patterns of hosts that match none. Pure.
//! - `rules`, `asking`, `lists`: what is strange about a rule in itself, or about `[policy]`. Pure.
//! - `delivery`: codes that nobody is sent. Pure.
//! - `profile`: numbers that users could set by themselves, for which login.defs(5) is read.
//! - `files`: secrets, certificates and programs, which are opened for that.
//! - `administrators`: who could still log in and become root, by a `survey` of `samples` of logins that are
//!   `can_log_in`. Pure.
//! - `host`: what is looked up for that, in the name service and in the accounts.

mod administrators;
mod asking;
mod can_log_in;
mod delivery;
mod files;
mod host;
mod hosts;
mod lists;
mod person;
mod premises;
mod profile;
#[cfg(test)]
mod properties;
mod rules;
mod samples;
mod shadowing;
mod store;
mod survey;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use mfa_protocol::admin::{Finding, HostFacts, Refused, Severity};

use crate::config::{Overridden, Questions, SelfService, Settings};
use crate::entry_facts::entry_facts;
use crate::host_name;
use crate::repository::AccountRepository;
use administrators::NOT_ALL_TRIED;
use files::Eyes;
use host::Host;
use mfa_core::login::entry::EntryFacts;
use mfa_core::names::Names;
use mfa_core::policy::{Place, Policy};
use premises::Premises;
use survey::Access;

/// Bytes that all findings take up together at most, so that they fit into one message even when JSON
/// doubles them.
const MOST_BYTES: usize = 24 * 1024;

/// With fewer questions users have no real choice.
const FEW_QUESTIONS: usize = 5;

/// The input.
pub struct Review<'a> {
    /// The settings, which are valid.
    pub settings: &'a Settings,
    /// Who there is.
    pub names: &'a dyn Names,
    /// What users have enrolled; none if no agent is running.
    pub repository: Option<&'a AccountRepository>,
    /// Who administers this host, and who else logs in to it, where root has looked.
    pub host: Option<&'a HostFacts>,
}

impl Review<'_> {
    fn premises<'a>(&'a self, own_name: Option<&'a str>, now: Timestamp) -> Premises<'a> {
        Premises {
            policy: &self.settings.policy,
            host: own_name,
            facts: entry_facts(self.settings),
            now,
        }
    }

    /// All that is strange, the worst first. If it is too much for one message, the last says how much
    /// was left out.
    #[must_use]
    pub fn findings(&self, now: Timestamp) -> Vec<Finding> {
        let mut host = Host::new(self.names, self.repository);
        let policy = &self.settings.policy;
        let people = host.people(self.settings, self.host).unwrap_or_default();
        let own_name = host_name::own();
        let premises = self.premises(own_name.as_deref(), now);
        let lockout_risk = administrators::lockout_risk(&premises, &people);
        let mut findings: Vec<Finding> = lockout_risk.into_iter().collect();
        if let Some(caller) = self.host.and_then(|host| host.caller.as_deref()) {
            let lockout_risk = administrators::caller_lockout_risk(&premises, &people, caller);
            findings.extend(lockout_risk);
        }
        findings.extend(self.settings.overridden.iter().map(of_overridden));
        findings.extend(of_policy(policy, &premises.facts));
        findings.extend(hosts::of_hosts(
            policy,
            own_name.as_deref(),
            self.known_hosts().as_deref(),
        ));
        findings.extend(store::of_store(self.settings));
        findings.extend(delivery::of_delivery(self.settings));
        findings.extend(delivery::of_turned_off(self.settings));
        findings.extend(delivery::of_notices(self.settings));
        findings.extend(profile::of_number_source(self.settings));
        findings.extend(profile::of_records(self.settings, self.names));
        findings.extend(of_self_service(&self.settings.self_service));
        findings.extend(of_questions(&self.settings.questions));
        findings.extend(host.unknown_names(self.settings));
        findings.extend(host.into_failure());
        bounded(findings)
    }

    /// The hosts that share the store, if any do and they can be read.
    fn known_hosts(&self) -> Option<Vec<String>> {
        let hosts = self.repository?.fleet()?.hosts().ok()?;
        Some(hosts.into_iter().map(|host| host.notice.name).collect())
    }

    /// The users of the host that these settings refuse everywhere, the administrators first, and the warning about users
    /// whose logins could not all be tried. Empty if the host was not checked.
    #[must_use]
    pub fn refused(&self, now: Timestamp) -> (Vec<Refused>, Option<Finding>) {
        if self.host.is_none() {
            return (Vec::new(), None);
        }
        let mut host = Host::new(self.names, self.repository);
        let people = host.people(self.settings, self.host).unwrap_or_default();
        let own_name = host_name::own();
        let premises = self.premises(own_name.as_deref(), now);
        let access = administrators::let_in(&premises, &people);
        let those = |wanted: Access| {
            let people = people.iter().zip(&access);
            people.filter_map(move |(person, access)| (*access == wanted).then_some(person))
        };
        let mut refused: Vec<Refused> = those(Access::Refused)
            .map(|person| Refused {
                user: person.name.to_string(),
                administers: person.role != person::Role::User,
            })
            .collect();
        refused.sort_by_key(|one| !one.administers);
        let not_tried: Vec<&str> = those(Access::NotTried)
            .map(|person| person.name.as_str())
            .collect();
        (refused, not_all_tried(&not_tried))
    }

    /// [`Self::findings`], and findings that need the named files to be opened: what would keep the settings from being
    /// applied comes first. Without a repository the caller is not the agent, so files that only the agent's user can
    /// read are not reported as errors.
    #[must_use]
    pub fn thorough_findings(&self, now: Timestamp) -> Vec<Finding> {
        let eyes = match self.repository {
            Some(_) => Eyes::Agents,
            None => Eyes::Anybodys,
        };
        let mut findings = files::of_files(self.settings, eyes);
        findings.extend(self.findings(now));
        // Stable: within each severity the order stays.
        findings.sort_by_key(|finding| finding.severity != Severity::Error);
        bounded(findings)
    }
}

/// A finding in one line, for the log.
#[must_use]
pub fn line(finding: &Finding) -> String {
    match &finding.place {
        Some(place) => format!("{place}: {}", finding.message),
        None => finding.message.clone(),
    }
}

/// Findings from the policy alone.
fn of_policy(policy: &Policy, facts: &EntryFacts<'_>) -> Vec<Finding> {
    let mut findings = asking::of_default(policy, facts);
    let covered = shadowing::covered(policy);
    findings.extend(rules::forgotten_login_shells(policy));
    for (number, rule) in policy.rules.iter().enumerate() {
        findings.extend(rules::findings(rule));
        findings.extend(asking::of_rule(policy, rule, facts));
        if let Some(by) = covered.get(&number).and_then(|by| policy.rules.get(*by)) {
            findings.push(rules::shadowed(rule, by));
        }
    }
    findings
}

/// The one who wrote the earlier list may think that it holds.
fn of_overridden(list: &Overridden) -> Finding {
    let Overridden { key, earlier, .. } = list;
    let message = match list.joins {
        true => format!(
            "{key} is empty here but removes nothing: the lists of all files are joined, and \
             {earlier} has entries; remove them there"
        ),
        false => {
            format!("{key} replaces the whole list at {earlier}; keep the list in one file only")
        }
    };
    warning(Some(&list.place), message)
}

fn of_self_service(service: &SelfService) -> Option<Finding> {
    let in_vain = service.enabled && service.factors.is_empty();
    in_vain.then(|| {
        warning(
            None,
            "[self_service] is enabled but lists no factors, so users can change nothing; list \
             some factors, or set enabled = false",
        )
    })
}

/// If most users have the same three questions, an attacker needs to look up three answers only.
fn of_questions(questions: &Questions) -> Option<Finding> {
    let count = questions.catalogue.len();
    let is_narrow = !questions.own && count < FEW_QUESTIONS;
    is_narrow.then(|| {
        let message = format!(
            "[questions] own = false leaves users {count} questions to choose three from, so most \
             users have the same ones; list at least {FEW_QUESTIONS}, or set own = true"
        );
        warning(None, message)
    })
}

/// So many users are listed by name.
const MOST_NOT_TRIED: usize = 20;

/// Users of whom it is not known whether they get in.
fn not_all_tried(users: &[&str]) -> Option<Finding> {
    let (named, more) = users.split_at(users.len().min(MOST_NOT_TRIED));
    let more = match more.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "{NOT_ALL_TRIED}: none was found by which these users get in: {}{more}; see mfactl explain",
        named.join(", ")
    );
    (!users.is_empty()).then(|| warning(None, message))
}

fn warning(place: Option<&Place>, message: impl Into<String>) -> Finding {
    Finding {
        severity: Severity::Warning,
        place: place.map(Place::to_string),
        message: message.into(),
    }
}

fn bounded(mut findings: Vec<Finding>) -> Vec<Finding> {
    let mut left = MOST_BYTES;
    let fitting = findings.iter().take_while(|finding| {
        let bytes = line(finding).len() + 64;
        let fits = bytes <= left;
        left = left.saturating_sub(bytes);
        fits
    });
    let fitting = fitting.count();
    let more = findings.len() - fitting;
    findings.truncate(fitting);
    if more > 0 {
        let message = format!("{more} more findings are not shown; fix these first");
        findings.push(warning(None, message));
    }
    findings
}
