//! Mistakes in what a rule matches: lists that exclude what they name, and fields that need something that the services
//! of the rule never provide.

use mfa_protocol::admin::Finding;

use super::lists::{is_empty, only, wanted};
use super::shadowing::is_dead;
use super::warning;
use mfa_core::login::is_sshd;
use mfa_core::policy::{Pattern, Patterns, Policy, Rule};

/// Services that never tell an address, and what they do instead.
const WITHOUT_ADDRESS: [(&str, &str); 10] = [
    ("sudo", HOST_NAME),
    ("sudo-i", HOST_NAME),
    ("su", "su gives none"),
    ("su-l", "su gives none"),
    ("login", "login at a console gives none"),
    ("radiusd", RADIUS),
    ("freeradius", RADIUS),
    ("polkit-1", "polkit gives none"),
    ("cron", "cron gives none"),
    ("crond", "cron gives none"),
];

const HOST_NAME: &str = "sudo gives the name of this host";
const RADIUS: &str = "FreeRADIUS gives none";

/// Which of them give no terminal of this host either.
const WITHOUT_PLACE: [&str; 5] = ["radiusd", "freeradius", "polkit-1", "cron", "crond"];

/// Services that a program uses for a login shell, and its other service.
const LOGIN_SHELLS: [LoginShell; 2] = [
    LoginShell {
        service: "sudo",
        of_shell: "sudo-i",
        command: "sudo -i",
    },
    LoginShell {
        service: "su",
        of_shell: "su-l",
        command: "su -",
    },
];

struct LoginShell {
    service: &'static str,
    of_shell: &'static str,
    command: &'static str,
}

/// The service of operations, unless `mfactl verify` is told another one.
const OPERATIONS: &str = "mfactl";

/// Findings about the rule.
pub(super) fn findings(rule: &Rule) -> Vec<Finding> {
    if is_dead(rule) {
        return contradictions(rule);
    }
    let fields = [of_from, of_operations, of_after];
    fields.iter().filter_map(|finding| finding(rule)).collect()
}

/// The rule never decides, since `by` matches every login that it matches.
pub(super) fn shadowed(rule: &Rule, by: &Rule) -> Finding {
    let message = format!(
        "rule {:?} never decides: rule {:?} at {} comes first and matches every login that this \
         rule matches; put the narrower rule first, or remove this one",
        rule.name, by.name, by.place
    );
    warning(Some(&rule.place), message)
}

fn contradictions(rule: &Rule) -> Vec<Finding> {
    let fields = [
        ("users", &rule.users),
        ("services", &rule.services),
        ("hosts", &rule.hosts),
        ("operations", &rule.operations),
        ("tty", &rule.tty),
        ("after", &rule.after),
    ];
    let fields = fields
        .into_iter()
        .filter_map(|(field, list)| Some((field, list.as_ref()?)));
    let empty = fields.filter(|(_, list)| is_empty(list));
    let finding = |(field, list): (&str, &Patterns)| {
        let message = format!(
            "rule {:?} matches nothing: {field} excludes everything that it names ({list}); \
             remove the entries with \"!\", or the rule",
            rule.name
        );
        warning(Some(&rule.place), message)
    };
    empty.map(finding).collect()
}

/// The services of a list that give neither an address nor a terminal.
pub(super) fn without_place(services: &Patterns) -> Vec<&str> {
    let named = wanted(services).filter_map(|entry| entry.name());
    let is_one = |name: &&str| {
        WITHOUT_PLACE
            .iter()
            .any(|known| known.eq_ignore_ascii_case(name))
            && services.fit_without_groups(name) == Some(true)
    };
    named.filter(is_one).collect()
}

fn of_from(rule: &Rule) -> Option<Finding> {
    rule.from.as_ref()?;
    let services = rule.services.as_ref()?;
    let fitting = |service: &str| services.fit_without_groups(service) == Some(true);
    let named = wanted(services).filter_map(|entry| entry.name());
    let named: Vec<&str> = named.filter(|service| fitting(service)).collect();
    let known = |service: &&str| {
        let mut known = WITHOUT_ADDRESS.iter();
        known.find(|(name, _)| name.eq_ignore_ascii_case(service))
    };
    let silent: Vec<&str> = named
        .iter()
        .copied()
        .filter(|s| known(s).is_some())
        .collect();
    let mut why: Vec<&str> = silent
        .iter()
        .filter_map(known)
        .map(|(_, why)| *why)
        .collect();
    why.dedup();
    let (list, why) = (quoted(&silent), why.join(", "));
    if silent.is_empty() {
        return None;
    }
    let message = match only(services).is_some() && silent.len() == named.len() {
        true => format!(
            "rule {:?} never matches: \"from\" needs an address, but logins through {list} have \
             none ({why}); remove \"from\"",
            rule.name
        ),
        false => format!(
            "rule {:?} never matches for {list}: \"from\" needs an address, but these logins have \
             none ({why}); write a separate rule for them, without \"from\"",
            rule.name
        ),
    };
    Some(warning(Some(&rule.place), message))
}

fn of_operations(rule: &Rule) -> Option<Finding> {
    rule.operations.as_ref()?;
    let services = rule.services.as_ref()?;
    let left_out = services.fit_without_groups(OPERATIONS) == Some(false);
    let message = || {
        format!(
            "rule {:?} matches only calls such as \"mfactl verify --operation … --service …\": \
             the default service of operations is \"{OPERATIONS}\", and services excludes it; \
             remove services, or add \"{OPERATIONS}\"",
            rule.name
        )
    };
    left_out.then(|| warning(Some(&rule.place), message()))
}

/// `sudo -i` and `su -` are easily forgotten: a rule is for `sudo` only, and they get another decision.
pub(super) fn forgotten_login_shells(policy: &Policy) -> Vec<Finding> {
    let mut findings = Vec::new();
    for shell in &LOGIN_SHELLS {
        if policy.rules.iter().any(|rule| names(rule, shell.of_shell)) {
            continue;
        }
        let rules = policy
            .rules
            .iter()
            .filter(|rule| is_for(rule, shell.service));
        findings.extend(rules.map(|rule| forgotten_login_shell(rule, shell)));
    }
    findings
}

fn forgotten_login_shell(rule: &Rule, shell: &LoginShell) -> Finding {
    let LoginShell {
        service,
        of_shell,
        command,
    } = shell;
    let message = format!(
        "rule {:?} is for \"{service}\", but not for \"{of_shell}\", the service of \"{command}\"; add \
         \"{of_shell}\" to services, or \"!{of_shell}\" if you want it so",
        rule.name
    );
    warning(Some(&rule.place), message)
}

fn is_for(rule: &Rule, service: &str) -> bool {
    let fits = |services: &Patterns| services.fit_without_groups(service) == Some(true);
    names(rule, service) && rule.services.as_ref().is_some_and(fits)
}

/// Whether the rule names the service, also with `!`.
fn names(rule: &Rule, service: &str) -> bool {
    let entries = rule.services.iter().flat_map(Patterns::entries);
    let mut names = entries.filter_map(Pattern::name);
    names.any(|name| name.eq_ignore_ascii_case(service))
}

fn of_after(rule: &Rule) -> Option<Finding> {
    let after = rule.after.as_ref()?;
    let services = only(rule.services.as_ref()?)?;
    if services.iter().any(|service| is_sshd(service)) {
        return None;
    }
    let consequence = match wanted(after).next() {
        Some(_) => "the rule never matches",
        None => "\"after\" changes nothing",
    };
    let message = format!(
        "rule {:?}: only sshd reports what it has verified, but the rule is for {}, so \
         {consequence}; remove \"after\", or name the service of sshd",
        rule.name,
        quoted(&services)
    );
    Some(warning(Some(&rule.place), message))
}

/// The most names in a finding.
const SHOWN: usize = 10;

pub(super) fn quoted(names: &[&str]) -> String {
    let shown = names.iter().take(SHOWN);
    let quoted: Vec<String> = shown.map(|name| format!("{name:?}")).collect();
    let quoted = quoted.join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => quoted,
        more => format!("{quoted} and {more} more"),
    }
}
