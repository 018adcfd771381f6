//! Removes our lines from every file, so that jumps still lead to the same lines, and no service asks for less than a
//! password.
//!
//! Each line of ours, and the emergency access before it, becomes a comment and one replacement line. The replacement is
//! chosen by checking every service that reaches it: the weakest line with which the service still asks for a password
//! and still lets users in. Texts are input and output; [`super::replace`] writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

use mfa_stacks::chain::{Entry, Step, entries_of};
use mfa_stacks::codes::{AUTH_ERR, IGNORE, SUCCESS};
use mfa_stacks::dispatch::{next_after, verdict};
use mfa_stacks::emergency::Emergency;
use mfa_stacks::modules::{is_gate, is_other_factor, is_ours, is_password, marks};
use mfa_stacks::parse::{Does, Line, Phase, lines};
use mfa_stacks::paths::{way_through, way_without};

use super::replace::Replacement;
use crate::commands::doctor::stacks::files::Files;
use crate::commands::doctor::stacks::says::{may, module};

/// The mark of a line that was removed.
const TAKEN_OUT: &[u8] = b"#mfa-pam# ";

/// The replacement of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Instead {
    /// Without an effect.
    Nothing,
    /// As if the code was right, if the rest of the stack has no result.
    Yes,
    /// Asks for the password; a later line uses it.
    Ask,
    /// Requires a right password.
    Password,
    /// A right password has the effect of a right code.
    PasswordForCode,
}

impl Spot {
    fn line(&self) -> String {
        let (control, module) = match self.instead {
            Instead::Nothing => ("[default=ignore]", "pam_permit.so"),
            Instead::Yes => ("required", "pam_permit.so"),
            Instead::Ask => ("[default=ignore]", "pam_unix.so"),
            Instead::Password => ("required", "pam_unix.so"),
            Instead::PasswordForCode => (self.control.as_str(), "pam_unix.so"),
        };
        let phase = self.phase.name();
        format!("{phase} {control} {module} # instead of pam_mfa\n")
    }
}

/// A line that is removed.
#[derive(Clone, Debug)]
struct Spot {
    last: usize,
    phase: Phase,
    /// As it is written.
    control: String,
    /// Whether it asked for a code.
    asks: bool,
    instead: Instead,
    /// Whether its own control would let in without a password.
    is_open: bool,
}

/// A file without links on the way to it, and the number of a line.
type At = (PathBuf, usize);

/// The new files.
pub(super) fn plan(files: &Files) -> Result<Vec<Replacement>, String> {
    let mut plan = Plan::new(files).map_err(|e| e.to_string())?;
    plan.settle()?;
    Ok(plan.replacements())
}

/// Whether nobody can log in through this service without a right password.
pub(super) fn asks_for_a_password(files: &Files, service: &str) -> bool {
    let text = |name: &str| files.text(name);
    let own = entries_of(Phase::Auth, service, &text);
    // Without a line of that phase libpam uses those of "other".
    let entries = match own.is_empty() {
        true => entries_of(Phase::Auth, "other", &text),
        false => own,
    };
    let can = |at: usize, code| may(&entries[at], code);
    let met = |at: usize, code| is_first_factor(&entries[at], code);
    way_without(&entries, &[SUCCESS], can, met) == Ok(None)
}

struct Plan<'f> {
    files: &'f Files,
    /// Where each file is that has a line of ours, by its name here.
    paths: BTreeMap<&'f str, PathBuf>,
    /// What each of them holds now.
    bytes: BTreeMap<PathBuf, Vec<u8>>,
    spots: BTreeMap<At, Spot>,
}

impl<'f> Plan<'f> {
    fn new(files: &'f Files) -> io::Result<Self> {
        let mut plan = Self {
            files,
            paths: BTreeMap::new(),
            bytes: BTreeMap::new(),
            spots: BTreeMap::new(),
        };
        for name in files.all() {
            let lines = files.text(name).map(lines).unwrap_or_default();
            let spots = spots(&lines);
            if spots.is_empty() {
                continue;
            }
            let shown = files.path(name);
            let of = |e: io::Error| io::Error::new(e.kind(), format!("{shown}: {e}"));
            let path = std::fs::canonicalize(&shown).map_err(of)?;
            let bytes = std::fs::read(&path).map_err(of)?;
            if Some(String::from_utf8_lossy(&bytes).as_ref()) != files.text(name) {
                return Err(io::Error::other(format!(
                    "{shown} changed in the meantime; run the command again"
                )));
            }
            let spots = spots.into_iter();
            plan.spots
                .extend(spots.map(|(number, spot)| ((path.clone(), number), spot)));
            plan.bytes.insert(path.clone(), bytes);
            plan.paths.insert(name, path);
        }
        Ok(plan)
    }

    /// Chooses each replacement. Each round makes one line stricter, or weaker for good, so this ends.
    fn settle(&mut self) -> Result<(), String> {
        let stacks = self.stacks();
        'again: loop {
            let after = self.after();
            for (service, phase) in &stacks {
                let Some(stack) = self.stack(*phase, service, &after) else {
                    continue;
                };
                if let Some((at, instead)) = self.next(&stack, *phase, service)? {
                    if let Some(spot) = self.spots.get_mut(&at) {
                        spot.is_open |= instead < spot.instead;
                        spot.instead = instead;
                    }
                    continue 'again;
                }
            }
            return Ok(());
        }
    }

    /// What to change because of this stack; nothing if it is right.
    fn next(
        &self,
        stack: &Stack,
        phase: Phase,
        service: &str,
    ) -> Result<Option<(At, Instead)>, String> {
        let ours = || {
            let ours = stack.spots.values();
            ours.filter_map(|at| Some((at, self.spots.get(at).filter(|spot| spot.asks)?)))
        };
        if phase == Phase::Auth
            && let Some(way) = stack.way_without_a_password()
        {
            let is_on_it = |at: &At| way.iter().any(|(n, _)| stack.spots.get(n) == Some(at));
            let mut open: Vec<_> = ours()
                .filter(|(_, spot)| spot.instead != Instead::Password)
                .collect();
            open.sort_by_key(|(at, _)| !is_on_it(at));
            return match open.first() {
                Some((at, _)) => Ok(Some(((*at).clone(), Instead::Password))),
                None => Err(format!(
                    "nothing changed: without pam_mfa.so, {service} would let users in without a password. Correct {} \
                     first",
                    self.files.path(service)
                )),
            };
        }
        let before = self.before(phase, service);
        let is_shut = before.is_passed_where_all_agree() && !stack.is_passed_where_all_agree()
            || before.is_passed_by_the_right_ones() && !stack.is_passed_by_the_right_ones();
        if self.is_shared(service) || !is_shut {
            return Ok(None);
        }
        let further = |spot: &Spot| match (spot.instead, phase) {
            (Instead::Nothing, _) => Some(Instead::Yes),
            (Instead::Yes, Phase::Auth) => Some(Instead::Ask),
            (Instead::Ask, Phase::Auth) => Some(Instead::Password),
            (Instead::Password, Phase::Auth) => (!spot.is_open).then_some(Instead::PasswordForCode),
            _ => None,
        };
        Ok(ours().find_map(|(at, spot)| Some((at.clone(), further(spot)?))))
    }

    /// Each service with each phase.
    fn stacks(&self) -> Vec<(&'f str, Phase)> {
        let taken_in = self.files.taken_in();
        let is_service = |name: &&str| !(taken_in.contains(name) && is_common(name));
        let services = self.files.names().filter(is_service);
        let both = services.flat_map(|name| Phase::ALL.map(|phase| (name, phase)));
        both.collect()
    }

    /// A file that others include is hardly a service too.
    fn is_shared(&self, service: &str) -> bool {
        self.files.taken_in().contains(service)
    }

    /// The stack as it is now.
    fn before(&self, phase: Phase, service: &str) -> Stack {
        Stack {
            entries: entries_of(phase, service, &|name| self.files.text(name)),
            spots: BTreeMap::new(),
        }
    }

    /// The new texts of the files, by path.
    fn after(&self) -> BTreeMap<PathBuf, After> {
        let paths = self.bytes.keys();
        let after = paths.map(|path| (path.clone(), self.rendered(path)));
        after.collect()
    }

    fn rendered(&self, path: &Path) -> After {
        let mut text = Vec::new();
        let mut spots = BTreeMap::new();
        let mut now = 0;
        let mut open: Option<(usize, &Spot)> = None;
        let bytes = self.bytes.get(path).map(Vec::as_slice).unwrap_or_default();
        for (number, line) in (1..).zip(bytes.split_inclusive(|&byte| byte == b'\n')) {
            if let Some(spot) = self.spots.get(&(path.to_owned(), number)) {
                open = Some((number, spot));
            }
            now += 1;
            let Some((first, spot)) = open else {
                text.extend_from_slice(line);
                continue;
            };
            text.extend_from_slice(TAKEN_OUT);
            text.extend_from_slice(line);
            if number == spot.last {
                if !line.ends_with(b"\n") {
                    text.push(b'\n');
                }
                text.extend_from_slice(spot.line().as_bytes());
                now += 1;
                spots.insert(now, (path.to_owned(), first));
                open = None;
            }
        }
        let shown = String::from_utf8_lossy(&text).into_owned();
        After {
            bytes: text,
            shown,
            spots,
        }
    }

    /// A phase of a service after the change; none if it has no line of ours.
    fn stack(
        &self,
        phase: Phase,
        service: &str,
        after: &BTreeMap<PathBuf, After>,
    ) -> Option<Stack> {
        let changed = |name: &str| after.get(self.paths.get(self.files.name_of(name)?)?);
        let text = |name: &str| match changed(name) {
            Some(after) => Some(after.shown.as_str()),
            None => self.files.text(name),
        };
        let entries = entries_of(phase, service, &text);
        let spot = |(at, entry): (usize, &Entry)| {
            let place = module(entry)?.place();
            let spot = changed(&place.file)?.spots.get(&place.number)?;
            Some((at, spot.clone()))
        };
        let spots: BTreeMap<_, _> = entries.iter().enumerate().filter_map(spot).collect();
        (!spots.is_empty()).then_some(Stack { entries, spots })
    }

    fn replacements(self) -> Vec<Replacement> {
        let mut after = self.after();
        let mut replacements = Vec::new();
        for (path, before) in &self.bytes {
            let is_its = |(at, _): &(&At, &Spot)| at.0 == *path;
            let mut spots = self
                .spots
                .iter()
                .filter(is_its)
                .map(|(_, spot)| spot.instead);
            replacements.extend(after.remove(path).map(|after| Replacement {
                path: path.clone(),
                before: before.clone(),
                after: after.bytes,
                asks_for_a_password: spots.any(|instead| instead >= Instead::Ask),
            }));
        }
        replacements
    }
}

/// A file after the change.
struct After {
    bytes: Vec<u8>,
    shown: String,
    /// Its replacement lines, by their numbers.
    spots: BTreeMap<usize, At>,
}

/// A phase of a service after the change.
struct Stack {
    entries: Vec<Entry>,
    /// The replacement entries.
    spots: BTreeMap<usize, At>,
}

impl Stack {
    /// A way to log in through a replacement line without a right password. Other ways are unchanged. A stack that is too
    /// complex counts as such a way, without steps.
    fn way_without_a_password(&self) -> Option<Vec<(usize, usize)>> {
        let is_known = |at: &usize| {
            self.entry(*at)
                .is_some_and(|step| is_password(&step.call.module))
        };
        // More than a password in each replacement is not possible for an unknown stack.
        let all_ask = self.spots.keys().all(is_known);
        let can = |at: usize, code| may(&self.entries[at], code);
        let met = |at: usize, code| is_first_factor(&self.entries[at], code);
        let through = |at: usize| self.spots.contains_key(&at);
        let found = way_through(&self.entries, &[SUCCESS], can, met, &through);
        found.unwrap_or_else(|_| (!all_ask).then(Vec::new))
    }

    /// Whether a user with a right password gets in without a gate.
    fn is_passed_by_the_right_ones(&self) -> bool {
        let can = |at: usize, code| {
            let usual = [SUCCESS, IGNORE, AUTH_ERR].contains(&code);
            usual && may(&self.entries[at], code) && !self.is_special(at, code)
        };
        way_without(&self.entries, &[SUCCESS], can, |_, _| false) != Ok(None)
    }

    /// Whether a user gets in if every module agrees, without a gate.
    fn is_passed_where_all_agree(&self) -> bool {
        let says = |at: usize| {
            let can = |code: &usize| may(&self.entries[at], *code) && !self.is_special(at, *code);
            let mut codes = [SUCCESS, IGNORE, AUTH_ERR].into_iter();
            codes.find(can).unwrap_or(AUTH_ERR)
        };
        verdict(&self.entries, says) == SUCCESS
    }

    /// A gate that ends the stack or skips lines, or a password that no line asked for.
    fn is_special(&self, at: usize, code: usize) -> bool {
        let Some(step) = self.entry(at) else {
            return false;
        };
        let asks = |other: usize| {
            let other = self.entry(other);
            other.is_some_and(|step| {
                let takes_one = is_password(&step.call.module) || is_ours(&step.call.module);
                takes_one && !takes_what_is_there(step)
            })
        };
        let leaves = is_gate(&step.call.module) && next_after(&self.entries, at, code) > at + 1;
        let finds_nothing =
            is_password(&step.call.module) && takes_what_is_there(step) && !(0..at).any(asks);
        leaves || finds_nothing && code == SUCCESS
    }

    fn entry(&self, at: usize) -> Option<&Step> {
        self.entries.get(at).and_then(module)
    }
}

/// Whether it uses the password that an earlier line asked for.
fn takes_what_is_there(step: &Step) -> bool {
    let mut arguments = step.call.arguments.iter();
    arguments.any(|word| word == "use_first_pass" || word == "use_authtok")
}

fn is_first_factor(entry: &Entry, code: usize) -> bool {
    let is = |step: &Step| is_password(&step.call.module) || is_other_factor(&step.call.module);
    code == SUCCESS && module(entry).is_some_and(is)
}

/// The names of included files that are no service.
fn is_common(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    let known = [
        "system-auth",
        "password-auth",
        "fingerprint-auth",
        "smartcard-auth",
        "postlogin",
    ];
    name.starts_with("common-") || known.contains(&name.trim_end_matches("-ac"))
}

/// Our lines of a file, and the emergency access before each, by their numbers.
fn spots(lines: &[Line]) -> Vec<(usize, Spot)> {
    let mut spots = Vec::new();
    let mut before: Option<&Line> = None;
    for line in lines {
        if line.is_ours {
            let emergency = before.filter(|before| is_emergency(before));
            spots.extend(emergency.map(|before| (before.number, spot(before, false))));
            let asks = match &line.does {
                Does::Call(call) => !marks(call),
                Does::Include { .. } | Does::Fails(_) | Does::Stops => true,
            };
            spots.push((line.number, spot(line, asks)));
        }
        before = Some(line);
    }
    spots
}

fn spot(line: &Line, asks: bool) -> Spot {
    Spot {
        last: line.last,
        // libpam reads a line without a phase as `auth`.
        phase: line.phase.unwrap_or(Phase::Auth),
        control: control(&line.text).unwrap_or("required").to_owned(),
        asks,
        instead: Instead::Nothing,
        is_open: false,
    }
}

/// The control of a line, with its brackets.
fn control(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once(' ')?;
    let end = match rest.starts_with('[') {
        true => rest.find(']')? + 1,
        false => rest.find(' ')?,
    };
    rest.get(..end)
}

fn is_emergency(line: &Line) -> bool {
    matches!(&line.does, Does::Call(call) if Emergency::of(call).is_some())
}

/// What was changed.
pub(super) fn told(replacements: &[Replacement]) -> Vec<String> {
    let told = replacements.iter().map(|it| match it.asks_for_a_password {
        true => format!(
            "removed pam_mfa.so from {}; it now asks for the password instead",
            it.path.display()
        ),
        false => format!("removed pam_mfa.so from {}", it.path.display()),
    });
    told.collect::<BTreeSet<_>>().into_iter().collect()
}

#[cfg(test)]
mod tests;
