//! Mistakes in what is asked: it is never reached, no user could answer it, or its session or grace does not do what it
//! seems to do.
//!
//! What a rule inherits from `[policy]` unchanged is reported once, for `[policy]`.

use std::sync::Arc;
use std::time::Duration;

use mfa_protocol::admin::Finding;
use mfa_protocol::login::Authtok;

use super::lists::{only, wanted};
use super::rules::{quoted, without_place};
use super::shadowing::is_dead;
use super::warning;
use mfa_core::login::entry::{EntryFacts, can_be_set_up};
use mfa_core::login::{AskTerms, KeyService, KeyTerms, has_key, is_sshd};
use mfa_core::policy::{
    Action, Ask, Place, Policy, Prompting, Rule, SessionRule, Unenrolled, length_of_time,
};

/// Where users log in, also if no rule names it.
const USUAL: [&str; 2] = ["sshd", "login"];

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Findings about `[enforcement]` and `[policy]`.
pub(super) fn of_default(policy: &Policy, facts: &EntryFacts<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = of_mode(policy).into_iter().collect();
    let (ask, place) = (&policy.default, policy.default_place.as_ref());
    let about = Subject {
        place,
        name: "[policy]".to_owned(),
    };
    findings.extend(about.hopeless(ask));
    findings.extend(about.sets_up_nothing(ask, facts));
    findings.extend(about.long_session(ask));
    if !policy.asks_nobody() {
        findings.extend(about.without_keys(ask, facts.keys, usual(policy, None)));
    }
    findings.extend(of_keys(facts.keys));
    findings
}

/// Types of keys that never count.
fn of_keys(terms: KeyTerms) -> Option<Finding> {
    let in_vain: Vec<&str> = terms.types_in_vain().collect();
    let message = format!(
        "[key] types lists {}, but verification = \"required\": keys in files can't show that they asked for a PIN, so \
         none of them counts; remove these types, or set verification = \"preferred\"",
        quoted(&in_vain)
    );
    (!in_vain.is_empty()).then(|| warning(None, message))
}

/// The usual services whose logins can come to `rule`, or past all rules.
fn usual(policy: &Policy, rule: Option<&Rule>) -> Vec<&'static str> {
    let is_it = |other: &&Arc<Rule>| !rule.is_some_and(|rule| std::ptr::eq(rule, other.as_ref()));
    let comes_here = |service: &&str| {
        let mut before = policy.rules.iter().take_while(is_it);
        before.all(|other| !(other.is_for_service(service) && other.is_for_whole_services()))
            && rule.is_none_or(|rule| rule.is_for_service(service) && can_come_from(rule, service))
    };
    USUAL.into_iter().filter(comes_here).collect()
}

/// Whether a login of this usual service has what the other fields of `rule` ask for: what was verified, and addresses, only
/// sshd tells; a console has a terminal of this host.
fn can_come_from(rule: &Rule, service: &str) -> bool {
    let is_of = |terminals: &[&str]| {
        let Some(tty) = &rule.tty else { return true };
        let mut terminals = terminals.iter();
        terminals.any(|it| tty.fit_without_groups(it) != Some(false))
    };
    let is_for_sshd = rule.from.is_some()
        || rule
            .after
            .as_ref()
            .is_some_and(|after| wanted(after).next().is_some());
    match is_sshd(service) {
        true => is_of(&["ssh"]),
        false => !is_for_sshd && is_of(&["tty1", "ttyS0"]),
    }
}

/// The services of whose logins `rule` decides: those that it names, or else the usual ones.
fn services_of<'a>(policy: &Policy, rule: &'a Rule) -> Vec<&'a str> {
    let named = rule.services.as_ref().and_then(only);
    named.unwrap_or_else(|| usual(policy, Some(rule)))
}

/// Findings about what a rule asks.
pub(super) fn of_rule(policy: &Policy, rule: &Rule, facts: &EntryFacts<'_>) -> Vec<Finding> {
    let Action::Ask(ask) = &rule.action else {
        return Vec::new();
    };
    if is_dead(rule) {
        return Vec::new();
    }
    let default = &policy.default;
    let about = Subject {
        place: Some(&rule.place),
        name: format!("rule {:?}", rule.name),
    };
    let own_prompting = ask.prompting != default.prompting;
    let own_session = ask.session != default.session;
    let own_set_up =
        ask.unenrolled != default.unenrolled || ask.combinations != default.combinations;
    let own_asks = ask.combinations != default.combinations
        || rule
            .services
            .as_ref()
            .is_some_and(|services| only(services).is_some());
    let found = [
        about
            .hopeless(ask)
            .filter(|_| own_prompting || ask.combinations != default.combinations),
        about.sets_up_nothing(ask, facts).filter(|_| own_set_up),
        about
            .without_keys(ask, facts.keys, services_of(policy, rule))
            .filter(|_| own_asks),
        about.idle_session(rule, ask).filter(|_| own_session),
        about.long_session(ask).filter(|_| own_session),
        about.unguarded(rule, ask),
        about.passed_over(policy, rule),
    ];
    found.into_iter().flatten().collect()
}

fn of_mode(policy: &Policy) -> Option<Finding> {
    let asking = |action: &Action| matches!(action, Action::Ask(_));
    let rules = policy
        .rules
        .iter()
        .filter(|rule| asking(&rule.action))
        .count();
    if !policy.asks_nobody() || rules == 0 {
        return None;
    }
    let which = match rules {
        1 => "the rule that asks for a second factor has".to_owned(),
        rules => format!("the {rules} rules that ask for a second factor have"),
    };
    let message = format!(
        "[enforcement] mode = \"none\" asks no user, so {which} no \
         effect; to apply them, set mode = \"all\" or \"local-users\""
    );
    Some(warning(policy.mode_place.as_ref(), message))
}

/// What a finding is about.
struct Subject<'a> {
    place: Option<&'a Place>,
    name: String,
}

impl Subject<'_> {
    fn warning(&self, message: &str) -> Finding {
        warning(self.place, format!("{} {message}", self.name))
    }

    /// A single answer holds one code, and nothing else.
    fn hopeless(&self, ask: &Ask) -> Option<Finding> {
        let hopeless = AskTerms::of(ask, Authtok::None).is_none();
        let combinations: Vec<String> = ask.combinations.iter().map(ToString::to_string).collect();
        let message = format!(
            "denies every login: prompting = \"single\" has room for one code only, but require \
             asks for {}; add \"totp\" to require, or remove prompting",
            combinations.join(" or ")
        );
        hopeless.then(|| self.warning(&message))
    }

    /// Where one answer holds all, users enrol elsewhere first.
    fn sets_up_nothing(&self, ask: &Ask, facts: &EntryFacts<'_>) -> Option<Finding> {
        let is_meant = ask.unenrolled == Unenrolled::Enroll && ask.prompting != Prompting::Single;
        let mut combinations = ask.combinations.iter();
        if !is_meant || combinations.any(|it| can_be_set_up(it, facts)) {
            return None;
        }
        let combinations: Vec<String> = ask.combinations.iter().map(ToString::to_string).collect();
        let message = format!(
            "has unenrolled = \"enroll\", but a login can't set up {}: users who have nothing \
             enrolled are refused; add \"totp\" to require (or \"email\" or \"sms\", where [delivery] \
             sends codes), or enrol them before: mfactl enroll",
            combinations.join(" or ")
        );
        Some(self.warning(&message))
    }

    /// sshd verifies keys, and a few programs reach the user's SSH agent; no other can meet a key. `services` are those that
    /// come here.
    fn without_keys(&self, ask: &Ask, terms: KeyTerms, services: Vec<&str>) -> Option<Finding> {
        let is_hopeless = |it: &&str| terms.at(it) == KeyService::Neither;
        let without: Vec<&str> = services.into_iter().filter(is_hopeless).collect();
        if without.is_empty() || !ask.combinations.iter().all(has_key) {
            return None;
        }
        let why = match (terms.types().next(), without.iter().any(|it| is_sshd(it))) {
            (None, _) => "[key] types lists no type that counts",
            (Some(_), true) => {
                "what sshd has verified does not count with [key] verification = \"required\", since sshd does not say \
                     that the key asked for a PIN, and only sudo, su, doas and other programs that users start reach an SSH agent"
            }
            (Some(_), false) => {
                "only sshd verifies keys, and only sudo, su, doas and other programs that users start reach an SSH agent"
            }
        };
        let combinations: Vec<String> = ask.combinations.iter().map(ToString::to_string).collect();
        let message = format!(
            "asks for {} and nothing else, but no login through {} can use a security key: {why}; add \"totp\" to require",
            combinations.join(" or "),
            quoted(&without)
        );
        Some(self.warning(&message))
    }

    /// A session holds for an address or a terminal.
    fn idle_session(&self, rule: &Rule, ask: &Ask) -> Option<Finding> {
        let session = ask.session.as_ref()?;
        let services = without_place(rule.services.as_ref()?);
        let message = format!(
            "has session = \"{}\": logins through {} have neither an address nor a terminal, so every \
             login is asked and no session is used; set session = \"0s\"",
            length_of_time(session.duration),
            quoted(&services)
        );
        (!services.is_empty()).then(|| self.warning(&message))
    }

    fn long_session(&self, ask: &Ask) -> Option<Finding> {
        let long = |session: &&SessionRule| session.duration > DAY;
        let session = ask.session.as_ref().filter(long)?;
        let message = format!(
            "has session = \"{}\": after a login, neither the user nor an attacker at the same \
             terminal is asked for more than a day; set a few hours at most",
            length_of_time(session.duration)
        );
        Some(self.warning(&message))
    }

    fn unguarded(&self, rule: &Rule, ask: &Ask) -> Option<Finding> {
        let open = rule.operations.is_some() && ask.unenrolled == Unenrolled::Allow;
        open.then(|| {
            self.warning(
                "protects operations but has unenrolled = \"allow\": users who have nothing \
                 enrolled pass without a code; set unenrolled = \"deny\"",
            )
        })
    }

    fn passed_over(&self, policy: &Policy, rule: &Rule) -> Option<Finding> {
        let is_passed_over = rule.source.is_some_and(|source| policy.passes_over(source));
        // That nobody is asked is told once.
        let never = is_passed_over && !policy.asks_nobody();
        never.then(|| {
            self.warning(
                "never asks: it is for federated users, but [enforcement] mode = \"local-users\" \
                 skips them; set mode = \"all\", or remove the rule",
            )
        })
    }
}
