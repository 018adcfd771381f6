//! The PAM stacks of this host: whether somebody is asked for a code only after a right password or key.
//!
//! With the code first, anyone could spend a user's attempts, and set up a device in the place of a user
//! who has none. The files are read here, as they are now; [`order`] judges them.

mod chain;
mod ends;
mod files;
mod modules;
mod order;
mod parse;
mod walk;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use chain::Place;
use files::Files;
use order::Order;

use super::Check;

const NAME: &str = "stacks";

/// How many services are named in one line.
const SHOWN: usize = 8;

/// What is to be said of the stacks in these folders; of two files of one name the first holds.
pub(super) fn checks(folders: &[PathBuf]) -> Vec<Check> {
    let mut files = Files::default();
    let mut checks = Vec::new();
    for folder in folders {
        match files.add(folder) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => {
                let message = format!("{} can't be read: {e}", folder.display());
                checks.push(Check::note(NAME, message, "run mfactl doctor as root"));
            }
            Err(_) | Ok(()) => {}
        }
    }
    if !files.unread().is_empty() {
        let message = format!("can't be read: {}", files.unread().join(", "));
        checks.push(Check::note(NAME, message, "run mfactl doctor as root"));
    }
    checks.extend(found(&files));
    checks
}

/// A check for all services that stand alike.
fn found(files: &Files) -> Vec<Check> {
    let mut orders: BTreeMap<Order, Vec<&str>> = BTreeMap::new();
    for service in files.names() {
        if let Some(order) = order::of(service, &|name| files.text(name)) {
            orders.entry(order).or_default().push(service);
        }
    }
    if orders.is_empty() && files.names().next().is_none() {
        return Vec::new();
    }
    if orders.is_empty() {
        return vec![Check::note(
            NAME,
            "no stack names pam_mfa.so: no program of this host asks for a code",
            "config/pam.d has a stack for each service",
        )];
    }
    let check = |(order, services): (&Order, &Vec<&str>)| said(order, &names(services), files);
    let mut checks: Vec<_> = orders.iter().map(check).collect();
    checks.extend(lenient(files));
    checks
}

/// No fault of a stack, but the administrator's wish; yet one to remember.
fn lenient(files: &Files) -> Vec<Check> {
    let mut places: BTreeMap<Place, Vec<&str>> = BTreeMap::new();
    for service in files.names() {
        if let Some(place) = order::lenient(service, &|name| files.text(name)) {
            places.entry(place).or_default().push(service);
        }
    }
    let note = |(place, services): (&Place, &Vec<&str>)| {
        let (services, at) = (names(services), files.place(place));
        let message = format!("{services}: {LENIENT} while the agent is not there ({at})");
        Check::note(NAME, message, WHILE_AWAY)
    };
    places.iter().map(note).collect()
}

/// "login, sshd and 3 more"
fn names(services: &[&str]) -> String {
    let shown = services[..services.len().min(SHOWN)].join(", ");
    match services.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn said(order: &Order, services: &str, files: &Files) -> Check {
    let at = |place| files.place(place);
    match order {
        Order::Sound => Check::ok(NAME, format!("{services}: {SOUND}")),
        Order::CodeFirst {
            code,
            swap,
            passwords,
        } => {
            let message = format!("{services}: {CODE_FIRST} ({}): {DANGER}", at(code));
            let remedy = swap.as_ref().map(|lines| swapped(lines, files));
            let remedy = remedy.unwrap_or_else(|| right(passwords, files));
            Check::problem(NAME, message, remedy)
        }
        Order::NotEnded { code, passwords } => {
            let message = format!("{services}: {NOT_ENDED} ({}): {DANGER}", at(code));
            Check::problem(NAME, message, right(passwords, files))
        }
        Order::Leapt {
            password,
            passwords,
        } => {
            let message = format!(
                "{services}: {LEAPT}: {} passes over pam_mfa.so",
                at(password)
            );
            Check::problem(NAME, message, right(passwords, files))
        }
        Order::Uncounted { code, right, when } => {
            let when = when.join(", or ");
            let message = format!("{services}: {UNCOUNTED} {when} ({})", at(code));
            let remedy = format!("The right line in {}:\n  {right}", files.path(&code.file));
            Check::problem(NAME, message, explained(remedy + "\n" + PLAIN))
        }
        Order::OneAnswer { code } => {
            let message = format!("{services}: {ONE_ANSWER} ({})", at(code));
            Check::note(NAME, message, ONLY_WHERE_NEEDED)
        }
        Order::Alone { code } => {
            let message = format!("{services}: {ALONE} ({})", at(code));
            Check::note(NAME, message, AFTER_A_KEY)
        }
    }
}

const SOUND: &str = "the code is asked for after the password or key";
const CODE_FIRST: &str = "the code is asked for before the password";
const DANGER: &str = "anyone could lock a user out, and set up a device in their name";
const NOT_ENDED: &str = "the code is asked for even after a wrong password";
const LEAPT: &str = "who knows the password is never asked for the code";
const UNCOUNTED: &str = "the login passes without the code when";
const PLAIN: &str = "Or required, or requisite, in place of what is in brackets";
const LENIENT: &str = "on_unavailable=ignore lets the login pass without the code";
const WHILE_AWAY: &str = "without that argument nobody gets in while the agent is not there";
const ONE_ANSWER: &str = "password and code come in one answer, and the code is judged first";
const ONLY_WHERE_NEEDED: &str = "only for programs that ask one thing; others: pam_mfa.so after the \
                                 password, without arguments";
const ALONE: &str = "the code is all that is asked for";
const AFTER_A_KEY: &str = "a key must have been checked before; for sshd:\n  AuthenticationMethods \
                           publickey,keyboard-interactive";

fn swapped([first, second]: &[Place; 2], files: &Files) -> String {
    let file = files.path(&first.file);
    let (first, second) = (&first.text, &second.text);
    explained(format!("The right order in {file}:\n  {first}\n  {second}"))
}

/// Lines that ask for the code after a right password, and after no other: those of the host, or all.
fn right(passwords: &[String], files: &Files) -> String {
    let common = format!("auth include common-auth\n{} pam_mfa.so", order::CONTROL);
    let text = |name: &str| match name {
        "" => Some(common.as_str()),
        name => files.text(name),
    };
    let lines = match order::of("", &text) {
        Some(Order::Sound) => common.lines().map(str::to_owned).collect(),
        _ => whole(passwords),
    };
    explained(format!("The right order:\n  {}", lines.join("\n  ")))
}

/// Arguments may be passwords, so they are left out.
fn explained(remedy: String) -> String {
    match remedy.contains(modules::HIDDEN) {
        true => remedy + "\n" + AS_THEY_ARE,
        false => remedy,
    }
}

const AS_THEY_ARE: &str = "with the arguments that the lines have now in place of …";

/// The first password that is right goes on to the code, and where none is the stack ends.
fn whole(passwords: &[String]) -> Vec<String> {
    let jumps = (1..=passwords.len()).rev().zip(passwords);
    let mut lines: Vec<_> = jumps
        .map(|(jump, password)| format!("auth [success={jump} default=ignore] {password}"))
        .collect();
    lines.push("auth requisite pam_deny.so".to_owned());
    lines.push("auth required pam_permit.so".to_owned());
    lines.push(format!("{} pam_mfa.so", order::CONTROL));
    lines
}

#[cfg(test)]
mod tests;
