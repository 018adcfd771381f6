//! The rows of the factors and the rules that `mfactl status` shows.

use mfa_protocol::admin::{Account, Device, Knowledge, Rule, SecurityKey};
use mfa_protocol::factor::{Authenticator, HashAlgorithm};
use mfa_protocol::policy::Action;

use crate::clock::Clock;
use crate::commands::drift;
use crate::output::clean;
use crate::table::{joined, list, remark, table_of_places};

/// A row for each factor: what it is, its name, when it was enrolled and last used.
pub(super) fn factors(account: &Account, clock: &Clock) -> Vec<[String; 4]> {
    let row = |factor: Authenticator, label: &str, enrolled: &str, used: Option<&str>| {
        let used = used.map_or_else(|| "never".to_owned(), |time| clock.past(time));
        [
            factor.to_string(),
            label.to_owned(),
            clock.date(enrolled),
            used,
        ]
    };
    let known = |factor, kept: &Option<Knowledge>| {
        kept.as_ref()
            .map(|k| row(factor, "", &k.enrolled_at, k.last_used_at.as_deref()))
    };
    let device = |d: &Device| {
        row(
            d.factor.into(),
            &disabled(d.label.clone(), d.enabled),
            &d.enrolled_at,
            d.last_used_at.as_deref(),
        )
    };
    let key = |k: &SecurityKey| {
        row(
            Authenticator::Key,
            &match k.enabled && (k.counter_back_at.is_some() || !k.type_accepted) {
                true => format!("{} (does not count)", k.label),
                false => disabled(k.label.clone(), k.enabled),
            },
            &k.enrolled_at,
            k.last_used_at.as_deref(),
        )
    };
    let mut rows: Vec<_> = account.devices.iter().map(device).collect();
    rows.extend(account.keys.iter().map(key));
    rows.extend(known(Authenticator::Pin, &account.pin));
    rows.extend(known(Authenticator::Questions, &account.questions));
    rows.extend(account.radius.as_ref().map(|r| {
        let label = disabled(format!("{} at {}", r.remote_user, r.server), r.enabled);
        row(
            Authenticator::Radius,
            &label,
            &r.enrolled_at,
            r.last_used_at.as_deref(),
        )
    }));
    rows
}

/// The name of a factor, and that it is not used.
fn disabled(label: String, enabled: bool) -> String {
    match enabled {
        true => label,
        false => label + " (disabled)",
    }
}

/// A line for what is special about a device, if anything is.
pub(super) fn particular(device: &Device) -> Option<String> {
    let mut words = Vec::new();
    let usual = (HashAlgorithm::Sha1, 6);
    if (device.algorithm, device.digits) != usual
        || device.period.is_some_and(|period| period != 30)
    {
        words.push(format!("{}, {} digits", device.algorithm, device.digits));
    }
    match (device.period, device.counter) {
        (Some(period), _) if !words.is_empty() => words.push(format!("every {period} s")),
        (Some(_), _) => {}
        (None, Some(u64::MAX)) => {
            words.push("its counter is used up: remove it and enrol it again".to_owned());
        }
        (None, counter) => words.push(format!(
            "counter-based, next code is number {}",
            counter.unwrap_or(0)
        )),
    }
    if device.clock_offset != 0 {
        let off = drift::seconds(device.clock_offset);
        words.push(format!("its clock is {off}, which is corrected"));
    }
    let credential = device.credential_id.as_ref();
    words.extend(credential.map(|id| format!("credential {id}")));
    (!words.is_empty()).then(|| remark(&format!("{}: {}", device.label, words.join(", "))))
}

/// A line for a security key: what tells it from others.
pub(super) fn key(key: &SecurityKey) -> String {
    let line = remark(&format!("{}: {} {}", key.label, key.kind, key.fingerprint));
    match key.type_accepted {
        true => line,
        false => line + &remark("[key] takes no keys of this type, so it counts nowhere"),
    }
}

/// Keys whose counter went back, and what to do.
pub(super) fn counted_back(account: &Account, clock: &Clock) -> String {
    let user = clean(&account.user);
    let line = |key: &SecurityKey| {
        let at = clock.wait(key.counter_back_at.as_deref()?);
        let label = clean(&key.label);
        Some(
            remark(&format!(
                "{label}: its counter went back, {at}: there may be a copy of it, so it counts nowhere"
            )) + &remark(&format!(
                "if it may be copied: mfactl remove key {user} --label {label:?}"
            )) + &remark(&format!(
                "if it was replaced or reset: mfactl enable key {user} --label {label:?}"
            )),
        )
    };
    let lines: String = account.keys.iter().filter_map(line).collect();
    match lines.is_empty() {
        true => lines,
        false => format!("\nSecurity keys that may have been copied\n{lines}"),
    }
}

/// Devices that are out of sync, since when, and the command that resynchronises them.
pub(super) fn out_of_sync(account: &Account, named: bool, clock: &Clock) -> String {
    let line = |device: &Device| {
        let drift = device.drift.as_ref()?;
        let seen = clock.wait(&drift.seen_at);
        Some(remark(&format!(
            "{}: {}, seen {seen}",
            device.label,
            drift::words(drift)
        )))
    };
    let lines: String = account.devices.iter().filter_map(line).collect();
    if lines.is_empty() {
        return lines;
    }
    let command = drift::command(named.then_some(&*account.user));
    let fix = remark(&format!("resynchronise with two codes: {command}"));
    format!("\nOut of sync (codes are refused)\n{lines}{fix}")
}

/// The rules that apply to a user.
pub(super) fn rules(rules: &[Rule]) -> String {
    if rules.is_empty() {
        return String::new();
    }
    let headings = ["Rule", "Action", "Services", "From", "Where"];
    let mut screen = "\nRules (the first that matches decides)\n".to_owned();
    let default = rules.len() - 1;
    let shown = rules.iter().enumerate();
    let shown = shown.map(|(at, rule)| row(rule, at == default && rule.name == DEFAULT));
    screen += &table_of_places(headings, shown);
    screen.extend(rules.iter().filter_map(conditions));
    screen
}

/// The name of the last rule, which is `[policy]`.
const DEFAULT: &str = "default";

/// What people call the rule for logins that no `[[rule]]` matches.
pub(in crate::commands) const POLICY: &str = "[policy]";

/// A line for the other conditions of a rule, if there are any.
fn conditions(rule: &Rule) -> Option<String> {
    let conditions = rule.conditions.join("; ");
    let line = || format!("  {} only with {}\n", clean(&rule.name), clean(&conditions));
    (!conditions.is_empty()).then(line)
}

/// A row for a rule.
fn row(rule: &Rule, is_default: bool) -> [String; 5] {
    let does = match rule.action {
        Action::Ask => format!("ask for {}", joined(&rule.require, " or ")),
        other => other.to_string(),
    };
    [
        match is_default {
            true => POLICY.to_owned(),
            false => rule.name.clone(),
        },
        does,
        list(&rule.services, "all"),
        list(&rule.from, "anywhere"),
        rule.place.clone(),
    ]
}
