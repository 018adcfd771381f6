//! The PAM stacks of this host: whether they ask for a code only after a correct password or key.
//!
//! With the code first, anyone could spend a user's attempts, and enrol a device for a user who has none. The files are
//! read here, as they are now; [`order`] judges them.

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
mod remedy;
pub(crate) mod says;
mod walk;
mod without;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use account::Unmet;
use bypass::{Bypass, Who};
use files::Files;
use mfa_protocol::admin::ServiceTerms;
use mfa_stacks::chain::{Place, Step, steps};
use mfa_stacks::modules;
use mfa_stacks::parse::Phase;
use order::Order;
use remedy::{before_the_code, explained, right, swapped};

use super::Check;

const NAME: &str = "stacks";

/// Where the packages install the stacks of `config/pam.d`.
pub(super) const EXAMPLES: &str = "/usr/share/doc/pam-mfa/examples/pam.d";

/// How many services are named in one line.
const SHOWN: usize = 8;

/// How the stack of one service asks for the code.
#[derive(Debug)]
pub(super) struct Service {
    /// Password and code come in one answer.
    pub(super) one_answer: bool,
    /// No password is asked for, so the program must check a key before.
    pub(super) code_only: bool,
    /// The account phase refuses users who were not asked.
    pub(super) account: bool,
}

/// The findings about the stacks, and how `service` asks, if its stack names the module. With `after_a_key`, the program
/// of `service` has always checked a key before.
pub(super) fn checks(
    files: &Files,
    service: &str,
    after_a_key: bool,
) -> (Vec<Check>, Option<Service>) {
    let services: Vec<_> = files.names().collect();
    let mut checks: Vec<_> = unread(files).into_iter().collect();
    checks.extend(found(files, &services, after_a_key.then_some(service)));
    (checks, self::service(files, service))
}

/// How a service asks, if its stack names the module.
pub(super) fn service(files: &Files, service: &str) -> Option<Service> {
    let text = |name: &str| files.text(name);
    let order = order::of(service, &text)?;
    Some(Service {
        one_answer: matches!(order, Order::OneAnswer { .. }),
        code_only: matches!(order, Order::Alone { .. }),
        account: account::line(service, &text).is_some(),
    })
}

/// Whether the stack of a service takes password and code in one answer.
pub(crate) fn takes_one_answer(files: &Files, service: &str) -> bool {
    self::service(files, service).is_some_and(|service| service.one_answer)
}

/// The services whose stacks ask for a code.
pub(crate) fn asking(files: &Files) -> Vec<&str> {
    let asks = |name: &&str| arguments::asking_line(name, files).is_some();
    files.names().filter(asks).collect()
}

/// Where the stacks contradict the active settings.
pub(super) fn against(files: &Files, terms: &[ServiceTerms]) -> Vec<Check> {
    let mut checks = one_answer::checks(files, terms);
    checks.extend(programs::checks(files, terms));
    checks
}

/// What prevents libpam from loading our module on this host.
pub(super) fn unloadable(files: &Files) -> Vec<Check> {
    let services: Vec<_> = files.names().collect();
    loads::checks(files, &services)
}

/// The problems of the services that ask for a code because of our line in `file`. A file that makes no service ask is a
/// problem too.
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
        Some(_) => checks.extend(found(files, &services, None)),
    }
    problems(checks)
}

/// What prevents libpam from loading our module for our line in that file.
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

/// A file that can't be read may say anything.
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

/// A check for all services that are alike. `after_a_key` is the service whose program has checked a key before.
fn found(files: &Files, services: &[&str], after_a_key: Option<&str>) -> Vec<Check> {
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
            "add it to all stacks: mfa-pam enable. Single services: examples in /usr/share/doc/pam-mfa/examples/pam.d",
        ));
        checks.extend(bypassed(Phase::Account, services, files));
        checks.extend(unmet(files, services));
        return checks;
    }
    for (order, services) in &orders {
        let (keyed, others): (Vec<&str>, Vec<&str>) =
            services.iter().partition(|service| match order {
                Order::Alone { .. } => after_a_key == Some(**service),
                _ => false,
            });
        let key_first = |service: &&str| Check::ok(NAME, format!("{service}: {KEY_FIRST}"));
        checks.extend(keyed.iter().map(key_first));
        if !others.is_empty() {
            checks.push(said(order, &others, files));
        }
    }
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
        checks.push(Check::usual(NAME, message, EVERY_WAY_IN));
    }
    checks
}

/// Whether its stack has a line of ours, but none that asks.
fn marks_only(service: &str, files: &Files) -> bool {
    let steps = steps(service, &|name| files.text(name));
    steps.iter().any(|step| modules::marks(&step.call))
}

/// Debian's libpam has a form of include of its own.
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

/// The lines that skip the code in stacks whose order is right.
fn bypassed(phase: Phase, services: &[&str], files: &Files) -> Vec<Check> {
    let mut lines: BTreeMap<Bypass, Vec<&str>> = BTreeMap::new();
    for service in services {
        for found in bypass::all(phase, service, &|name| files.text(name)) {
            lines.entry(found).or_default().push(service);
        }
    }
    // Distributions ship it for su and the like: root becomes another user.
    let is_root_only =
        |found: &Bypass| found.who == Who::Chosen && found.line.text.contains(ROOT_ONLY);
    let (root_only, lines): (BTreeMap<_, _>, BTreeMap<_, _>) = lines
        .into_iter()
        .partition(|(found, _)| is_root_only(found));
    let root_only: BTreeSet<&str> = root_only.into_values().flatten().collect();
    let root_only: Vec<&str> = root_only.into_iter().collect();
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
                let message = format!("{services}: without a code, for emergencies: {way} ({at})");
                Check::usual(NAME, message, ANOTHER_WAY)
            }
            Who::Chosen => Check::note(NAME, told(GATE), MEANT),
            Who::OtherFactor => Check::note(NAME, told(OTHER), MEANT),
        }
    };
    let mut checks: Vec<Check> = lines.iter().map(said).collect();
    if !root_only.is_empty() {
        let message = format!("{}: {ROOT_NOT_ASKED}", names(&root_only));
        checks.push(Check::usual(NAME, message, MEANT));
    }
    checks
}

/// The line of the stack of `service` that lets `user` in without a code in an emergency.
pub(crate) fn emergency_line(files: &Files, service: &str, user: &str) -> Option<String> {
    let found = bypass::all(Phase::Auth, service, &|name| files.text(name));
    let is_theirs = |found: &&Bypass| matches!(&found.who, Who::Emergency(way) if way.user == user);
    let line = found.iter().find(is_theirs)?;
    Some(files.place(&line.line))
}

/// The administrator wants it, but should know of it.
fn lenient(files: &Files, services: &[&str]) -> Vec<Check> {
    let mut places: BTreeMap<Place, Vec<&str>> = BTreeMap::new();
    for service in services {
        if let Some(place) = order::lenient(service, &|name| files.text(name)) {
            places.entry(place).or_default().push(service);
        }
    }
    let note = |(place, services): (&Place, &Vec<&str>)| {
        let (services, at) = (names(services), files.place(place));
        let message = format!("{services}: {LENIENT} while the agent is not reachable ({at})");
        Check::note(NAME, message, WHILE_AWAY)
    };
    places.iter().map(note).collect()
}

/// "login, sshd and 3 more"
pub(crate) fn names(services: &[&str]) -> String {
    let shown = services[..services.len().min(SHOWN)].join(", ");
    match services.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn said(order: &Order, of: &[&str], files: &Files) -> Check {
    let services = names(of);
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
                "{services}: {LEAPT}: this line skips it ({}): {text}",
                at(by)
            );
            Check::problem(NAME, message, right(passwords, files))
        }
        Order::Uncounted { code, right, when } => {
            let when = when.join(", or ");
            let message = format!("{services}: {UNCOUNTED} {when} ({})", at(code));
            let remedy = format!("correct line in {}:\n  {right}", files.path(&code.file));
            Check::problem(NAME, message, explained(remedy + "\n" + PLAIN))
        }
        Order::OneAnswer { code } => {
            let message = format!("{services}: {ONE_ANSWER} ({})", at(code));
            Check::note(NAME, message, ONLY_WHERE_NEEDED)
        }
        Order::Alone { code } => {
            let message = format!("{services}: {ALONE} ({})", at(code));
            Check::note(NAME, message, before_the_code(of, files))
        }
    }
}

const SOUND: &str = "the code is asked for after the password or key";
const CODE_FIRST: &str = "the code is asked for before the password";
const DANGER: &str = "anyone could lock a user out, or enrol a device in their name";
const NOT_ENDED: &str = "the code is asked for even after a wrong password";
const LEAPT: &str = "a user with the right password is never asked for the code";
const UNCOUNTED: &str = "the login succeeds without the code if";
/// The module that accepts root alone.
const ROOT_ONLY: &str = "pam_rootok.so";
const ROOT_NOT_ASKED: &str = "root is not asked (pam_rootok)";
const GATE: &str = "users accepted by this line skip the code";
const MEANT: &str = "fine if intended. A rule in agent.toml would log each such login";
const OTHER: &str = "users who pass this other second factor skip the code";
const FOR_ALL: &str = "this line lets nearly everybody skip the code";
const FOR_SOME: &str = "limit the line to the intended users (user ingroup …), or remove it";
const TOO_MANY: &str = "this stack is too complex to check, so it may let users skip the code";
const FEWER: &str = "use fewer jumps and substacks";
const ANOTHER_WAY: &str = "change it: mfa-pam enable --emergency USER@SERVICE, or --no-emergency";
const NO_FILE: &str = "no such file in the folders of PAM stacks";
const NAME_ONE: &str = "name a file of /etc/pam.d, such as common-auth";
const ASKS_NOBODY: &str = "no service asks for a code because of this file";
const ENABLE: &str = "add the line: mfa-pam enable";
const NO_LINE: &str = "no stack names pam_mfa.so: no program on this host asks for a code";
const MARKS_ONLY: &str = "no program on this host asks for a code: a line of pam_mfa.so with password_failed only marks \
                          a wrong password";
const PAST: &str = "this line lets the login succeed without the code";
const PAST_ACCOUNT: &str = "this line disables the account line of pam_mfa.so";
const UNREAD: &str = "can't read these files, so they were not checked";
const BEFORE: &str = "no sufficient, done or jump may skip pam_mfa.so";
const PLAIN: &str = "or required or requisite instead of the brackets";
const LENIENT: &str = "on_unavailable=ignore lets the login succeed without the code";
const WHILE_AWAY: &str = "remove the argument to refuse logins while the agent is not reachable";
const PASSWORD_ONLY: &str = "a password is enough, no code";
const EVERY_WAY_IN: &str =
    "keep one as emergency access; for the others see /usr/share/doc/pam-mfa/examples/pam.d";
const NO_TICKET: &str = "the account line refuses every login that passed a code";
const WITH_TICKET: &str = "add the argument ticket to the auth line of pam_mfa.so";
const NO_CODE: &str = "the account line refuses everybody, because no auth line asks for a code";
const WITHOUT_LINE: &str =
    "move the account line to the file of the service that asks for a code, such as sshd";
const ONE_ANSWER: &str = "password and code share one answer, and the code is checked first";
const ONLY_WHERE_NEEDED: &str = "only for single-prompt programs. For others, put pam_mfa.so after the \
                                 password, without arguments";
const ALONE: &str = "only the code is asked for, no password";
const KEY_FIRST: &str = "key, then code";

#[cfg(test)]
mod tests;
