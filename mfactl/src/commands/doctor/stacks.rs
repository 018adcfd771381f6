//! The PAM stacks of this host: whether somebody is asked for a code only after a right password or key.
//!
//! With the code first, anyone could spend a user's attempts, and set up a device in the place of a user
//! who has none. The files are read here, as they are now; [`order`] judges them.

mod account;
mod arguments;
mod bypass;
mod ends;
mod faults;
pub(crate) mod files;
mod gates;
mod loads;
mod one_answer;
mod order;
mod programs;
pub(crate) mod says;
mod walk;
mod without;

use std::collections::BTreeMap;
use std::path::Path;

use account::Unmet;
use bypass::{Bypass, Who};
use files::Files;
use mfa_protocol::admin::ServiceTerms;
use mfa_stacks::chain::{Place, Step, steps};
use mfa_stacks::modules;
use mfa_stacks::parse::Phase;
use order::Order;

use super::Check;

const NAME: &str = "stacks";

/// How many services are named in one line.
const SHOWN: usize = 8;

/// How the stack of one service asks for the code.
#[derive(Debug)]
pub(super) struct Service {
    /// Password and code come in one answer.
    pub(super) one_answer: bool,
    /// The account phase refuses who was not asked.
    pub(super) account: bool,
}

/// What is to be said of the stacks, and how `service` is set up, if its stack names the module.
pub(super) fn checks(files: &Files, service: &str) -> (Vec<Check>, Option<Service>) {
    let services: Vec<_> = files.names().collect();
    let mut checks: Vec<_> = unread(files).into_iter().collect();
    checks.extend(found(files, &services));
    let text = |name: &str| files.text(name);
    let order = order::of(service, &text);
    let service = order.map(|order| Service {
        one_answer: matches!(order, Order::OneAnswer { .. }),
        account: account::line(service, &text).is_some(),
    });
    (checks, service)
}

/// The services whose stacks ask for a code.
pub(super) fn asking(files: &Files) -> Vec<&str> {
    let asks = |name: &&str| arguments::asking_line(name, files).is_some();
    files.names().filter(asks).collect()
}

/// What of the stacks does not fit the settings in force.
pub(super) fn against(files: &Files, terms: &[ServiceTerms]) -> Vec<Check> {
    let mut checks = one_answer::checks(files, terms);
    checks.extend(programs::checks(files, terms));
    checks
}

/// What keeps libpam from loading our module, on this host.
pub(super) fn unloadable(files: &Files) -> Vec<Check> {
    let services: Vec<_> = files.names().collect();
    loads::checks(files, &services)
}

/// What is wrong where the line of ours is called that `file` holds: in these services a code is asked for
/// because of it. A file of which nobody knows that it asks is a problem, too.
pub(crate) fn problems_by_file(files: &Files, file: &str) -> Vec<(String, Option<String>)> {
    let mut checks: Vec<_> = unread(files).into_iter().collect();
    let services = asking_by(files, file);
    match files.name_of(file) {
        None => checks.push(Check::problem(NAME, format!("{file}: {NO_FILE}"), NAME_ONE)),
        Some(name) if services.is_empty() => {
            let reach = |service: &&str| files.reached(service).contains(name);
            let services: Vec<_> = files.names().filter(reach).collect();
            checks.extend(faults::checks(files, &services, is_debian()));
            checks.push(Check::problem(
                NAME,
                format!("{file}: {ASKS_NOBODY}"),
                ENABLE,
            ));
        }
        Some(_) => checks.extend(found(files, &services)),
    }
    problems(checks)
}

/// What keeps libpam from loading our module where that file has a line of ours.
pub(crate) fn unloadable_by_file(files: &Files, file: &str) -> Vec<(String, Option<String>)> {
    problems(loads::checks(files, &asking_by(files, file)))
}

/// The services that ask for a code by a line of this file.
fn asking_by<'f>(files: &'f Files, file: &str) -> Vec<&'f str> {
    let text = |name: &str| files.text(name);
    let file = files.name_of(file);
    let is_it = |step: &Step| files.name_of(&step.place().file) == file;
    let is_by_it = |service: &&str| {
        let steps = steps(service, &text);
        let mut ours = steps.iter().filter(|step| modules::asks(&step.call));
        file.is_some() && ours.any(is_it)
    };
    files.names().filter(is_by_it).collect()
}

fn problems(checks: Vec<Check>) -> Vec<(String, Option<String>)> {
    let problems = checks.into_iter().filter(|check| !check.ok);
    problems
        .map(|check| (check.message, check.remedy))
        .collect()
}

/// What can't be read may hold anything.
fn unread(files: &Files) -> Option<Check> {
    let unread = files.unread();
    (!unread.is_empty()).then(|| {
        let message = format!("{UNREAD}: {}", unread.join(", "));
        Check::problem(
            NAME,
            message,
            "run mfactl doctor as root, or move the file away",
        )
    })
}

/// A check for all services that are alike.
fn found(files: &Files, services: &[&str]) -> Vec<Check> {
    if services.is_empty() {
        return Vec::new();
    }
    let mut checks = faults::checks(files, services, is_debian());
    checks.extend(arguments::checks(files, services));
    let mut orders: BTreeMap<Order, Vec<&str>> = BTreeMap::new();
    for service in services {
        if let Some(order) = order::of(service, &|name| files.text(name)) {
            orders.entry(order).or_default().push(service);
        }
    }
    if orders.is_empty() {
        let nobody = match services.iter().any(|service| marks_only(service, files)) {
            true => MARKS_ONLY,
            false => NO_LINE,
        };
        checks.push(Check::note(
            NAME,
            nobody,
            "mfa-pam enable puts it into all of them; config/pam.d (/usr/share/doc/pam-mfa/examples/pam.d) has a stack for each service",
        ));
        checks.extend(bypassed(Phase::Account, services, files));
        checks.extend(unmet(files, services));
        return checks;
    }
    let check = |(order, services): (&Order, &Vec<&str>)| said(order, &names(services), files);
    checks.extend(orders.iter().map(check));
    let sound = |order: &Order| {
        matches!(
            order,
            Order::Sound | Order::OneAnswer { .. } | Order::Alone { .. }
        )
    };
    let judged = orders.iter().filter(|(order, _)| sound(order));
    let judged: Vec<_> = judged.flat_map(|(_, services)| services).copied().collect();
    checks.extend(bypassed(Phase::Auth, &judged, files));
    checks.extend(bypassed(Phase::Account, services, files));
    checks.extend(lenient(files, services));
    checks.extend(unmet(files, services));
    let mut without = without::services(files);
    without.retain(|service| services.contains(service));
    if !without.is_empty() {
        let message = format!("{}: {PASSWORD_ONLY}", names(&without));
        checks.push(Check::note(NAME, message, EVERY_WAY_IN));
    }
    checks
}

/// Whether its stack has a line of ours, though none that asks.
fn marks_only(service: &str, files: &Files) -> bool {
    let steps = steps(service, &|name| files.text(name));
    steps.iter().any(|step| modules::marks(&step.call))
}

/// Whose libpam has a form of taking in files of its own.
fn is_debian() -> bool {
    Path::new("/etc/debian_version").exists()
}

/// Account lines that refuse everybody.
fn unmet(files: &Files, services: &[&str]) -> Vec<Check> {
    let mut lines: BTreeMap<(Unmet, Place), Vec<&str>> = BTreeMap::new();
    for service in services {
        if let Some(found) = account::unmet(service, &|name| files.text(name)) {
            lines.entry(found).or_default().push(service);
        }
    }
    let said = |((why, line), services): (&(Unmet, Place), &Vec<&str>)| {
        let (services, at) = (names(services), files.place(line));
        let (what, remedy) = match why {
            Unmet::NoTicket => (NO_TICKET, WITH_TICKET),
            Unmet::NoCode => (NO_CODE, WITHOUT_LINE),
        };
        Check::problem(NAME, format!("{services}: {what} ({at})"), remedy)
    };
    lines.iter().map(said).collect()
}

/// The lines that lead past the code in stacks whose order is right.
fn bypassed(phase: Phase, services: &[&str], files: &Files) -> Vec<Check> {
    let mut lines: BTreeMap<Bypass, Vec<&str>> = BTreeMap::new();
    for service in services {
        for found in bypass::all(phase, service, &|name| files.text(name)) {
            lines.entry(found).or_default().push(service);
        }
    }
    let said = |(found, services): (&Bypass, &Vec<&str>)| {
        let (services, at) = (names(services), files.place(&found.line));
        let text = &found.line.text;
        let past = match phase {
            Phase::Account => PAST_ACCOUNT,
            Phase::Auth | Phase::Session | Phase::Password => PAST,
        };
        let told = |what: &str| format!("{services}: {what} ({at}): {text}");
        match &found.who {
            Who::Anybody => Check::problem(NAME, told(past), BEFORE),
            Who::NearlyEverybody => Check::problem(NAME, told(FOR_ALL), FOR_SOME),
            Who::Unknown => Check::problem(NAME, told(TOO_MANY), FEWER),
            Who::Emergency(way) => {
                let message = format!("{services}: emergency way: {way}, without a code ({at})");
                Check::note(NAME, message, ANOTHER_WAY)
            }
            Who::Chosen => Check::note(NAME, told(GATE), MEANT),
            Who::OtherFactor => Check::note(NAME, told(OTHER), MEANT),
        }
    };
    lines.iter().map(said).collect()
}

/// No fault of a stack, but the administrator's wish; yet one to remember.
fn lenient(files: &Files, services: &[&str]) -> Vec<Check> {
    let mut places: BTreeMap<Place, Vec<&str>> = BTreeMap::new();
    for service in services {
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
        Order::Leapt { by, passwords } => {
            let text = &by.text;
            let message = format!(
                "{services}: {LEAPT}: this line passes it by ({}): {text}",
                at(by)
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
const GATE: &str = "whom this line lets in is not asked for the code";
const MEANT: &str =
    "right if it is meant so; for others, a rule in agent.toml leaves a record in the log";
const OTHER: &str = "whom this line lets in by another second factor is not asked for the code";
const FOR_ALL: &str = "by this line nearly everybody passes without the code";
const FOR_SOME: &str = "name those whom it is meant for (user ingroup …), or take the line out";
const TOO_MANY: &str =
    "this stack has more ways than can be looked at, so nobody knows whether all of them ask";
const FEWER: &str = "write it with fewer jumps and substacks";
const ANOTHER_WAY: &str =
    "mfa-pam enable --emergency USER@SERVICE makes it another, --no-emergency none";
const NO_FILE: &str = "there is no such file in the folders of stacks";
const NAME_ONE: &str = "name a file of /etc/pam.d, such as common-auth";
const ASKS_NOBODY: &str = "no service asks for a code by a line of this file";
const ENABLE: &str = "mfa-pam enable puts the line in";
const NO_LINE: &str = "no stack names pam_mfa.so: no program of this host asks for a code";
const MARKS_ONLY: &str = "no program of this host asks for a code: a line of pam_mfa.so with password_failed only marks \
                          a wrong password";
const PAST: &str = "this line lets the login pass without the code";
const PAST_ACCOUNT: &str = "this line makes the account line of pam_mfa.so no check";
const UNREAD: &str = "can't be read, so nobody knows what is asked for there";
const BEFORE: &str = "neither sufficient, done nor a jump may lead past pam_mfa.so";
const PLAIN: &str = "Or required, or requisite, in place of what is in brackets";
const LENIENT: &str = "on_unavailable=ignore lets the login pass without the code";
const WHILE_AWAY: &str = "without that argument nobody gets in while the agent is not there";
const PASSWORD_ONLY: &str = "a password is enough, no code is asked for";
const EVERY_WAY_IN: &str =
    "leave one as the way in for bad days; config/pam.d has a stack for the others";
const NO_TICKET: &str = "the account line refuses every login that gives a code";
const WITH_TICKET: &str = "add the argument ticket to the auth line of pam_mfa.so";
const NO_CODE: &str = "the account line refuses everybody, since no auth line asks for a code";
const WITHOUT_LINE: &str =
    "move the account line to the file of the service that asks for a code, such as sshd";
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
